/* existing: what becomes of a name that is taken, for each thing in the way and each policy. */
#include "copy_fixture.h"

#include <limits.h>

#include "copy/existing.h"

static void an_existing_file_is_replaced_not_written_to(void **state)
{
	struct fixture *f = *state;
	int reader;

	put("s/a", "new");
	put("d/a", "old");
	assert_int_equal(link("d/a", "other-name"), 0);
	reader = open("d/a", O_RDONLY);
	assert_status(copy_name(f, "a"), OUTCOME_COPIED);
	assert_text("d/a", "new");
	assert_text("other-name", "old");
	close(reader);
	assert_int_equal(count_entries("d"), 1);
}

static void a_directory_is_never_replaced(void **state)
{
	static const char *const names[] = { "f", "l", "p" };
	struct fixture *f = *state;

	put("s/f", "");
	assert_int_equal(symlink("x", "s/l"), 0);
	assert_int_equal(mkfifo("s/p", 0644), 0);
	for (int i = 0; i < 3; i++) {
		char path[10];

		snprintf(path, sizeof path, "d/%s", names[i]);
		assert_int_equal(mkdir(path, 0755), 0);
		assert_failed(copy_name(f, names[i]), STAGE_IS_DIRECTORY);
		f->policy.remove_destination = f->policy.force = true;
		f->policy.backup = BACKUP_NUMBERED;
		assert_failed(copy_name(f, names[i]), STAGE_IS_DIRECTORY);
		f->policy.remove_destination = f->policy.force = false;
		f->policy.backup = BACKUP_NONE;
		assert_true(S_ISDIR(look(path).st_mode));
	}
	assert_int_equal(count_entries("d"), 3);
}

static void a_special_file_in_the_way_is_left_alone(void **state)
{
	struct fixture *f = *state;

	put("s/x", "data");
	for (int i = 0; i < 4; i++) {
		struct stat before;

		if (!make_special("d/x", i))
			continue;
		before = look("d/x");
		assert_failed(copy_name(f, "x"), STAGE_SPECIAL_IN_THE_WAY);
		f->policy.force = true;
		f->policy.backup = BACKUP_SIMPLE;
		assert_failed(copy_name(f, "x"), STAGE_SPECIAL_IN_THE_WAY);
		f->policy.force = false;
		f->policy.backup = BACKUP_NONE;
		assert_int_equal(look("d/x").st_ino, before.st_ino);
		assert_int_equal(count_entries("d"), 1);
		f->policy.remove_destination = true;
		assert_status(copy_name(f, "x"), OUTCOME_COPIED);
		f->policy.remove_destination = false;
		assert_text("d/x", "data");
		assert_int_equal(unlink("d/x"), 0);
	}
}

static void a_special_file_that_is_a_copy_already_is_up_to_date(void **state)
{
	struct fixture *f = *state;
	struct stat before;

	assert_int_equal(mkfifo("s/p", 0640), 0);
	assert_status(copy_name(f, "p"), OUTCOME_COPIED);
	before = look("d/p");
	assert_int_equal(before.st_mode, S_IFIFO | 0640);
	assert_status(copy_name(f, "p"), OUTCOME_UP_TO_DATE);
	assert_int_equal(look("d/p").st_ino, before.st_ino);
	/* Of another time, it is somebody else's. */
	set_mtime("d/p", 5, 0);
	assert_failed(copy_name(f, "p"), STAGE_SPECIAL_IN_THE_WAY);
	assert_int_equal(look("d/p").st_ino, before.st_ino);
}

static void a_link_in_the_way_is_replaced_not_written_through(void **state)
{
	struct fixture *f = *state;

	put("s/f", "new");
	put("outside", "precious");
	assert_int_equal(symlink("../outside", "d/f"), 0);
	assert_status(copy_name(f, "f"), OUTCOME_COPIED);
	assert_text("outside", "precious");
	assert_true(S_ISREG(look("d/f").st_mode));
	assert_int_equal(unlink("d/f"), 0);
	assert_int_equal(symlink("/dev/full", "d/f"), 0);
	assert_status(copy_name(f, "f"), OUTCOME_COPIED);
	assert_true(S_ISREG(look("d/f").st_mode));
}

