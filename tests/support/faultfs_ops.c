/*
 * The requests on names and inodes, and the table of all requests.
 *
 * Served with the daemon's own identity, by descriptor; the kernel checks
 * permissions (default_permissions), and new entries are given to the caller.
 */
#include "faultfs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/xattr.h>
#include <unistd.h>

static void op_init(void *userdata, struct fuse_conn_info *conn)
{
	(void)userdata;
	conn->want |= conn->capable & (FUSE_CAP_PARALLEL_DIROPS | FUSE_CAP_ASYNC_READ | FUSE_CAP_ASYNC_DIO |
				       FUSE_CAP_HANDLE_KILLPRIV);
	conn->want &= ~(unsigned)(FUSE_CAP_READDIRPLUS | FUSE_CAP_READDIRPLUS_AUTO);
	if (faultfs.readdirplus)
		conn->want |= conn->capable & FUSE_CAP_READDIRPLUS;
	if (faultfs.writeback)
		conn->want |= conn->capable & FUSE_CAP_WRITEBACK_CACHE;
	conn->max_background = 256;
	conn->congestion_threshold = 192;
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct node *dir = node_of(parent);
	struct fuse_entry_param entry;
	int error = request_admit(FAULT_OP_lookup, dir, name);

	if (!error)
		error = node_lookup(dir, name, &entry);
	if (error)
		fuse_reply_err(req, error);
	else
		fuse_reply_entry(req, &entry);
}

static void op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t n_lookups)
{
	request_admit(FAULT_OP_forget, NULL, NULL);
	node_forget(node_of(ino), n_lookups);
	fuse_reply_none(req);
}

static void op_forget_multi(fuse_req_t req, size_t count, struct fuse_forget_data *forgets)
{
	request_admit(FAULT_OP_forget, NULL, NULL);
	for (size_t i = 0; i < count; i++)
		node_forget(node_of(forgets[i].ino), forgets[i].nlookup);
	fuse_reply_none(req);
}

static void reply_attr(fuse_req_t req, struct node *node)
{
	struct stat st;
	int error = node_stat(node, &st);

	if (error)
		fuse_reply_err(req, error);
	else
		fuse_reply_attr(req, &st, faultfs.cache_s);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct node *node = node_of(ino);
	int error = request_admit(FAULT_OP_getattr, node, NULL);

	(void)fi;
	if (error)
		fuse_reply_err(req, error);
	else
		reply_attr(req, node);
}

/* As Linux' vfat does: a mode it cannot hold is accepted and forgotten, setuid bits are refused. */
static int set_mode(struct node *node, mode_t mode)
{
	int error = request_part(FAULT_OP_chmod, node);

	if (error || (faultfs.like_vfat && !(mode & 07000)))
		return error;
	if (faultfs.like_vfat)
		return EPERM;
	return chmod(node_path(node).text, mode & 07777) < 0 ? errno : 0;
}

static int set_owner(struct node *node, const struct stat *attr, int to_set)
{
	uid_t uid = to_set & FUSE_SET_ATTR_UID ? attr->st_uid : (uid_t)-1;
	gid_t gid = to_set & FUSE_SET_ATTR_GID ? attr->st_gid : (gid_t)-1;
	int error = request_part(FAULT_OP_chown, node);

	if (error)
		return error;
	if (faultfs.like_vfat)
		return (uid == (uid_t)-1 || uid == faultfs.uid) && (gid == (gid_t)-1 || gid == faultfs.gid) ?
			0 : EPERM;
	return fchownat(node->fd, "", uid, gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0 ? errno : 0;
}

static int set_size(struct node *node, off_t size, struct fuse_file_info *fi)
{
	int error = request_part(FAULT_OP_truncate, node);

	if (error)
		return error;
	return (fi ? ftruncate((int)fi->fh, size) : truncate(node_path(node).text, size)) < 0 ? errno : 0;
}

static int set_times(struct node *node, const struct stat *attr, int to_set)
{
	struct timespec times[2] = {{.tv_nsec = UTIME_OMIT}, {.tv_nsec = UTIME_OMIT}};
	int error = request_part(FAULT_OP_utimens, node);

	if (error)
		return error;
	if (to_set & FUSE_SET_ATTR_ATIME_NOW)
		times[0].tv_nsec = UTIME_NOW;
	else if (to_set & FUSE_SET_ATTR_ATIME)
		times[0] = attr->st_atim;
	if (to_set & FUSE_SET_ATTR_MTIME_NOW)
		times[1].tv_nsec = UTIME_NOW;
	else if (to_set & FUSE_SET_ATTR_MTIME)
		times[1] = attr->st_mtim;
	return utimensat(node->fd, "", times, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0 ? errno : 0;
}

static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set,
		       struct fuse_file_info *fi)
{
	struct node *node = node_of(ino);
	int error = request_admit(FAULT_OP_setattr, node, NULL);

	if (!error && (to_set & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)))
		error = set_owner(node, attr, to_set);
	if (!error && (to_set & FUSE_SET_ATTR_MODE))
		error = set_mode(node, attr->st_mode);
	if (!error && (to_set & FUSE_SET_ATTR_SIZE))
		error = set_size(node, attr->st_size, fi);
	if (!error && (to_set & (FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_ATIME_NOW |
				 FUSE_SET_ATTR_MTIME_NOW)))
		error = set_times(node, attr, to_set);
	if (error)
		fuse_reply_err(req, error);
	else
		reply_attr(req, node);
}

