/*
 * The calls that change an inode, for descriptors that are O_PATH too.
 *
 * fchmod() and futimens() refuse O_PATH. fchmodat2() with AT_EMPTY_PATH came with
 * Linux 6.6, utimensat() with it in 5.8; /proc/self/fd does the same on older
 * ones; where /proc is not mounted (chroot, early boot), only the name is left:
 *
 *   us                                    someone who may write there
 *   fstatat(name): is it our inode?
 *                                         rename(other, name)
 *   chmod(name)
 *
 * The last step is taken only when the three before it cannot be, and only for
 * special files and symlinks.
 */
#include "copy/target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

bool target_has_its_name(const struct target *target)
{
	struct stat by_fd, by_name;

	return fstat(target->fd, &by_fd) == 0 &&
	       fstatat(target->dir_fd, target->name, &by_name, AT_SYMLINK_NOFOLLOW) == 0 &&
	       by_fd.st_dev == by_name.st_dev && by_fd.st_ino == by_name.st_ino;
}

int target_stat(const struct target *target, bool answered, struct stat *ret)
{
	struct statx stx;

	if (!answered)
		return fstat(target->fd, ret) < 0 ? -errno : 0;
	if (statx(target->fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &stx) < 0)
		return -errno;
	*ret = (struct stat){
		.st_uid = stx.stx_uid,
		.st_gid = stx.stx_gid,
		.st_mode = stx.stx_mode,
		.st_atim = { stx.stx_atime.tv_sec, stx.stx_atime.tv_nsec },
		.st_mtim = { stx.stx_mtime.tv_sec, stx.stx_mtime.tv_nsec },
	};
	return 0;
}

int target_chown(const struct target *target, uid_t uid, gid_t gid)
{
	int r = target->name == NULL ? fchown(target->fd, uid, gid) :
				       fchownat(target->fd, "", uid, gid, AT_EMPTY_PATH);

	return r < 0 ? -errno : 0;
}

int target_chmod(const struct target *target, mode_t mode)
{
	char path[sizeof("/proc/self/fd/") + 3 * sizeof(int)];

	if (target->name == NULL)
		return fchmod(target->fd, mode) < 0 ? -errno : 0;
	if (syscall(SYS_fchmodat2, target->fd, "", mode, AT_EMPTY_PATH) == 0)
		return 0;
	/* EPERM may be a sandbox's word for ENOSYS: the next way tells. */
	if (errno != ENOSYS && errno != EINVAL && errno != EPERM)
		return -errno;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", target->fd);
	if (chmod(path, mode) == 0)
		return 0;
	if (errno != ENOENT && errno != ENOTDIR)
		return -errno;
	if (!target_has_its_name(target))
		return -ESTALE;
	return fchmodat(target->dir_fd, target->name, mode, 0) < 0 ? -errno : 0;
}

int target_set_times(const struct target *target, const struct timespec times[static 2])
{
	if (target->name == NULL)
		return futimens(target->fd, times) < 0 ? -errno : 0;
	if (utimensat(target->fd, "", times, AT_EMPTY_PATH) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOENT)
		return -errno;
	if (!target_has_its_name(target))
		return -ESTALE;
	return utimensat(target->dir_fd, target->name, times, AT_SYMLINK_NOFOLLOW) < 0 ? -errno : 0;
}
