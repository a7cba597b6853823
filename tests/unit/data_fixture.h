/*
 * What the tests of the data ladder share: a source and a destination, and the
 * system's answers bent: short counts, interrupted calls, refusals at the first
 * call and later, a look in between. The linker puts the __wrap_ functions in
 * the place of the system's; each does the real thing unless told otherwise.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "copy/data.h"
#include "copy/holes.h"

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)
#define BUFFER (256 * KIB)
#define FAR_BUFFER (2 * MIB) /* where a server may be asked: what fstatfs() says below is such a place */

/* How one call is bent. Calls are counted from 1. */
struct bend {
	unsigned calls;     /* made so far */
	unsigned fail_from; /* from this call on it fails; 0: never */
	unsigned fail_to;   /* up to this one; 0: for ever */
	int err;            /* with this errno; 0: by returning 0 */
	unsigned eintr_every;
	size_t at_most;     /* bytes a call */
	uint64_t longest;   /* asked for in one call */
};

static struct {
	struct bend pread, pwrite, read, cfr, clone, seek, punch;
	void (*before_read)(unsigned call);
	long type;          /* what fstatfs() says; 0: one nobody knows */
	bool full_dest;     /* the destination's file system has no holes */
	int clone_extra;    /* bytes a clone finds more than the caller saw */
} bent;

static struct {
	char root[64];
	int src_fd, dst_fd;
	struct copy_policy policy;
	struct data *data;
	uint64_t stepped, moved, steps;
	unsigned abort_at;
	int abort_with;
} t;

/* True when this call is to fail, with errno set. */
static inline bool bends(struct bend *bend, size_t len)
{
	bend->calls++;
	if (len > bend->longest)
		bend->longest = len;
	if (bend->eintr_every != 0 && bend->calls % bend->eintr_every == 0) {
		errno = EINTR;
		return true;
	}
	if (bend->fail_from == 0 || bend->calls < bend->fail_from)
		return false;
	if (bend->fail_to != 0 && bend->calls > bend->fail_to)
		return false;
	errno = bend->err;
	return true;
}

static inline ssize_t bent_answer(void)
{
	return errno != 0 ? -1 : 0;
}

static inline size_t limit(const struct bend *bend, size_t len)
{
	return bend->at_most != 0 && len > bend->at_most ? bend->at_most : len;
}

ssize_t __real_pread64(int fd, void *buf, size_t len, off_t offset);
ssize_t __wrap_pread64(int fd, void *buf, size_t len, off_t offset);
ssize_t __wrap_pread64(int fd, void *buf, size_t len, off_t offset)
{
	if (fd == t.src_fd) {
		if (bends(&bent.pread, len))
			return bent_answer();
		if (bent.before_read != NULL)
			bent.before_read(bent.pread.calls);
		len = limit(&bent.pread, len);
	}
	return __real_pread64(fd, buf, len, offset);
}

ssize_t __real_read(int fd, void *buf, size_t len);
ssize_t __wrap_read(int fd, void *buf, size_t len);
ssize_t __wrap_read(int fd, void *buf, size_t len)
{
	if (fd == t.src_fd) {
		if (bends(&bent.read, len))
			return bent_answer();
		len = limit(&bent.read, len);
	}
	return __real_read(fd, buf, len);
}

ssize_t __real_pwrite64(int fd, const void *buf, size_t len, off_t offset);
ssize_t __wrap_pwrite64(int fd, const void *buf, size_t len, off_t offset);
ssize_t __wrap_pwrite64(int fd, const void *buf, size_t len, off_t offset)
{
	if (fd == t.dst_fd) {
		if (bends(&bent.pwrite, len))
			return bent_answer();
		len = limit(&bent.pwrite, len);
	}
	return __real_pwrite64(fd, buf, len, offset);
}

ssize_t __real_copy_file_range(int in, off_t *in_at, int out, off_t *out_at, size_t len, unsigned flags);
ssize_t __wrap_copy_file_range(int in, off_t *in_at, int out, off_t *out_at, size_t len, unsigned flags);
ssize_t __wrap_copy_file_range(int in, off_t *in_at, int out, off_t *out_at, size_t len, unsigned flags)
{
	char *buf;
	ssize_t n;

	if (bends(&bent.cfr, len))
		return bent_answer();
	if (bent.before_read != NULL)
		bent.before_read(bent.cfr.calls);
	/* By hand, so that the test needs no file system that has the call. */
	len = limit(&bent.cfr, len);
	buf = malloc(len);
	assert_non_null(buf);
	n = __real_pread64(in, buf, len, *in_at);
	if (n > 0)
		n = __real_pwrite64(out, buf, (size_t)n, *out_at);
	free(buf);
	(void)flags;
	return n;
}

