/* node: symlinks, special files, further hard links, and links in place of a copy. */
#include "copy_fixture.h"

/* Run before, or after, the next linkat(2). */
static void (*before_link)(void);
static void (*after_link)(void);

int __real_linkat(int from_fd, const char *from, int to_fd, const char *to, int flags);
int __wrap_linkat(int from_fd, const char *from, int to_fd, const char *to, int flags);

int __wrap_linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
	void (*before)(void) = before_link, (*after)(void) = after_link;
	int r;

	before_link = after_link = NULL;
	if (before)
		before();
	r = __real_linkat(from_fd, from, to_fd, to, flags);
	if (after)
		after();
	return r;
}

static void symlinks_are_copied_as_they_are(void **state)
{
	struct fixture *f = *state;
	char text[4096];

	memset(text, 'x', sizeof text);
	for (size_t i = 200; i < sizeof text; i += 200)
		text[i] = '/';
	text[4095] = '\0';
	assert_int_equal(symlink(text, "s/long"), 0);
	assert_int_equal(symlink("\xff\n", "s/odd"), 0);
	for (int in_place = 0; in_place < 2; in_place++) {
		f->place.made = in_place;
		set_mtime("s/long", 12345, 678);
		assert_status(copy_name(f, "long"), OUTCOME_COPIED);
		assert_status(copy_name(f, "odd"), OUTCOME_COPIED);
		assert_link("d/long", text);
		assert_link("d/odd", "\xff\n");
		assert_int_equal(look("d/long").st_mtim.tv_sec, 12345);
		assert_int_equal(look("d/long").st_mtim.tv_nsec, 678);
		assert_int_equal(unlink("d/long") + unlink("d/odd"), 0);
	}
	f->place.made = false;
	put("d/odd", "old");
	assert_status(copy_name(f, "odd"), OUTCOME_COPIED);
	assert_link("d/odd", "\xff\n");
}

static void special_files_are_copied_as_they_are(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 4; i++) {
		for (int in_place = 0; in_place < 2; in_place++) {
			struct stat src, dst;

			if (!make_special("s/x", i))
				continue;
			assert_int_equal(chmod("s/x", 0617), 0);
			set_mtime("s/x", 1 + i, 2);
			f->place.made = in_place;
			assert_status(copy_name(f, "x"), OUTCOME_COPIED);
			src = look("s/x");
			dst = look("d/x");
			assert_int_equal(dst.st_mode, src.st_mode);
			assert_int_equal(dst.st_rdev, src.st_rdev);
			assert_int_equal(dst.st_mtim.tv_sec, 1 + i);
			assert_int_equal(unlink("s/x") + unlink("d/x"), 0);
		}
	}
	/* In the place of a file, but not under --attributes-only. */
	assert_int_equal(mkfifo("s/x", 0666), 0);
	f->place.made = false;
	put("d/x", "old");
	f->policy.attributes_only = true;
	assert_failed(copy_name(f, "x"), STAGE_CREATE);
	assert_text("d/x", "old");
	f->policy.attributes_only = false;
	/* Where the mode is not preserved, the umask has its say. */
	assert_int_equal(chmod("s/x", 0675), 0);
	f->policy.preserve &= ~(unsigned)PRESERVE_MODE;
	assert_status(copy_name(f, "x"), OUTCOME_COPIED);
	assert_int_equal(look("d/x").st_mode, S_IFIFO | 0655);
	f->policy.usual_mode = true;
	f->policy.remove_destination = true;
	assert_status(copy_name(f, "x"), OUTCOME_COPIED);
	assert_int_equal(look("d/x").st_mode, S_IFIFO | 0644);
	assert_int_equal(count_entries("d"), 1);
}

static void a_device_nobody_may_make_is_a_failure(void **state)
{
	struct fixture *f = *state;
	struct outcome outcome;

	if (geteuid() != 0 || mknod("s/null", S_IFCHR | 0666, makedev(1, 3)) < 0)
		skip();
	assert_int_equal(chmod("d", 0777), 0);
	assert_int_equal(seteuid(65534), 0);
	outcome = copy_name(f, "null");
	assert_int_equal(seteuid(0), 0);
	assert_failed(outcome, STAGE_CREATE);
	assert_int_equal(outcome.err, EPERM);
	assert_int_equal(count_entries("d"), 0);
}


