/*
 * Writing goes by pwrite(2), a hole is skipped where the file is new and punched
 * where it is not; where the file system cannot punch, zeros are written and the
 * loss is told.
 */
#include "copy/data_run.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/io.h"
#include "copy/holes.h"

static int write_at(struct run *run, const unsigned char *buf, size_t len, uint64_t offset)
{
	int r = io_pwrite_full(run->request->dst_fd, buf, len, (off_t)offset);

	if (r < 0)
		return run_fail(run, STAGE_WRITE, r);
	run->written_end = offset + len;
	return 0;
}

/* Makes [@offset, +@length) of the destination a hole; false where it has to be written. */
static bool hole_made(struct run *run, uint64_t offset, uint64_t length)
{
	int r;

	if (!run->request->dst_fresh && run->to_end && offset + length == run->end) {
		/* Cut off, and run_set_size() makes it long again: needs no punching. */
		if (ftruncate(run->request->dst_fd, (off_t)offset) < 0)
			return false;
	} else if (!run->request->dst_fresh) {
		if (run->pair->no_punch)
			return false;
		r = holes_punch(run->request->dst_fd, offset, length);
		run->pair->no_punch = r == -EOPNOTSUPP;
		if (r < 0)
			return false;
	}
	run->ret->holes = true;
	run->longest_hole = length > run->longest_hole ? length : run->longest_hole;
	return true;
}

int run_copy_hole(struct run *run, uint64_t offset, uint64_t length)
{
	int r;

	if (hole_made(run, offset, length))
		return run_step(run, length, false);
	run->ret->lost_holes = true;
	memset(run->data->buffer, 0, DATA_BUFFER);
	while (length > 0) {
		size_t n = length < DATA_BUFFER ? (size_t)length : DATA_BUFFER;

		r = write_at(run, run->data->buffer, n, offset);
		if (r == 0)
			r = run_step(run, n, true);
		if (r < 0)
			return r;
		offset += n;
		length -= n;
	}
	return 0;
}

/* Writes @len bytes of the buffer, its blocks of zeros as holes. @last: they end the file. */
static int write_runs(struct run *run, size_t len, uint64_t offset, bool last)
{
	const unsigned char *buf = run->data->buffer;
	int r = 0;

	for (size_t done = 0; done < len && r == 0;) {
		bool zeros;
		size_t n = holes_run(buf + done, len - done, offset + done, last, &zeros);

		if (!zeros || !hole_made(run, offset + done, n))
			r = write_at(run, buf + done, n, offset + done);
		done += n;
	}
	return r;
}

int run_write_out(struct run *run, size_t len, uint64_t offset, bool last)
{
	run_went_by(run, DATA_PLAIN);
	return run->zeros_to_holes ? write_runs(run, len, offset, last) : write_at(run, run->data->buffer, len, offset);
}

int run_set_size(struct run *run)
{
	const int fd = run->request->dst_fd;
	int r;

	if (run->request->dst_fresh && run->written_end == run->end)
		return 0;
	do {
		r = ftruncate(fd, (off_t)run->end);
	} while (r < 0 && errno == EINTR);
	if (r == 0 && run->request->dst_fresh && run->written_end > 0 && !run->pair->no_punch)
		run->pair->no_punch = holes_free_ahead(fd, run->written_end, run->end) == -EOPNOTSUPP;
	return r < 0 ? run_fail(run, STAGE_WRITE, -errno) : 0;
}

void run_learn_fate(struct run *run)
{
	struct device_pair *pair = run->pair;
	struct stat st;

	if (run->longest_hole == 0)
		return;
	if (pair->fate == HOLES_UNKNOWN && run->to_end && fstat(run->request->dst_fd, &st) == 0 &&
	    run->longest_hole >= 2 * (uint64_t)st.st_blksize)
		pair->fate = holes_were_kept(run->request->dst_fd) ? HOLES_KEPT : HOLES_LOST;
	if (pair->fate == HOLES_LOST) {
		run->ret->lost_holes = true;
		run->ret->holes = false;
	}
}
