/*
 * Mechanism: a directory is made 0700, so that nobody sees or enters it before
 * it is complete, and what it inherited is taken off; its own owner, mode and
 * times come at the end, from whichever worker finishes it. One that was there
 * is merged into: we give ourselves its permissions only if its mode is going to be the
 * source's anyway, so that nothing has to be remembered and put back.
 *
 *	worker                              attacker with write access beside it
 *	mkdir "a", 0700
 *	                                    rmdir a, symlink a -> /etc
 *	open "a" O_NOFOLLOW: ENOTDIR
 *
 * What lost: the final mode at once, which for a 0555 directory keeps us out and
 * for 0777 lets others in too early.
 */
#include "copy/directory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "copy/existing.h"
#include "copy/partial.h"
#include "copy/permissions.h"
#include "copy/temp_name.h"

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

static int fail(struct outcome *ret, enum stage stage, int err)
{
	entry_fail(ret, stage, err);
	return -1;
}

static int open_directory(int parent_fd, const char *name, int flags)
{
	int fd;

	do
		fd = openat(parent_fd, name, flags | O_DIRECTORY | O_CLOEXEC);
	while (fd < 0 && errno == EINTR);
	return fd;
}

/* chmod of an O_PATH descriptor: fchmodat2 since Linux 6.6, /proc before. */
static int chmod_path_fd(int fd, mode_t mode)
{
	char path[32];

	if (syscall(SYS_fchmodat2, fd, "", mode, AT_EMPTY_PATH) == 0)
		return 0;
	if (errno != ENOSYS && errno != EPERM)
		return -1;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return chmod(path, mode);
}

/* Lets us fill @name, a directory of ours that was there. */
static int open_up(const struct copier *copier, int parent_fd, const char *name, int follow)
{
	CLEANUP_FD int fd = open_directory(parent_fd, name, O_PATH | follow);
	struct stat st;

	if (fd < 0)
		return -1;
	if (fstat(fd, &st) < 0)
		return -1;
	if (copier->uid == 0 || st.st_uid != copier->uid || (st.st_mode & 0700) == 0700 ||
	    !(copier->policy->preserve & PRESERVE_MODE))
		return 0;
	return chmod_path_fd(fd, (st.st_mode & 07777) | 0700);
}

