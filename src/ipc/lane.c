/*
 * A ring of bytes with one writer of each index.
 *
 * @tail and @head count bytes since the lane was made and never wrap; the place
 * in the ring is the count modulo the capacity. A record is an 8-byte header
 * and its bytes, rounded up to 8, always contiguous: one that would cross the
 * end of the ring is preceded by a SKIP header and starts at 0 instead. Record
 * and skip become visible together, by the one store to @tail, so there is no
 * instruction at which a killed producer leaves half of anything behind.
 *
 * A ring shared by all producers lost: a producer killed between claiming room
 * and publishing it stalls the ring for ever. A split copy at the end of the
 * ring lost: the consumer could not read records in place.
 *
 * Barriers, in pairs:
 *
 *   producer                               consumer
 *   copy the record                        load tail          (A')
 *   store tail          (A)                read the record
 *
 *   load head           (B')               read the record
 *   copy over the room                     store head         (B)
 *
 * A and B are releases, A' and B' acquires. All four are also sequentially
 * consistent, because each side goes to sleep on what the other stores, and
 * "store mine, then look at yours" needs a single order on both sides:
 *
 *   producer waits for room                consumer pops
 *   store want          (C)                store head         (B)
 *   load head           (B')               load want          (C')
 *   still no room: sleep                   want reached: wake
 *
 * One of the two loads sees the other's store, so the wake is never missed. For
 * the doorbell the same holds between A and A'; see completion_queue.c.
 * A producer that was killed while it waited costs one needless wake.
 */
#include "ipc/lane.h"

#include <assert.h>
#include <errno.h>
#include <linux/futex.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

#define ALIGN 8u
#define CACHE_LINE 64
#define SKIP UINT32_MAX

struct header {
	uint32_t length; /* of the record, or SKIP: the next one is at the start of the ring */
	uint32_t check;  /* tells a header from anything else that may lie there */
};

struct lane {
	size_t capacity; /* constant */

	/* The producer's line. */
	alignas(CACHE_LINE) _Atomic uint64_t tail;
	_Atomic uint64_t want; /* head must get here for the producer to go on; 0: it does not wait */

	/* The consumer's line. */
	alignas(CACHE_LINE) _Atomic uint64_t head;
	_Atomic uint32_t wakes; /* the futex: counts wake-ups */
	uint32_t unused;
	uint64_t peeked;        /* bytes that lane_pop() gives back */

	alignas(CACHE_LINE) uint8_t ring[];
};

_Static_assert(sizeof(struct header) == ALIGN, "a header keeps records aligned");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "a lock in shared memory would die with its holder");

static size_t footprint(size_t len)
{
	return sizeof(struct header) + ((len + ALIGN - 1) & ~(size_t)(ALIGN - 1));
}

static uint32_t check_of(uint32_t length, uint64_t position)
{
	return ~length ^ (uint32_t)(position / ALIGN);
}

static void write_header(struct lane *lane, uint64_t position, uint32_t length)
{
	struct header header = {length, check_of(length, position)};

	memcpy(lane->ring + (position & (lane->capacity - 1)), &header, sizeof(header));
}

size_t lane_footprint(size_t capacity)
{
	return sizeof(struct lane) + capacity;
}

struct lane *lane_init(void *memory, size_t capacity)
{
	struct lane *lane = memory;

	assert((uintptr_t)memory % CACHE_LINE == 0);
	assert(capacity >= CACHE_LINE && (capacity & (capacity - 1)) == 0 && capacity <= UINT32_MAX);
	memset(lane, 0, sizeof(*lane));
	lane->capacity = capacity;
	return lane;
}

/* Where @head must be for a record of @len to fit behind @tail: the room before
 * the end of the ring goes too when the record has to start at 0. */
static uint64_t head_needed(const struct lane *lane, uint64_t tail, size_t len, size_t *ret_skip)
{
	size_t to_end = lane->capacity - (tail & (lane->capacity - 1));
	uint64_t end;

	*ret_skip = footprint(len) > to_end ? to_end : 0;
	end = tail + *ret_skip + footprint(len);
	return end > lane->capacity ? end - lane->capacity : 0;
}

static bool can_ever_fit(const struct lane *lane, size_t len)
{
	return len <= lane->capacity && footprint(len) <= lane->capacity / 2;
}

bool lane_has_room(const struct lane *lane, size_t len)
{
	uint64_t tail = atomic_load(&lane->tail);
	size_t skip;

	return can_ever_fit(lane, len) && atomic_load(&lane->head) >= head_needed(lane, tail, len, &skip);
}

