/*
 * Owner, mode and times of files and directories: what is set, in which order,
 * at what price, and what is said when it cannot be. xattrs and ACLs are in
 * test_xattr.c, symlinks and special files in test_metadata_at.c.
 */
#include "metadata_fixture.h"

#define OWNER_AND_MODE (LOSS_BIT(LOSS_OWNER) | LOSS_BIT(LOSS_MODE))
#define VFAT 0x4d44
#define FUSE 0x65735546

static void set_source_times(time_t atime, long atime_ns, time_t mtime, long mtime_ns)
{
	const struct timespec times[2] = { { atime, atime_ns }, { mtime, mtime_ns } };

	assert_int_equal(futimens(t.src_fd, times), 0);
}

static void assert_times_equal(void)
{
	struct stat src = look_at(t.src_fd), dst = look_at(t.dst_fd);

	assert_int_equal(src.st_mtim.tv_sec, dst.st_mtim.tv_sec);
	assert_int_equal(src.st_mtim.tv_nsec, dst.st_mtim.tv_nsec);
	assert_int_equal(src.st_atim.tv_sec, dst.st_atim.tv_sec);
	assert_int_equal(src.st_atim.tv_nsec, dst.st_atim.tv_nsec);
}

static void a_plain_file_costs_two_calls(void **state)
{
	(void)state;
	set_source_times(1700000001, 123456789, 1700000003, 987654321);
	copies(0);
	/* The first file on a device is looked at for its times. */
	assert_string_equal(bent.log, "list times stat ");
	new_dest(0644);
	copies(0);
	assert_string_equal(bent.log, "list times ");
	assert_times_equal();
}

static void a_look_before_is_the_only_look(void **state)
{
	/* Not left to chance: a round time is no proof of how fine the clock is kept. */
	const struct timespec uneven[2] = { { 1000000001, 123456789 }, { 1000000001, 123456789 } };
	struct stat src;

	(void)state;
	assert_int_equal(futimens(t.src_fd, uneven), 0);
	src = look_at(t.src_fd);
	copies(0);
	bent.on = true;
	metadata_look(t.metadata, t.src_fd, &src);
	bent.on = false;
	copies(0);
	assert_string_equal(bent.log, "times ");
	/* It holds for one copy, of that source. */
	copies(0);
	assert_string_equal(bent.log, "list times ");
	src.st_ino++;
	metadata_look(t.metadata, t.src_fd, &src);
	copies(0);
	assert_string_equal(bent.log, "list times ");
	/* An inode's number may be used again. */
	src.st_ino--;
	src.st_ctim.tv_nsec ^= 1;
	metadata_look(t.metadata, t.src_fd, &src);
	copies(0);
	assert_string_equal(bent.log, "list times ");
}

static void what_is_not_asked_for_is_not_done(void **state)
{
	(void)state;
	t.policy.preserve = 0;
	t.policy.umask = 0;
	copies(0);
	assert_string_equal(bent.log, "");
}

static void owner_mode_times_in_this_order(void **state)
{
	(void)state;
	need_root();
	new_source(0644);
	assert_int_equal(fchown(t.src_fd, USER, USER + 1), 0);
	assert_int_equal(fchmod(t.src_fd, 06755), 0);
	set_source_times(1, 2, 3, 4);
	copies(0);
	new_dest(0600);
	copies(0);
	assert_string_equal(bent.log, "own list mode times ");
	assert_int_equal(look_at(t.dst_fd).st_uid, USER);
	assert_int_equal(look_at(t.dst_fd).st_gid, USER + 1);
	assert_int_equal(mode_of(t.dst_fd), 06755);
	assert_times_equal();
}

static void no_special_bit_before_the_owner(void)
{
	assert_int_equal(mode_of(t.dst_fd) & 07000, 0);
}

static void special_bits_come_after_the_owner(void **state)
{
	(void)state;
	need_root();
	for (mode_t bit = 01000; bit <= 04000; bit <<= 1) {
		new_source(0600);
		assert_int_equal(fchown(t.src_fd, USER, USER), 0);
		assert_int_equal(fchmod(t.src_fd, 0711 | bit), 0);
		new_dest(0600);
		bent.at_own = no_special_bit_before_the_owner;
		copies(0);
		assert_int_equal(mode_of(t.dst_fd), 0711 | bit);
		assert_int_equal(bent.most_open & ~(mode_t)0711, 0);
	}
}

