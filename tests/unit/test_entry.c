/* entry: a regular file, the two ways to its name, and the policies that change what is copied. */
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
	/* Through a link nothing is set, and an empty file does not take its place. */
	put("outside", "x");
	assert_int_equal(unlink("d/g"), 0);
	assert_int_equal(symlink("../outside", "d/g"), 0);
	before = look("outside");
	assert_failed(copy_name(f, "g"), STAGE_OPEN_DEST);
	assert_link("d/g", "../outside");
	assert_int_equal(look("outside").st_mode, before.st_mode);
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
		TEST(attributes_only_leaves_contents),
		TEST(contents_of_a_fifo_are_copied_when_asked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