static struct outcome link_name(struct fixture *f, const char *name, bool redo)
{
	struct entry entry = entry_of(name);
	struct outcome outcome;

	entry.redo = redo;
	memset(&outcome, 0xa5, sizeof outcome);
	entry_link(&f->copier, &f->place, &entry, f->place.dst_fd, "first", &outcome);
	return outcome;
}

static void link_setup(struct fixture *f)
{
	put("s/first", "linked");
	assert_int_equal(link("s/first", "s/second"), 0);
	assert_status(copy_name(f, "first"), OUTCOME_COPIED);
}

static void a_further_name_becomes_a_link(void **state)
{
	struct fixture *f = *state;

	link_setup(f);
	for (int in_place = 0; in_place < 2; in_place++) {
		f->place.made = in_place;
		assert_status(link_name(f, "second", false), OUTCOME_COPIED);
		assert_int_equal(look("d/second").st_ino, look("d/first").st_ino);
		assert_int_equal(unlink("d/second"), 0);
	}
	/* Twice: it is so already. */
	f->place.made = false;
	assert_status(link_name(f, "second", false), OUTCOME_COPIED);
	assert_status(link_name(f, "second", false), OUTCOME_COPIED);
	f->place.made = true;
	assert_status(link_name(f, "second", true), OUTCOME_COPIED);
	/* Somebody else's in our directory. */
	assert_int_equal(unlink("d/second"), 0);
	put("d/second", "theirs");
	assert_failed(link_name(f, "second", false), STAGE_JUST_CREATED);
	assert_text("d/second", "theirs");
	assert_int_equal(count_entries("d"), 2);
}

static void a_further_name_obeys_the_rules_for_what_is_there(void **state)
{
	struct fixture *f = *state;

	link_setup(f);
	put("d/second", "old");
	f->policy.update = UPDATE_NONE;
	assert_status(link_name(f, "second", false), OUTCOME_SKIPPED);
	f->policy.update = UPDATE_NONE_FAIL;
	assert_failed(link_name(f, "second", false), STAGE_EXISTS);
	assert_text("d/second", "old");
	f->policy.update = UPDATE_ALL;
	assert_status(link_name(f, "second", false), OUTCOME_COPIED);
	assert_int_equal(look("d/second").st_nlink, 2);

	/* As in cp: complete, but not linked, is not enough. Newer is left (cp loses it). */
	assert_int_equal(unlink("d/second"), 0);
	put("d/second", "newer");
	f->policy.update = UPDATE_OLDER;
	set_mtime("d/second", 4000000000, 0);
	assert_status(link_name(f, "second", false), OUTCOME_SKIPPED);
	assert_text("d/second", "newer");
	assert_int_equal(utimensat(AT_FDCWD, "d/second",
	                           (struct timespec[2]){ look("s/second").st_atim, look("s/second").st_mtim }, 0), 0);
	assert_status(link_name(f, "second", false), OUTCOME_COPIED);
	assert_int_equal(look("d/second").st_nlink, 2);
	f->policy.update = UPDATE_ALL;

	assert_int_equal(unlink("d/second"), 0);
	put("d/second", "old");
	f->policy.backup = BACKUP_SIMPLE;
	assert_status(link_name(f, "second", false), OUTCOME_COPIED);
	assert_text("d/second~", "old");
	f->policy.backup = BACKUP_NONE;

	assert_int_equal(unlink("d/second"), 0);
	assert_int_equal(mkdir("d/second", 0755), 0);
	assert_failed(link_name(f, "second", false), STAGE_IS_DIRECTORY);
	assert_int_equal(rmdir("d/second"), 0);
	assert_int_equal(mkfifo("d/second", 0755), 0);
	assert_failed(link_name(f, "second", false), STAGE_SPECIAL_IN_THE_WAY);
	assert_int_equal(count_entries("d"), 3);
}