int lane_push(struct lane *lane, const void *record, size_t len)
{
	uint64_t tail = atomic_load_explicit(&lane->tail, memory_order_relaxed);
	uint64_t start;
	size_t skip;

	if (!can_ever_fit(lane, len))
		return -EMSGSIZE;
	if (atomic_load(&lane->head) < head_needed(lane, tail, len, &skip)) /* B' */
		return -EAGAIN;

	if (skip)
		write_header(lane, tail, SKIP);
	start = tail + skip;
#ifdef LANE_PUBLISH_EARLY
	/* A seeded bug, never built into pcopy: tests/crash/lane_kill_points.c
	 * must be able to catch it. */
	atomic_store(&lane->tail, start + footprint(len));
#endif
	write_header(lane, start, (uint32_t)len);
	memcpy(lane->ring + (start & (lane->capacity - 1)) + sizeof(struct header), record, len);
#ifndef LANE_PUBLISH_EARLY
	atomic_store(&lane->tail, start + footprint(len)); /* A */
#endif
	return 0;
}

/* Sleeps until @lane->wakes is no longer @seen. Not FUTEX_PRIVATE: the other
 * side is another process. */
static int sleep_on_wakes(struct lane *lane, uint32_t seen, uint64_t deadline_ns)
{
	struct timespec deadline = {
		.tv_sec = (time_t)(deadline_ns / NS_PER_S),
		.tv_nsec = (long)(deadline_ns % NS_PER_S),
	};
	struct timespec *timeout = deadline_ns == UINT64_MAX ? NULL : &deadline;

	long woken = syscall(SYS_futex, &lane->wakes, FUTEX_WAIT_BITSET, seen, timeout, NULL,
	                     FUTEX_BITSET_MATCH_ANY);

	if (woken < 0 && errno == ETIMEDOUT)
		return -ETIMEDOUT;
	return 0; /* woken, or changed already, or a signal: look again */
}

int lane_wait_room(struct lane *lane, size_t need, uint64_t timeout_ns)
{
	uint64_t now = clock_now_ns();
	uint64_t deadline = timeout_ns < UINT64_MAX - now ? now + timeout_ns : UINT64_MAX;
	uint64_t tail = atomic_load_explicit(&lane->tail, memory_order_relaxed);
	uint64_t want;
	size_t skip;
	int err = 0;

	if (!can_ever_fit(lane, need))
		return -EMSGSIZE;
	want = head_needed(lane, tail, need, &skip);

	for (;;) {
		uint32_t seen = atomic_load(&lane->wakes);

		atomic_store(&lane->want, want); /* C */
		if (atomic_load(&lane->head) >= want) { /* B' */
			err = 0;
			break;
		}
		if (err) /* timed out, and the last look found no room either */
			break;
		err = sleep_on_wakes(lane, seen, deadline);
	}
	atomic_store_explicit(&lane->want, 0, memory_order_relaxed);
	return err;
}

static const void *nonsense(int *ret_err)
{
	*ret_err = -EBADMSG;
	return NULL;
}

const void *lane_peek(struct lane *lane, size_t *ret_len, int *ret_err)
{
	uint64_t head = atomic_load_explicit(&lane->head, memory_order_relaxed);
	uint64_t used = atomic_load(&lane->tail) - head; /* A' */
	size_t at = head & (lane->capacity - 1);
	size_t skip = 0;
	struct header header;

	*ret_err = 0;
	if (used == 0)
		return NULL;
	if (used > lane->capacity || (head | used) % ALIGN)
		return nonsense(ret_err);

	memcpy(&header, lane->ring + at, sizeof(header));
	if (header.length == SKIP && header.check == check_of(SKIP, head)) {
		skip = lane->capacity - at;
		if (skip + sizeof(header) > used)
			return nonsense(ret_err);
		head += skip;
		at = 0;
		memcpy(&header, lane->ring, sizeof(header));
	}
	if (header.check != check_of(header.length, head) || !can_ever_fit(lane, header.length) ||
	    skip + footprint(header.length) > used || at + footprint(header.length) > lane->capacity)
		return nonsense(ret_err);

	lane->peeked = skip + footprint(header.length);
	*ret_len = header.length;
	return lane->ring + at + sizeof(header);
}

static void wake_producer(struct lane *lane)
{
	/* In this order: a producer that asks again in between and has its want
	 * wiped out sees the changed count, or is woken, and asks once more. */
	atomic_store(&lane->want, 0);
	atomic_fetch_add(&lane->wakes, 1);
	syscall(SYS_futex, &lane->wakes, FUTEX_WAKE, 1, NULL, NULL, 0);
}

size_t lane_pop(struct lane *lane)
{
	uint64_t given_back = lane->peeked;
	uint64_t head = atomic_load_explicit(&lane->head, memory_order_relaxed) + given_back;
	uint64_t want;

	assert(given_back > 0);
	lane->peeked = 0;
	atomic_store(&lane->head, head); /* B */

	want = atomic_load(&lane->want); /* C' */
	if (want != 0 && head >= want)
		wake_producer(lane);
	return (size_t)given_back;
}

size_t lane_used(const struct lane *lane)
{
	/* Head first: it can only grow towards the tail loaded after it. */
	uint64_t head = atomic_load(&lane->head);

	return (size_t)(atomic_load(&lane->tail) - head);
}

bool lane_empty(const struct lane *lane)
{
	return lane_used(lane) == 0; /* A', when the consumer asks */
}