/* Says what has the name that a directory needs. */
static int in_the_way(int parent_fd, const char *name, struct outcome *ret)
{
	struct stat st;

	if (fstatat(parent_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return fail(ret, STAGE_MAKE_DIRECTORY, errno);
	if (S_ISREG(st.st_mode) || S_ISLNK(st.st_mode))
		return fail(ret, STAGE_NOT_DIRECTORY, ENOTDIR);
	if (S_ISDIR(st.st_mode)) /* it was not one a moment ago */
		return fail(ret, STAGE_MAKE_DIRECTORY, EAGAIN);
	return fail(ret, STAGE_SPECIAL_IN_THE_WAY, EEXIST);
}

static bool is_empty(int dir_fd)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	int entries = 0;

	if (!dir) {
		close_fd(fd);
		return false;
	}
	while (entries <= 2 && readdir(dir))
		entries++;
	closedir(dir);
	return entries == 2; /* "." and ".." */
}

/* A worker made it, and died before it could say so: it has everything that
 * making it would have given, and its mode still has to be set. */
static bool is_dead_workers(const struct copier *copier, int parent_fd, const char *name, int fd,
                            const struct stat *st)
{
	return st->st_uid == copier->uid && (st->st_mode & 0777) == 0700 &&
	       existing_is_of_this_run(copier, parent_fd, name) && is_empty(fd);
}

int directory_learn(struct metadata *metadata, int fd, struct dest_directory *ret_dir)
{
	*ret_dir = (struct dest_directory){ 0 };
	if (fstat(fd, &ret_dir->st) < 0)
		return -errno;
	ret_dir->default_acl = metadata_has_default_acl(metadata, fd);
	return 0;
}

/* What it inherited. What cannot be removed stays known. */
static void strip(const struct copier *copier, int fd, struct dest_directory *dir)
{
	metadata_strip_inherited(copier->metadata, fd);
	dir->default_acl = metadata_has_default_acl(copier->metadata, fd);
}

static int open_existing(const struct copier *copier, int parent_fd, const char *name, const struct stat *src,
                         struct dest_directory *ret_dir, struct outcome *ret)
{
	int follow = copier->policy->keep_directory_symlink ? 0 : O_NOFOLLOW;
	CLEANUP_FD int fd = -1;

	if (open_up(copier, parent_fd, name, follow) < 0) {
		if (errno == ENOTDIR || errno == ELOOP || errno == ENOENT)
			return in_the_way(parent_fd, name, ret);
		return fail(ret, STAGE_MAKE_DIRECTORY, errno);
	}
	fd = open_directory(parent_fd, name, O_RDONLY | follow);
	if (fd < 0 || directory_learn(copier->metadata, fd, ret_dir) < 0)
		return fail(ret, STAGE_OPEN_DEST, errno);
	if (ret_dir->st.st_dev == src->st_dev && ret_dir->st.st_ino == src->st_ino)
		return fail(ret, STAGE_SAME_FILE, EEXIST);
	ret_dir->made = is_dead_workers(copier, parent_fd, name, fd, &ret_dir->st);
	if (ret_dir->made && (copier->policy->preserve & PRESERVE_MODE) && ret_dir->default_acl)
		strip(copier, fd, ret_dir);
	return take_fd(&fd);
}

/* The directory just made is ours, or has the owner that everything has here. */
static bool is_ours(const struct copier *copier, int parent_fd, const struct stat *st)
{
	struct stat parent;

	return st->st_uid == copier->uid || (fstat(parent_fd, &parent) == 0 && st->st_uid == parent.st_uid);
}

/* Makes the directory with @mode and opens it. Returns -EEXIST when the name is taken, else a
 * descriptor, or -1 with *@ret filled. */
static int make_new(const struct copier *copier, int parent_fd, const char *name, mode_t mode,
                    struct dest_directory *ret_dir, struct outcome *ret)
{
	CLEANUP_FD int fd = -1;

	if (mkdirat(parent_fd, name, mode) < 0) {
		if (errno == EEXIST)
			return -EEXIST;
		return fail(ret, STAGE_MAKE_DIRECTORY, errno);
	}
	fd = open_directory(parent_fd, name, O_RDONLY | O_NOFOLLOW);
	if (fd < 0 || directory_learn(copier->metadata, fd, ret_dir) < 0)
		return fail(ret, STAGE_OPEN_DEST, errno);
	if (!is_ours(copier, parent_fd, &ret_dir->st))
		return fail(ret, STAGE_OPEN_DEST, ESTALE);
	ret_dir->made = true;
	return take_fd(&fd);
}

int directory_make(struct copier *copier, int parent_fd, const char *name, const struct stat *src,
                   struct dest_directory *ret_dir, struct outcome *ret)
{
	int fd;

	*ret_dir = (struct dest_directory){ 0 };
	entry_done(ret, OUTCOME_COPIED, DATA_NONE, 0);
	fd = make_new(copier, parent_fd, name, 0700, ret_dir, ret);
	if (fd == -EEXIST)
		return open_existing(copier, parent_fd, name, src, ret_dir, ret);
	if (fd >= 0 && ret_dir->default_acl && (copier->policy->preserve & PRESERVE_MODE)) {
		strip(copier, fd, ret_dir);
	} else if (fd >= 0 && ret_dir->default_acl) {
		/* It keeps what it inherits, and what that leaves of the
		 * source's mode shows only in one made with it. */
		close_fd(fd);
		unlinkat(parent_fd, name, AT_REMOVEDIR);
		fd = make_new(copier, parent_fd, name, permissions_new_mode(copier->policy, src->st_mode) | 0700,
		              ret_dir, ret);
	}
	return fd == -EEXIST ? fail(ret, STAGE_MAKE_DIRECTORY, EEXIST) : fd;
}

/* All that is stale, but what @spare has a use for. Returns true when there was nothing of that. */
static bool sweep(int dst_fd, const struct copier *spare)
{
	int fd = openat(dst_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *d;
	bool all = true;

	if (!dir) {
		close_fd(fd);
		return false;
	}
	/* Removing what readdir has already passed is safe; a directory of that name is none of ours. */
	while ((d = readdir(dir)) != NULL) {
		if (!temp_name_is_stale(d->d_name))
			continue;
		if (spare && partial_is_wanted(spare, dst_fd, d->d_name))
			all = false;
		else
			unlinkat(dst_fd, d->d_name, 0);
	}
	closedir(dir);
	return all;
}

bool directory_sweep(const struct copier *copier, int dst_fd)
{
	return sweep(dst_fd, copier);
}

void directory_finish(struct copier *copier, int src_fd, int dst_fd, bool made, bool swept, struct outcome *ret)
{
	struct metadata_dest dest = { .may_have_acl = true, .fresh = made };
	enum stage stage = STAGE_NONE;
	uint32_t lost = 0;
	struct stat src, dst;
	int err;

	if (copier->policy->update == UPDATE_DIFFERENT && !swept)
		sweep(dst_fd, NULL);
	if (fstat(src_fd, &src) < 0) {
		entry_fail(ret, STAGE_STAT_SOURCE, errno);
		return;
	}
	if (fstat(dst_fd, &dst) < 0) {
		entry_fail(ret, STAGE_OPEN_DEST, errno);
		return;
	}
	dest.dev = dst.st_dev;
	dest.uid = dst.st_uid;
	dest.gid = dst.st_gid;
	dest.mode = dst.st_mode & 07777;
	dest.owner_known = dest.mode_known = true;
	/* Taken off when it was made, unless the mode is not preserved. */
	if (made)
		dest.may_have_acl = !(copier->policy->preserve & PRESERVE_MODE) &&
		                    metadata_has_default_acl(copier->metadata, dst_fd);
	err = metadata_copy(copier->metadata, src_fd, &src, dst_fd, &dest, &lost, &stage);
	if (err < 0) {
		entry_fail(ret, stage, -err);
		return;
	}
	if (copier->policy->sync == SYNC_FILE && fsync(dst_fd) < 0 && errno != EINVAL) {
		entry_fail(ret, STAGE_SYNC, errno);
		return;
	}
	entry_done(ret, OUTCOME_COPIED, DATA_NONE, 0);
	ret->lost = lost;
}