static void no_special_bits_when_the_owner_is_lost(void **state)
{
	(void)state;
	need_root();
	new_source(0600);
	assert_int_equal(fchown(t.src_fd, USER, USER), 0);
	assert_int_equal(fchmod(t.src_fd, 07755), 0);
	bent.own.err = EPERM;
	new_dest(0600);
	copies(OWNER_AND_MODE);
	assert_int_equal(mode_of(t.dst_fd), 0755);
	t.policy.preserve_required = PRESERVE_OWNERSHIP;
	new_dest(0600);
	fails(EPERM, STAGE_OWNER);
	assert_int_equal(mode_of(t.dst_fd), 0600);
	/* Something that broke is a failure, asked for or not. */
	t.policy.preserve_required = 0;
	bent.own.err = EIO;
	fails(EIO, STAGE_OWNER);
}

/* As a user, for real: a setuid program of root's becomes a plain one of ours. */
static int copy_roots_program(void)
{
	struct stat st;

	renew();
	new_dest(0600);
	if (copy() != 0 || t.lost != OWNER_AND_MODE)
		return 1;
	st = look_at(t.dst_fd);
	if (st.st_uid != USER || (st.st_mode & 07777) != 0755)
		return 2;
	if (strstr(bent.log, "own group ") == NULL)
		return 3;
	/* The second time it is known that files cannot be given away. */
	new_dest(0600);
	if (copy() != 0 || t.lost != OWNER_AND_MODE || strstr(bent.log, "own ") != NULL)
		return 4;
	return strstr(bent.log, "group ") != NULL ? 0 : 5;
}

static void a_user_gets_no_setuid_program(void **state)
{
	(void)state;
	need_root();
	new_source(06755);
	as_user(copy_roots_program);
}

/* A group one belongs to is kept even where the owner is not. */
static int copy_to_own_group(void)
{
	renew();
	new_dest(0600);
	t.dest.gid = USER + 1;
	if (copy() != 0 || t.lost != LOSS_BIT(LOSS_OWNER))
		return 1;
	return strstr(bent.log, "group ") != NULL && look_at(t.dst_fd).st_gid == USER ? 0 : 2;
}

static void the_group_is_kept_alone(void **state)
{
	(void)state;
	need_root();
	assert_int_equal(fchown(t.src_fd, 0, USER), 0);
	as_user(copy_to_own_group);
}

static void special_bits_of_another_owner_are_not_taken_over(void **state)
{
	(void)state;
	need_root();
	t.policy.preserve = PRESERVE_MODE;
	new_source(0600);
	assert_int_equal(fchown(t.src_fd, USER, 0), 0);
	assert_int_equal(fchmod(t.src_fd, 06755), 0);
	new_dest(0600);
	copies(LOSS_BIT(LOSS_MODE));
	assert_int_equal(mode_of(t.dst_fd), 02755);
	new_source(06755);
	new_dest(0600);
	copies(0);
	assert_int_equal(mode_of(t.dst_fd), 06755);
}

static void a_refused_mode_is_a_loss(void **state)
{
	(void)state;
	new_source(0751);
	new_dest(0600);
	bent.mode.err = EPERM;
	copies(LOSS_BIT(LOSS_MODE));
	t.policy.preserve_required = PRESERVE_MODE;
	fails(EPERM, STAGE_MODE);
	t.policy.preserve_required = 0;
	bent.mode.err = EIO;
	fails(EIO, STAGE_MODE);
}

static void refused_times_are_a_loss(void **state)
{
	(void)state;
	bent.times.err = EPERM;
	copies(LOSS_BIT(LOSS_TIMES));
	t.policy.preserve_required = PRESERVE_TIMESTAMPS;
	fails(EPERM, STAGE_TIMES);
	t.policy.preserve_required = 0;
	bent.times.err = EIO;
	fails(EIO, STAGE_TIMES);
}

static void times_of_two_centuries(void **state)
{
	static const time_t seconds[] = { -2147483000, -1, 0, 1, 2147483647, 4102444800 };

	(void)state;
	for (size_t i = 0; i < sizeof(seconds) / sizeof(seconds[0]); i++) {
		set_source_times(seconds[i], 999999999, seconds[i], 1);
		if (look_at(t.src_fd).st_mtim.tv_sec != seconds[i] || look_at(t.src_fd).st_mtim.tv_nsec != 1)
			skip(); /* not on this file system */
		new_dest(0644);
		copies(0);
		assert_times_equal();
	}
}