/* As cp: not through a dangling link, and not onto a directory through one. */
static void a_dangling_link_in_the_way_is_an_error(void **state)
{
	struct fixture *f = *state;

	put("s/f", "new");
	assert_int_equal(symlink("../nowhere", "d/f"), 0);
	assert_failed(copy_name(f, "f"), STAGE_DANGLING);
	f->policy.force = true;
	assert_failed(copy_name(f, "f"), STAGE_DANGLING);
	f->policy.force = false;
	assert_link("d/f", "../nowhere");
	assert_true(is_absent("nowhere"));
	f->policy.remove_destination = true;
	assert_status(copy_name(f, "f"), OUTCOME_COPIED);
	f->policy.remove_destination = false;
	assert_true(is_absent("nowhere"));

	assert_int_equal(unlink("d/f"), 0);
	assert_int_equal(symlink("f", "d/f"), 0);
	assert_failed(copy_name(f, "f"), STAGE_DANGLING);
	f->policy.force = true;
	assert_status(copy_name(f, "f"), OUTCOME_COPIED);
	f->policy.force = false;

	assert_int_equal(unlink("d/f"), 0);
	assert_int_equal(symlink("../s", "d/f"), 0);
	assert_failed(copy_name(f, "f"), STAGE_IS_DIRECTORY);
	assert_link("d/f", "../s");
}

static void the_same_file_is_refused(void **state)
{
	struct fixture *f = *state;

	put("s/f", "x");
	assert_int_equal(link("s/f", "d/f"), 0);
	assert_failed(copy_name(f, "f"), STAGE_SAME_FILE);
	f->policy.force = true;
	assert_failed(copy_name(f, "f"), STAGE_SAME_FILE);
	f->policy.force = false;
	/* Through a link. */
	assert_int_equal(unlink("d/f"), 0);
	assert_int_equal(symlink("../s/f", "d/f"), 0);
	assert_failed(copy_name(f, "f"), STAGE_SAME_FILE);
	/* Through a link, the other way round: the result would be a link to itself. */
	assert_int_equal(symlink("../d/g", "s/g"), 0);
	put("d/g", "precious");
	assert_failed(copy_name(f, "g"), STAGE_SAME_FILE);
	assert_text("d/g", "precious");
	assert_text("s/f", "x");
}

static void the_very_name_is_refused_whatever_the_options(void **state)
{
	struct fixture *f = *state;
	struct entry entry;

	put("s/f", "x");
	assert_int_equal(symlink("q", "s/l"), 0);
	dup2(f->place.src_fd, f->place.dst_fd);
	for (int i = 0; i < 3; i++) {
		f->policy.remove_destination = i == 1;
		f->policy.backup = i == 2 ? BACKUP_NUMBERED : BACKUP_NONE;
		entry = entry_of("f");
		assert_failed(copy(f, &entry), STAGE_SAME_FILE);
		entry = entry_of("l");
		assert_failed(copy(f, &entry), STAGE_SAME_FILE);
	}
	assert_text("s/f", "x");
	assert_int_equal(count_entries("s"), 2);
}

static void update_none_leaves_what_is_there(void **state)
{
	struct fixture *f = *state;

	put("s/f", "new");
	assert_int_equal(symlink("x", "s/l"), 0);
	put("s/free", "free");
	put("s/dir", "");
	put("d/f", "old");
	put("d/l", "old");
	assert_int_equal(mkdir("d/dir", 0755), 0);
	f->policy.update = UPDATE_NONE;
	assert_status(copy_name(f, "f"), OUTCOME_SKIPPED);
	assert_status(copy_name(f, "l"), OUTCOME_SKIPPED);
	assert_status(copy_name(f, "dir"), OUTCOME_SKIPPED);
	assert_status(copy_name(f, "free"), OUTCOME_COPIED);
	f->policy.update = UPDATE_NONE_FAIL;
	assert_failed(copy_name(f, "f"), STAGE_EXISTS);
	assert_failed(copy_name(f, "l"), STAGE_EXISTS);
	assert_text("d/f", "old");
	assert_text("d/l", "old");
	assert_int_equal(count_entries("d"), 4);
}

/* cp writes into what is there, whose owner and mode then stay where they are not preserved. */
static void what_is_replaced_hands_its_owner_and_mode_down(void **state)
{
	struct fixture *f = *state;
	const bool root = geteuid() == 0;

	put("s/f", "new");
	assert_int_equal(chmod("s/f", 0644), 0);
	f->policy.preserve &= ~(unsigned)(PRESERVE_MODE | PRESERVE_OWNERSHIP);
	put("d/f", "old");
	assert_int_equal(chmod("d/f", 0600), 0);
	if (root)
		assert_int_equal(chown("d/f", 12, 34), 0);
	assert_status(copy_name(f, "f"), OUTCOME_COPIED);
	assert_text("d/f", "new");
	assert_int_equal(look("d/f").st_mode, S_IFREG | 0600);
	if (root)
		assert_true(look("d/f").st_uid == 12 && look("d/f").st_gid == 34);
	/* A new file, as in cp: the umask has its say again. */
	f->policy.remove_destination = true;
	assert_status(copy_name(f, "f"), OUTCOME_COPIED);
	assert_int_equal(look("d/f").st_mode, S_IFREG | 0644);
	assert_int_equal(look("d/f").st_uid, geteuid());
	f->policy.remove_destination = false;
	/* Preserved is preserved. */
	assert_int_equal(chmod("d/f", 0600), 0);
	f->policy.preserve = PRESERVE_ALL;
	assert_status(copy_name(f, "f"), OUTCOME_COPIED);
	assert_int_equal(look("d/f").st_mode, S_IFREG | 0644);
}

