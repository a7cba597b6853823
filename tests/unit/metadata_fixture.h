/*
 * What the tests of metadata share: a source and a destination, a log of the
 * calls that were made between them, and those calls bent. The linker puts the
 * __wrap_ functions in the place of the system's; each does the real thing
 * unless told otherwise.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "copy/metadata.h"

#define ACCESS "system.posix_acl_access"
#define DEFAULT "system.posix_acl_default"
#define USER 1000 /* whoever is not root */

/* How one call is bent: an errno, or "says yes and does nothing". */
struct bend {
	int err;
	bool ignore;
};

static struct {
	bool on;                  /* calls are logged and bent */
	char log[512];
	struct bend own, mode, times, list, set, remove, chmodat2, empty_times, proc;
	int path_set_err;         /* setxattr() by path fails with this */
	const char *set_only;     /* `set` is bent for this attribute alone */
	long type;                /* what fstatfs() says; 0: the truth */
	long round_ns;            /* times are cut to this, up to 2 s */
	const void *base_acl;     /* the source lists an ACL of this value */
	size_t base_acl_size;
	mode_t most_open;         /* the widest group and other bits the destination ever had */
	void (*at_own)(void);
} bent;

static struct {
	char root[64];
	struct copy_policy policy;
	struct metadata *metadata;
	int src_fd, dst_fd, root_fd;
	struct metadata_dest dest;
	uint32_t lost;
	enum stage stage;
} t;

static inline int called(const char *name, const struct bend *bend)
{
	if (!bent.on)
		return 0;
	strncat(bent.log, name, sizeof(bent.log) - strlen(bent.log) - 1);
	strncat(bent.log, " ", sizeof(bent.log) - strlen(bent.log) - 1);
	errno = bend->err;
	return bend->err != 0 ? -1 : bend->ignore ? 1 : 0;
}

#define WRAP(type, name, params) \
	type __real_##name params; \
	type __wrap_##name params; \
	type __wrap_##name params

/* What the destination allows at this moment counts against it. */
static inline void watch(void)
{
	struct stat st;

	if (bent.on && t.dst_fd >= 0 && syscall(SYS_fstat, t.dst_fd, &st) == 0)
		bent.most_open |= st.st_mode & 077;
}

WRAP(int, fchown, (int fd, uid_t uid, gid_t gid))
{
	int r = called(gid != (gid_t)-1 && uid == (uid_t)-1 ? "group" : "own", &bent.own);

	watch();
	if (bent.on && bent.at_own != NULL)
		bent.at_own();
	return r < 0 && uid != (uid_t)-1 ? -1 : r > 0 ? 0 : __real_fchown(fd, uid, gid);
}

WRAP(int, fchmod, (int fd, mode_t mode))
{
	int r = called("mode", &bent.mode);

	r = r < 0 ? -1 : r > 0 ? 0 : __real_fchmod(fd, mode);
	watch();
	return r;
}

static inline void round_times(struct timespec times[2])
{
	for (int i = 0; i < 2; i++) {
		times[i].tv_nsec -= bent.round_ns >= 1000000000 ? times[i].tv_nsec : times[i].tv_nsec % bent.round_ns;
		times[i].tv_sec -= bent.round_ns == 2000000000 ? times[i].tv_sec % 2 : 0;
	}
}

WRAP(int, futimens, (int fd, const struct timespec times[2]))
{
	struct timespec rounded[2] = { times[0], times[1] };
	int r = called("times", &bent.times);

	if (bent.on && bent.round_ns != 0)
		round_times(rounded);
	return r < 0 ? -1 : __real_futimens(fd, rounded);
}

WRAP(ssize_t, flistxattr, (int fd, char *list, size_t size))
{
	int r = called("list", &bent.list);

	if (bent.on && bent.base_acl != NULL) {
		if (size > 0)
			memcpy(list, ACCESS, sizeof(ACCESS));
		return sizeof(ACCESS);
	}
	return r < 0 ? -1 : __real_flistxattr(fd, list, size);
}

WRAP(ssize_t, fgetxattr, (int fd, const char *name, void *value, size_t size))
{
	called("get", &(struct bend){ 0 });
	if (bent.on && bent.base_acl != NULL && fd == t.src_fd) {
		memcpy(value, bent.base_acl, bent.base_acl_size);
		return (ssize_t)bent.base_acl_size;
	}
	return __real_fgetxattr(fd, name, value, size);
}

WRAP(int, fsetxattr, (int fd, const char *name, const void *value, size_t size, int flags))
{
	int r = called("set", &bent.set);

	if (r < 0 && (bent.set_only == NULL || strcmp(bent.set_only, name) == 0))
		return -1;
	r = __real_fsetxattr(fd, name, value, size, flags);
	watch();
	return r;
}

WRAP(int, fremovexattr, (int fd, const char *name))
{
	int r = called("remove", &bent.remove);

	r = r < 0 ? -1 : __real_fremovexattr(fd, name);
	watch();
	return r;
}

WRAP(int, fstat64, (int fd, struct stat *st))
{
	called("stat", &(struct bend){ 0 });
	return __real_fstat64(fd, st);
}

/* The one use of statx() on a descriptor: without a question to the server. */
WRAP(int, statx, (int fd, const char *path, int flags, unsigned mask, struct statx *stx))
{
	if (flags & AT_STATX_DONT_SYNC)
		called("answer", &(struct bend){ 0 });
	return __real_statx(fd, path, flags, mask, stx);
}

WRAP(int, fstatfs64, (int fd, struct statfs *fs))
{
	int r = __real_fstatfs64(fd, fs);

	if (bent.type != 0)
		fs->f_type = bent.type;
	return r;
}

