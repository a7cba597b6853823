/* entry: a regular file, the two ways to its name, and a source that is not what it was. */
#include "copy_fixture.h"

#include <sys/wait.h>

static void check_copy(struct fixture *f, const char *way)
{
	struct outcome outcome;
	struct stat src, dst;

	put("s/file", "contents");
	assert_int_equal(chmod("s/file", 04751), 0);
	set_mtime("s/file", 1000000001, 123456789);
	outcome = copy_name(f, "file");
	assert_status(outcome, OUTCOME_COPIED);
	assert_int_equal(outcome.bytes, 8);
	assert_int_equal(outcome.method, DATA_PLAIN);
	assert_int_equal(outcome.lost, 0);
	src = look("s/file");
	dst = look("d/file"); /* before reading it, which may set atime */
	assert_text("d/file", "contents");
	assert_int_equal(dst.st_mode, src.st_mode);
	assert_int_equal(dst.st_uid, src.st_uid);
	assert_int_equal(dst.st_mtim.tv_sec, 1000000001);
	assert_int_equal(dst.st_mtim.tv_nsec, 123456789);
	assert_int_equal(dst.st_atim.tv_sec, 1000000001);
	assert_int_equal(count_entries("d"), 1);
	assert_string_not_equal(way, "");
}

static void copies_in_place(void **state)
{
	made(*state);
	check_copy(*state, "in place");
}

static void copies_by_rename(void **state)
{
	check_copy(*state, "temporary name");
}

static void copies_by_rename_when_atomic(void **state)
{
	struct fixture *f = *state;

	made(f);
	f->policy.atomic = true;
	check_copy(f, "temporary name");
}

static void an_empty_file_is_copied(void **state)
{
	struct fixture *f = *state;
	struct outcome outcome;

	put("s/a", "");
	put("s/b", "");
	outcome = copy_name(f, "a");
	assert_status(outcome, OUTCOME_COPIED);
	assert_int_equal(outcome.method, DATA_NONE);
	made(f);
	assert_status(copy_name(f, "b"), OUTCOME_COPIED);
	assert_int_equal(look("d/a").st_size + look("d/b").st_size, 0);
	assert_int_equal(count_entries("d"), 2);
}

/* Around the size that goes in one write, and holes at each end. */
static void big_and_sparse_files_are_copied(void **state)
{
	static const off_t sizes[] = { 4096, 262143, 262144, 262145, 3 << 20 };
	struct fixture *f = *state;

	made(f);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		char name[20], path[40];
		struct stat src, dst;
		int fd;

		snprintf(name, sizeof name, "full%zu", i);
		snprintf(path, sizeof path, "s/%s", name);
		fd = open(path, O_WRONLY | O_CREAT, 0644);
		for (off_t at = 0; at < sizes[i]; at += 1024) {
			char block[1024];
			size_t n = sizes[i] - at < 1024 ? (size_t)(sizes[i] - at) : 1024;

			memset(block, 'a' + (int)(at / 1024 % 26), sizeof block);
			assert_int_equal(pwrite(fd, block, n, at), n);
		}
		close(fd);
		assert_status(copy_name(f, name), OUTCOME_COPIED);
		assert_int_equal(system("cmp s/full* d/full* 2>/dev/null; for i in s/full*; do cmp $i d/${i#s/} || exit 1; done"),
		                 0);

		snprintf(name, sizeof name, "hole%zu", i);
		snprintf(path, sizeof path, "s/%s", name);
		fd = open(path, O_WRONLY | O_CREAT, 0644);
		assert_int_equal(ftruncate(fd, sizes[i] + (8 << 20)), 0);
		assert_int_equal(pwrite(fd, "x", 1, sizes[i]), 1);
		close(fd);
		assert_status(copy_name(f, name), OUTCOME_COPIED);
		src = look(path);
		*path = 'd';
		dst = look(path);
		assert_int_equal(dst.st_size, src.st_size);
		assert_true(dst.st_blocks <= src.st_blocks + 16);
	}
	assert_int_equal(count_entries("d"), 2 * sizeof sizes / sizeof *sizes);
}

static void odd_names_are_copied(void **state)
{
	static const char *const odd[] = { "a\nb", "\x01\xff\xfe", " ", "-", "...", "*", "%s%n", "\\" };
	struct fixture *f = *state;
	char longest[256];
	size_t n = sizeof odd / sizeof *odd;

	memset(longest, 'x', 255);
	longest[255] = '\0';
	for (int in_place = 0; in_place < 2; in_place++) {
		f->place.made = in_place;
		for (size_t i = 0; i <= n; i++) {
			const char *name = i < n ? odd[i] : longest;
			char path[300];

			snprintf(path, sizeof path, "s/%s", name);
			put(path, name);
			assert_status(copy_name(f, name), OUTCOME_COPIED);
			*path = 'd';
			assert_text(path, name);
			assert_int_equal(unlink(path), 0);
		}
	}
}

