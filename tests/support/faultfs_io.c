/*
 * The requests on open files and open directories.
 *
 * A file whose reads or writes a rule cuts short is opened with direct_io:
 * through the page cache a short read would look like the end of the file.
 */
#include "faultfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void io_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct node *node = node_of(ino);
	int error = request_admit(FAULT_OP_open, node, NULL);
	int flags = fi->flags & ~O_NOFOLLOW;
	int fd;

	if (error) {
		fuse_reply_err(req, error);
		return;
	}
	if (faultfs.writeback && (flags & O_ACCMODE) == O_WRONLY)
		flags = (flags & ~O_ACCMODE) | O_RDWR; /* the kernel reads to fill pages */
	if (faultfs.writeback)
		flags &= ~O_APPEND;
	fd = open(node_path(node).text, flags | O_CLOEXEC);
	if (fd < 0) {
		fuse_reply_err(req, errno);
		return;
	}
	fi->fh = (uint64_t)fd;
	fi->direct_io = request_is_limited(node);
	fi->keep_cache = 0;
	fuse_reply_open(req, fi);
}

void io_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
	struct node *node = node_of(ino);
	int error = request_admit(FAULT_OP_read, node, NULL);
	char *buf = NULL;
	ssize_t n;

	if (!error)
		error = request_limit(FAULT_OP_read, node, (uint64_t)offset, &size);
	if (!error && !(buf = malloc(size)))
		error = ENOMEM;
	if (error) {
		fuse_reply_err(req, error);
		return;
	}
	n = pread((int)fi->fh, buf, size, offset);
	if (n < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_buf(req, buf, (size_t)n);
	free(buf);
}

void io_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t offset,
	      struct fuse_file_info *fi)
{
	struct node *node = node_of(ino);
	int error = request_admit(FAULT_OP_write, node, NULL);
	ssize_t n;

	if (!error)
		error = request_limit(FAULT_OP_write, node, (uint64_t)offset, &size);
	if (error) {
		fuse_reply_err(req, error);
		return;
	}
	n = pwrite((int)fi->fh, buf, size, offset);
	if (n < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_write(req, (size_t)n);
}

/* Sent at every close(2): the last chance of a network file system to report a lost write. */
void io_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)fi;
	fuse_reply_err(req, request_admit(FAULT_OP_flush, node_of(ino), NULL));
}

void io_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	request_admit(FAULT_OP_release, node_of(ino), NULL);
	close((int)fi->fh);
	fuse_reply_err(req, 0);
}

void io_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	int error = request_admit(FAULT_OP_fsync, node_of(ino), NULL);

	if (!error && (datasync ? fdatasync((int)fi->fh) : fsync((int)fi->fh)) < 0)
		error = errno;
	fuse_reply_err(req, error);
}

void io_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length,
		  struct fuse_file_info *fi)
{
	int error = request_admit(FAULT_OP_fallocate, node_of(ino), NULL);

	if (!error && (faultfs.like_vfat || faultfs.hide_holes) && mode != 0)
		error = EOPNOTSUPP;
	if (!error && fallocate((int)fi->fh, mode, offset, length) < 0)
		error = errno;
	fuse_reply_err(req, error);
}

