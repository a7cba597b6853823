/*
 *   0                       size          + a byte a part        + MARK
 *   | contents, in any order | in? in? in? | mark, to the very end |
 *
 * The mark is found from the end, so that a sweep needs no source to know one by.
 * A longer source has a longer trailer, so one length of the whole belongs to one
 * size only: while there is a trailer, contents somebody chose cannot be read as one.
 *
 * Several workers write it, each its own bytes, which is as safe as writing the
 * contents so. Nothing is flushed: what one process of this boot has written any
 * other one reads, killed or not; a mark of another boot is not believed.
 *
 * What lost: xattrs, one for each range, which some file systems do not have, others
 * have 4 KiB for, and each of which takes a request to remove; one byte written
 * behind another in each range's order, which only the same cut could go on with.
 */
#include "copy/trailer.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/io.h"

#define IN 'x'
#define LOOK 4096 /* parts looked at in one read */

static uint64_t parts_before(uint64_t offset)
{
	return (offset + TRAILER_PART - 1) / TRAILER_PART;
}

static uint64_t whole_size(uint64_t size)
{
	return size + parts_before(size) + MARK_SIZE;
}

static int set_size(int fd, uint64_t size)
{
	int r;

	do
		r = ftruncate(fd, (off_t)size);
	while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

int trailer_write(int fd, const struct copy_policy *policy, const struct stat *src)
{
	uint64_t size = (uint64_t)src->st_size;
	struct mark mark;
	struct stat own;
	int r = set_size(fd, whole_size(size));

	if (r < 0)
		return r;
	if (fstat(fd, &own) < 0)
		return -errno;
	mark_make(&mark, policy, &own, src);
	return io_pwrite_full(fd, mark.text, MARK_SIZE, (off_t)(whole_size(size) - MARK_SIZE));
}

/* Returns its length, 0 when there is none. */
static size_t read_mark(int fd, const struct stat *own, char text[static MARK_SIZE])
{
	if (own->st_size < MARK_SIZE ||
	    io_pread_full(fd, text, MARK_SIZE, own->st_size - MARK_SIZE) != MARK_SIZE)
		return 0;
	return strnlen(text, MARK_SIZE);
}

enum mark_match trailer_compare(int fd, const struct stat *own, const struct copy_policy *policy,
                                const struct stat *src)
{
	char text[MARK_SIZE];
	struct mark mark;
	enum mark_match match;

	mark_make(&mark, policy, own, src);
	match = mark_compare(&mark, text, read_mark(fd, own, text));
	if (match == MARK_MATCHES && (uint64_t)own->st_size != whole_size((uint64_t)src->st_size))
		return MARK_OTHER_STATE;
	return match;
}

bool trailer_is_there(int fd, const struct stat *own)
{
	char text[MARK_SIZE];
	struct mark mark;

	return mark_begin(&mark, own) && mark_is_own(&mark, text, read_mark(fd, own, text));
}

int trailer_next(int fd, uint64_t size, uint64_t from, uint64_t end, uint64_t most, uint64_t *ret_start,
                 uint64_t *ret_end)
{
	uint64_t part = from / TRAILER_PART, last = parts_before(end);
	char in[LOOK];

	while (part < last) {
		size_t n = last - part < LOOK ? (size_t)(last - part) : LOOK, i = 0, j;
		ssize_t r = io_pread_full(fd, in, n, (off_t)(size + part));

		if (r != (ssize_t)n)
			return r < 0 ? (int)r : -EIO;
		while (i < n && in[i] == IN)
			i++;
		for (j = i; j < n && in[j] != IN && (j - i) * TRAILER_PART < most; j++)
			;
		if (i < j) {
			*ret_start = (part + i) * TRAILER_PART;
			*ret_end = (part + j) * TRAILER_PART < end ? (part + j) * TRAILER_PART : end;
			return 1;
		}
		part += n;
	}
	return 0;
}

int trailer_set(int fd, uint64_t size, uint64_t start, uint64_t end)
{
	uint64_t part = start / TRAILER_PART, last = parts_before(end);
	char in[LOOK];
	int r = 0;

	memset(in, IN, sizeof in);
	while (part < last && r == 0) {
		size_t n = last - part < LOOK ? (size_t)(last - part) : LOOK;

		r = io_pwrite_full(fd, in, n, (off_t)(size + part));
		part += n;
	}
	return r;
}

int trailer_cut(int fd, uint64_t size)
{
	return set_size(fd, size);
}
