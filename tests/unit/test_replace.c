/* replace: backups as cp makes them, and names that have to be free. */
#include "copy_fixture.h"

/* What these answer instead of being made; 0: the real ones. */
static int refuse_noreplace, refuse_links, fail_rename;

int __real_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);
int __wrap_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags);
int __real_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to);
int __real_linkat(int from_fd, const char *from, int to_fd, const char *to, int flags);
int __wrap_linkat(int from_fd, const char *from, int to_fd, const char *to, int flags);

int __wrap_renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
	errno = refuse_noreplace;
	return refuse_noreplace ? -1 : __real_renameat2(from_fd, from, to_fd, to, flags);
}

int __wrap_renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	/* The rename that publishes, not one that makes a backup. */
	if (fail_rename && temp_name_is_ours(from)) {
		errno = fail_rename;
		return -1;
	}
	return __real_renameat(from_fd, from, to_fd, to);
}

int __wrap_linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
	errno = refuse_links;
	return refuse_links ? -1 : __real_linkat(from_fd, from, to_fd, to, flags);
}

/* NFS and some FUSE file systems have no RENAME_NOREPLACE, and some no links either. */
static void a_free_name_is_taken_without_noreplace_too(void **state)
{
	static const int refusals[][2] = { { EINVAL, 0 }, { ENOSYS, 0 }, { EINVAL, EPERM }, { EPERM, EOPNOTSUPP } };
	struct fixture *f = *state;

	f->policy.atomic = true;
	put("s/a", "new");
	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
		refuse_noreplace = refusals[i][0];
		refuse_links = refusals[i][1];
		f->place.made = true;
		assert_status(copy_name(f, "a"), OUTCOME_COPIED);
		assert_text("d/a", "new");
		assert_int_equal(look("d/a").st_nlink, 1);
		assert_int_equal(count_entries("d"), 1);
		/* And a taken one is not. */
		put("d/a", "theirs");
		assert_failed(copy_name(f, "a"), STAGE_JUST_CREATED);
		assert_text("d/a", "theirs");
		assert_int_equal(count_entries("d"), 1);
		assert_int_equal(unlink("d/a"), 0);
	}
	/* Not everything is a missing call. */
	refuse_noreplace = EIO;
	refuse_links = 0;
	assert_failed(copy_name(f, "a"), STAGE_RENAME);
	assert_int_equal(count_entries("d"), 0);
	refuse_noreplace = 0;
}

static void backups_are_made_without_links_too(void **state)
{
	static const int refusals[] = { EPERM, EOPNOTSUPP, EMLINK };
	struct fixture *f = *state;

	put("s/f", "new");
	for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++) {
		refuse_links = refusals[i];
		put("d/f", "old");
		put("d/f~", "older");
		f->policy.backup = BACKUP_SIMPLE;
		assert_status(copy_name(f, "f"), OUTCOME_COPIED);
		assert_text("d/f", "new");
		assert_text("d/f~", "old");
		f->policy.backup = BACKUP_NUMBERED;
		assert_status(copy_name(f, "f"), OUTCOME_COPIED);
		assert_text("d/f.~1~", "new");
		assert_int_equal(count_entries("d"), 3);
		assert_int_equal(unlink("d/f.~1~"), 0);
	}
	/* A backup that cannot be made is a failure, and the old file stays. */
	refuse_links = EIO;
	put("d/f", "old");
	assert_failed(copy_name(f, "f"), STAGE_BACKUP);
	assert_text("d/f", "old");
	assert_int_equal(count_entries("d"), 2);
	refuse_links = 0;
}

static void a_failed_rename_gives_the_old_name_back(void **state)
{
	struct fixture *f = *state;

	put("s/f", "new");
	put("d/f", "old");
	fail_rename = EIO;
	for (int links = 0; links < 2; links++) {
		refuse_links = links ? 0 : EPERM;
		f->policy.backup = BACKUP_NUMBERED;
		assert_failed(copy_name(f, "f"), STAGE_RENAME);
		assert_text("d/f", "old");
		assert_int_equal(count_entries("d"), 1);
	}
	refuse_links = EPERM;
	f->policy.backup = BACKUP_SIMPLE;
	assert_failed(copy_name(f, "f"), STAGE_RENAME);
	assert_text("d/f", "old");
	assert_int_equal(count_entries("d"), 1);
	refuse_links = fail_rename = 0;
}