/* ENOSYS makes the kernel answer for itself from then on: all data, one hole at the end. */
void io_lseek(fuse_req_t req, fuse_ino_t ino, off_t offset, int whence, struct fuse_file_info *fi)
{
	int error = request_admit(FAULT_OP_lseek, node_of(ino), NULL);
	off_t at;

	if (!error && (faultfs.hide_holes || faultfs.like_vfat))
		error = ENOSYS;
	if (error) {
		fuse_reply_err(req, error);
		return;
	}
	at = lseek((int)fi->fh, offset, whence);
	if (at < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_lseek(req, at);
}

void io_copy_file_range(fuse_req_t req, fuse_ino_t ino_in, off_t off_in, struct fuse_file_info *fi_in,
			fuse_ino_t ino_out, off_t off_out, struct fuse_file_info *fi_out, size_t len,
			int flags)
{
	int error = request_admit(FAULT_OP_copy_file_range, node_of(ino_out), NULL);
	ssize_t n;

	(void)ino_in;
	if (!error && !faultfs.copy_offload)
		error = ENOSYS;
	if (error) {
		fuse_reply_err(req, error);
		return;
	}
	n = copy_file_range((int)fi_in->fh, &off_in, (int)fi_out->fh, &off_out, len, (unsigned)flags);
	if (n < 0)
		fuse_reply_err(req, errno);
	else
		fuse_reply_write(req, (size_t)n);
}

/* An open directory; the entry that did not fit the last answer waits here. */
struct listing {
	DIR *dir;
	struct dirent *entry;
	off_t offset;
};

void io_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct node *node = node_of(ino);
	int error = request_admit(FAULT_OP_opendir, node, NULL);
	struct listing *listing = NULL;
	int fd = -1;

	if (!error && !(listing = calloc(1, sizeof(*listing))))
		error = ENOMEM;
	if (!error && (fd = openat(node->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
		error = errno;
	if (!error && !(listing->dir = fdopendir(fd)))
		error = errno;
	if (error) {
		if (fd >= 0)
			close(fd);
		free(listing);
		fuse_reply_err(req, error);
		return;
	}
	fi->fh = (uintptr_t)listing;
	fuse_reply_open(req, fi);
}

/* Adds one entry to the answer; returns the bytes it takes, more than @room when it does not fit. */
static size_t add_entry(fuse_req_t req, struct node *node, struct dirent *entry, char *at, size_t room,
			bool plus)
{
	struct fuse_entry_param param = {0};
	char twice[2 * sizeof(entry->d_name)];
	const char *name = entry->d_name;
	size_t used;

	if (faultfs.long_names && strlen(name) >= 200) {
		snprintf(twice, sizeof(twice), "%s%s", name, name);
		name = twice;
	}
	param.attr.st_ino = entry->d_ino;
	param.attr.st_mode = (mode_t)entry->d_type << 12;
	if (!plus)
		return fuse_add_direntry(req, at, room, name, &param.attr, entry->d_off);
	if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
	    node_lookup(node, entry->d_name, &param) != 0)
		return 0; /* gone meanwhile */
	used = fuse_add_direntry_plus(req, at, room, name, &param, entry->d_off);
	if (used > room && param.ino)
		node_forget(node_of(param.ino), 1);
	return used;
}

static void list(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi,
		 bool plus)
{
	struct listing *listing = (struct listing *)(uintptr_t)fi->fh;
	struct node *node = node_of(ino);
	int error = request_admit(plus ? FAULT_OP_readdirplus : FAULT_OP_readdir, node, NULL);
	char *buf = error ? NULL : malloc(size);
	size_t used = 0;

	if (!buf) {
		fuse_reply_err(req, error ? error : ENOMEM);
		return;
	}
	if (offset != listing->offset) {
		seekdir(listing->dir, offset);
		listing->entry = NULL;
		listing->offset = offset;
	}
	for (;;) {
		size_t n;

		if (!listing->entry) {
			errno = 0;
			listing->entry = readdir(listing->dir);
			error = errno;
		}
		if (!listing->entry)
			break;
		n = add_entry(req, node, listing->entry, buf + used, size - used, plus);
		if (n > size - used)
			break;
		used += n;
		listing->offset = listing->entry->d_off;
		listing->entry = NULL;
	}
	if (error && used == 0)
		fuse_reply_err(req, error);
	else
		fuse_reply_buf(req, buf, used);
	free(buf);
}

void io_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
	list(req, ino, size, offset, fi, false);
}

void io_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi)
{
	list(req, ino, size, offset, fi, true);
}

void io_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct listing *listing = (struct listing *)(uintptr_t)fi->fh;

	request_admit(FAULT_OP_releasedir, node_of(ino), NULL);
	closedir(listing->dir);
	free(listing);
	fuse_reply_err(req, 0);
}

void io_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi)
{
	struct listing *listing = (struct listing *)(uintptr_t)fi->fh;
	int error = request_admit(FAULT_OP_fsyncdir, node_of(ino), NULL);

	(void)datasync;
	if (!error && fsync(dirfd(listing->dir)) < 0)
		error = errno;
	fuse_reply_err(req, error);
}
