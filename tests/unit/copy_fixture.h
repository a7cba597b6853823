/* What the tests of the copy layer share: two directories with real files, and a worker's tools. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "copy/entry.h"
#include "copy/scan.h"
#include "copy/temp_name.h"

struct fixture {
	char root[64];
	struct copy_policy policy;
	struct copier copier;
	struct place place;
};

static inline int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	return flag == FTW_DP ? rmdir(path) : unlink(path);
}

static inline void remove_tree(const char *path)
{
	nftw(path, remove_one, 32, FTW_DEPTH | FTW_PHYS);
}

/* CLOCK_REALTIME_COARSE, by which files are stamped, once it has passed now: what was made before
 * is older, what is made after is not. (One tick is not enough: the coarse clock may lag by more,
 * and Linux 6.13 and later give some stamps from the fine one.) */
static inline struct timespec tick(void)
{
	struct timespec now, coarse;

	clock_gettime(CLOCK_REALTIME, &now);
	do
		clock_gettime(CLOCK_REALTIME_COARSE, &coarse);
	while (coarse.tv_sec < now.tv_sec || (coarse.tv_sec == now.tv_sec && coarse.tv_nsec <= now.tv_nsec));
	return coarse;
}

static inline void begin_run(struct fixture *f)
{
	struct timespec now = tick();

	f->copier.run_start = now.tv_sec;
	f->copier.run_start_ns = now.tv_nsec;
}

static inline int fixture_setup(void **state)
{
	struct fixture *f = calloc(1, sizeof *f);
	const char *tmp = getenv("TMPDIR");
	char path[96];
	struct stat st;

	assert_non_null(f);
	umask(0);
	snprintf(f->root, sizeof f->root, "%s/pcopy-unit-XXXXXX", tmp && strlen(tmp) < 40 ? tmp : "/tmp");
	assert_non_null(mkdtemp(f->root));
	assert_int_equal(chmod(f->root, 0755), 0);
	assert_int_equal(chdir(f->root), 0);
	assert_int_equal(mkdir("s", 0755), 0);
	assert_int_equal(mkdir("d", 0755), 0);
	f->policy = (struct copy_policy){
		.preserve = PRESERVE_ALL, .backup_suffix = "~", .umask = 022, .offload = true,
	};
	temp_name_begin_run();
	temp_name_set_slot(1);
	f->copier = (struct copier){ .policy = &f->policy, .uid = geteuid(), .gid = getegid() };
	assert_int_equal(data_new(&f->policy, NULL, NULL, &f->copier.data), 0);
	assert_int_equal(metadata_new(&f->policy, &f->copier.metadata), 0);
	snprintf(path, sizeof path, "%s/s", f->root);
	f->place.src_fd = open(path, O_RDONLY | O_DIRECTORY);
	snprintf(path, sizeof path, "%s/d", f->root);
	f->place.dst_fd = open(path, O_RDONLY | O_DIRECTORY);
	assert_true(f->place.src_fd >= 0 && f->place.dst_fd >= 0);
	assert_int_equal(fstat(f->place.dst_fd, &st), 0);
	place_learn(&f->place, &st, metadata_has_default_acl(f->copier.metadata, f->place.dst_fd));
	*state = f;
	return 0;
}

static inline int fixture_teardown(void **state)
{
	struct fixture *f = *state;

	close(f->place.src_fd);
	close(f->place.dst_fd);
	data_free(f->copier.data);
	metadata_free(f->copier.metadata);
	if (chdir("/") == 0)
		remove_tree(f->root);
	free(f);
	return 0;
}

static inline void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static inline void set_mtime(const char *path, time_t sec, long nsec)
{
	const struct timespec times[2] = { { .tv_sec = sec, .tv_nsec = nsec }, { .tv_sec = sec, .tv_nsec = nsec } };

	assert_int_equal(utimensat(AT_FDCWD, path, times, AT_SYMLINK_NOFOLLOW), 0);
}

