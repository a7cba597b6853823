/*
 * Symlinks and special files: everything by an O_PATH descriptor, with and
 * without the newer calls and /proc, and nothing at all on what is not ours.
 */
#include "metadata_fixture.h"

#include <sys/sysmacros.h>

#define LABEL "trusted.pcopy"

WRAP(int, fchownat, (int fd, const char *name, uid_t uid, gid_t gid, int flags))
{
	int r = called("own", &bent.own);

	if (bent.on && bent.at_own != NULL)
		bent.at_own();
	return r < 0 ? -1 : __real_fchownat(fd, name, uid, gid, flags);
}

WRAP(long, syscall, (long number, ...))
{
	va_list args;
	int fd;
	const char *name;
	mode_t mode;
	int flags;

	if (number == SYS_fstat) { /* the fixture's watch() */
		struct stat *st;

		va_start(args, number);
		fd = va_arg(args, int);
		st = va_arg(args, struct stat *);
		va_end(args);
		return __real_syscall(number, fd, st);
	}
	va_start(args, number);
	fd = va_arg(args, int);
	name = va_arg(args, const char *);
	mode = va_arg(args, mode_t);
	flags = va_arg(args, int);
	va_end(args);
	return called("chmodat2", &bent.chmodat2) < 0 ? -1 : __real_syscall(number, fd, name, mode, flags);
}

static bool no_proc(const char *path)
{
	errno = bent.proc.err;
	return bent.on && bent.proc.err != 0 && strncmp(path, "/proc/", 6) == 0;
}

WRAP(int, chmod, (const char *path, mode_t mode))
{
	called("chmod", &(struct bend){ 0 });
	return no_proc(path) ? -1 : __real_chmod(path, mode);
}

WRAP(int, fchmodat, (int fd, const char *name, mode_t mode, int flags))
{
	called("chmodat", &(struct bend){ 0 });
	return __real_fchmodat(fd, name, mode, flags);
}

WRAP(int, utimensat, (int fd, const char *name, const struct timespec times[2], int flags))
{
	int r = called("times", (flags & AT_EMPTY_PATH) != 0 ? &bent.empty_times : &bent.times);

	return r < 0 ? -1 : __real_utimensat(fd, name, times, flags);
}

WRAP(ssize_t, listxattr, (const char *path, char *list, size_t size))
{
	called("list", &(struct bend){ 0 });
	return no_proc(path) ? -1 : __real_listxattr(path, list, size);
}

WRAP(ssize_t, getxattr, (const char *path, const char *name, void *value, size_t size))
{
	return no_proc(path) ? -1 : __real_getxattr(path, name, value, size);
}

WRAP(int, setxattr, (const char *path, const char *name, const void *value, size_t size, int flags))
{
	if (called("set", &(struct bend){ .err = bent.path_set_err }) < 0)
		return -1;
	return no_proc(path) ? -1 : __real_setxattr(path, name, value, size, flags);
}

WRAP(int, removexattr, (const char *path, const char *name))
{
	called("remove", &(struct bend){ 0 });
	return no_proc(path) ? -1 : __real_removexattr(path, name);
}

static int src_dir_fd, dst_dir_fd;

static int begin_at(void **state)
{
	int r = begin(state);

	src_dir_fd = make_directory("src", 0777);
	dst_dir_fd = make_directory("dst", 0777);
	return r;
}

static int end_at(void **state)
{
	close(src_dir_fd);
	close(dst_dir_fd);
	return end(state);
}
#define TEST_AT(name) cmocka_unit_test_setup_teardown(name, begin_at, end_at)

enum { SYMLINK, FIFO, SOCKET, CHARACTER, BLOCK, TYPES };

static void make_at(int dir_fd, int type, mode_t mode)
{
	static const mode_t types[TYPES] = { S_IFLNK, S_IFIFO, S_IFSOCK, S_IFCHR, S_IFBLK };

	unlinkat(dir_fd, "e", 0);
	if (type == SYMLINK)
		assert_int_equal(symlinkat("nowhere", dir_fd, "e"), 0);
	else
		assert_int_equal(mknodat(dir_fd, "e", types[type] | mode, makedev(1, 7)), 0);
}

