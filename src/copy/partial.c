/*
 * Mechanism: a mark in an xattr of the temporary file, one line of text. It
 * begins with what the file itself must be (format, boot, its own device and
 * inode), then says of which source it is, then of which state of that source:
 * a prefix that matches tells a sweep, and the search, how far to believe it.
 *
 * The size is the proof of how far it got. A temporary file of one worker is
 * only ever written at its end, and a hole is passed over only when bytes after
 * it follow, or at the very end by ftruncate: what lies below the size is either
 * written or a hole of the source. (Ranges are written anywhere into a file of
 * full size: they get no mark.) After a power cut the size may be ahead of the
 * data, hence the boot id. The last step is done again in any case: a server's
 * own copy of a range may be interrupted anywhere.
 *
 *	this worker                         another one, same source (-L)
 *	open, read the mark: it matches
 *	                                    open, read the mark: it matches
 *	rename(old, mine)
 *	                                    rename(old, mine): ENOENT, starts over
 *	is "mine" the inode I opened? cut, go on
 *
 * What lost: a journal beside the file, which is one more thing to leave behind
 * and to get out of step; comparing contents, which reads everything twice;
 * taking the mark into the file's name, where it does not fit.
 */
#include "copy/partial.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "copy/xattr.h"

#define FORMAT 1
#define BOOT_ID_LEN 36
#define MARK_SIZE 320

struct mark {
	char text[MARK_SIZE];
	size_t own_len;    /* up to where it is about the temporary file itself */
	size_t source_len; /* up to where it says which source */
	size_t len;
};

/* "" where it cannot be known (no /proc): then nothing is marked, or believed. */
static const char *boot_id(void)
{
	static char id[BOOT_ID_LEN + 1];
	static bool asked;

	if (!asked) {
		CLEANUP_FD int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

		if (fd < 0 || io_read_full(fd, id, BOOT_ID_LEN) != BOOT_ID_LEN)
			id[0] = '\0';
		asked = true;
	}
	return id;
}

/* The part about the temporary file itself. */
static bool begin_mark(struct mark *mark, const struct stat *own)
{
	*mark = (struct mark){ .len = 0 };
	if (*boot_id() == '\0')
		return false;
	mark->own_len = mark->len = (size_t)snprintf(mark->text, MARK_SIZE, "%d %s %" PRIx64 " %" PRIx64 " ", FORMAT,
	                                             boot_id(), (uint64_t)own->st_dev, (uint64_t)own->st_ino);
	return true;
}

/* All of it. */
static bool make_mark(struct mark *mark, const struct copy_policy *policy, const struct stat *own,
                      const struct stat *src)
{
	if (!begin_mark(mark, own))
		return false;
	mark->len += (size_t)snprintf(mark->text + mark->len, MARK_SIZE - mark->len, "%" PRIx64 " %" PRIx64 " ",
	                              (uint64_t)src->st_dev, (uint64_t)src->st_ino);
	mark->source_len = mark->len;
	mark->len += (size_t)snprintf(mark->text + mark->len, MARK_SIZE - mark->len,
	                              "%" PRIx64 " %" PRIx64 " %lx %" PRIx64 " %lx %u %u", (uint64_t)src->st_size,
	                              (uint64_t)src->st_mtim.tv_sec, (unsigned long)src->st_mtim.tv_nsec,
	                              (uint64_t)src->st_ctim.tv_sec, (unsigned long)src->st_ctim.tv_nsec,
	                              (unsigned)policy->sparse, (unsigned)policy->reflink);
	return true;
}

/* A whole-file clone needs none of this, and under these options nothing else will do. */
static bool is_worth(const struct copy_policy *policy, const struct stat *src)
{
	return S_ISREG(src->st_mode) && (uint64_t)src->st_size >= PARTIAL_MIN && !policy->attributes_only &&
	       policy->reflink != REFLINK_ALWAYS;
}

static bool resumes(const struct copy_policy *policy)
{
	return policy->update == UPDATE_DIFFERENT && policy->reflink != REFLINK_ALWAYS && !policy->attributes_only;
}

bool partial_mark(const struct copier *copier, int fd, const struct stat *src)
{
	struct mark mark;
	struct stat own;

	return is_worth(copier->policy, src) && fstat(fd, &own) == 0 && make_mark(&mark, copier->policy, &own, src) &&
	       fsetxattr(fd, XATTR_PARTIAL, mark.text, mark.len, XATTR_CREATE) == 0;
}

int partial_unmark(int fd)
{
	return fremovexattr(fd, XATTR_PARTIAL) == 0 || errno == ENODATA ? 0 : -errno;
}

/* As our own temporary files are while they are being written. */
static bool is_ours(const struct copier *copier, const struct stat *st)
{
	return S_ISREG(st->st_mode) && st->st_uid == copier->uid && st->st_nlink == 1 && (st->st_mode & 07777) == 0600;
}

