/*
 * The data ladder: FICLONE, copy_file_range, read and write.
 *
 * A rung that fails before its first byte costs nothing: the next one starts at
 * the same offset. One that fails later is left at the offset it reached. No
 * error of a fast rung is ever reported: it cannot say whether the read or the
 * write went wrong, and the plain rung that follows finds the same trouble and
 * can. What was refused once as not available is remembered for the pair of
 * devices and not tried for each file.
 *
 * Where copy_file_range is only a splice in the kernel, plain copying goes
 * first on disks, where it is faster. Measured on Linux 6.18, 2 cores, a cached file of
 * 512 MiB into a new one, best of 15, MiB/s; the spread between runs is 5 %:
 *
 *                        ext4    xfs, no reflink   btrfs
 *   read/write 256 KiB   5020         13300         1180
 *   read/write   1 MiB   5070         13800         1180
 *   cfr          8 MiB   4130          8100      at once (shares)
 *   cfr         64 MiB   4100            -             -
 *
 * On tmpfs the splice saves one of two copies through a buffer: programs in turns, median
 * of 15, the same file took 211 ms by it and 269 ms by reads and writes (cp: 206 ms), 400
 * files of 256 KiB 56 ms and 64 ms.
 *
 * So copy_file_range is used where it can share or have a server copy (btrfs,
 * xfs with reflinks, NFS, SMB, overlays, anything unknown) and on tmpfs, not on
 * ext4. Its steps are 8 MiB: more only makes ^C and the bar wait (64 MiB on tmpfs: 1 %
 * faster, within the noise). From a cold cache on ext4 the three were alike within the
 * noise.
 *
 * On FUSE both are tried, by one worker for all, and the faster one goes on. (Sixteen
 * workers that tried wrote 64 pieces of 64 KiB, one after another as the kernel has it
 * with one file: 0.1 s of 1.2 s.) What a server does not do
 * itself the kernel splices through its cache there, 64 KiB a request, and never says
 * so: 256 MiB at 1 ms a request took 9.6 s by that, 2.3 s by reads and writes of
 * 2 MiB, 1.1 s by those from 16 ranges at once; a server that copies, 0.3 s. Such a
 * copy is one request whatever its length, so a short piece may look slow; but not as
 * slow as many requests.
 *
 * Alternatives that lost: sendfile and splice (the same work as above and no
 * sharing); mmap (SIGBUS when the source shrinks); a larger buffer than 256 KiB
 * on a disk of this machine (nothing gained, and it leaves the L2 cache).
 */
#include "copy/data_run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "copy/holes.h"

#define FAR_SIZE ((size_t)2048 * 1024)
#define OFFLOAD_STEP (UINT64_C(8) << 20)
#define OFFLOAD_MIN (UINT64_C(64) << 10) /* below, one read and one write are cheaper */
#define TRIAL_PLAIN (UINT64_C(2) << 20)
#define TRIAL_SHORT (UINT64_C(256) << 10)
#define TRIAL_LONG (UINT64_C(1) << 20)

int data_new(const struct copy_policy *policy, data_step_fn *step, void *arg, struct data **ret_data)
{
	struct data *data = calloc(1, sizeof(*data));
	void *buffer = NULL;

	/* Page aligned: the kernel's copy runs over whole pages. */
	if (data == NULL || posix_memalign(&buffer, 4096, FAR_SIZE) != 0) {
		free(data);
		return -ENOMEM;
	}
	*data = (struct data){ .policy = policy, .step = step, .arg = arg, .buffer = buffer };
	*ret_data = data;
	return 0;
}

void data_free(struct data *data)
{
	if (data != NULL)
		free(data->buffer);
	free(data);
}

void data_share_trial(struct data *data, struct offload_trial *trial)
{
	data->trial = trial;
}

void data_set_step(struct data *data, uint64_t bytes)
{
	data->step_most = bytes > 0 && bytes < OFFLOAD_MIN ? OFFLOAD_MIN : bytes;
}

void *data_buffer(struct data *data, size_t *ret_size)
{
	*ret_size = DATA_BUFFER;
	return data->buffer;
}

bool data_step_moved(const struct data *data)
{
	return data->moved;
}

/* Counts @bytes as done and lets the caller look up. */
int run_step(struct run *run, uint64_t bytes, bool moved)
{
	struct data *data = run->data;

	run->ret->bytes += bytes;
	data->moved = moved;
	return data->step != NULL ? data->step(bytes, data->arg) : 0;
}