static struct stat stat_at(int dir_fd)
{
	struct stat st;

	assert_int_equal(fstatat(dir_fd, "e", &st, AT_SYMLINK_NOFOLLOW), 0);
	return st;
}

/* A source with an owner, times, and as much else as its type can have. */
static void make_source(int type, mode_t mode)
{
	static const struct timespec times[2] = { { -5, 7 }, { 1234567891, 123456789 } };
	char path[128];

	make_at(src_dir_fd, type, mode);
	assert_int_equal(__real_fchownat(src_dir_fd, "e", USER, USER + 1, AT_SYMLINK_NOFOLLOW), 0);
	if (type != SYMLINK)
		assert_int_equal(__real_fchmodat(src_dir_fd, "e", mode, 0), 0);
	snprintf(path, sizeof(path), "%s/src/e", t.root);
	if (lsetxattr(path, LABEL, "label", 5, 0) < 0)
		assert_int_equal(errno, EOPNOTSUPP);
	assert_int_equal(__real_utimensat(src_dir_fd, "e", times, AT_SYMLINK_NOFOLLOW), 0);
}

static int copy_at(void)
{
	struct stat src = stat_at(src_dir_fd);
	int r;

	bent.log[0] = '\0';
	bent.on = true;
	r = metadata_copy_at(t.metadata, src_dir_fd, "e", &src, dst_dir_fd, "e", &t.lost, &t.stage);
	bent.on = false;
	return r;
}

static void assert_equal_at(void)
{
	struct stat src = stat_at(src_dir_fd), dst = stat_at(dst_dir_fd);
	char src_path[128], dst_path[128], got[8];

	assert_int_equal(dst.st_uid, src.st_uid);
	assert_int_equal(dst.st_gid, src.st_gid);
	assert_int_equal(dst.st_mode, src.st_mode);
	assert_int_equal(dst.st_mtim.tv_sec, src.st_mtim.tv_sec);
	assert_int_equal(dst.st_mtim.tv_nsec, src.st_mtim.tv_nsec);
	assert_int_equal(dst.st_atim.tv_sec, src.st_atim.tv_sec);
	assert_int_equal(dst.st_atim.tv_nsec, src.st_atim.tv_nsec);
	snprintf(src_path, sizeof(src_path), "%s/src/e", t.root);
	snprintf(dst_path, sizeof(dst_path), "%s/dst/e", t.root);
	assert_int_equal(lgetxattr(src_path, LABEL, got, sizeof(got)), lgetxattr(dst_path, LABEL, got, sizeof(got)));
}

static void copies_all(const char *how)
{
	for (int type = 0; type < TYPES; type++) {
		int r;

		make_source(type, 0654);
		make_at(dst_dir_fd, type, 0600);
		r = copy_at();
		if (r != 0 || t.lost != 0)
			fail_msg("%s, type %d: %s at stage %d, lost %x after %s", how, type, strerror(-r), t.stage,
				 t.lost, bent.log);
		assert_equal_at();
	}
}

static void copies_every_type(void **state)
{
	(void)state;
	need_root();
	copies_all("all there");
}

static void copies_without_the_new_calls(void **state)
{
	(void)state;
	need_root();
	bent.chmodat2.err = ENOSYS;
	bent.empty_times.err = EINVAL;
	copies_all("older kernel");
	assert_non_null(strstr(bent.log, "chmodat2 chmod "));
	assert_non_null(strstr(bent.log, "times stat times "));
	bent.chmodat2.err = EPERM;
	copies_all("sandbox");
}

