/* What a listing copies too is all of a directory or nothing, and leaves no file open. */
#include "worker/own_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static struct own_copy own;

static int begin(void **state)
{
	static const struct job_view scan = {
		.id = 7, .kind = JOB_SCAN, .flags = JOB_FIRST_SLICE, .copy_too = 3, .dir = "d", .target = "",
		.dir_id = 2, .dir_dev = 3, .dir_ino = 4,
	};

	(void)state;
	own_copy_begin(&own, &scan);
	return 0;
}

static int end(void **state)
{
	(void)state;
	own_copy_done(&own);
	return 0;
}

static int add(const char *name, uint64_t size, uint32_t mode, uint32_t nlink)
{
	struct listed listed = { .mode = mode, .nlink = nlink, .size = size, .name_len = (uint32_t)strlen(name) };
	int fd = open("/dev/null", O_RDONLY), was = fd;

	assert_true(fd >= 0);
	own_copy_add(&own, &listed, name, &fd);
	if (fd >= 0)
		close(fd);
	assert_int_equal(fd, own.on ? -1 : was);
	return was;
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

static void it_is_a_copy_of_all(void **state)
{
	struct job_view job;
	struct job_entry entry;

	(void)state;
	add("one", 1, S_IFREG | 0644, 1);
	add("link", 5, S_IFLNK | 0777, 1);
	own_copy_job(&own, &job);
	assert_int_equal(job.id, 7);
	assert_int_equal(job.kind, JOB_COPY);
	assert_int_equal(job.flags, JOB_DIR_MADE | JOB_FINISH_TOO);
	assert_string_equal(job.dir, "d");
	assert_int_equal(job.dir_id, 2);
	assert_int_equal(job.dir_dev, 3);
	assert_int_equal(job.dir_ino, 4);
	assert_int_equal(job.count, 2);
	assert_true(job_view_next(&job, &entry));
	assert_string_equal(entry.name, "one");
	assert_true(job_view_next(&job, &entry));
	assert_string_equal(entry.name, "link");
}

static void files_are_taken_in_their_order(void **state)
{
	struct listed listed = { .mode = S_IFREG, .nlink = 1, .name_len = 4 };
	int first = add("one", 1, S_IFREG, 1), last, *fd;

	(void)state;
	own_copy_add(&own, &listed, "shut", NULL);
	last = add("two", 1, S_IFREG, 1);
	fd = own_copy_next_file(&own);
	assert_int_equal(*fd, first);
	*fd = -1; /* ours from here on */
	assert_int_equal(*own_copy_next_file(&own), -1);
	assert_int_equal(*own_copy_next_file(&own), last);
	assert_null(own_copy_next_file(&own));
	own_copy_end(&own);
	assert_true(is_open(first));
	assert_false(is_open(last));
	close(first);
	assert_null(own_copy_next_file(&own));
	/* And from the first one on again. */
	begin(NULL);
	first = add("one", 1, S_IFREG, 1);
	assert_int_equal(*own_copy_next_file(&own), first);
}

static void assert_off(int first)
{
	assert_false(own.on);
	assert_false(is_open(first));
	add("late", 1, S_IFREG, 1);
	assert_false(own.on);
	assert_null(own_copy_next_file(&own));
}

static void more_than_allowed_is_nothing(void **state)
{
	int first = add("1", 0, S_IFREG, 1);

	(void)state;
	add("2", 0, S_IFREG, 1);
	add("3", 0, S_IFREG, 1);
	assert_true(own.on);
	add("4", 0, S_IFREG, 1);
	assert_off(first);
}

static void nor_are_too_many_bytes(void **state)
{
	int first = add("1", JOB_BATCH_BYTES - 1, S_IFREG, 1);

	(void)state;
	assert_true(own.on);
	add("2", 1, S_IFREG, 1);
	assert_off(first);
}

static void nor_is_anything_beside_what_must_be_told(void **state)
{
	static const struct { uint32_t mode, nlink; } other[] = { { S_IFDIR | 0755, 1 }, { S_IFREG, 2 }, { 0, 1 } };

	for (size_t i = 0; i < 3; i++) {
		begin(state);
		int first = add("1", 0, S_IFREG, 1);

		add("2", 0, other[i].mode, other[i].nlink);
		assert_off(first);
	}
}

static void few_descriptors_are_for_others(void **state)
{
	struct rlimit was, few;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &was), 0);
	few = was;
	few.rlim_cur = 256;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(own_copy_most_open(), JOB_BATCH_MOST);
	few.rlim_cur = 255;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	assert_int_equal(own_copy_most_open(), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &was), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(it_is_a_copy_of_all),
		TEST(files_are_taken_in_their_order),
		TEST(more_than_allowed_is_nothing),
		TEST(nor_are_too_many_bytes),
		TEST(nor_is_anything_beside_what_must_be_told),
		TEST(few_descriptors_are_for_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