static void link_second(void)
{
	assert_int_equal(unlink("d/second"), 0);
	assert_int_equal(link("d/first", "d/second"), 0);
}

/* rename(2) of one inode over itself leaves both names. */
static void a_name_linked_meanwhile_leaves_no_temporary_one(void **state)
{
	struct fixture *f = *state;

	link_setup(f);
	put("d/second", "old");
	after_link = link_second;
	assert_status(link_name(f, "second", false), OUTCOME_COPIED);
	assert_null(after_link);
	assert_int_equal(look("d/second").st_ino, look("d/first").st_ino);
	assert_int_equal(count_entries("d"), 2);
}

static void a_link_that_is_there_is_not_backed_up(void **state)
{
	struct fixture *f = *state;

	link_setup(f);
	assert_status(link_name(f, "second", false), OUTCOME_COPIED);
	f->policy.backup = BACKUP_NUMBERED;
	f->place.shared_name = true;
	assert_status(link_name(f, "second", true), OUTCOME_COPIED);
	assert_int_equal(count_entries("d"), 2);
}

static void without_a_first_copy_there_is_a_copy(void **state)
{
	struct fixture *f = *state;
	struct outcome outcome;

	link_setup(f);
	assert_int_equal(unlink("d/first"), 0);
	outcome = link_name(f, "second", false);
	assert_status(outcome, OUTCOME_COPIED);
	assert_int_equal(outcome.lost, LOSS_BIT(LOSS_HARD_LINK));
	assert_text("d/second", "linked");
	assert_int_equal(unlink("d/second"), 0);
	/* Asked for by name: no copy instead. */
	f->policy.preserve_required = PRESERVE_LINKS;
	assert_failed(link_name(f, "second", false), STAGE_LINK);
	assert_int_equal(count_entries("d"), 0);
}

static void a_link_to_what_is_no_longer_our_copy_is_taken_back(void **state)
{
	struct fixture *f = *state;

	link_setup(f);
	assert_int_equal(unlink("d/first"), 0);
	assert_int_equal(symlink("/etc/passwd", "d/first"), 0);
	assert_failed(link_name(f, "second", false), STAGE_SOURCE_CHANGED);
	assert_int_equal(count_entries("d"), 1);
}

static void too_many_links_make_a_copy(void **state)
{
	struct fixture *f = *state;
	struct outcome outcome;
	int n = 1;

	link_setup(f);
	assert_int_equal(mkdir("many", 0755), 0);
	for (; n < 70000; n++) {
		char name[30];

		snprintf(name, sizeof name, "many/%d", n);
		if (link("d/first", name) < 0)
			break;
	}
	if (n == 70000)
		skip(); /* this file system allows more */
	assert_int_equal(errno, EMLINK);
	outcome = link_name(f, "second", false);
	assert_status(outcome, OUTCOME_COPIED);
	assert_int_equal(outcome.lost, LOSS_BIT(LOSS_HARD_LINK));
	assert_text("d/second", "linked");
}