/* Out of range is looked at each time, however exact the file system is otherwise. */
static void clamped_times_are_a_loss(void **state)
{
	struct stat src = look_at(t.src_fd);
	struct stat dst;

	(void)state;
	copies(0);
	src.st_mtim.tv_sec = INT64_C(1) << 40;
	bent.on = true;
	assert_int_equal(metadata_copy(t.metadata, t.src_fd, &src, t.dst_fd, &t.dest, &t.lost, &t.stage), 0);
	bent.on = false;
	dst = look_at(t.dst_fd);
	assert_int_equal(t.lost, dst.st_mtim.tv_sec == src.st_mtim.tv_sec ? 0 : LOSS_BIT(LOSS_TIMES));
	copies(0);
}

static void coarse_times_are_a_loss(void **state)
{
	static const struct {
		long round_ns, ns;
		time_t s;
		uint32_t lost;
	} cases[] = {
		{ 1000000000, 0, 1001, 0 },
		{ 1000000000, 5, 1000, LOSS_BIT(LOSS_TIMES) },
		{ 1000000000, 0, 1002, 0 },
		{ 1000000000, 500000000, 1000, LOSS_BIT(LOSS_TIMES) },
		{ 2000000000, 0, 1000, 0 },
		{ 2000000000, 0, 1001, LOSS_BIT(LOSS_TIMES) },
		{ 2000000000, 0, 1002, 0 },
		{ 2000000000, 0, 1003, LOSS_BIT(LOSS_TIMES) },
		{ 100, 123456700, 1001, 0 },
		{ 100, 123456789, 1001, LOSS_BIT(LOSS_TIMES) },
		{ 100, 123456700, 1001, 0 },
		{ 100, 123456789, 1001, LOSS_BIT(LOSS_TIMES) },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		if (i == 0 || cases[i].round_ns != cases[i - 1].round_ns)
			renew();
		bent.round_ns = cases[i].round_ns;
		set_source_times(cases[i].s, cases[i].ns, cases[i].s, cases[i].ns);
		new_dest(0644);
		copies(cases[i].lost);
	}
	/* Never a failure: cp, asked by name, does not see it either. */
	t.policy.preserve_required = PRESERVE_TIMESTAMPS;
	copies(LOSS_BIT(LOSS_TIMES));
}

static void made_up_owners_and_modes_are_seen(void **state)
{
	(void)state;
	need_root();
	bent.type = VFAT;
	renew();
	new_source(0640);
	assert_int_equal(fchown(t.src_fd, USER, USER), 0);
	new_dest(0755);
	/* The copier believes what it asked for. */
	t.dest.uid = t.dest.gid = USER;
	t.dest.mode = 0640;
	bent.own.ignore = bent.mode.ignore = true;
	copies(OWNER_AND_MODE);
	assert_non_null(strstr(bent.log, "own "));
	assert_non_null(strstr(bent.log, "mode "));
	/* And where the call does work after all, nothing is lost. */
	bent.own.ignore = bent.mode.ignore = false;
	copies(0);
	assert_int_equal(mode_of(t.dst_fd), 0640);
}

static void a_fuse_server_is_asked_only_what_it_has_not_just_said(void **state)
{
	(void)state;
	need_root();
	bent.type = FUSE;
	renew();
	new_source(0644);
	assert_int_equal(fchown(t.src_fd, USER, USER), 0);
	new_dest(0644);
	copies(0);
	assert_string_equal(bent.log, "answer own list times answer ");
	/* What it makes up is seen all the same. */
	new_dest(0600);
	bent.own.ignore = bent.mode.ignore = true;
	copies(OWNER_AND_MODE);
	assert_string_equal(bent.log, "answer own list mode times answer ");
	/* Nothing it has said since the last change: then it is asked. */
	t.policy.preserve &= ~(unsigned)PRESERVE_TIMESTAMPS;
	new_dest(0600);
	copies(OWNER_AND_MODE);
	assert_string_equal(bent.log, "answer own list mode stat ");
	t.policy.preserve |= PRESERVE_TIMESTAMPS;
	bent.times.err = EPERM;
	new_dest(0600);
	copies(OWNER_AND_MODE | LOSS_BIT(LOSS_TIMES));
	assert_string_equal(bent.log, "answer own list mode times stat ");
}

static void an_existing_directory_is_closed_before_it_is_given_away(void **state)
{
	(void)state;
	need_root();
	close(t.src_fd);
	t.src_fd = make_directory("sd", 0750);
	assert_int_equal(fchown(t.src_fd, USER, USER), 0);
	set_dest(make_directory("dd", 01777));
	t.dest.fresh = false;
	bent.at_own = no_special_bit_before_the_owner;
	copies(0);
	assert_int_equal(strncmp(bent.log, "mode own list ", 14), 0);
	assert_int_equal(mode_of(t.dst_fd), 0750);
	/* One that allows no more than the source needs none of it. */
	set_dest(make_directory("dd2", 0700));
	t.dest.fresh = false;
	copies(0);
	assert_int_equal(strncmp(bent.log, "own list ", 9), 0);
}

