/*
 * Short counts, interrupted calls, ends and errors, one scripted answer a call.
 * The linker puts __wrap_read() and friends in the place of the system's
 * (--wrap); with large file offsets glibc's names for two of them end in 64.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/types.h>

#include "base/io.h"

#define FD 1000
#define AT_POSITION ((off_t)-1)

struct answer {
	ssize_t ret; /* bytes, or -errno */
};

static const struct answer *script;
static size_t script_len, calls;
static uint8_t file[16];
static size_t position; /* of calls without an offset */
static off_t offsets[8]; /* as passed, by call */

#define PLAY(...)                                                                     \
	do {                                                                          \
		static const struct answer s[] = {__VA_ARGS__};                       \
		script = s;                                                           \
		script_len = sizeof(s) / sizeof(s[0]);                                \
		calls = position = 0;                                                 \
	} while (0)

static ssize_t answer(int fd, size_t len, off_t offset)
{
	ssize_t ret;

	assert_int_equal(fd, FD);
	assert_true(calls < script_len); /* one call more than the script has answers */
	offsets[calls] = offset;
	ret = script[calls++].ret;
	if (ret < 0) {
		errno = (int)-ret;
		return -1;
	}
	assert_true((size_t)ret <= len);
	return ret;
}

static ssize_t fake_read(int fd, void *buf, size_t len, off_t offset)
{
	ssize_t n = answer(fd, len, offset);

	if (n > 0)
		memcpy(buf, file + (offset == AT_POSITION ? position : (size_t)offset), (size_t)n);
	if (n > 0 && offset == AT_POSITION)
		position += (size_t)n;
	return n;
}

static ssize_t fake_write(int fd, const void *buf, size_t len, off_t offset)
{
	ssize_t n = answer(fd, len, offset);

	if (n > 0)
		memcpy(file + (offset == AT_POSITION ? position : (size_t)offset), buf, (size_t)n);
	if (n > 0 && offset == AT_POSITION)
		position += (size_t)n;
	return n;
}

ssize_t __wrap_read(int fd, void *buf, size_t len);
ssize_t __wrap_pread(int fd, void *buf, size_t len, off_t offset);
ssize_t __wrap_pread64(int fd, void *buf, size_t len, off_t offset);
ssize_t __wrap_write(int fd, const void *buf, size_t len);
ssize_t __wrap_pwrite(int fd, const void *buf, size_t len, off_t offset);
ssize_t __wrap_pwrite64(int fd, const void *buf, size_t len, off_t offset);

ssize_t __wrap_read(int fd, void *buf, size_t len)
{
	return fake_read(fd, buf, len, AT_POSITION);
}

ssize_t __wrap_pread(int fd, void *buf, size_t len, off_t offset)
{
	return fake_read(fd, buf, len, offset);
}

ssize_t __wrap_pread64(int fd, void *buf, size_t len, off_t offset)
{
	return fake_read(fd, buf, len, offset);
}

ssize_t __wrap_write(int fd, const void *buf, size_t len)
{
	return fake_write(fd, buf, len, AT_POSITION);
}

ssize_t __wrap_pwrite(int fd, const void *buf, size_t len, off_t offset)
{
	return fake_write(fd, buf, len, offset);
}

ssize_t __wrap_pwrite64(int fd, const void *buf, size_t len, off_t offset)
{
	return fake_write(fd, buf, len, offset);
}

static int fill_file(void **state)
{
	(void)state;
	memcpy(file, "0123456789abcdef", sizeof(file));
	return 0;
}

static void reads_on_after_short_counts_and_signals(void **state)
{
	char buf[10] = "";

	(void)state;
	PLAY({3}, {-EINTR}, {1}, {6});
	assert_int_equal(io_read_full(FD, buf, 10), 10);
	assert_memory_equal(buf, "0123456789", 10);
	assert_int_equal(calls, 4);
}

static void only_zero_is_the_end(void **state)
{
	char buf[10] = "";

	(void)state;
	PLAY({4}, {-EINTR}, {0});
	assert_int_equal(io_read_full(FD, buf, 10), 4);
	assert_memory_equal(buf, "0123", 4);
	PLAY({0});
	assert_int_equal(io_read_full(FD, buf, 10), 0);
}

static void a_read_error_is_its_errno(void **state)
{
	char buf[10];

	(void)state;
	PLAY({4}, {-EIO});
	assert_int_equal(io_read_full(FD, buf, 10), -EIO);
	PLAY({4}, {-EISDIR});
	assert_int_equal(io_pread_full(FD, buf, 10, 0), -EISDIR);
}

static void pread_goes_on_where_it_stopped(void **state)
{
	char buf[10] = "";

	(void)state;
	PLAY({3}, {-EINTR}, {5}, {0});
	assert_int_equal(io_pread_full(FD, buf, 10, 2), 8);
	assert_memory_equal(buf, "23456789", 8);
	assert_int_equal(offsets[0], 2);
	assert_int_equal(offsets[1], 5);
	assert_int_equal(offsets[2], 5);
	assert_int_equal(offsets[3], 10);
	assert_int_equal(position, 0);
}

static void writes_on_after_short_counts_and_signals(void **state)
{
	(void)state;
	PLAY({-EINTR}, {2}, {1}, {-EINTR}, {4});
	assert_int_equal(io_write_full(FD, "ABCDEFG", 7), 0);
	assert_memory_equal(file, "ABCDEFG789abcdef", 16);
	assert_int_equal(calls, 5);
}

static void a_write_of_nothing_is_an_error(void **state)
{
	(void)state;
	PLAY({2}, {0});
	assert_int_equal(io_write_full(FD, "ABCDEFG", 7), -EIO);
	PLAY({0});
	assert_int_equal(io_pwrite_full(FD, "ABCDEFG", 7, 3), -EIO);
}

static void a_write_error_is_its_errno(void **state)
{
	(void)state;
	PLAY({2}, {-ENOSPC});
	assert_int_equal(io_write_full(FD, "ABCDEFG", 7), -ENOSPC);
	PLAY({-EAGAIN});
	assert_int_equal(io_write_full(FD, "ABCDEFG", 7), -EAGAIN);
}

static void pwrite_goes_on_where_it_stopped(void **state)
{
	(void)state;
	PLAY({2}, {-EINTR}, {3});
	assert_int_equal(io_pwrite_full(FD, "ABCDE", 5, 9), 0);
	assert_memory_equal(file, "012345678ABCDEef", 16);
	assert_int_equal(offsets[2], 11);
}

static void no_bytes_is_no_call(void **state)
{
	(void)state;
	PLAY({-EIO});
	assert_int_equal(io_write_full(FD, "", 0), 0);
	assert_int_equal(io_read_full(FD, file, 0), 0);
	assert_int_equal(calls, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(reads_on_after_short_counts_and_signals, fill_file),
		cmocka_unit_test_setup(only_zero_is_the_end, fill_file),
		cmocka_unit_test_setup(a_read_error_is_its_errno, fill_file),
		cmocka_unit_test_setup(pread_goes_on_where_it_stopped, fill_file),
		cmocka_unit_test_setup(writes_on_after_short_counts_and_signals, fill_file),
		cmocka_unit_test_setup(a_write_of_nothing_is_an_error, fill_file),
		cmocka_unit_test_setup(a_write_error_is_its_errno, fill_file),
		cmocka_unit_test_setup(pwrite_goes_on_where_it_stopped, fill_file),
		cmocka_unit_test_setup(no_bytes_is_no_call, fill_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