static void links_are_made_of_the_source(void **state)
{
	static const char *const names[] = { "f", "l", "p" };
	struct fixture *f = *state;

	f->policy.hard_link = true;
	put("s/f", "x");
	assert_int_equal(symlink("q", "s/l"), 0);
	assert_int_equal(mkfifo("s/p", 0600), 0);
	for (int i = 0; i < 3; i++) {
		char src[10], dst[10];

		snprintf(src, sizeof src, "s/%s", names[i]);
		snprintf(dst, sizeof dst, "d/%s", names[i]);
		assert_status(copy_name(f, names[i]), OUTCOME_COPIED);
		assert_int_equal(look(dst).st_ino, look(src).st_ino);
		/* Again: it is so already. */
		assert_status(copy_name(f, names[i]), OUTCOME_COPIED);
	}
	assert_int_equal(unlink("d/f"), 0);
	put("d/f", "other");
	assert_failed(copy_name(f, "f"), STAGE_LINK);
	assert_text("d/f", "other");
	f->policy.backup = BACKUP_SIMPLE;
	assert_status(copy_name(f, "f"), OUTCOME_COPIED);
	assert_text("d/f~", "other");
	f->policy.backup = BACKUP_NONE;
	assert_int_equal(unlink("d/f"), 0);
	put("d/f", "other");
	f->policy.force = true;
	assert_status(copy_name(f, "f"), OUTCOME_COPIED);
	assert_int_equal(look("d/f").st_ino, look("s/f").st_ino);
	f->policy.force = false;
	assert_int_equal(count_entries("d"), 4);
	/* Without -f: one of several names, and where a symlink goes. */
	assert_int_equal(unlink("d/f"), 0);
	put("d/f", "other");
	assert_int_equal(link("d/f", "kept"), 0);
	assert_status(copy_name(f, "f"), OUTCOME_COPIED);
	assert_int_equal(look("d/f").st_ino, look("s/f").st_ino);
	assert_text("kept", "other");
	assert_int_equal(unlink("d/l"), 0);
	put("d/l", "other");
	assert_status(copy_name(f, "l"), OUTCOME_COPIED);
	assert_link("d/l", "q");
	assert_int_equal(count_entries("d"), 4);
}

/* A link to the very file it would replace: with -f too, the file stays. */
static void a_link_to_the_destination_does_not_take_its_place(void **state)
{
	struct fixture *f = *state;

	f->policy.hard_link = true;
	put("d/f", "precious");
	assert_int_equal(symlink("../d/f", "s/f"), 0);
	for (int force = 0; force < 2; force++) {
		f->policy.force = force;
		assert_status(copy_name(f, "f"), OUTCOME_COPIED);
		assert_text("d/f", "precious");
	}
}

static void swap_source(void)
{
	assert_int_equal(rename("s/f", "kept-too"), 0);
	put("s/f", "z");
}

static void a_link_of_a_swapped_source_is_taken_back(void **state)
{
	struct fixture *f = *state;
	struct entry entry;

	f->policy.hard_link = true;
	put("s/f", "x");
	entry = entry_of("f");
	assert_int_equal(rename("s/f", "kept"), 0);
	put("s/f", "y");
	assert_failed(copy(f, &entry), STAGE_SOURCE_CHANGED);
	assert_int_equal(count_entries("d"), 0);
	/* Also when that happens at the last moment. */
	entry = entry_of("f");
	before_link = swap_source;
	assert_failed(copy(f, &entry), STAGE_SOURCE_CHANGED);
	assert_null(before_link);
	assert_int_equal(count_entries("d"), 0);
}

static void symbolic_links_lead_to_the_source(void **state)
{
	struct fixture *f = *state;
	struct entry entry;
	char text[100];

	f->policy.symbolic_link = true;
	put("s/f", "x");
	entry = entry_of("f");
	entry.link_text = "s/f";
	/* As in cp: a relative text is right only in the current directory. */
	assert_failed(copy(f, &entry), STAGE_RELATIVE_LINK);
	assert_int_equal(count_entries("d"), 0);
	snprintf(text, sizeof text, "%s/s/f", f->root);
	entry.link_text = text;
	assert_status(copy(f, &entry), OUTCOME_COPIED);
	assert_link("d/f", text);
	assert_failed(copy(f, &entry), STAGE_SYMLINK);
	f->policy.force = true;
	assert_status(copy(f, &entry), OUTCOME_COPIED);
	f->policy.force = false;
	assert_int_equal(unlink("d/f"), 0);
	assert_int_equal(chdir("d"), 0);
	entry.link_text = "../s/f";
	assert_status(copy(f, &entry), OUTCOME_COPIED);
	assert_link("f", "../s/f");
}