static void copies_without_proc(void **state)
{
	char before[256], after[256];

	(void)state;
	need_root();
	assert_non_null(getcwd(before, sizeof(before)));
	bent.proc.err = ENOENT;
	copies_all("no proc");
	bent.chmodat2.err = ENOSYS;
	copies_all("no proc, older kernel");
	assert_non_null(strstr(bent.log, "chmodat2 chmod stat chmodat "));
	assert_non_null(getcwd(after, sizeof(after)));
	assert_string_equal(before, after);
}

/* By name, it must still be ours when it is used. */
static void swap_the_name(void)
{
	assert_int_equal(renameat(dst_dir_fd, "e", dst_dir_fd, "moved"), 0);
	assert_int_equal(mkfifoat(dst_dir_fd, "e", 0600), 0);
}

static void a_swapped_name_is_not_touched(void **state)
{
	struct stat st;

	(void)state;
	need_root();
	bent.chmodat2.err = ENOSYS;
	bent.proc.err = ENOENT;
	t.policy.preserve = PRESERVE_OWNERSHIP | PRESERVE_MODE;
	make_source(FIFO, 0654);
	make_at(dst_dir_fd, FIFO, 0600);
	bent.at_own = swap_the_name;
	assert_int_equal(copy_at(), -ESTALE);
	st = stat_at(dst_dir_fd);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_uid, 0);
	assert_int_equal(unlinkat(dst_dir_fd, "moved", 0), 0);
}

static void what_is_not_ours_is_refused(void **state)
{
	(void)state;
	need_root();
	/* Another type. */
	make_source(FIFO, 0666);
	make_at(dst_dir_fd, CHARACTER, 0600);
	assert_int_equal(copy_at(), -ESTALE);
	assert_int_equal(t.stage, STAGE_OPEN_DEST);
	/* Another name. */
	make_at(dst_dir_fd, FIFO, 0600);
	assert_int_equal(linkat(dst_dir_fd, "e", dst_dir_fd, "other", 0), 0);
	assert_int_equal(copy_at(), -ESTALE);
	assert_int_equal(unlinkat(dst_dir_fd, "other", 0), 0);
	/* Another owner. */
	assert_int_equal(__real_fchownat(dst_dir_fd, "e", USER, USER, 0), 0);
	assert_int_equal(copy_at(), -ESTALE);
	assert_int_equal(stat_at(dst_dir_fd).st_mode & 07777, 0600);
	/* Gone. */
	assert_int_equal(unlinkat(dst_dir_fd, "e", 0), 0);
	assert_int_equal(copy_at(), -ENOENT);
}

/* A server that squashes root says whose the new file is: nothing is set on it,
 * and the entry is there all the same. */