/* A clone, as if the file system had it. */
static inline int clone_by_hand(int dst_fd, const struct file_clone_range *range)
{
	struct stat st;
	uint64_t end;
	char *buf;

	assert_int_equal(fstat((int)range->src_fd, &st), 0);
	end = range->src_length != 0 ? range->src_offset + range->src_length : (uint64_t)st.st_size;
	buf = malloc(end - range->src_offset + 1);
	assert_non_null(buf);
	assert_int_equal(__real_pread64((int)range->src_fd, buf, end - range->src_offset, (off_t)range->src_offset),
			 end - range->src_offset);
	assert_int_equal(__real_pwrite64(dst_fd, buf, end - range->src_offset, (off_t)range->dest_offset),
			 end - range->src_offset);
	free(buf);
	if (bent.clone_extra != 0)
		assert_int_equal(ftruncate(dst_fd, (off_t)end + bent.clone_extra), 0);
	return 0;
}

int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...)
{
	struct file_clone_range whole = { 0 };
	const struct file_clone_range *range = &whole;
	va_list args;

	va_start(args, request);
	if (request == FICLONE)
		whole.src_fd = va_arg(args, int);
	else
		range = va_arg(args, const struct file_clone_range *);
	va_end(args);
	assert_true(request == FICLONE || request == FICLONERANGE);
	if (bends(&bent.clone, 0))
		return (int)bent_answer();
	return clone_by_hand(fd, range);
}

off_t __real_lseek64(int fd, off_t offset, int whence);
off_t __wrap_lseek64(int fd, off_t offset, int whence);
off_t __wrap_lseek64(int fd, off_t offset, int whence)
{
	struct stat st;

	if (fd == t.src_fd && bends(&bent.seek, 0))
		return bent_answer();
	if (fd == t.dst_fd && whence == SEEK_HOLE && bent.full_dest) {
		assert_int_equal(fstat(fd, &st), 0);
		return st.st_size;
	}
	return __real_lseek64(fd, offset, whence);
}

int __real_fstat64(int fd, struct stat *st);
int __wrap_fstat64(int fd, struct stat *st);
int __wrap_fstat64(int fd, struct stat *st)
{
	int r = __real_fstat64(fd, st);

	if (r == 0 && fd == t.dst_fd && bent.full_dest)
		st->st_blocks = (st->st_size + 511) / 512;
	return r;
}

int __real_fallocate64(int fd, int mode, off_t offset, off_t length);
int __wrap_fallocate64(int fd, int mode, off_t offset, off_t length);
int __wrap_fallocate64(int fd, int mode, off_t offset, off_t length)
{
	if (bends(&bent.punch, 0))
		return (int)bent_answer();
	return __real_fallocate64(fd, mode, offset, length);
}

int __real_fstatfs64(int fd, struct statfs *fs);
int __wrap_fstatfs64(int fd, struct statfs *fs);
int __wrap_fstatfs64(int fd, struct statfs *fs)
{
	int r = __real_fstatfs64(fd, fs);

	fs->f_type = bent.type ? bent.type : 0x1234;
	return r;
}

static inline int on_step(uint64_t bytes, void *arg)
{
	assert_ptr_equal(arg, &t);
	t.steps++;
	t.stepped += bytes;
	if (data_step_moved(t.data))
		t.moved += bytes;
	return t.abort_at != 0 && t.steps == t.abort_at ? t.abort_with : 0;
}

static inline void renew(void)
{
	data_free(t.data);
	assert_int_equal(data_new(&t.policy, on_step, &t, &t.data), 0);
}

static inline int fresh_file(const char *name)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", t.root, name);
	unlink(path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	return fd;
}

static inline int begin(const char *dir)
{
	memset(&t, 0, sizeof(t));
	memset(&bent, 0, sizeof(bent));
	bent.clone.fail_from = 1;
	bent.clone.err = EOPNOTSUPP;
	t.policy = (struct copy_policy){ .offload = true };
	snprintf(t.root, sizeof(t.root), "%s/pcopy-data-XXXXXX", dir);
	if (mkdtemp(t.root) == NULL)
		return -1;
	t.src_fd = fresh_file("s");
	t.dst_fd = fresh_file("d");
	renew();
	return 0;
}

/* Once on what is there for large files and once in memory: their holes differ. */
static const char *directory;

static inline int begin_test(void **state)
{
	(void)state;
	return begin(directory);
}