static void a_followed_link_is_what_it_leads_to(void **state)
{
	struct fixture *f = *state;
	struct entry entry;
	struct stat st;

	put("target", "followed");
	assert_int_equal(symlink("../target", "s/l"), 0);
	st = look("target");
	entry = entry_of("l");
	entry.follow = true;
	entry.mode = st.st_mode;
	entry.ino = st.st_ino;
	assert_status(copy(f, &entry), OUTCOME_COPIED);
	assert_true(S_ISREG(look("d/l").st_mode));
	assert_text("d/l", "followed");
	/* Without asking to follow, this is a swapped source. */
	entry.follow = false;
	assert_failed(copy(f, &entry), STAGE_SOURCE_CHANGED);
	/* A dangling one, as the scan reports it under -L. */
	assert_int_equal(unlink("target"), 0);
	entry = entry_of("l");
	entry.follow = true;
	struct outcome outcome = copy(f, &entry);
	assert_failed(outcome, STAGE_STAT_SOURCE);
	assert_int_equal(outcome.err, ENOENT);
}

/* What mknod and symlink answer instead of being made; 0: the real ones. */
static int refuse_with;

int __real_mknodat(int fd, const char *name, mode_t mode, dev_t dev);
int __wrap_mknodat(int fd, const char *name, mode_t mode, dev_t dev);
int __real_symlinkat(const char *text, int fd, const char *name);
int __wrap_symlinkat(const char *text, int fd, const char *name);

int __wrap_mknodat(int fd, const char *name, mode_t mode, dev_t dev)
{
	errno = refuse_with;
	return refuse_with ? -1 : __real_mknodat(fd, name, mode, dev);
}

int __wrap_symlinkat(const char *text, int fd, const char *name)
{
	errno = refuse_with;
	return refuse_with ? -1 : __real_symlinkat(text, fd, name);
}

/* vfat: EPERM for every kind; but EPERM where nothing can be made is a failure. */
static void what_a_file_system_has_no_place_for_is_a_loss(void **state)
{
	static const int refusals[] = { EPERM, EOPNOTSUPP, ENOSYS };
	struct fixture *f = *state;
	struct outcome outcome;

	assert_int_equal(symlink("x", "s/l"), 0);
	assert_int_equal(mkfifo("s/p", 0644), 0);
	for (int i = 0; i < 6; i++) {
		f->place.made = i % 2;
		refuse_with = refusals[i / 2];
		outcome = copy_name(f, "l");
		assert_status(outcome, OUTCOME_COPIED);
		assert_int_equal(outcome.lost, LOSS_BIT(LOSS_SYMLINK));
		outcome = copy_name(f, "p");
		assert_status(outcome, OUTCOME_COPIED);
		assert_int_equal(outcome.lost, LOSS_BIT(LOSS_SPECIAL));
	}
	refuse_with = EACCES;
	assert_failed(copy_name(f, "p"), STAGE_CREATE);
	refuse_with = EINVAL;
	assert_failed(copy_name(f, "p"), STAGE_CREATE);
	if (make_special("s/c", 2)) { /* a number too big for xfs */
		outcome = copy_name(f, "c");
		assert_status(outcome, OUTCOME_COPIED);
		assert_int_equal(outcome.lost, LOSS_BIT(LOSS_SPECIAL));
	}
	assert_int_equal(count_entries("d"), 0);
	/* A directory that is gone takes nothing. */
	refuse_with = EPERM;
	assert_int_equal(rmdir("d"), 0);
	assert_failed(copy_name(f, "p"), STAGE_CREATE);
	refuse_with = 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(symlinks_are_copied_as_they_are),
		TEST(special_files_are_copied_as_they_are),
		TEST(what_a_file_system_has_no_place_for_is_a_loss),
		TEST(a_device_nobody_may_make_is_a_failure),
		TEST(a_further_name_becomes_a_link),
		TEST(a_further_name_obeys_the_rules_for_what_is_there),
		TEST(a_name_linked_meanwhile_leaves_no_temporary_one),
		TEST(a_link_that_is_there_is_not_backed_up),
		TEST(without_a_first_copy_there_is_a_copy),
		TEST(a_link_to_what_is_no_longer_our_copy_is_taken_back),
		TEST(too_many_links_make_a_copy),
		TEST(links_are_made_of_the_source),
		TEST(a_link_to_the_destination_does_not_take_its_place),
		TEST(a_link_of_a_swapped_source_is_taken_back),
		TEST(symbolic_links_lead_to_the_source),
		TEST(a_followed_link_is_what_it_leads_to),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
