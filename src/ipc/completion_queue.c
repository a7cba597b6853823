/*
 * One lane per producer in one shared mapping, and one doorbell for all.
 *
 * A single ring for all producers lost to a kill between claim and publish, a
 * lock to a worker stopped while holding it (see lane.c). shm_open() lost:
 * containers give /dev/shm 64 MB, and a name may stay behind after a crash.
 *
 * The doorbell costs a system call, so producers ring only when the consumer
 * says that it is about to sleep:
 *
 *   consumer                              producer
 *   armed = 1                             store tail   (A in lane.c)
 *   any lane not empty? (A')              armed?
 *     yes: drain, do not sleep              yes: armed = 0, ring
 *     no:  sleep in poll
 *
 * All four accesses are sequentially consistent, so at least one side sees the
 * other's store. Of several producers, the one whose exchange took the 1 rings.
 * If it is killed between the exchange and the ring, that ring is lost; the
 * consumer looks at every redraw tick too, and so does a waiting producer's
 * next slice.
 *
 * The consumer's own state (whose turn it is) is private memory, and each
 * process has its own copy of struct completion_queue after the fork; only
 * @bell and the lanes are shared.
 */
#include "ipc/completion_queue.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "ipc/lane.h"

#define CACHE_LINE 64
#define MOST_PRODUCERS 256
#define RING_AGAIN_NS NS_PER_S

struct bell {
	_Atomic uint32_t armed;
	uint8_t rest_of_line[CACHE_LINE - sizeof(uint32_t)];
	/* A lane is formatted by its producer's first record: touching all of them
	 * here would be a page of memory for each worker that is never started. */
	_Atomic uint8_t open[MOST_PRODUCERS];
};

struct completion_queue {
	void *memory;       /* shared: the bell, then the lanes */
	size_t memory_size;
	struct bell *bell;
	int wait_fd;        /* the consumer polls this */
	int ring_fd;        /* the same eventfd, or the writing end of a pipe */
	unsigned next;      /* consumer: the lane whose turn it is */
	unsigned producers;
	size_t lane_bytes;
	struct lane *lanes[];
};

/* An eventfd, or a pipe where eventfd is not to be had (old sandboxes). */
static int open_doorbell(struct completion_queue *queue)
{
	int fds[2];

	queue->wait_fd = queue->ring_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (queue->wait_fd >= 0)
		return 0;
	if (errno != ENOSYS && errno != EPERM)
		return -errno;
	if (pipe2(fds, O_NONBLOCK | O_CLOEXEC) < 0)
		return -errno;
	queue->wait_fd = fds[0];
	queue->ring_fd = fds[1];
	return 0;
}

int completion_queue_new(unsigned producers, size_t lane_bytes, struct completion_queue **ret_queue)
{
	size_t stride = (lane_footprint(lane_bytes) + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1);
	struct completion_queue *queue;
	int err;

	assert(producers > 0 && producers <= MOST_PRODUCERS);
	queue = calloc(1, sizeof(*queue) + producers * sizeof(struct lane *));
	if (!queue)
		return -ENOMEM;
	queue->producers = producers;
	queue->lane_bytes = lane_bytes;
	queue->memory_size = sizeof(struct bell) + producers * stride;
	queue->wait_fd = queue->ring_fd = -1;
	queue->memory = mmap(NULL, queue->memory_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
	                     -1, 0);
	err = queue->memory == MAP_FAILED ? -errno : open_doorbell(queue);
	if (err) {
		completion_queue_free(queue);
		return err;
	}

	queue->bell = queue->memory;
	for (unsigned i = 0; i < producers; i++) {
		uint8_t *memory = (uint8_t *)queue->memory + sizeof(struct bell) + i * stride;

		queue->lanes[i] = (struct lane *)memory;
	}
	*ret_queue = queue;
	return 0;
}

void completion_queue_free(struct completion_queue *queue)
{
	if (!queue)
		return;
	if (queue->memory != MAP_FAILED)
		munmap(queue->memory, queue->memory_size);
	if (queue->ring_fd != queue->wait_fd)
		close_fd(queue->ring_fd);
	close_fd(queue->wait_fd);
	free(queue);
}

static bool is_open(const struct completion_queue *queue, unsigned lane)
{
	return atomic_load(&queue->bell->open[lane]); /* in one order with armed, as the lane's own words are */
}

int completion_queue_try_put(struct completion_queue *queue, unsigned lane, const void *record, size_t len)
{
	assert(lane < queue->producers);
	if (!is_open(queue, lane)) {
		queue->lanes[lane] = lane_init(queue->lanes[lane], queue->lane_bytes);
		atomic_store(&queue->bell->open[lane], 1);
	}
	/* A length of 0 is how the consumer reports a lane full of nonsense. */
	return len == 0 ? -EMSGSIZE : lane_push(queue->lanes[lane], record, len);
}