static inline int end(void **state)
{
	char path[128];

	(void)state;
	data_free(t.data);
	close(t.src_fd);
	close(t.dst_fd);
	for (const char *name = "sd"; *name != '\0'; name++) {
		snprintf(path, sizeof(path), "%s/%c", t.root, *name);
		unlink(path);
	}
	return rmdir(t.root);
}

/* Fills [@at, @at + @len) of the source with bytes that depend on their place; none is 0. */
static inline void fill(uint64_t at, uint64_t len)
{
	unsigned char *buf = malloc(len + 1);

	assert_non_null(buf);
	for (uint64_t i = 0; i < len; i++)
		buf[i] = (unsigned char)(1 + (at + i) * 2654435761u % 255);
	assert_int_equal(__real_pwrite64(t.src_fd, buf, len, (off_t)at), len);
	free(buf);
}

static inline void fill_byte(int fd, uint64_t at, uint64_t len, int byte)
{
	char *buf = malloc(len + 1);

	assert_non_null(buf);
	memset(buf, byte, len);
	assert_int_equal(__real_pwrite64(fd, buf, len, (off_t)at), len);
	free(buf);
}

static inline void new_dest(void)
{
	close(t.dst_fd);
	t.dst_fd = fresh_file("d");
	t.stepped = t.moved = t.steps = 0;
}

static struct data_request whole(void)
{
	struct stat src, dst;

	assert_int_equal(__real_fstat64(t.src_fd, &src), 0);
	assert_int_equal(__real_fstat64(t.dst_fd, &dst), 0);
	return (struct data_request){
		.src_fd = t.src_fd,
		.dst_fd = t.dst_fd,
		.src_dev = src.st_dev,
		.dst_dev = dst.st_dev,
		.size = (uint64_t)src.st_size,
		.blocks = (uint64_t)src.st_blocks,
		.length = (uint64_t)src.st_size,
		.dst_fresh = true,
	};
}

static inline int copy_with(const struct data_request *request, struct data_result *ret)
{
	memset(ret, 0xa5, sizeof(*ret));
	return data_copy(t.data, request, ret);
}

static struct data_result copied(const struct data_request *request)
{
	struct data_result result;
	int r = copy_with(request, &result);

	if (r != 0)
		fail_msg("copy: %s at stage %d", strerror(-r), result.stage);
	return result;
}

static inline uint64_t size_of(int fd)
{
	struct stat st;

	assert_int_equal(__real_fstat64(fd, &st), 0);
	return (uint64_t)st.st_size;
}

static inline void assert_same_bytes(void)
{
	static unsigned char a[64 * 1024], b[64 * 1024];
	uint64_t size = size_of(t.src_fd);

	assert_int_equal(size_of(t.dst_fd), size);
	for (uint64_t at = 0; at < size; at += sizeof(a)) {
		ssize_t n = __real_pread64(t.src_fd, a, sizeof(a), (off_t)at);

		assert_true(n > 0);
		assert_int_equal(__real_pread64(t.dst_fd, b, sizeof(b), (off_t)at), n);
		assert_memory_equal(a, b, (size_t)n);
	}
}

/* The copy of the whole file is right in every respect, holes included. */
static inline struct data_result assert_copies(enum data_method method)
{
	struct data_request request = whole();
	struct data_result result = copied(&request);

	assert_int_equal(result.method, method);
	assert_int_equal(result.bytes, request.size);
	assert_int_equal(t.stepped, request.size);
	assert_int_equal(result.stage, STAGE_NONE);
	assert_same_bytes();
	return result;
}

static inline void assert_fails(int err, enum stage stage)
{
	struct data_request request = whole();
	struct data_result result;

	assert_int_equal(copy_with(&request, &result), -err);
	assert_int_equal(result.stage, stage);
}

static inline void assert_changed(void)
{
	assert_fails(ESTALE, STAGE_SOURCE_CHANGED);
}


#define TEST(name) cmocka_unit_test_setup_teardown(name, begin_test, end)

static inline const char *temporary(void)
{
	const char *tmp = getenv("TMPDIR");

	return tmp != NULL && strlen(tmp) < 40 ? tmp : "/var/tmp";
}

static inline const char *memory(void)
{
	return access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
}

/* Runs the tests in both places. */
static inline int run_in_both(const char *name, const struct CMUnitTest *tests, size_t n)
{
	int failed;

	directory = temporary();
	failed = _cmocka_run_group_tests(name, tests, n, NULL, NULL);
	directory = memory();
	return failed + _cmocka_run_group_tests(name, tests, n, NULL, NULL);
}
#define RUN(name, tests) run_in_both(name, tests, sizeof(tests) / sizeof((tests)[0]))