static inline struct stat look(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		fail_msg("lstat %s: %s", path, strerror(errno));
	return st;
}

static inline int is_absent(const char *path)
{
	struct stat st;

	return lstat(path, &st) < 0 && errno == ENOENT;
}

static inline void assert_text(const char *path, const char *text)
{
	char buf[4096] = "";
	int fd = open(path, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		fail_msg("open %s: %s", path, strerror(errno));
	n = read(fd, buf, sizeof buf - 1);
	close(fd);
	assert_true(n >= 0);
	buf[n] = '\0';
	assert_string_equal(buf, text);
}

static inline void assert_link(const char *path, const char *text)
{
	char buf[4096];
	ssize_t n = readlink(path, buf, sizeof buf - 1);

	if (n < 0)
		fail_msg("readlink %s: %s", path, strerror(errno));
	buf[n] = '\0';
	assert_string_equal(buf, text);
}

static int seen_entries;

static inline int count_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)path;
	(void)st;
	(void)flag;
	seen_entries += ftw->level > 0;
	return 0;
}

/* Everything below @path: a temporary name left behind shows here. */
static inline int count_entries(const char *path)
{
	seen_entries = 0;
	assert_int_equal(nftw(path, count_one, 32, FTW_PHYS), 0);
	return seen_entries;
}

/* The entry of s/@name as a scan would give it. */
static inline struct entry entry_of(const char *name)
{
	char path[512];
	struct stat st;

	snprintf(path, sizeof path, "s/%s", name);
	st = look(path);
	return (struct entry){
		.src_name = name, .dst_name = name, .mode = st.st_mode, .dev = st.st_dev, .ino = st.st_ino,
		.size = (uint64_t)st.st_size, .changed_ns = scan_changed_ns(&st),
		.accessed_ns = st.st_atim.tv_sec * INT64_C(1000000000) + st.st_atim.tv_nsec,
	};
}

static inline struct outcome copy(struct fixture *f, const struct entry *entry)
{
	struct outcome outcome;

	memset(&outcome, 0xa5, sizeof outcome);
	entry_copy(&f->copier, &f->place, entry, &outcome);
	return outcome;
}

static inline struct outcome copy_name(struct fixture *f, const char *name)
{
	struct entry entry = entry_of(name);

	return copy(f, &entry);
}

/* From here on the directory counts as one this run made. */
static inline void made(struct fixture *f)
{
	f->place.made = true;
}

static inline void make_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	close(fd);
}

/* Makes @path the special file number @i of 4; false when that is not allowed here. */
static inline bool make_special(const char *path, int i)
{
	switch (i) {
	case 0:
		return mkfifo(path, 0644) == 0;
	case 1:
		make_socket(path);
		return true;
	case 2:
		return mknod(path, S_IFCHR | 0666, makedev(1, 7)) == 0;
	default:
		return mknod(path, S_IFBLK | 0600, makedev(7, 200)) == 0;
	}
}

#define assert_status(outcome_, status_)                                                                      \
	do {                                                                                                   \
		struct outcome _o = (outcome_);                                                                \
		if (_o.status != (status_))                                                                    \
			fail_msg("status %d stage %d (%s) err %d (%s)", _o.status, _o.stage,                    \
			         outcome_stage_word((enum stage)_o.stage), _o.err, strerror(_o.err));           \
	} while (0)

#define assert_failed(outcome_, stage_)                                                                       \
	do {                                                                                                   \
		struct outcome _o = (outcome_);                                                                \
		if (_o.status != OUTCOME_FAILED || _o.stage != (stage_))                                       \
			fail_msg("status %d stage %d (%s) err %d (%s), not stage %d", _o.status, _o.stage,      \
			         outcome_stage_word((enum stage)_o.stage), _o.err, strerror(_o.err), (stage_)); \
		assert_int_not_equal(_o.err, 0);                                                               \
	} while (0)