static void update_older_replaces_only_what_is_older(void **state)
{
	struct fixture *f = *state;

	f->policy.update = UPDATE_OLDER;
	put("s/f", "new");
	put("d/f", "old");
	set_mtime("s/f", 2000000000, 500);
	set_mtime("d/f", 2000000000, 501);
	assert_status(copy_name(f, "f"), OUTCOME_SKIPPED);
	set_mtime("d/f", 2000000000, 500);
	assert_status(copy_name(f, "f"), OUTCOME_SKIPPED);
	set_mtime("d/f", 2000000001, 0);
	assert_status(copy_name(f, "f"), OUTCOME_SKIPPED);
	assert_text("d/f", "old");
	set_mtime("d/f", 2000000000, 499);
	assert_status(copy_name(f, "f"), OUTCOME_COPIED);
	assert_text("d/f", "new");
	/* The link's own time for a link, what it leads to for a file. */
	assert_int_equal(symlink("x", "s/l"), 0);
	put("d/l", "old");
	set_mtime("s/l", 100, 0);
	set_mtime("d/l", 100, 0);
	assert_status(copy_name(f, "l"), OUTCOME_SKIPPED);
	set_mtime("d/l", 99, 0);
	assert_status(copy_name(f, "l"), OUTCOME_COPIED);
	put("s/g", "g");
	put("target", "t");
	set_mtime("s/g", 100, 0);
	set_mtime("target", 100, 0);
	assert_int_equal(symlink("../target", "d/g"), 0);
	set_mtime("d/g", 1, 0);
	assert_status(copy_name(f, "g"), OUTCOME_SKIPPED);
}

static void coarse_times_are_compared_as_coarse(void **state)
{
	struct stat fine = { 0 }, coarse = { 0 };

	(void)state;
	fine.st_mtim = (struct timespec){ .tv_sec = 100, .tv_nsec = 123456789 };
	/* A file system whose own stamps have nanoseconds holds these two apart. */
	coarse.st_mtim.tv_sec = 100;
	coarse.st_ctim.tv_nsec = 987654321;
	assert_true(existing_compare_mtime(&coarse, &fine) < 0);
	/* One that has only seconds cannot. */
	coarse.st_ctim.tv_nsec = 0;
	assert_int_equal(existing_compare_mtime(&coarse, &fine), 0);
	/* Microseconds, and 100 ns. */
	coarse.st_ctim.tv_nsec = 987654000;
	coarse.st_mtim.tv_nsec = 123456000;
	assert_int_equal(existing_compare_mtime(&coarse, &fine), 0);
	coarse.st_mtim.tv_nsec = 123455000;
	assert_true(existing_compare_mtime(&coarse, &fine) < 0);
	coarse.st_mtim.tv_nsec = 123457000;
	assert_true(existing_compare_mtime(&coarse, &fine) > 0);
	coarse.st_ctim.tv_nsec = 987654300;
	coarse.st_mtim.tv_nsec = 123456700;
	assert_int_equal(existing_compare_mtime(&coarse, &fine), 0);
	/* Zeros at the end of a ctime by chance. */
	coarse.st_mtim.tv_nsec = 123456789;
	assert_int_equal(existing_compare_mtime(&coarse, &fine), 0);
	coarse.st_ctim.tv_nsec = 987654320;
	coarse.st_mtim.tv_nsec = 123456780;
	assert_true(existing_compare_mtime(&coarse, &fine) < 0);
	coarse.st_mtim.tv_sec = 99;
	assert_true(existing_compare_mtime(&coarse, &fine) < 0);
	coarse.st_mtim.tv_sec = 101;
	assert_true(existing_compare_mtime(&coarse, &fine) > 0);
}