static void what_nobody_may_read_is_copied_by_root_alone(void **state)
{
	struct fixture *f = *state;

	put("s/secret", "s");
	assert_int_equal(chmod("s/secret", 0), 0);
	if (geteuid() != 0)
		skip();
	assert_status(copy_name(f, "secret"), OUTCOME_COPIED);
	assert_int_equal(look("d/secret").st_mode & 07777, 0);
	assert_int_equal(unlink("d/secret"), 0);
	assert_int_equal(chmod("d", 0777), 0);
	assert_int_equal(seteuid(65534), 0);
	struct outcome outcome = copy_name(f, "secret");
	assert_int_equal(seteuid(0), 0);
	assert_failed(outcome, STAGE_OPEN_SOURCE);
	assert_int_equal(outcome.err, EACCES);
	assert_int_equal(count_entries("d"), 0);
}

static void an_unwritable_directory_is_a_failure_to_create(void **state)
{
	struct fixture *f = *state;

	if (geteuid() != 0)
		skip();
	put("s/a", "a");
	for (int in_place = 0; in_place < 2; in_place++) {
		f->place.made = in_place;
		assert_int_equal(seteuid(65534), 0);
		struct outcome outcome = copy_name(f, "a");
		assert_int_equal(seteuid(0), 0);
		assert_failed(outcome, STAGE_CREATE);
		assert_int_equal(outcome.err, EACCES);
	}
	assert_int_equal(count_entries("d"), 0);
}

/* /proc says 0 and /sys says 4096, whatever there is to read. */
static void a_file_that_lies_about_its_size_is_read_to_its_end(void **state)
{
	static const char *const dirs[][2] = { { "/proc/self", "status" }, { "/sys/kernel/mm/transparent_hugepage", "enabled" } };
	struct fixture *f = *state;
	unsigned done = 0;

	for (size_t i = 0; i < 2; i++) {
		int fd = open(dirs[i][0], O_RDONLY | O_DIRECTORY);
		struct entry entry = { .src_name = dirs[i][1], .dst_name = i ? "sys" : "proc" };
		struct stat st;

		if (fd < 0 || fstatat(fd, dirs[i][1], &st, 0) < 0)
			continue;
		entry.mode = st.st_mode;
		entry.dev = st.st_dev;
		entry.ino = st.st_ino;
		entry.size = (uint64_t)st.st_size;
		dup2(fd, f->place.src_fd);
		close(fd);
		for (int in_place = 0; in_place < 2; in_place++) {
			struct outcome outcome;

			f->place.made = in_place;
			outcome = copy(f, &entry);
			assert_status(outcome, OUTCOME_COPIED);
			assert_true(outcome.bytes > 10);
			assert_int_equal(outcome.bytes, look(i ? "d/sys" : "d/proc").st_size);
			assert_int_equal(unlink(i ? "d/sys" : "d/proc"), 0);
		}
		done++;
	}
	if (done == 0)
		skip();
}

static void check_swapped(struct fixture *f, const struct entry *entry)
{
	for (int in_place = 0; in_place < 2; in_place++) {
		f->place.made = in_place;
		assert_failed(copy(f, entry), STAGE_SOURCE_CHANGED);
	}
	assert_int_equal(count_entries("d"), 0);
}

static void a_source_swapped_after_the_scan_is_refused(void **state)
{
	struct fixture *f = *state;
	struct entry file, link, fifo;

	put("secret", "not to be read");
	put("s/f", "1");
	assert_int_equal(symlink("x", "s/l"), 0);
	assert_int_equal(mkfifo("s/p", 0644), 0);
	file = entry_of("f");
	link = entry_of("l");
	fifo = entry_of("p");
	/* The old inodes stay alive, so that none of their numbers comes back. */
	assert_int_equal(rename("s/f", "old-f"), 0);
	assert_int_equal(rename("s/l", "old-l"), 0);
	assert_int_equal(rename("s/p", "old-p"), 0);

	check_swapped(f, &file); /* nothing there */
	check_swapped(f, &link);
	check_swapped(f, &fifo);
	assert_int_equal(symlink("../secret", "s/f"), 0); /* a symlink, with something to steal */
	check_swapped(f, &file);
	assert_int_equal(unlink("s/f"), 0);
	put("s/f", "2"); /* another file */
	check_swapped(f, &file);
	assert_int_equal(unlink("s/f"), 0);
	assert_int_equal(mkdir("s/f", 0755), 0); /* a directory */
	check_swapped(f, &file);
	assert_int_equal(rmdir("s/f"), 0);
	assert_int_equal(mkfifo("s/f", 0644), 0); /* a FIFO nobody writes to: must not hang */
	check_swapped(f, &file);
	assert_int_equal(symlink("y", "s/l"), 0); /* another link */
	check_swapped(f, &link);
	put("s/p", "");
	check_swapped(f, &fifo);
}