static void op_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct node *node = node_of(ino);
	int error = request_admit(FAULT_OP_readlink, node, NULL);
	char target[PATH_MAX + 1];
	ssize_t n = error ? -1 : readlinkat(node->fd, "", target, sizeof(target) - 1);

	if (n < 0) {
		fuse_reply_err(req, error ? error : errno);
		return;
	}
	target[n] = '\0';
	fuse_reply_readlink(req, target);
}

/* A new entry belongs to its maker, and to the directory's group where setgid says so. */
static void give_away(fuse_req_t req, struct node *dir, const char *name)
{
	const struct fuse_ctx *ctx = fuse_req_ctx(req);
	struct stat st;

	if (geteuid() != 0 || ctx->uid == 0 || faultfs.like_vfat)
		return;
	if (fstatat(dir->fd, "", &st, AT_EMPTY_PATH) < 0 ||
	    fchownat(dir->fd, name, ctx->uid, st.st_mode & S_ISGID ? (gid_t)-1 : ctx->gid,
		     AT_SYMLINK_NOFOLLOW) < 0)
		fprintf(stderr, "faultfs: %s: %s\n", name, strerror(errno));
}

/* Answers a request that made @name, or did not. */
static void reply_made(fuse_req_t req, struct node *dir, const char *name, int error)
{
	struct fuse_entry_param entry;

	if (!error) {
		give_away(req, dir, name);
		error = node_lookup(dir, name, &entry);
	}
	if (error)
		fuse_reply_err(req, error);
	else
		fuse_reply_entry(req, &entry);
}

static void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t device)
{
	struct node *dir = node_of(parent);
	int error = request_admit(FAULT_OP_mknod, dir, name);

	if (!error && faultfs.like_vfat && !S_ISREG(mode))
		error = EPERM;
	if (!error && mknodat(dir->fd, name, mode, device) < 0)
		error = errno;
	reply_made(req, dir, name, error);
}

static void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode)
{
	struct node *dir = node_of(parent);
	int error = request_admit(FAULT_OP_mkdir, dir, name);

	if (!error && mkdirat(dir->fd, name, mode) < 0)
		error = errno;
	reply_made(req, dir, name, error);
}

static void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name)
{
	struct node *dir = node_of(parent);
	int error = request_admit(FAULT_OP_symlink, dir, name);

	if (!error && faultfs.like_vfat)
		error = EPERM;
	if (!error && symlinkat(target, dir->fd, name) < 0)
		error = errno;
	reply_made(req, dir, name, error);
}

static void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name)
{
	struct node *dir = node_of(parent);
	int error = request_admit(FAULT_OP_link, dir, name);
	struct fuse_entry_param entry;

	if (!error && faultfs.like_vfat)
		error = EPERM;
	if (!error && linkat(AT_FDCWD, node_path(node_of(ino)).text, dir->fd, name, AT_SYMLINK_FOLLOW) < 0)
		error = errno;
	if (!error)
		error = node_lookup(dir, name, &entry);
	if (error)
		fuse_reply_err(req, error);
	else
		fuse_reply_entry(req, &entry);
}

static void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct node *dir = node_of(parent);
	int error = request_admit(FAULT_OP_unlink, dir, name);

	if (!error && unlinkat(dir->fd, name, 0) < 0)
		error = errno;
	fuse_reply_err(req, error);
}

static void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct node *dir = node_of(parent);
	int error = request_admit(FAULT_OP_rmdir, dir, name);

	if (!error && unlinkat(dir->fd, name, AT_REMOVEDIR) < 0)
		error = errno;
	fuse_reply_err(req, error);
}