static void what_is_complete_is_left_untouched(void **state)
{
	struct fixture *f = *state;
	struct stat before[3], after;
	static const char *const names[] = { "f", "l", "p" };

	put("s/f", "data");
	assert_int_equal(symlink("x", "s/l"), 0);
	assert_int_equal(mkfifo("s/p", 0600), 0);
	f->policy.update = UPDATE_DIFFERENT;
	for (int i = 0; i < 3; i++) {
		char path[10];

		assert_status(copy_name(f, names[i]), OUTCOME_COPIED);
		snprintf(path, sizeof path, "d/%s", names[i]);
		before[i] = look(path);
	}
	begin_run(f); /* later changes would show in ctime */
	for (int i = 0; i < 3; i++) {
		char path[10];

		assert_status(copy_name(f, names[i]), OUTCOME_UP_TO_DATE);
		snprintf(path, sizeof path, "d/%s", names[i]);
		after = look(path);
		assert_int_equal(after.st_ino, before[i].st_ino);
		assert_memory_equal(&after.st_ctim, &before[i].st_ctim, sizeof after.st_ctim);
	}
	/* Another size, another time, another text: replaced. */
	put("d/f", "dat");
	set_mtime("d/f", before[0].st_mtim.tv_sec, before[0].st_mtim.tv_nsec);
	assert_status(copy_name(f, "f"), OUTCOME_COPIED);
	set_mtime("d/f", before[0].st_mtim.tv_sec, before[0].st_mtim.tv_nsec ^ 1);
	assert_status(copy_name(f, "f"), OUTCOME_COPIED);
	assert_int_equal(unlink("d/l"), 0);
	assert_int_equal(symlink("y", "d/l"), 0);
	set_mtime("d/l", before[1].st_mtim.tv_sec, before[1].st_mtim.tv_nsec);
	assert_status(copy_name(f, "l"), OUTCOME_COPIED);
	assert_link("d/l", "x");
}

static void what_this_run_made_is_not_overwritten_by_another_source(void **state)
{
	struct fixture *f = *state;
	struct entry second;

	f->place.shared_name = true;
	put("d/f", "old");
	put("s/f", "first");
	put("s/g", "second");
	assert_int_equal(symlink("x", "s/l"), 0);
	begin_run(f);
	/* What was there before the run is replaced once. */
	assert_status(copy_name(f, "f"), OUTCOME_COPIED);
	second = entry_of("g");
	second.dst_name = "f";
	assert_failed(copy(f, &second), STAGE_JUST_CREATED);
	second = entry_of("l");
	second.dst_name = "f";
	assert_failed(copy(f, &second), STAGE_JUST_CREATED);
	assert_text("d/f", "first");
	/* Also in a directory this run made, and for a dead worker's successor. */
	f->place.made = true;
	assert_failed(copy(f, &second), STAGE_JUST_CREATED);
	second.redo = true;
	assert_failed(copy(f, &second), STAGE_JUST_CREATED);
	second = entry_of("g");
	second.dst_name = "f";
	second.redo = true;
	assert_failed(copy(f, &second), STAGE_JUST_CREATED);
	/* As in cp, unless a numbered backup keeps both. */
	second.redo = false;
	f->place.made = false;
	f->policy.backup = BACKUP_SIMPLE;
	assert_failed(copy(f, &second), STAGE_JUST_CREATED);
	f->policy.backup = BACKUP_NUMBERED;
	assert_status(copy(f, &second), OUTCOME_COPIED);
	assert_text("d/f", "second");
	assert_text("d/f.~1~", "first");
	assert_int_equal(count_entries("d"), 2);
}

static void redone_work_that_was_finished_is_done(void **state)
{
	struct fixture *f = *state;
	struct entry entry;
	struct stat before;
	struct outcome outcome;

	put("s/f", "data");
	put("d/f", "older");
	f->policy.backup = BACKUP_NUMBERED;
	begin_run(f);
	assert_status(copy_name(f, "f"), OUTCOME_COPIED);
	before = look("d/f");
	entry = entry_of("f");
	entry.redo = true;
	outcome = copy(f, &entry);
	assert_status(outcome, OUTCOME_COPIED);
	assert_int_equal(outcome.bytes, 4);
	assert_int_equal(look("d/f").st_ino, before.st_ino);
	assert_text("d/f.~1~", "older");
	assert_int_equal(count_entries("d"), 2); /* no second backup */
	/* Without times, the contents decide. */
	f->policy.preserve &= ~(unsigned)PRESERVE_TIMESTAMPS;
	set_mtime("d/f", 1, 1);
	assert_status(copy(f, &entry), OUTCOME_COPIED);
	assert_int_equal(look("d/f").st_ino, before.st_ino);
	assert_int_equal(count_entries("d"), 2);
	/* In a name that two sources share, they always do. */
	f->policy.preserve = PRESERVE_ALL;
	f->policy.backup = BACKUP_NONE;
	f->place.shared_name = true;
	assert_status(copy(f, &entry), OUTCOME_COPIED);
	assert_int_equal(look("d/f").st_ino, before.st_ino);
	put("d/f", "DATA");
	set_mtime("d/f", look("s/f").st_mtim.tv_sec, look("s/f").st_mtim.tv_nsec);
	assert_failed(copy(f, &entry), STAGE_JUST_CREATED);
}