int run_fail(struct run *run, enum stage stage, int r)
{
	run->ret->stage = stage;
	return r;
}

static int source_changed(struct run *run)
{
	return run_fail(run, STAGE_SOURCE_CHANGED, -ESTALE);
}

void run_went_by(struct run *run, enum data_method method)
{
	if (method > run->ret->method)
		run->ret->method = method;
}

bool data_may_clone(struct data *data, dev_t src_dev, dev_t dst_dev, uint64_t size)
{
	const struct copy_policy *policy = data->policy;

	if (policy->reflink == REFLINK_ALWAYS)
		return true;
	return policy->reflink == REFLINK_AUTO && policy->sparse == SPARSE_AUTO && size > 0 &&
	       !device_pair_of(&data->pairs, src_dev, dst_dev)->no_clone;
}

static bool may_clone(const struct run *run)
{
	const struct data_request *request = run->request;

	if (run->data->policy->reflink != REFLINK_ALWAYS && (!request->dst_fresh || request->unknown_size))
		return false;
	return data_may_clone(run->data, request->src_dev, request->dst_dev, request->length);
}

/* The first rung. Returns 1 when everything is shared now, 0 to go on, or -errno. */
static int try_clone(struct run *run)
{
	const struct data_request *request = run->request;
	struct stat st;
	/* A length of 0 is "to the end", which need not be in whole blocks. */
	bool to_end = run->to_end && !request->dst_longer;
	int r = offload_clone(request->src_fd, request->dst_fd, request->offset, to_end ? 0 : request->length);

	if (r < 0 && run->data->policy->reflink == REFLINK_ALWAYS)
		return run_fail(run, STAGE_REFLINK, r);
	if (r < 0) {
		offload_clone_failed(run->pair, -r);
		return 0;
	}
	run_went_by(run, DATA_REFLINK);
	run->ret->holes = request->blocks * 512 < request->size;
	/* A clone takes what is there now, whatever the caller has seen. */
	if (fstat(request->dst_fd, &st) < 0)
		return run_fail(run, STAGE_WRITE, -errno);
	if (request->unknown_size)
		run->end = (uint64_t)st.st_size;
	else if (to_end && request->dst_fresh && (uint64_t)st.st_size != request->size)
		return source_changed(run);
	run->end_seen = true;
	run->written_end = run->end;
	r = run_step(run, run->end - request->offset, false);
	return r < 0 ? r : 1;
}

static bool may_offload(const struct run *run, uint64_t length)
{
	const struct copy_policy *policy = run->data->policy;

	/* As in cp, --reflink=never means a copy of one's own, and this call may
	 * share; --sparse=never means every block is allocated, and this call may
	 * leave holes; zeros can be found only by reading. */
	return policy->offload && policy->reflink != REFLINK_NEVER && policy->sparse == SPARSE_AUTO &&
	       !run->zeros_to_holes && !run->request->unknown_size && length >= OFFLOAD_MIN;
}

/* The second rung: moves extent->start as far as it gets. Returns 0 to go on
 * from there, or what the step hook said. */
static int offload(struct run *run, struct extent *extent)
{
	while (extent->start < extent->end) {
		uint64_t left = extent->end - extent->start, most = run->data->step_most;
		uint64_t step = most > 0 && most < OFFLOAD_STEP ? most : OFFLOAD_STEP;
		ssize_t n = offload_copy(run->request->src_fd, run->request->dst_fd, extent->start,
					 left < step ? left : step);
		int r;

		if (n < 0 && run->ret->method != DATA_OFFLOAD)
			offload_copy_failed(run->pair, (int)-n);
		/* The end, or a file system that says 0 for what it cannot do
		 * (/proc, some FUSE; Linux 5.3 to 5.18): the plain rung sees which. */
		run->offload_gave_none = n == 0;
		if (n <= 0)
			return 0;
		run_went_by(run, DATA_OFFLOAD);
		extent->start += (uint64_t)n;
		run->written_end = extent->start;
		r = run_step(run, (uint64_t)n, true);
		if (r < 0)
			return r;
	}
	return 0;
}

static ssize_t read_some(const struct run *run, size_t len, uint64_t offset)
{
	const struct data_request *request = run->request;
	ssize_t n;

	if (request->activity)
		request->activity(COPY_ACTIVITY_READ, request->activity_arg);
	do /* what has no size may not have offsets either (a FIFO) */
		n = request->unknown_size ? read(request->src_fd, run->data->buffer, len) :
					    pread(request->src_fd, run->data->buffer, len, (off_t)offset);
	while (n < 0 && errno == EINTR);
	n = n < 0 ? -errno : n;
	if (request->activity)
		request->activity(COPY_ACTIVITY_WRITE, request->activity_arg);
	return n;
}

