/*
 * Mechanism: a mark (see mark.h) in an xattr of a temporary file that one worker
 * writes, in a trailer of one that is written in ranges (see trailer.c).
 *
 * The size is the proof of how far it got. A temporary file of one worker is
 * only ever written at its end, and a hole is passed over only when bytes after
 * it follow, or at the very end by ftruncate: what lies below the size is either
 * written or a hole of the source. After a power cut the size may be ahead of the
 * data, hence the boot id in the mark. The last step is done again in any case: a
 * server's own copy of a range may be interrupted anywhere.
 *
 *	this worker                         another one, same source (-L)
 *	open, read the mark: it matches
 *	                                    open, read the mark: it matches
 *	rename(old, mine)
 *	                                    rename(old, mine): ENOENT, starts over
 *	is "mine" the inode I opened? cut, go on
 */
#include "copy/partial.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "copy/mark.h"
#include "copy/trailer.h"
#include "copy/xattr.h"

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

	return is_worth(copier->policy, src) && fstat(fd, &own) == 0 && mark_make(&mark, copier->policy, &own, src) &&
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
	fd = openat(dir_fd, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
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
	if (fd < 0)
		return false;
	if (temp_name_is_for_ranges(name))
		return trailer_is_there(fd, &st);
	return mark_begin(&mark, &st) && mark_is_own(&mark, text, read_mark(fd, text));
}

/* What a file made here now would have been given. */
static bool is_like_a_new_one(const struct place *place, int fd, const struct stat *st)
{
	if (place->new_gid_known && st->st_gid != place->new_gid)
		return false;
	return place->default_acl || !xattrs_has_acl(&(struct target){ .fd = fd }, XATTR_ACL_ACCESS);
}

/* What is looked for, and what was found. */
struct search {
	const struct copier *copier;
	const struct place *place;
	const struct stat *src;
	bool ranges;
	char *temp;      /* its new name: given for ranges, else chosen here */
	uint64_t offset; /* one worker's: where copying goes on */
};

/* One worker's: back to the last place that is sure. The rest goes, so that a hole of
 * the source need only be skipped. */
static bool cut(struct search *search, int fd, off_t size)
{
	uint64_t steps = (uint64_t)size / PARTIAL_STEP;

	search->offset = steps < 2 ? 0 : (steps - 1) * PARTIAL_STEP;
	return size <= search->src->st_size && ftruncate(fd, (off_t)search->offset) == 0;
}

/* Gives @name, open as @fd, its new name. False: neither name is there any more. */
static bool claim(struct search *search, int fd, const char *name)
{
	const int dir_fd = search->place->dst_fd;
	struct stat named, st;

	if (!search->ranges)
		temp_name_next(search->temp);
	if (renameat(dir_fd, name, dir_fd, search->temp) < 0) {
		unlinkat(dir_fd, name, 0);
		return false;
	}
	if (fstatat(dir_fd, search->temp, &named, AT_SYMLINK_NOFOLLOW) == 0 && fstat(fd, &st) == 0 &&
	    named.st_dev == st.st_dev && named.st_ino == st.st_ino && is_like_a_new_one(search->place, fd, &st) &&
	    (search->ranges || cut(search, fd, st.st_size)))
		return true;
	unlinkat(dir_fd, search->temp, 0);
	return false;
}

static enum mark_match compare(const struct search *search, int fd, const struct stat *st, bool ranges)
{
	const struct copy_policy *policy = search->copier->policy;
	char text[MARK_SIZE];
	struct mark mark;

	if (ranges)
		return trailer_is_there(fd, st) ? trailer_compare(fd, st, policy, search->src) : MARK_NONE;
	if (!mark_make(&mark, policy, st, search->src))
		return MARK_NONE;
	return mark_compare(&mark, text, read_mark(fd, text));
}

/* Looks at one stale name. Returns its descriptor, claimed, or -1. */
static int try_one(struct search *search, const char *name)
{
	struct stat st;
	CLEANUP_FD int fd = open_ours(search->copier, search->place->dst_fd, name, &st);
	bool ranges = temp_name_is_for_ranges(name);
	enum mark_match match = fd < 0 ? MARK_NONE : compare(search, fd, &st, ranges);

	if (match == MARK_NONE)
		return -1; /* the sweep at the end sees to it */
	if (match == MARK_MATCHES && ranges == search->ranges)
		return claim(search, fd, name) ? take_fd(&fd) : -1;
	unlinkat(search->place->dst_fd, name, 0); /* gives its room back before the copy needs it */
	return -1;
}

static int find(struct search *search, const struct entry *entry)
{
	const struct copier *copier = search->copier;
	const struct place *place = search->place;
	const struct dirent *d;
	DIR *dir;
	int dir_fd, fd = -1;

	/* In a directory of this run only a dead worker can have left something. Where
	 * several SOURCEs meet, a file's birth must tell which run made it. */
	if (!resumes(copier->policy) || (!search->ranges && !is_worth(copier->policy, search->src)) ||
	    (place->made && !entry->redo) || place->shared_name)
		return -1;
	dir_fd = openat(place->dst_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = dir_fd < 0 ? NULL : fdopendir(dir_fd);
	if (!dir) {
		close_fd(dir_fd);
		return -1;
	}
	while (fd < 0 && (d = readdir(dir)) != NULL)
		if (temp_name_is_stale(d->d_name))
			fd = try_one(search, d->d_name);
	closedir(dir);
	return fd;
}

int partial_take_over(const struct copier *copier, const struct place *place, const struct entry *entry,
                      const struct stat *src, char temp[static TEMP_NAME_SIZE], uint64_t *ret_offset)
{
	struct search search = { .copier = copier, .place = place, .src = src, .temp = temp };
	int fd = find(&search, entry);

	*ret_offset = fd < 0 ? 0 : search.offset;
	return fd;
}

int partial_take_over_ranges(const struct copier *copier, const struct place *place, const struct entry *entry,
                             const struct stat *src, const char *temp)
{
	char name[TEMP_NAME_SIZE];
	struct search search = { .copier = copier, .place = place, .src = src, .ranges = true, .temp = name };

	snprintf(name, sizeof name, "%s", temp);
	return find(&search, entry);
}