static void redone_work_replaces_what_the_dead_left(void **state)
{
	static const char *const names[] = { "f", "l", "p" };
	struct fixture *f = *state;

	put("s/f", "whole");
	assert_int_equal(symlink("target", "s/l"), 0);
	assert_int_equal(mkfifo("s/p", 0640), 0);
	set_mtime("s/p", 77, 0);
	begin_run(f);
	made(f);
	/* Half a file; a link and a FIFO without owner, mode and time. */
	put("d/f", "wh");
	assert_int_equal(symlink("target", "d/l"), 0);
	assert_int_equal(mkfifo("d/p", 0600), 0);
	for (int i = 0; i < 3; i++) {
		struct entry entry = entry_of(names[i]);

		assert_failed(copy(f, &entry), STAGE_JUST_CREATED);
		entry.redo = true;
		assert_status(copy(f, &entry), OUTCOME_COPIED);
	}
	assert_text("d/f", "whole");
	assert_link("d/l", "target");
	assert_int_equal(look("d/l").st_mtim.tv_sec, look("s/l").st_mtim.tv_sec);
	assert_int_equal(look("d/p").st_mode, S_IFIFO | 0640);
	assert_int_equal(look("d/p").st_mtim.tv_sec, 77);
	assert_int_equal(count_entries("d"), 3);
	/* -n does not take it for something that was there before. */
	f->policy.update = UPDATE_NONE;
	put("d/f", "wh");
	struct entry entry = entry_of("f");
	entry.redo = true;
	assert_status(copy(f, &entry), OUTCOME_COPIED);
	assert_text("d/f", "whole");
}

static void redone_work_still_respects_what_was_there_before(void **state)
{
	struct fixture *f = *state;
	struct entry entry;

	put("s/f", "new");
	put("d/f", "old");
	assert_int_equal(mkfifo("s/p", 0640), 0);
	assert_int_equal(mkfifo("d/p", 0640), 0);
	set_mtime("d/p", 1, 0);
	begin_run(f);
	f->policy.update = UPDATE_NONE;
	entry = entry_of("f");
	entry.redo = true;
	assert_status(copy(f, &entry), OUTCOME_SKIPPED);
	f->policy.update = UPDATE_ALL;
	entry = entry_of("p");
	entry.redo = true;
	assert_failed(copy(f, &entry), STAGE_SPECIAL_IN_THE_WAY);
}

/* Not after all of it was copied, only to find that the last step is refused. */
static void a_name_the_destination_cannot_hold_is_refused_first(void **state)
{
	struct fixture *f = *state;
	char name[NAME_MAX + 2];
	struct entry entry;

	put("s/big", "");
	assert_int_equal(truncate("s/big", 1 << 20), 0);
	memset(name, 'n', sizeof name);
	name[sizeof name - 1] = '\0';
	entry = entry_of("big");
	entry.dst_name = name;
	made(f);
	struct outcome outcome = copy(f, &entry);

	assert_failed(outcome, STAGE_OPEN_DEST);
	assert_int_equal(outcome.err, ENAMETOOLONG);
	assert_int_equal(count_entries("d"), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_existing_file_is_replaced_not_written_to),
		TEST(a_directory_is_never_replaced),
		TEST(a_special_file_in_the_way_is_left_alone),
		TEST(a_special_file_that_is_a_copy_already_is_up_to_date),
		TEST(a_link_in_the_way_is_replaced_not_written_through),
		TEST(a_dangling_link_in_the_way_is_an_error),
		TEST(the_same_file_is_refused),
		TEST(the_very_name_is_refused_whatever_the_options),
		TEST(update_none_leaves_what_is_there),
		TEST(what_is_replaced_hands_its_owner_and_mode_down),
		TEST(update_older_replaces_only_what_is_older),
		TEST(coarse_times_are_compared_as_coarse),
		TEST(what_is_complete_is_left_untouched),
		TEST(what_this_run_made_is_not_overwritten_by_another_source),
		TEST(redone_work_that_was_finished_is_done),
		TEST(redone_work_replaces_what_the_dead_left),
		TEST(redone_work_still_respects_what_was_there_before),
		TEST(a_name_the_destination_cannot_hold_is_refused_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