static inline struct stat look_at(int fd)
{
	struct stat st;

	assert_int_equal(__real_fstat64(fd, &st), 0);
	return st;
}

static inline void renew(void)
{
	metadata_free(t.metadata);
	assert_int_equal(metadata_new(&t.policy, &t.metadata), 0);
}

static inline int make(const char *name, mode_t mode)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", t.root, name);
	unlink(path);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, mode);
	assert_true(fd >= 0);
	return fd;
}

static inline int make_directory(const char *name, mode_t mode)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", t.root, name);
	rmdir(path);
	assert_int_equal(mkdir(path, mode), 0);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

/* A new destination of which all is known, as the copier makes it. */
static inline void set_dest(int fd)
{
	struct stat st = look_at(fd);

	if (t.dst_fd >= 0 && t.dst_fd != fd)
		close(t.dst_fd);
	t.dst_fd = fd;
	t.dest = (struct metadata_dest){
		.dev = st.st_dev,
		.uid = st.st_uid,
		.gid = st.st_gid,
		.mode = st.st_mode & 07777,
		.owner_known = true,
		.mode_known = true,
		.fresh = true,
	};
}

static inline void new_dest(mode_t mode)
{
	set_dest(make("d", mode));
}

static inline void new_source(mode_t mode)
{
	close(t.src_fd);
	t.src_fd = make("s", 0600);
	assert_int_equal(fchmod(t.src_fd, mode), 0);
}

static inline int copy(void)
{
	struct stat src = look_at(t.src_fd);
	int r;

	bent.log[0] = '\0';
	bent.most_open = 0;
	bent.on = true;
	watch();
	r = metadata_copy(t.metadata, t.src_fd, &src, t.dst_fd, &t.dest, &t.lost, &t.stage);
	watch();
	bent.on = false;
	return r;
}

static inline void copies(uint32_t lost)
{
	int r = copy();

	if (r != 0)
		fail_msg("copy: %s at stage %d after %s", strerror(-r), t.stage, bent.log);
	assert_int_equal(t.lost, lost);
}

static inline void fails(int err, enum stage stage)
{
	assert_int_equal(copy(), -err);
	assert_int_equal(t.stage, stage);
}

static inline mode_t mode_of(int fd)
{
	return look_at(fd).st_mode & 07777;
}

static inline int begin_in(const char *directory)
{
	memset(&t, 0, sizeof(t));
	memset(&bent, 0, sizeof(bent));
	umask(0);
	t.dst_fd = -1;
	t.policy = (struct copy_policy){ .preserve = PRESERVE_ALL, .umask = 022 };
	snprintf(t.root, sizeof(t.root), "%s/pcopy-meta-XXXXXX", directory);
	assert_non_null(mkdtemp(t.root));
	assert_int_equal(chmod(t.root, 0777), 0);
	t.root_fd = open(t.root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(t.root_fd >= 0);
	t.src_fd = make("s", 0644);
	new_dest(0644);
	renew();
	return 0;
}

static inline int begin(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	return begin_in(tmp != NULL && strlen(tmp) < 40 ? tmp : "/var/tmp");
}

static inline int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	return flag == FTW_DP ? rmdir(path) : unlink(path);
}

static inline int end(void **state)
{
	(void)state;
	metadata_free(t.metadata);
	close(t.src_fd);
	close(t.dst_fd);
	close(t.root_fd);
	return nftw(t.root, remove_one, 32, FTW_DEPTH | FTW_PHYS);
}

/* Runs @body as someone who is not root, and passes on what it says: 0 is well.
 * Assertions do not work in there. */
static inline void as_user(int (*body)(void))
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		if (setgroups(0, NULL) < 0 || setresgid(USER, USER, USER) < 0 || setresuid(USER, USER, USER) < 0)
			_exit(99);
		/* A temporary directory of root's alone is no place for this. */
		_exit(access(t.root, W_OK | X_OK) == 0 ? body() : 77);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == 77)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

static inline void need_root(void)
{
	if (geteuid() != 0)
		skip();
}

/* An ACL as the kernel has it. */
struct acl {
	uint32_t version;
	struct {
		uint16_t tag, perm;
		uint32_t id;
	} entry[6];
};

/* owner, user USER, group, mask, others. */
static inline struct acl acl_of(int owner, int user, int group, int mask, int other)
{
	const struct {
		int tag, perm;
		uint32_t id;
	} rows[] = {
		{ 0x01, owner, UINT32_MAX }, { 0x02, user, USER },	   { 0x04, group, UINT32_MAX },
		{ 0x10, mask, UINT32_MAX },  { 0x20, other, UINT32_MAX },
	};
	struct acl acl = { .version = htole32(2) };

	for (size_t i = 0; i < 5; i++) {
		acl.entry[i].tag = htole16((uint16_t)rows[i].tag);
		acl.entry[i].perm = htole16((uint16_t)rows[i].perm);
		acl.entry[i].id = htole32(rows[i].id);
	}
	return acl;
}
#define ACL_SIZE(entries) (4 + 8 * (size_t)(entries))

static inline void set_acl(int fd, const char *name, struct acl acl)
{
	if (__real_fsetxattr(fd, name, &acl, ACL_SIZE(5), 0) < 0) {
		assert_int_equal(errno, EOPNOTSUPP);
		skip();
	}
}

static inline void assert_acl(int fd, const char *name, struct acl acl)
{
	struct acl got;

	assert_int_equal(__real_fgetxattr(fd, name, &got, sizeof(got)), ACL_SIZE(5));
	assert_memory_equal(&got, &acl, ACL_SIZE(5));
}

static inline void assert_no_xattr(int fd, const char *name)
{
	char value[256];

	assert_int_equal(__real_fgetxattr(fd, name, value, sizeof(value)), -1);
	assert_int_equal(errno, ENODATA);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
