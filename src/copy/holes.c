/*
 * Holes, by SEEK_DATA and SEEK_HOLE and, where a file system has holes but does
 * not name them, by looking at the bytes.
 *
 * FIEMAP lost: it needs a flush to be right (data still in the page cache shows
 * as a hole or not at all), and cp gave it up for that reason. lseek() sees the
 * page cache.
 *
 * Every lseek() answer is a claim about one moment. A file that shrinks makes
 * "the rest is a hole" look true, so the caller compares the size once more at
 * the end; a file that grows cannot keep the walk going, because the walk is
 * bounded by the size it began with.
 */
#include "copy/holes.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The unit in which zeros become holes: the smallest block in common use. A
 * destination with larger blocks simply allocates the block. */
#define ZERO_BLOCK 4096u

bool holes_are_named(int fd, uint64_t size)
{
	off_t hole = lseek(fd, 0, SEEK_HOLE);

	return hole >= 0 && (uint64_t)hole < size;
}

int holes_next_data(int fd, uint64_t pos, uint64_t end, struct extent *ret_extent)
{
	off_t data = lseek(fd, (off_t)pos, SEEK_DATA);
	off_t hole;

	*ret_extent = (struct extent){ end, end };
	if (data < 0)
		return errno == ENXIO ? 0 : -errno;
	if ((uint64_t)data >= end)
		return 0;
	/* A file system that answers with less than it was asked for would send
	 * the caller backwards: believe only what is ahead. */
	if ((uint64_t)data < pos)
		data = (off_t)pos;
	hole = lseek(fd, data, SEEK_HOLE);
	if (hole < 0)
		return -errno;
	ret_extent->start = (uint64_t)data;
	if (hole > data && (uint64_t)hole < end)
		ret_extent->end = (uint64_t)hole;
	return 0;
}

int holes_punch(int fd, uint64_t offset, uint64_t length)
{
	int r;

	do {
		r = fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset, (off_t)length);
	} while (r < 0 && errno == EINTR);
	if (r == 0)
		return 0;
	return errno == ENOSYS || errno == ENOTTY ? -EOPNOTSUPP : -errno;
}

/* xfs allocates ahead of a file that is written to its end. Once the size covers
 * that, it is no longer given back. */
int holes_free_ahead(int fd, uint64_t written_end, uint64_t end)
{
	uint64_t start = (written_end + ZERO_BLOCK - 1) / ZERO_BLOCK * ZERO_BLOCK;

	return start < end ? holes_punch(fd, start, end - start) : 0;
}

bool holes_were_kept(int fd)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return true;
	/* Blocks alone would do, but for space that XFS allocates ahead of a
	 * growing file and gives back later; SEEK_HOLE alone would do, but for
	 * file systems that do not implement it. */
	return (uint64_t)st.st_blocks * 512 < (uint64_t)st.st_size || holes_are_named(fd, (uint64_t)st.st_size);
}

static bool all_zeros(const unsigned char *buf, size_t len)
{
	return buf[0] == 0 && memcmp(buf, buf + 1, len - 1) == 0;
}

size_t holes_run(const unsigned char *buf, size_t len, uint64_t offset, bool last, bool *ret_zeros)
{
	size_t done = 0;

	*ret_zeros = false;
	while (done < len) {
		uint64_t at = offset + done;
		size_t block = ZERO_BLOCK - (size_t)(at % ZERO_BLOCK);
		bool whole = block == ZERO_BLOCK;
		bool zeros;

		if (block > len - done) {
			block = len - done;
			whole = whole && last;
		}
		zeros = whole && all_zeros(buf + done, block);
		if (done > 0 && zeros != *ret_zeros)
			break;
		*ret_zeros = zeros;
		done += block;
	}
	return done;
}