static void backups_are_named_as_cp_names_them(void **state)
{
	struct fixture *f = *state;

	put("s/f", "3");
	put("d/f", "1");
	put("d/f~", "0");
	f->policy.backup = BACKUP_SIMPLE;
	assert_status(copy_name(f, "f"), OUTCOME_COPIED);
	assert_text("d/f~", "1");
	f->policy.backup = BACKUP_EXISTING;
	put("d/f", "2");
	assert_status(copy_name(f, "f"), OUTCOME_COPIED);
	assert_text("d/f~", "2");
	f->policy.backup = BACKUP_NUMBERED;
	assert_status(copy_name(f, "f"), OUTCOME_COPIED);
	assert_text("d/f.~1~", "3");
	/* Higher than the highest, gaps or not; and not what only looks like one. */
	put("d/f.~9~", "");
	put("d/f.~10~", "");
	put("d/f.~077~", "");
	put("d/f.~99~x", "");
	put("d/f.~99", "");
	put("d/ff.~99~", "");
	assert_status(copy_name(f, "f"), OUTCOME_COPIED);
	assert_text("d/f.~11~", "3");
	f->policy.backup = BACKUP_EXISTING;
	assert_status(copy_name(f, "f"), OUTCOME_COPIED);
	assert_text("d/f.~12~", "3");
	assert_text("d/f~", "2");
	f->policy.backup = BACKUP_SIMPLE;
	f->policy.backup_suffix = ".orig";
	assert_status(copy_name(f, "f"), OUTCOME_COPIED);
	assert_text("d/f.orig", "3");
	/* d/f, f~, f.orig, f.~1~ ~11~ ~12~, and the six above. */
	assert_int_equal(count_entries("d"), 12);
}

static void a_backup_keeps_the_old_inode_and_a_new_name_needs_none(void **state)
{
	struct fixture *f = *state;
	struct stat old;

	f->policy.backup = BACKUP_SIMPLE;
	put("s/f", "new");
	assert_status(copy_name(f, "f"), OUTCOME_COPIED);
	assert_int_equal(count_entries("d"), 1);
	old = look("d/f");
	assert_status(copy_name(f, "f"), OUTCOME_COPIED);
	assert_int_equal(look("d/f~").st_ino, old.st_ino);
	/* A link is backed up as a link, dangling or not. */
	assert_int_equal(unlink("d/f"), 0);
	assert_int_equal(symlink("nowhere", "d/f"), 0);
	assert_status(copy_name(f, "f"), OUTCOME_COPIED);
	assert_link("d/f~", "nowhere");
	/* The old backup is another name of the file that is backed up. */
	assert_int_equal(unlink("d/f~"), 0);
	assert_int_equal(link("d/f", "d/f~"), 0);
	assert_status(copy_name(f, "f"), OUTCOME_COPIED);
	assert_int_equal(look("d/f~").st_nlink, 1);
	assert_int_equal(count_entries("d"), 2);
}

static void a_backup_never_destroys_the_source_or_a_special_file(void **state)
{
	struct fixture *f = *state;
	struct entry entry;

	f->policy.backup = BACKUP_SIMPLE;
	/* cp --backup=simple f~ f, in one directory. */
	put("s/f", "old");
	put("s/f~", "source");
	dup2(f->place.src_fd, f->place.dst_fd);
	entry = entry_of("f~");
	entry.dst_name = "f";
	assert_failed(copy(f, &entry), STAGE_BACKUP);
	assert_text("s/f", "old");
	assert_text("s/f~", "source");
	/* With numbers nothing is destroyed. */
	f->policy.backup = BACKUP_NUMBERED;
	assert_status(copy(f, &entry), OUTCOME_COPIED);
	assert_text("s/f.~1~", "old");
	f->policy.backup = BACKUP_SIMPLE;
	put("s/g", "g");
	put("s/h", "h");
	assert_int_equal(mkfifo("s/g~", 0600), 0);
	entry = entry_of("h");
	entry.dst_name = "g";
	assert_failed(copy(f, &entry), STAGE_BACKUP);
	assert_true(S_ISFIFO(look("s/g~").st_mode));
	assert_text("s/g", "g");
	assert_int_equal(unlink("s/g~"), 0);
	assert_int_equal(mkdir("s/g~", 0755), 0);
	assert_failed(copy(f, &entry), STAGE_BACKUP);
	assert_text("s/g", "g");
	assert_int_equal(count_entries("s"), 6);
}