/* Grows, is cut or is written over while it is copied, in the first @changes attempts. */
struct meddler {
	int changes;
	bool cut, overwrite;
	int seen;
};

static int meddle(uint64_t bytes, void *arg)
{
	struct meddler *meddler = arg;

	(void)bytes;
	if (meddler->changes > 0 && meddler->seen++ == 0) {
		int fd = open("s/log", meddler->overwrite ? O_WRONLY : O_WRONLY | O_APPEND);

		if (meddler->overwrite)
			assert_int_equal(pwrite(fd, "!", 1, 0), 1);
		else if (meddler->cut)
			assert_int_equal(ftruncate(fd, 600000), 0);
		else
			assert_int_equal(write(fd, "more", 4), 4);
		close(fd);
	}
	return 0;
}

/* Called at the start of an attempt: the next step meddles again. */
static void next_attempt(int activity, void *arg)
{
	struct meddler *meddler = arg;

	if (activity == COPY_ACTIVITY_WRITE && meddler->seen > 0) {
		meddler->changes--;
		meddler->seen = 0;
	}
}

static struct outcome copy_meddled(struct fixture *f, struct meddler *meddler)
{
	int fd = open("s/log", O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_int_equal(ftruncate(fd, 0), 0);
	for (int i = 0; i < 700; i++) {
		char block[1000];

		memset(block, 'a' + i % 26, sizeof block);
		assert_int_equal(write(fd, block, sizeof block), sizeof block);
	}
	close(fd);
	data_free(f->copier.data);
	assert_int_equal(data_new(&f->policy, meddle, meddler, &f->copier.data), 0);
	f->copier.activity = next_attempt;
	f->copier.activity_arg = meddler;
	return copy_name(f, "log");
}

static void a_source_that_changes_once_is_copied_at_the_second_attempt(void **state)
{
	struct fixture *f = *state;
	struct meddler grow = { .changes = 1 }, cut = { .changes = 1, .cut = true };
	struct meddler overwrite = { .changes = 1, .overwrite = true };

	f->policy.reflink = REFLINK_NEVER;
	assert_status(copy_meddled(f, &grow), OUTCOME_COPIED);
	assert_int_equal(look("d/log").st_size, 700004);
	assert_status(copy_meddled(f, &cut), OUTCOME_COPIED);
	assert_int_equal(look("d/log").st_size, 600000);
	assert_int_equal(system("cmp s/log d/log"), 0);
	assert_status(copy_meddled(f, &overwrite), OUTCOME_COPIED);
	assert_int_equal(system("cmp s/log d/log"), 0);
	assert_int_equal(count_entries("d"), 1);
}

static int see_no_name(uint64_t bytes, void *arg)
{
	(void)bytes;
	*(bool *)arg = *(bool *)arg && is_absent("d/big");
	return 0;
}

/* What takes more than one write has no name until it is whole, in our own directory too. */
static void a_file_of_several_writes_has_no_name_until_it_is_whole(void **state)
{
	struct fixture *f = *state;
	bool absent = true;

	made(f);
	f->policy.reflink = REFLINK_NEVER;
	put("s/big", "");
	for (int i = 0; i < 300; i++) {
		char block[1025];

		memset(block, 'a', 1024);
		block[1024] = '\0';
		int fd = open("s/big", O_WRONLY | O_APPEND);
		assert_int_equal(write(fd, block, 1024), 1024);
		close(fd);
	}
	data_free(f->copier.data);
	assert_int_equal(data_new(&f->policy, see_no_name, &absent, &f->copier.data), 0);
	assert_status(copy_name(f, "big"), OUTCOME_COPIED);
	assert_true(absent);
	assert_int_equal(look("d/big").st_size, 300 * 1024);
}

static void a_source_that_keeps_changing_is_a_failure_and_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct meddler grow = { .changes = 100 };

