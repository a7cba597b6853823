/*
 * Mechanism: open(2) without following, then fstat(2): the inode is what the scan
 * saw, or the entry has changed. A second fstat(2) after reading tells whether the
 * file did: by its size, its mtime, and its ctime, which nobody can set back.
 *
 * What the listing has opened is taken as it is, unless its ctime has changed: by a removal, or
 * a rename, as well as by a write.
 *
 * What lost: looking before opening, which says nothing of what is then opened.
 */
#include "copy/source.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "copy/scan.h"

static int open_retry(int dir_fd, const char *name, int flags)
{
	int fd;

	do
		fd = openat(dir_fd, name, flags | O_CLOEXEC | O_NOCTTY);
	while (fd < 0 && errno == EINTR);
	return fd;
}

/* Somebody holds a lease on the file (an SMB server, an NFS server's delegation),
 * and O_NONBLOCK does not wait for it to be given up. Waits, once it is certain
 * that this is a file and not a FIFO. */
static int open_leased(const struct place *place, const struct entry *entry)
{
	CLEANUP_FD int fd = open_retry(place->src_fd, entry->src_name, O_PATH | (entry->follow ? 0 : O_NOFOLLOW));
	char path[32];
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	if (!S_ISREG(st.st_mode)) {
		errno = EAGAIN;
		return -1;
	}
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return open_retry(AT_FDCWD, path, O_RDONLY);
}

static bool is_open_already(const struct entry *entry)
{
	return entry->open_fd && *entry->open_fd >= 0;
}

/* O_NONBLOCK: a FIFO put in a file's place must not hold the worker. */
int source_open_file(int dir_fd, const char *name)
{
	return open_retry(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
}

int source_open_unseen(const struct place *place, const struct entry *entry)
{
	int flags = O_RDONLY | (entry->follow ? 0 : O_NOFOLLOW) | (S_ISREG(entry->mode) ? O_NONBLOCK : 0), fd;

	if (is_open_already(entry))
		return take_fd(entry->open_fd);
	fd = open_retry(place->src_fd, entry->src_name, flags);
	return fd < 0 && errno == EAGAIN ? open_leased(place, entry) : fd;
}

int source_open(const struct copier *copier, const struct place *place, const struct entry *entry,
                struct stat *ret_st, struct outcome *ret)
{
	CLEANUP_FD int fd = -1;
	bool was_open = is_open_already(entry);

	copier_activity(copier, COPY_ACTIVITY_METADATA);
	fd = source_open_unseen(place, entry);
	if (fd < 0) {
		/* Gone, or a symlink or socket now. */
		bool changed = errno == ENOENT || errno == ENXIO || (errno == ELOOP && !entry->follow);

		entry_fail(ret, changed ? STAGE_SOURCE_CHANGED : STAGE_OPEN_SOURCE, errno);
		return -1;
	}
	if (fstat(fd, ret_st) < 0) {
		entry_fail(ret, STAGE_STAT_SOURCE, errno);
		return -1;
	}
	/* It may have lost its name since, which changes its ctime: that is for another look to say. */
	if (was_open && scan_changed_ns(ret_st) != entry->changed_ns)
		return source_open(copier, place, entry, ret_st, ret);
	if (!entry_is_same(entry, ret_st)) {
		entry_fail(ret, STAGE_SOURCE_CHANGED, ESTALE);
		return -1;
	}
	return take_fd(&fd);
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool source_is_unchanged(int src_fd, const struct stat *before)
{
	struct stat now;

	return fstat(src_fd, &now) == 0 && now.st_size == before->st_size &&
	       same_time(&now.st_mtim, &before->st_mtim) && same_time(&now.st_ctim, &before->st_ctim);
}
