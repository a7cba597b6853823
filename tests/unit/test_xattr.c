/*
 * xattrs and ACLs: byte for byte, in the order that makes them stay, never a
 * moment in which an ACL is missing that denies something, and the right word
 * for what the destination does not hold.
 */
#include "metadata_fixture.h"

#define CAPABILITY "security.capability"

/* cap_net_raw, permitted and effective, revision 2. */
static const unsigned char net_raw[20] = { 1, 0, 0, 2, 0, 0x20 };

static void put(const char *name, const void *value, size_t size)
{
	if (__real_fsetxattr(t.src_fd, name, value, size, 0) < 0) {
		assert_true(errno == EOPNOTSUPP || errno == EPERM);
		skip();
	}
}

static void assert_xattr(const char *name, const void *value, size_t size)
{
	static char got[65536];

	assert_int_equal(__real_fgetxattr(t.dst_fd, name, got, sizeof(got)), size);
	assert_memory_equal(got, value, size);
}

static int begin_in_memory(void **state)
{
	(void)state;
	return begin_in(access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
}
#define TEST_IN_MEMORY(name) cmocka_unit_test_setup_teardown(name, begin_in_memory, end)

static void copies_every_namespace(void **state)
{
	(void)state;
	need_root();
	put("user.pcopy", "a\0b", 3);
	put("user.empty", "", 0);
	put("trusted.pcopy", "t", 1);
	put("security.pcopy", "s", 1);
	copies(0);
	assert_xattr("user.pcopy", "a\0b", 3);
	assert_xattr("user.empty", "", 0);
	assert_xattr("trusted.pcopy", "t", 1);
	assert_xattr("security.pcopy", "s", 1);
}

static void copies_long_lists_and_long_values(void **state)
{
	static char value[65536];
	char name[64];

	(void)state;
	memset(value, 'v', sizeof(value));
	for (int i = 0; i < 60; i++) {
		snprintf(name, sizeof(name), "user.a-name-that-makes-the-list-long-%d", i);
		put(name, name, strlen(name));
	}
	put("user.long", value, sizeof(value));
	copies(0);
	for (int i = 0; i < 60; i++) {
		snprintf(name, sizeof(name), "user.a-name-that-makes-the-list-long-%d", i);
		assert_xattr(name, name, strlen(name));
	}
	assert_xattr("user.long", value, sizeof(value));
}

static void does_not_copy_what_binds_to_an_inode(void **state)
{
	(void)state;
	need_root();
	put("security.evm", "\2hash", 5);
	put("trusted.SGI_ACL_FILE", "x", 1);
	copies(0);
	assert_no_xattr(t.dst_fd, "security.evm");
	assert_no_xattr(t.dst_fd, "trusted.SGI_ACL_FILE");
}

static void copies_only_what_is_asked_for(void **state)
{
	(void)state;
	put("user.pcopy", "u", 1);
	t.policy.preserve = PRESERVE_MODE | PRESERVE_CONTEXT;
	copies(0);
	assert_no_xattr(t.dst_fd, "user.pcopy");
}

static void capabilities_survive_the_owner(void **state)
{
	(void)state;
	need_root();
	assert_int_equal(fchown(t.src_fd, USER, USER), 0);
	put(CAPABILITY, net_raw, sizeof(net_raw));
	new_dest(0600);
	copies(0);
	assert_int_equal(look_at(t.dst_fd).st_uid, USER);
	assert_xattr(CAPABILITY, net_raw, sizeof(net_raw));
}

static void no_capabilities_when_the_owner_is_lost(void **state)
{
	(void)state;
	need_root();
	assert_int_equal(fchown(t.src_fd, USER, USER), 0);
	put(CAPABILITY, net_raw, sizeof(net_raw));
	put("user.pcopy", "u", 1);
	new_dest(0600);
	bent.own.err = EPERM;
	copies(LOSS_BIT(LOSS_OWNER) | LOSS_BIT(LOSS_XATTR));
	assert_no_xattr(t.dst_fd, CAPABILITY);
	assert_xattr("user.pcopy", "u", 1);
}

static void a_source_without_xattrs_is_asked_once(void **state)
{
	(void)state;
	bent.list.err = EOPNOTSUPP;
	copies(0);
	assert_non_null(strstr(bent.log, "list"));
	copies(0);
	assert_null(strstr(bent.log, "list"));
}

static void a_list_that_fails_is_a_loss(void **state)
{
	(void)state;
	bent.list.err = E2BIG;
	copies(LOSS_BIT(LOSS_XATTR));
	t.policy.preserve_required = PRESERVE_XATTR;
	fails(E2BIG, STAGE_XATTR);
	t.policy.preserve_required = 0;
	bent.list.err = EIO;
	fails(EIO, STAGE_XATTR);
}

static void a_destination_without_xattrs_is_asked_once(void **state)
{
	(void)state;
	put("user.pcopy", "u", 1);
	bent.set.err = EOPNOTSUPP;
	for (int i = 0; i < 2; i++) {
		new_dest(0644);
		copies(LOSS_BIT(LOSS_XATTR));
		assert_int_equal(strstr(bent.log, "set ") != NULL, i == 0);
	}
	t.policy.preserve_required = PRESERVE_XATTR;
	fails(EOPNOTSUPP, STAGE_XATTR);
	/* Another device has not refused anything. */
	t.policy.preserve_required = 0;
	bent.set.err = 0;
	t.dest.dev++;
	copies(0);
	assert_xattr("user.pcopy", "u", 1);
}

static void a_value_too_large_is_a_loss_of_one_file(void **state)
{
	(void)state;
	put("user.large", "l", 1);
	put("user.small", "s", 1);
	bent.set.err = ENOSPC;
	bent.set_only = "user.large";
	copies(LOSS_BIT(LOSS_XATTR));
	assert_xattr("user.small", "s", 1);
	bent.set.err = 0;
	copies(0);
	assert_xattr("user.large", "l", 1);
	bent.set.err = EIO;
	fails(EIO, STAGE_XATTR);
}

/* user.* may be set only by who may write, and the copy is made read-only. */
static int copy_read_only(void)
{
	char got[8];

	renew();
	new_dest(0444);
	if (copy() != 0 || t.lost != 0)
		return 1;
	if (fgetxattr(t.dst_fd, "user.pcopy", got, sizeof(got)) != 1)
		return 2;
	return mode_of(t.dst_fd) == 0444 && (bent.most_open & 033) == 0 ? 0 : 3;
}

static void a_read_only_file_gets_its_xattrs(void **state)
{
	(void)state;
	need_root();
	put("user.pcopy", "u", 1);
	assert_int_equal(fchown(t.src_fd, USER, USER), 0);
	assert_int_equal(fchmod(t.src_fd, 0444), 0);
	as_user(copy_read_only);
}

static void an_existing_mode_comes_back(void **state)
{
	(void)state;
	put("user.pcopy", "u", 1);
	t.policy.preserve = PRESERVE_XATTR;
	new_dest(0405);
	t.dest.fresh = false;
	copies(0);
	assert_int_equal(mode_of(t.dst_fd), 0405);
	assert_xattr("user.pcopy", "u", 1);
}

/* As `setfacl -m u:1000:6,g::0,m::7,o::4`: the mode alone would say that the group may. */
static struct acl denying_group(void)
{
	return acl_of(6, 6, 0, 7, 4);
}

static void copies_an_acl_without_opening_the_file(void **state)
{
	struct stat src;

	(void)state;
	new_source(0600);
	set_acl(t.src_fd, ACCESS, denying_group());
	assert_int_equal(mode_of(t.src_fd), 0674);
	src = look_at(t.src_fd);
	metadata_look(t.metadata, t.src_fd, &src);
	assert_int_equal(metadata_create_mode(t.metadata, &src, src.st_uid, src.st_gid, false), 0600);
	new_dest(0600);
	copies(0);
	assert_acl(t.dst_fd, ACCESS, denying_group());
	assert_int_equal(mode_of(t.dst_fd), 0674);
	/* The mode came with the ACL, in one step. */
	assert_null(strstr(bent.log, "mode"));
}

static void an_acl_and_special_bits_go_together(void **state)
{
	(void)state;
	need_root();
	assert_int_equal(fchown(t.src_fd, USER, USER), 0);
	set_acl(t.src_fd, ACCESS, denying_group());
	assert_int_equal(fchmod(t.src_fd, 06674), 0);
	new_dest(0600);
	copies(0);
	assert_acl(t.dst_fd, ACCESS, denying_group());
	assert_int_equal(mode_of(t.dst_fd), 06674);
}

static void an_inherited_acl_goes(void **state)
{
	int fd;

	(void)state;
	new_source(0660);
	set_acl(t.root_fd, DEFAULT, acl_of(7, 7, 7, 7, 0));
	fd = make("e", 0600);
	set_dest(fd);
	assert_true(fgetxattr(t.dst_fd, ACCESS, NULL, 0) > 0);
	t.dest.mode_known = false;
	t.dest.may_have_acl = true;
	copies(0);
	assert_no_xattr(t.dst_fd, ACCESS);
	assert_int_equal(mode_of(t.dst_fd), 0660);
	/* It went before the mode let anyone in by its mask. */
	assert_true(strstr(bent.log, "remove") < strstr(bent.log, "mode"));
}

/* What was asked for at creation is not what the ACL made of it. */
static void an_inherited_acl_has_changed_the_mode(void **state)
{
	(void)state;
	new_source(0600);
	set_acl(t.root_fd, DEFAULT, acl_of(4, 7, 7, 7, 0));
	set_dest(make("e", 0600));
	assert_int_equal(mode_of(t.dst_fd), 0400);
	t.dest.mode = 0600;
	t.dest.may_have_acl = true;
	copies(0);
	assert_int_equal(mode_of(t.dst_fd), 0600);
}

static void without_mode_an_inherited_acl_stays(void **state)
{
	struct stat src;

	(void)state;
	t.policy.preserve = 0;
	new_source(0666);
	set_acl(t.root_fd, DEFAULT, acl_of(7, 6, 4, 7, 0));
	src = look_at(t.src_fd);
	set_dest(make("e", metadata_create_mode(t.metadata, &src, src.st_uid, src.st_gid, true)));
	t.dest.may_have_acl = true;
	copies(0);
	assert_acl(t.dst_fd, ACCESS, acl_of(6, 6, 4, 6, 0));
}

static void directories_take_the_default_acl_along(void **state)
{
	(void)state;
	close(t.src_fd);
	t.src_fd = make_directory("sd", 0755);
	set_acl(t.src_fd, DEFAULT, acl_of(7, 5, 5, 7, 0));
	set_acl(t.src_fd, ACCESS, acl_of(7, 7, 5, 7, 5));
	set_dest(make_directory("dd", 0700));
	copies(0);
	assert_acl(t.dst_fd, DEFAULT, acl_of(7, 5, 5, 7, 0));
	assert_acl(t.dst_fd, ACCESS, acl_of(7, 7, 5, 7, 5));
}

static void an_existing_directory_loses_acls_the_source_has_not(void **state)
{
	(void)state;
	close(t.src_fd);
	t.src_fd = make_directory("sd", 0750);
	set_dest(make_directory("dd", 0700));
	set_acl(t.dst_fd, DEFAULT, acl_of(7, 7, 7, 7, 7));
	set_acl(t.dst_fd, ACCESS, acl_of(7, 7, 0, 7, 0));
	t.dest.mode = mode_of(t.dst_fd);
	t.dest.fresh = false;
	copies(0);
	assert_no_xattr(t.dst_fd, DEFAULT);
	assert_no_xattr(t.dst_fd, ACCESS);
	assert_int_equal(mode_of(t.dst_fd), 0750);
}

/* The mask must not become the group's for a moment. */
static void an_acl_goes_behind_closed_doors(void **state)
{
	(void)state;
	close(t.src_fd);
	t.src_fd = make_directory("sd", 0700);
	set_dest(make_directory("dd", 0700));
	set_acl(t.dst_fd, ACCESS, acl_of(7, 7, 0, 7, 0));
	t.dest.mode = 0700; /* told wrongly, so that nothing else closes it */
	t.dest.fresh = false;
	copies(0);
	assert_non_null(strstr(bent.log, "mode remove "));
	assert_int_equal(mode_of(t.dst_fd), 0700);
}

static void a_lost_acl_leaves_no_more_than_it_allowed(void **state)
{
	static const struct {
		int user, group, mask, other;
		mode_t left;
	} cases[] = {
		{ 6, 0, 7, 4, 0604 }, /* the group's own */
		{ 6, 7, 4, 4, 0644 }, /* under the mask */
		{ 0, 6, 6, 4, 0600 }, /* someone was shut out: everyone is */
		{ 4, 6, 6, 6, 0644 },
		{ 6, 6, 4, 6, 0644 }, /* the mask holds for whoever is named */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct acl acl = acl_of(6, cases[i].user, cases[i].group, cases[i].mask, cases[i].other);
		mode_t mode;

		new_source(0600);
		set_acl(t.src_fd, ACCESS, acl);
		mode = mode_of(t.src_fd);
		bent.set.err = EOPNOTSUPP;
		new_dest(0600);
		copies(LOSS_BIT(LOSS_ACL) | (mode != cases[i].left ? LOSS_BIT(LOSS_MODE) : 0));
		assert_int_equal(mode_of(t.dst_fd), cases[i].left);
		assert_int_equal(strstr(bent.log, "set ") != NULL, i == 0);
	}
	t.policy.preserve_required = PRESERVE_MODE;
	fails(EOPNOTSUPP, STAGE_ACL);
}

static void an_acl_that_says_what_the_mode_says_is_no_loss(void **state)
{
	struct acl acl = acl_of(6, 0, 4, 0, 4);

	(void)state;
	acl.entry[1] = acl.entry[2];
	acl.entry[2] = acl.entry[4];
	bent.base_acl = &acl;
	bent.base_acl_size = ACL_SIZE(3);
	bent.set.err = EOPNOTSUPP;
	new_dest(0600);
	for (int i = 0; i < 2; i++) {
		copies(0);
		assert_int_equal(mode_of(t.dst_fd), 0644);
	}
}

static void strips_what_a_directory_inherits(void **state)
{
	int fd;

	(void)state;
	assert_false(metadata_has_default_acl(t.metadata, t.root_fd));
	set_acl(t.root_fd, DEFAULT, acl_of(7, 7, 7, 7, 7));
	assert_true(metadata_has_default_acl(t.metadata, t.root_fd));
	fd = make_directory("dd", 0700);
	assert_true(metadata_has_default_acl(t.metadata, fd));
	metadata_strip_inherited(t.metadata, fd);
	assert_no_xattr(fd, DEFAULT);
	assert_no_xattr(fd, ACCESS);
	metadata_strip_inherited(t.metadata, fd);
	close(fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(copies_every_namespace),
		TEST_IN_MEMORY(copies_long_lists_and_long_values),
		TEST(does_not_copy_what_binds_to_an_inode),
		TEST(copies_only_what_is_asked_for),
		TEST(capabilities_survive_the_owner),
		TEST(no_capabilities_when_the_owner_is_lost),
		TEST(a_source_without_xattrs_is_asked_once),
		TEST(a_list_that_fails_is_a_loss),
		TEST(a_destination_without_xattrs_is_asked_once),
		TEST(a_value_too_large_is_a_loss_of_one_file),
		TEST(a_read_only_file_gets_its_xattrs),
		TEST(an_existing_mode_comes_back),
		TEST(copies_an_acl_without_opening_the_file),
		TEST(an_acl_and_special_bits_go_together),
		TEST(an_inherited_acl_goes),
		TEST(an_inherited_acl_has_changed_the_mode),
		TEST(without_mode_an_inherited_acl_stays),
		TEST(directories_take_the_default_acl_along),
		TEST(an_existing_directory_loses_acls_the_source_has_not),
		TEST(an_acl_goes_behind_closed_doors),
		TEST(a_lost_acl_leaves_no_more_than_it_allowed),
		TEST(an_acl_that_says_what_the_mode_says_is_no_loss),
		TEST(strips_what_a_directory_inherits),
	};

	return cmocka_run_group_tests_name("xattr", tests, NULL, NULL);
}