static void an_owner_given_by_the_server_is_a_loss(void **state)
{
	(void)state;
	need_root();
	bent.type = 0x6969;
	renew();
	make_source(SYMLINK, 0777);
	make_at(dst_dir_fd, SYMLINK, 0777);
	assert_int_equal(__real_fchownat(dst_dir_fd, "e", 65534, 65534, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(copy_at(), 0);
	assert_int_equal(t.lost, LOSS_BIT(LOSS_OWNER) | LOSS_BIT(LOSS_TIMES));
	assert_null(strstr(bent.log, "own"));
}

static void a_source_that_was_replaced_is_noticed(void **state)
{
	struct stat src;

	(void)state;
	need_root();
	make_source(SYMLINK, 0777);
	make_at(dst_dir_fd, SYMLINK, 0777);
	src = stat_at(src_dir_fd);
	src.st_ino++;
	assert_int_equal(metadata_copy_at(t.metadata, src_dir_fd, "e", &src, dst_dir_fd, "e", &t.lost, &t.stage),
			 -ESTALE);
	assert_int_equal(t.stage, STAGE_SOURCE_CHANGED);
}

static void special_bits_go_with_the_owner(void **state)
{
	(void)state;
	need_root();
	make_source(FIFO, 06755);
	make_at(dst_dir_fd, FIFO, 0600);
	assert_int_equal(copy_at(), 0);
	assert_equal_at();
	make_at(dst_dir_fd, FIFO, 0600);
	bent.own.err = EPERM;
	assert_int_equal(copy_at(), 0);
	assert_int_equal(t.lost, LOSS_BIT(LOSS_OWNER) | LOSS_BIT(LOSS_MODE));
	assert_int_equal(stat_at(dst_dir_fd).st_mode & 07777, 0755);
}

static void without_mode_the_umask_rules(void **state)
{
	(void)state;
	need_root();
	t.policy.preserve = 0;
	make_source(FIFO, 0666);
	make_at(dst_dir_fd, FIFO, 0600);
	assert_int_equal(copy_at(), 0);
	assert_int_equal(stat_at(dst_dir_fd).st_mode & 07777, 0644);
}

static void an_inherited_acl_goes_from_a_special_file(void **state)
{
	char path[128];

	(void)state;
	need_root();
	set_acl(dst_dir_fd, DEFAULT, acl_of(7, 7, 7, 7, 0));
	make_source(FIFO, 0660);
	make_at(dst_dir_fd, FIFO, 0600);
	snprintf(path, sizeof(path), "%s/dst/e", t.root);
	assert_true(__real_getxattr(path, ACCESS, NULL, 0) > 0);
	assert_int_equal(copy_at(), 0);
	assert_int_equal(__real_getxattr(path, ACCESS, NULL, 0), -1);
	assert_equal_at();
}

/* What a file system does not allow for symlinks it may well allow for files. */
static void a_refusal_of_a_symlink_is_not_remembered(void **state)
{
	struct stat src;

	(void)state;
	need_root();
	make_source(SYMLINK, 0777);
	make_at(dst_dir_fd, SYMLINK, 0777);
	bent.path_set_err = EOPNOTSUPP;
	assert_int_equal(copy_at(), 0);
	assert_int_equal(t.lost, LOSS_BIT(LOSS_XATTR));
	if (__real_fsetxattr(t.src_fd, LABEL, "label", 5, 0) < 0)
		skip();
	src = look_at(t.src_fd);
	assert_int_equal(metadata_copy(t.metadata, t.src_fd, &src, t.dst_fd, &t.dest, &t.lost, &t.stage), 0);
	assert_int_equal(t.lost, 0);
}

static void a_symlink_is_never_followed(void **state)
{
	struct stat before = look_at(t.src_fd), after;

	(void)state;
	need_root();
	assert_int_equal(unlinkat(src_dir_fd, "e", 0) == 0 || errno == ENOENT, 1);
	assert_int_equal(symlinkat("../s", src_dir_fd, "e"), 0);
	assert_int_equal(__real_fchownat(src_dir_fd, "e", USER, USER, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(symlinkat("../s", dst_dir_fd, "e"), 0);
	for (int proc = 0; proc < 2; proc++) {
		bent.proc.err = proc != 0 ? ENOENT : 0;
		bent.empty_times.err = proc != 0 ? EINVAL : 0;
		assert_int_equal(copy_at(), 0);
		assert_int_equal(t.lost, 0);
		after = look_at(t.src_fd);
		assert_memory_equal(&after, &before, sizeof(after));
		assert_int_equal(__real_fchownat(dst_dir_fd, "e", 0, 0, AT_SYMLINK_NOFOLLOW), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_AT(copies_every_type),
		TEST_AT(copies_without_the_new_calls),
		TEST_AT(copies_without_proc),
		TEST_AT(a_swapped_name_is_not_touched),
		TEST_AT(what_is_not_ours_is_refused),
		TEST_AT(an_owner_given_by_the_server_is_a_loss),
		TEST_AT(a_source_that_was_replaced_is_noticed),
		TEST_AT(special_bits_go_with_the_owner),
		TEST_AT(without_mode_the_umask_rules),
		TEST_AT(an_inherited_acl_goes_from_a_special_file),
		TEST_AT(a_refusal_of_a_symlink_is_not_remembered),
		TEST_AT(a_symlink_is_never_followed),
	};

	return cmocka_run_group_tests_name("metadata at", tests, NULL, NULL);
}