	f->policy.reflink = REFLINK_NEVER;
	assert_failed(copy_meddled(f, &grow), STAGE_SOURCE_CHANGED);
	assert_int_equal(count_entries("d"), 0);
	/* What was there is whole. */
	put("d/log", "old");
	grow.changes = 100;
	assert_failed(copy_meddled(f, &grow), STAGE_SOURCE_CHANGED);
	assert_text("d/log", "old");
	assert_int_equal(count_entries("d"), 1);
}

static int stop_at_once(uint64_t bytes, void *arg)
{
	(void)bytes;
	(void)arg;
	return -EIO;
}

static void a_failed_copy_leaves_nothing(void **state)
{
	struct fixture *f = *state;

	put("s/a", "aaaa");
	data_free(f->copier.data);
	assert_int_equal(data_new(&f->policy, stop_at_once, NULL, &f->copier.data), 0);
	for (int in_place = 0; in_place < 2; in_place++) {
		struct outcome outcome;

		f->place.made = in_place;
		outcome = copy_name(f, "a");
		assert_int_equal(outcome.status, OUTCOME_FAILED);
		assert_int_equal(outcome.err, EIO);
		assert_int_equal(count_entries("d"), 0);
	}
	f->place.made = false;
	put("d/a", "old");
	assert_int_equal(copy_name(f, "a").status, OUTCOME_FAILED);
	assert_text("d/a", "old");
	assert_int_equal(count_entries("d"), 1);
}

static void attributes_only_leaves_contents(void **state)
{
	struct fixture *f = *state;
	struct stat before;

	put("s/f", "contents");
	assert_int_equal(chmod("s/f", 0640), 0);
	set_mtime("s/f", 99, 5);
	put("d/f", "old");
	assert_int_equal(chmod("d/f", 0444), 0);
	before = look("d/f");
	f->policy.attributes_only = true;
	assert_status(copy_name(f, "f"), OUTCOME_COPIED);
	assert_text("d/f", "old");
	assert_int_equal(look("d/f").st_ino, before.st_ino);
	assert_int_equal(look("d/f").st_mode & 07777, 0640);
	assert_int_equal(look("d/f").st_mtim.tv_nsec, 5);
	/* What is missing is made, empty. */
	put("s/g", "contents");
	assert_status(copy_name(f, "g"), OUTCOME_COPIED);
	assert_int_equal(look("d/g").st_size, 0);
	made(f);
	put("s/h", "contents");
	assert_status(copy_name(f, "h"), OUTCOME_COPIED);
	assert_int_equal(look("d/h").st_size, 0);
	f->place.made = false;
	f->policy.backup = BACKUP_SIMPLE;
	assert_status(copy_name(f, "f"), OUTCOME_COPIED);
	assert_text("d/f~", "old");
	assert_int_equal(look("d/f").st_size, 0);
}

static void contents_of_a_fifo_are_copied_when_asked(void **state)
{
	struct fixture *f = *state;
	struct outcome outcome;
	pid_t pid;
	int status;

	assert_int_equal(mkfifo("s/p", 0644), 0);
	f->policy.copy_contents = true;
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		int fd = open("s/p", O_WRONLY);

		_exit(write(fd, "through the pipe", 16) != 16);
	}
	outcome = copy_name(f, "p");
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_status(outcome, OUTCOME_COPIED);
	assert_int_equal(outcome.bytes, 16);
	assert_true(S_ISREG(look("d/p").st_mode));
	assert_text("d/p", "through the pipe");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(copies_in_place),
		TEST(copies_by_rename),
		TEST(copies_by_rename_when_atomic),
		TEST(an_empty_file_is_copied),
		TEST(big_and_sparse_files_are_copied),
		TEST(odd_names_are_copied),
		TEST(what_nobody_may_read_is_copied_by_root_alone),
		TEST(an_unwritable_directory_is_a_failure_to_create),
		TEST(a_file_that_lies_about_its_size_is_read_to_its_end),
		TEST(a_source_swapped_after_the_scan_is_refused),
		TEST(a_source_that_changes_once_is_copied_at_the_second_attempt),
		TEST(a_file_of_several_writes_has_no_name_until_it_is_whole),
		TEST(a_source_that_keeps_changing_is_a_failure_and_leaves_nothing),
		TEST(a_failed_copy_leaves_nothing),
		TEST(attributes_only_leaves_contents),
		TEST(contents_of_a_fifo_are_copied_when_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