/* The last rung, which works everywhere. Where the buffer has room one byte too
 * many is asked for: a source that has grown shows without a further call. What
 * has no size is read to its end. */
static int plain(struct run *run, const struct extent *extent)
{
	bool open_end = run->request->unknown_size;
	size_t most = run->pair->far ? FAR_SIZE : DATA_BUFFER;
	uint64_t pos = extent->start;

	while (pos < extent->end || open_end) {
		uint64_t left = open_end ? most : extent->end - pos;
		bool last = run->to_end && extent->end == run->end && left < most;
		size_t want = left < most ? (size_t)left : most;
		ssize_t n = read_some(run, want + (last ? 1 : 0), pos);
		int r;

		if (n < 0)
			return run_fail(run, STAGE_READ_SOURCE, (int)n);
		if (n == 0 && open_end)
			break;
		if (n == 0 || (uint64_t)n > left)
			return source_changed(run);
		run->end_seen = last && (uint64_t)n == left;
		r = run_write_out(run, (size_t)n, pos, run->end_seen);
		if (r == 0)
			r = run_step(run, (uint64_t)n, true);
		if (r < 0)
			return r;
		pos += (uint64_t)n;
	}
	if (open_end)
		run->end = pos;
	run->end_seen = run->end_seen || open_end;
	return 0;
}

/* Some of it by the last rung, then a short and a longer piece by the second, each
 * of which may end the trial. */
static int try_offload(struct run *run, struct extent *extent)
{
	static const struct {
		uint64_t bytes, times_slower;
	} trial[] = { { TRIAL_SHORT, 6 }, { TRIAL_LONG, 2 } };
	struct extent part = { extent->start, extent->start + TRIAL_PLAIN };
	uint64_t began = clock_now_ns(), plain_ns;
	int r = plain(run, &part);

	if (r < 0)
		return r;
	plain_ns = clock_now_ns() - began;
	extent->start = part.end;
	for (size_t i = 0; i < sizeof(trial) / sizeof(*trial); i++) {
		part = (struct extent){ extent->start, extent->start + trial[i].bytes };
		began = clock_now_ns();
		r = offload(run, &part);
		extent->start = part.start;
		if (r < 0 || part.start < part.end)
			return r;
		if (clock_now_ns() - began > plain_ns / (TRIAL_PLAIN / trial[i].bytes) * trial[i].times_slower) {
			run->pair->offload = OFFLOAD_REFUSED;
			return 0;
		}
	}
	run->pair->offload = OFFLOAD_PAYS;
	return 0;
}

/* One of the workers finds it out; the others copy plainly meanwhile, and look now and then. */
static int try_in_turn(struct run *run, struct extent *extent)
{
	struct offload_trial *trial = run->data->trial;
	int r = 0;

	while (r == 0 && run->pair->offload == OFFLOAD_ON_TRIAL && extent->end - extent->start >= 2 * TRIAL_PLAIN) {
		struct extent part = *extent;

		if (offload_trial_begin(trial, run->pair)) {
			r = try_offload(run, extent);
			offload_trial_end(trial, run->pair);
			return r;
		}
		if (run->pair->offload != OFFLOAD_ON_TRIAL)
			return 0;
		part.end = part.start + TRIAL_PLAIN; /* soon: a trial is over after little more */
		r = plain(run, &part);
		extent->start = part.end;
	}
	return r;
}

static int copy_extent(struct run *run, struct extent extent)
{
	uint64_t length = extent.end - extent.start;
	bool may = may_offload(run, length);
	int r = 0;

	run->offload_gave_none = false;
	if (length >= OFFLOAD_MIN)
		offload_learn(run->pair, run->request->src_fd, run->request->dst_fd);
	if (may)
		r = try_in_turn(run, &extent);
	if (r == 0 && may && run->pair->offload == OFFLOAD_PAYS)
		r = offload(run, &extent);
	if (r == 0)
		r = plain(run, &extent);
	/* There was data where it gave none: nor will it for the next file. */
	if (r == 0 && run->offload_gave_none)
		run->pair->offload = OFFLOAD_REFUSED;
	return r;
}