static void a_backup_name_too_long_is_an_error(void **state)
{
	struct fixture *f = *state;
	char name[256], path[300];

	memset(name, 'x', 255);
	name[255] = '\0';
	snprintf(path, sizeof path, "s/%s", name);
	put(path, "new");
	*path = 'd';
	put(path, "old");
	f->policy.backup = BACKUP_SIMPLE;
	assert_failed(copy_name(f, name), STAGE_BACKUP);
	f->policy.backup = BACKUP_NUMBERED;
	assert_failed(copy_name(f, name), STAGE_BACKUP);
	assert_text(path, "old");
	assert_int_equal(count_entries("d"), 1);
}

static void a_name_taken_in_a_directory_we_made_is_just_created(void **state)
{
	struct fixture *f = *state;

	made(f);
	put("s/a", "new");
	put("d/a", "theirs");
	assert_failed(copy_name(f, "a"), STAGE_JUST_CREATED);
	f->policy.atomic = true;
	assert_failed(copy_name(f, "a"), STAGE_JUST_CREATED);
	f->policy.atomic = false;
	assert_int_equal(truncate("s/a", 1 << 20), 0);
	assert_failed(copy_name(f, "a"), STAGE_JUST_CREATED);
	assert_text("d/a", "theirs");
	assert_int_equal(symlink("x", "s/l"), 0);
	put("d/l", "theirs");
	assert_failed(copy_name(f, "l"), STAGE_JUST_CREATED);
	assert_text("d/l", "theirs");
	assert_int_equal(count_entries("d"), 2);
}

static void the_same_file_is_made_a_copy_where_cp_does(void **state)
{
	struct fixture *f = *state;

	put("s/f", "x");
	assert_int_equal(link("s/f", "d/f"), 0);
	f->policy.remove_destination = true;
	assert_status(copy_name(f, "f"), OUTCOME_COPIED);
	f->policy.remove_destination = false;
	assert_int_not_equal(look("d/f").st_ino, look("s/f").st_ino);
	assert_int_equal(unlink("d/f"), 0);
	assert_int_equal(link("s/f", "d/f"), 0);
	f->policy.backup = BACKUP_SIMPLE;
	assert_status(copy_name(f, "f"), OUTCOME_COPIED);
	assert_int_not_equal(look("d/f").st_ino, look("s/f").st_ino);
	assert_int_equal(look("d/f~").st_ino, look("s/f").st_ino);
	f->policy.backup = BACKUP_NONE;
	/* Two names of one symlink: nothing to do, but for a backup. */
	assert_int_equal(symlink("q", "s/l"), 0);
	assert_int_equal(link("s/l", "d/l"), 0);
	assert_status(copy_name(f, "l"), OUTCOME_COPIED);
	assert_int_equal(look("d/l").st_ino, look("s/l").st_ino);
	f->policy.backup = BACKUP_SIMPLE;
	assert_status(copy_name(f, "l"), OUTCOME_COPIED);
	assert_int_equal(look("d/l~").st_ino, look("s/l").st_ino);
	assert_link("d/l", "q");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_free_name_is_taken_without_noreplace_too),
		TEST(backups_are_made_without_links_too),
		TEST(a_failed_rename_gives_the_old_name_back),
		TEST(backups_are_named_as_cp_names_them),
		TEST(a_backup_keeps_the_old_inode_and_a_new_name_needs_none),
		TEST(a_backup_never_destroys_the_source_or_a_special_file),
		TEST(a_backup_name_too_long_is_an_error),
		TEST(a_name_taken_in_a_directory_we_made_is_just_created),
		TEST(the_same_file_is_made_a_copy_where_cp_does),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