/* The kernel drops them with the old owner. */
static void special_bits_that_were_there_are_set_again(void **state)
{
	(void)state;
	need_root();
	new_source(0600);
	assert_int_equal(fchown(t.src_fd, USER, USER), 0);
	assert_int_equal(fchmod(t.src_fd, 06755), 0);
	new_dest(06755);
	t.dest.fresh = false;
	copies(0);
	assert_int_equal(mode_of(t.dst_fd), 06755);
}

static void without_mode_a_new_file_obeys_the_umask(void **state)
{
	(void)state;
	t.policy.preserve = 0;
	t.policy.umask = 027;
	new_source(06777);
	new_dest(0600);
	copies(0);
	assert_int_equal(mode_of(t.dst_fd), 0750);
	/* An existing one keeps its own. */
	new_dest(0604);
	t.dest.fresh = false;
	copies(0);
	assert_int_equal(mode_of(t.dst_fd), 0604);
	assert_string_equal(bent.log, "");
}

static void without_mode_a_directory_keeps_its_setgid(void **state)
{
	(void)state;
	t.policy.preserve = 0;
	close(t.src_fd);
	t.src_fd = make_directory("sd", 0777);
	set_dest(make_directory("dd", 0700));
	assert_int_equal(fchmod(t.dst_fd, 02700), 0);
	t.dest.mode = 02700;
	copies(0);
	assert_int_equal(mode_of(t.dst_fd), 02755);
}

static mode_t created(mode_t src_mode, uid_t uid, gid_t gid, bool may_have_acl)
{
	struct stat src = look_at(t.src_fd);

	src.st_mode = S_IFREG | src_mode;
	src.st_uid = src.st_gid = USER;
	metadata_look(t.metadata, t.src_fd, &src);
	return metadata_create_mode(t.metadata, &src, uid, gid, may_have_acl);
}

static void a_file_is_made_no_wider_than_its_source(void **state)
{
	struct stat src = look_at(t.src_fd);

	(void)state;
	assert_int_equal(created(0644, USER, USER, false), 0644);
	assert_int_equal(created(0444, USER, USER, false), 0444);
	assert_int_equal(created(0644, USER + 1, USER, false), 0600);
	assert_int_equal(created(0644, USER, USER + 1, false), 0600);
	assert_int_equal(created(0644, USER, USER, true), 0600);
	assert_int_equal(created(04755, USER, USER, false), 0700);
	assert_int_equal(created(01755, USER, USER, false), 0700);
	/* Not told of the source, it might have an ACL. */
	src.st_ino++;
	assert_int_equal(metadata_create_mode(t.metadata, &src, src.st_uid, src.st_gid, false), 0600);
	t.policy.preserve = PRESERVE_MODE;
	assert_int_equal(created(0644, USER + 1, USER + 1, false), 0644);
	t.policy.preserve = PRESERVE_OWNERSHIP;
	assert_int_equal(created(0666, USER, USER, false), 0644);
	assert_int_equal(created(0666, USER + 1, USER, false), 0600);
	/* Under an inherited ACL the umask does not count, as in open(2). */
	assert_int_equal(created(0666, USER, USER, true), 0666);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_plain_file_costs_two_calls),
		TEST(a_look_before_is_the_only_look),
		TEST(what_is_not_asked_for_is_not_done),
		TEST(owner_mode_times_in_this_order),
		TEST(special_bits_come_after_the_owner),
		TEST(no_special_bits_when_the_owner_is_lost),
		TEST(a_user_gets_no_setuid_program),
		TEST(the_group_is_kept_alone),
		TEST(special_bits_of_another_owner_are_not_taken_over),
		TEST(a_refused_mode_is_a_loss),
		TEST(refused_times_are_a_loss),
		TEST(times_of_two_centuries),
		TEST(clamped_times_are_a_loss),
		TEST(coarse_times_are_a_loss),
		TEST(made_up_owners_and_modes_are_seen),
		TEST(a_fuse_server_is_asked_only_what_it_has_not_just_said),
		TEST(an_existing_directory_is_closed_before_it_is_given_away),
		TEST(special_bits_that_were_there_are_set_again),
		TEST(without_mode_a_new_file_obeys_the_umask),
		TEST(without_mode_a_directory_keeps_its_setgid),
		TEST(a_file_is_made_no_wider_than_its_source),
	};

	return cmocka_run_group_tests_name("metadata", tests, NULL, NULL);
}