/* Walks the source's holes and data. */
static int copy_extents(struct run *run)
{
	uint64_t pos = run->request->offset;

	while (pos < run->end) {
		struct extent extent;
		int r = holes_next_data(run->request->src_fd, pos, run->end, &extent);

		if (r == -ENXIO)
			return source_changed(run);
		if (r < 0) { /* no answer any more: what is left is read, and its zeros are holes */
			extent = (struct extent){ pos, run->end };
			run->zeros_to_holes = true;
		}
		r = extent.start > pos ? run_copy_hole(run, pos, extent.start - pos) : 0;
		if (r == 0 && extent.start < extent.end)
			r = copy_extent(run, extent);
		if (r < 0)
			return r;
		pos = extent.end;
	}
	return 0;
}

/* Looks for holes as the policy asks, and copies the range. */
static int copy_range(struct run *run)
{
	const struct data_request *request = run->request;
	enum sparse_mode sparse = run->data->policy->sparse;

	run->zeros_to_holes = sparse == SPARSE_ALWAYS;
	if (request->unknown_size)
		return plain(run, &(struct extent){ request->offset, run->end });
	if (sparse != SPARSE_NEVER && request->blocks * 512 < request->size) {
		run->holes_named = holes_are_named(request->src_fd, request->size);
		if (run->holes_named)
			return copy_extents(run);
		/* Fewer blocks than bytes, and no hole named: NFS before 4.2, or
		 * compression. As in cp, zeros are taken for holes. */
		run->zeros_to_holes = true;
	}
	return copy_extent(run, (struct extent){ request->offset, run->end });
}

/* The source must still end where it did: not before, or its last hole was none;
 * not after, or the copy would be a part of it. */
static int check_end(struct run *run)
{
	struct stat st;
	unsigned char byte;
	ssize_t n;

	if (run->end_seen || (!run->to_end && !run->holes_named))
		return 0;
	if (run->holes_named) {
		if (fstat(run->request->src_fd, &st) < 0)
			return run_fail(run, STAGE_READ_SOURCE, -errno);
		if ((uint64_t)st.st_size < run->end || (run->to_end && (uint64_t)st.st_size > run->end))
			return source_changed(run);
		return 0;
	}
	n = io_pread_full(run->request->src_fd, &byte, 1, (off_t)run->end);
	if (n < 0)
		return run_fail(run, STAGE_READ_SOURCE, (int)n);
	return n == 0 ? 0 : source_changed(run);
}

bool data_is_plain(struct data *data, dev_t src_dev, dev_t dst_dev, uint64_t size)
{
	return size < OFFLOAD_MIN && data->policy->sparse != SPARSE_ALWAYS &&
	       !data_may_clone(data, src_dev, dst_dev, size);
}

bool data_take(struct data *data, int fd, uint64_t size)
{
	ssize_t n;

	do
		n = pread(fd, data->buffer, size + 1, 0);
	while (n < 0 && errno == EINTR);
	return n == (ssize_t)size; /* a short one is somebody else's to read on */
}

int data_put(struct data *data, int fd, uint64_t size, struct data_result *ret)
{
	int r = io_pwrite_full(fd, data->buffer, size, 0);

	*ret = (struct data_result){ .method = size > 0 ? DATA_PLAIN : DATA_NONE, .stage = STAGE_WRITE };
	if (r < 0 || size == 0)
		return r;
	ret->bytes = size;
	data->moved = true;
	return data->step != NULL ? data->step(size, data->arg) : 0;
}

int data_copy(struct data *data, const struct data_request *request, struct data_result *ret)
{
	struct run run = {
		.data = data,
		.request = request,
		.ret = ret,
		.pair = device_pair_of(&data->pairs, request->src_dev, request->dst_dev),
		.end = request->offset + request->length,
		.to_end = request->unknown_size || request->offset + request->length == request->size,
	};
	int r = 0;

	*ret = (struct data_result){ .method = DATA_NONE, .stage = STAGE_NONE };
	if (run.end > INT64_MAX || run.end < request->offset)
		return run_fail(&run, STAGE_READ_SOURCE, -EFBIG);
	if (may_clone(&run))
		r = try_clone(&run);
	if (r == 0 && request->moves)
		r = request->moves(request->moves_arg);
	if (r == 0)
		r = copy_range(&run);
	if (r >= 0)
		r = check_end(&run);
	if (r == 0 && run.to_end && !request->dst_longer)
		r = run_set_size(&run);
	if (r == 0)
		run_learn_fate(&run);
	return r;
}