static void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t newparent,
		      const char *newname, unsigned flags)
{
	struct node *to = node_of(newparent);
	int error = request_admit(FAULT_OP_rename, to, newname);

	if (!error && renameat2(node_of(parent)->fd, name, to->fd, newname, flags) < 0)
		error = errno;
	if (!error && faultfs.n_rules > 0)
		node_renamed(to, newname);
	fuse_reply_err(req, error);
}

static void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode,
		      struct fuse_file_info *fi)
{
	struct node *dir = node_of(parent);
	int error = request_admit(FAULT_OP_create, dir, name);
	struct fuse_entry_param entry;
	int flags = fi->flags | O_CREAT | O_CLOEXEC;
	int fd = -1;

	if (faultfs.writeback && (flags & O_ACCMODE) == O_WRONLY)
		flags = (flags & ~O_ACCMODE) | O_RDWR;
	if (!error && (fd = openat(dir->fd, name, flags | O_NOFOLLOW, mode)) < 0)
		error = errno;
	if (!error) {
		give_away(req, dir, name);
		error = node_lookup(dir, name, &entry);
	}
	if (error) {
		if (fd >= 0)
			close(fd);
		fuse_reply_err(req, error);
		return;
	}
	fi->fh = (uint64_t)fd;
	fi->direct_io = request_is_limited(node_of(entry.ino));
	fuse_reply_create(req, &entry, fi);
}

static void op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct node *node = node_of(ino);
	int error = request_admit(FAULT_OP_statfs, node, NULL);
	struct statvfs st;

	if (!error && fstatvfs(node->fd, &st) < 0)
		error = errno;
	if (error)
		fuse_reply_err(req, error);
	else
		fuse_reply_statfs(req, &st);
}

static void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size,
			int flags)
{
	struct node *node = node_of(ino);
	int error = request_admit(FAULT_OP_setxattr, node, NULL);

	if (!error && setxattr(node_path(node).text, name, value, size, flags) < 0)
		error = errno;
	fuse_reply_err(req, error);
}

/* Size 0 asks how long the answer would be. */
static void reply_xattr(fuse_req_t req, const char *value, ssize_t n, size_t size)
{
	if (n < 0)
		fuse_reply_err(req, errno);
	else if (size == 0)
		fuse_reply_xattr(req, (size_t)n);
	else
		fuse_reply_buf(req, value, (size_t)n);
}

static void op_getxattr(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct node *node = node_of(ino);
	int error = request_admit(FAULT_OP_getxattr, node, NULL);
	char *value = NULL;

	if (!error && size && !(value = malloc(size)))
		error = ENOMEM;
	if (error)
		fuse_reply_err(req, error);
	else
		reply_xattr(req, value, getxattr(node_path(node).text, name, value, size), size);
	free(value);
}

/* One that has no xattrs lists none, without an error, as vfat does. */
static void op_listxattr(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct node *node = node_of(ino);
	int error = request_admit(FAULT_OP_listxattr, node, NULL);
	char *names = NULL;

	if (!error && size && !(names = malloc(size)))
		error = ENOMEM;
	if (error == EOPNOTSUPP)
		reply_xattr(req, "", 0, size);
	else if (error)
		fuse_reply_err(req, error);
	else
		reply_xattr(req, names, listxattr(node_path(node).text, names, size), size);
	free(names);
}

static void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct node *node = node_of(ino);
	int error = request_admit(FAULT_OP_removexattr, node, NULL);

	if (!error && removexattr(node_path(node).text, name) < 0)
		error = errno;
	fuse_reply_err(req, error);
}

const struct fuse_lowlevel_ops faultfs_ops = {
	.init = op_init,
	.lookup = op_lookup,
	.forget = op_forget,
	.forget_multi = op_forget_multi,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.readlink = op_readlink,
	.mknod = op_mknod,
	.mkdir = op_mkdir,
	.symlink = op_symlink,
	.link = op_link,
	.unlink = op_unlink,
	.rmdir = op_rmdir,
	.rename = op_rename,
	.create = op_create,
	.statfs = op_statfs,
	.setxattr = op_setxattr,
	.getxattr = op_getxattr,
	.listxattr = op_listxattr,
	.removexattr = op_removexattr,
	.open = io_open,
	.read = io_read,
	.write = io_write,
	.flush = io_flush,
	.release = io_release,
	.fsync = io_fsync,
	.fallocate = io_fallocate,
	.lseek = io_lseek,
	.copy_file_range = io_copy_file_range,
	.opendir = io_opendir,
	.readdir = io_readdir,
	.readdirplus = io_readdirplus,
	.releasedir = io_releasedir,
	.fsyncdir = io_fsyncdir,
};