/* Opens @name if it is one of ours. Looked at first: opening something else may do something. */
static int open_ours(const struct copier *copier, int dir_fd, const char *name, struct stat *ret_st)
{
	CLEANUP_FD int fd = -1;

	if (fstatat(dir_fd, name, ret_st, AT_SYMLINK_NOFOLLOW) < 0 || !is_ours(copier, ret_st))
		return -1;
	fd = openat(dir_fd, name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, ret_st) < 0 || !is_ours(copier, ret_st))
		return -1;
	return take_fd(&fd);
}

/* Reads @fd's mark. Returns its length, 0 when there is none. */
static size_t read_mark(int fd, char text[static MARK_SIZE])
{
	ssize_t n = fgetxattr(fd, XATTR_PARTIAL, text, MARK_SIZE);

	return n > 0 ? (size_t)n : 0;
}

bool partial_is_wanted(const struct copier *copier, int dir_fd, const char *name)
{
	CLEANUP_FD int fd = -1;
	char text[MARK_SIZE];
	struct mark mark;
	struct stat st;

	if (!resumes(copier->policy))
		return false;
	fd = open_ours(copier, dir_fd, name, &st);
	return fd >= 0 && begin_mark(&mark, &st) && read_mark(fd, text) > mark.own_len &&
	       memcmp(text, mark.text, mark.own_len) == 0;
}

/* What a file made here now would have been given. */
static bool is_like_a_new_one(const struct place *place, int fd, const struct stat *st)
{
	if (place->new_gid_known && st->st_gid != place->new_gid)
		return false;
	return place->default_acl || !xattrs_has_acl(&(struct target){ .fd = fd }, XATTR_ACL_ACCESS);
}

/* Gives @name, open as @fd, the new name @temp and cuts it. False: neither name is there any more. */
static bool claim(const struct place *place, int fd, const char *name, const struct stat *src,
                  char temp[static TEMP_NAME_SIZE], uint64_t *ret_offset)
{
	struct stat named, st;
	uint64_t steps;

	temp_name_next(temp);
	if (renameat(place->dst_fd, name, place->dst_fd, temp) < 0) {
		unlinkat(place->dst_fd, name, 0);
		return false;
	}
	if (fstatat(place->dst_fd, temp, &named, AT_SYMLINK_NOFOLLOW) == 0 && fstat(fd, &st) == 0 &&
	    named.st_dev == st.st_dev && named.st_ino == st.st_ino && st.st_size <= src->st_size &&
	    is_like_a_new_one(place, fd, &st)) {
		steps = (uint64_t)st.st_size / PARTIAL_STEP;
		*ret_offset = steps < 2 ? 0 : (steps - 1) * PARTIAL_STEP;
		/* The rest goes: a hole of the source need then only be skipped. */
		if (ftruncate(fd, (off_t)*ret_offset) == 0)
			return true;
	}
	unlinkat(place->dst_fd, temp, 0);
	return false;
}

/* Looks at one stale name. Returns its descriptor, claimed, or -1. */
static int try_one(const struct copier *copier, const struct place *place, const char *name, const struct stat *src,
                   char temp[static TEMP_NAME_SIZE], uint64_t *ret_offset)
{
	struct stat st;
	CLEANUP_FD int fd = open_ours(copier, place->dst_fd, name, &st);
	char text[MARK_SIZE];
	struct mark mark;
	size_t len;

	if (fd < 0 || !make_mark(&mark, copier->policy, &st, src))
		return -1;
	len = read_mark(fd, text);
	if (len < mark.source_len || memcmp(text, mark.text, mark.source_len) != 0)
		return -1; /* another file's, or none: the sweep at the end sees to it */
	if (len == mark.len && memcmp(text, mark.text, len) == 0)
		return claim(place, fd, name, src, temp, ret_offset) ? take_fd(&fd) : -1;
	unlinkat(place->dst_fd, name, 0); /* gives its room back before the copy needs it */
	return -1;
}

int partial_take_over(const struct copier *copier, const struct place *place, const struct entry *entry,
                      const struct stat *src, char temp[static TEMP_NAME_SIZE], uint64_t *ret_offset)
{
	const struct dirent *d;
	DIR *dir;
	int dir_fd, fd = -1;

	/* In a directory of this run only a dead worker can have left something. Where
	 * several SOURCEs meet, a file's birth must tell which run made it. */
	if (!resumes(copier->policy) || !is_worth(copier->policy, src) || (place->made && !entry->redo) ||
	    place->shared_name)
		return -1;
	dir_fd = openat(place->dst_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = dir_fd < 0 ? NULL : fdopendir(dir_fd);
	if (!dir) {
		close_fd(dir_fd);
		return -1;
	}
	while (fd < 0 && (d = readdir(dir)) != NULL)
		if (temp_name_is_stale(d->d_name))
			fd = try_one(copier, place, d->d_name, src, temp, ret_offset);
	closedir(dir);
	return fd;
}