int completion_queue_put(struct completion_queue *queue, unsigned lane, const void *record, size_t len,
                         uint64_t timeout_ns)
{
	for (;;) {
		int err = completion_queue_try_put(queue, lane, record, len);
		uint64_t slice = timeout_ns < RING_AGAIN_NS ? timeout_ns : RING_AGAIN_NS;

		if (err != -EAGAIN)
			return err;
		if (timeout_ns == 0)
			return -ETIMEDOUT;
		completion_queue_ring(queue);
		err = lane_wait_room(queue->lanes[lane], len, slice);
		if (err == -ETIMEDOUT && timeout_ns != UINT64_MAX)
			timeout_ns -= slice;
	}
}

void completion_queue_ring(struct completion_queue *queue)
{
	uint64_t one = 1;

	if (!atomic_load(&queue->bell->armed) || !atomic_exchange(&queue->bell->armed, 0))
		return;
	/* Cannot fail in a way that matters: a full pipe or counter is readable already. */
	while (write(queue->ring_fd, &one, sizeof(one)) < 0 && errno == EINTR)
		;
}

/* Hands over what was in @lane at the start, no more: a producer that keeps
 * filling its lane must not keep the consumer from the others. */
static size_t drain(struct completion_queue *queue, unsigned lane, completion_take_fn *take, void *arg,
                    bool *ret_stop)
{
	struct lane *from = queue->lanes[lane];
	size_t left, taken = 0;

	*ret_stop = false;
	if (!is_open(queue, lane))
		return 0;
	left = lane_used(from);
	while (left > 0 && !*ret_stop) {
		size_t len = 0;
		int err;
		const void *record = lane_peek(from, &len, &err);

		if (err) {
			*ret_stop = take(lane, "", 0, arg) != 0;
			return taken + 1;
		}
		if (!record)
			break;
		*ret_stop = take(lane, record, len, arg) != 0;
		taken++;
		left -= lane_pop(from);
	}
	return taken;
}

size_t completion_queue_drain(struct completion_queue *queue, completion_take_fn *take, void *arg)
{
	size_t taken = 0;
	bool stop = false;

	for (unsigned i = 0; i < queue->producers && !stop; i++) {
		unsigned lane = queue->next;

		queue->next = (lane + 1) % queue->producers;
		taken += drain(queue, lane, take, arg, &stop);
	}
	return taken;
}

size_t completion_queue_drain_lane(struct completion_queue *queue, unsigned lane, completion_take_fn *take,
                                   void *arg)
{
	bool stop;

	assert(lane < queue->producers);
	return drain(queue, lane, take, arg, &stop);
}

void completion_queue_reset_lane(struct completion_queue *queue, unsigned lane)
{
	assert(lane < queue->producers);
	atomic_store(&queue->bell->open[lane], 0);
}

long completion_queue_get(struct completion_queue *queue, unsigned *ret_lane, void *buf, size_t size)
{
	for (unsigned i = 0; i < queue->producers; i++) {
		unsigned lane = (queue->next + i) % queue->producers;
		size_t len = 0;
		int err;
		const void *record;

		if (!is_open(queue, lane))
			continue;
		record = lane_peek(queue->lanes[lane], &len, &err);
		if (!record && !err)
			continue;
		*ret_lane = lane;
		if (err)
			return err;
		if (len > size)
			return -ENOBUFS;
		memcpy(buf, record, len);
		lane_pop(queue->lanes[lane]);
		queue->next = (lane + 1) % queue->producers;
		return (long)len;
	}
	return 0;
}

int completion_queue_fd(const struct completion_queue *queue)
{
	return queue->wait_fd;
}

int completion_queue_ring_fd(const struct completion_queue *queue)
{
	return queue->ring_fd;
}

void completion_queue_disarm(struct completion_queue *queue)
{
	uint8_t rings[512];

	atomic_store(&queue->bell->armed, 0);
	/* An eventfd is empty after one read, a pipe when a read comes back short. */
	while (read(queue->wait_fd, rings, sizeof(rings)) == (ssize_t)sizeof(rings))
		;
}

bool completion_queue_arm(struct completion_queue *queue)
{
	atomic_store(&queue->bell->armed, 1);
	return !completion_queue_empty(queue);
}

size_t completion_queue_size(const struct completion_queue *queue)
{
	size_t used = 0;

	for (unsigned i = 0; i < queue->producers; i++)
		used += is_open(queue, i) ? lane_used(queue->lanes[i]) : 0;
	return used;
}

bool completion_queue_empty(const struct completion_queue *queue)
{
	for (unsigned i = 0; i < queue->producers; i++)
		if (is_open(queue, i) && !lane_empty(queue->lanes[i]))
			return false;
	return true;
}

bool completion_queue_full(const struct completion_queue *queue, unsigned lane, size_t len)
{
	assert(lane < queue->producers);
	return is_open(queue, lane) ? !lane_has_room(queue->lanes[lane], len) : len > queue->lane_bytes / 2;
}
