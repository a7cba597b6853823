/*
 * One sequence counter and its words per worker, a cache line apart; beside
 * them the words the master tells all.
 *
 * A reader that waited for an odd counter to become even would wait for ever
 * on a writer that was killed or stopped in between, so it gives up after a few
 * tries and answers from its own private copy of the last good snapshot. A lock
 * lost for the same reason, a plain struct because it tears.
 *
 *   writer                                 reader
 *   seq odd                                load seq        (B')  even, or retry
 *   store words      (A, release)          load words      (A', acquire)
 *   seq even         (B, release)          load seq again:       same, or retry
 *
 * A reader that gets a word of an update (A' reads A) also sees its odd counter
 * in the second load, so it never keeps a mixture; one that reads the even
 * counter (B' reads B) sees every word before it. Only ordered loads and
 * stores, no fence: thread sanitizers understand it, and it is free on x86.
 *
 * Bandwidth is GCRA: the only state is the time at which everything taken so
 * far will have been paid for. A taker moves it on by the price of its bytes,
 * and waits until then, less a burst. A token count that someone must refill
 * lost: the refiller may be stopped, and count and refill time are two words.
 */
#include "ipc/gauge.h"

#include <assert.h>
#include <errno.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/clock.h"

#define CACHE_LINE 64
#define WORDS (sizeof(struct gauge_snapshot) / sizeof(uint64_t))
#define TRIES 16
#define BURST_NS (100 * NS_PER_MS)
#define PRICE_MAX_NS 1e18 /* 30 years: keeps the arithmetic far from its end */

_Static_assert(sizeof(struct gauge_snapshot) % sizeof(uint64_t) == 0, "copied as whole words");

struct gauge {
	alignas(CACHE_LINE) _Atomic uint64_t seq;
	_Atomic uint64_t words[WORDS];
};

struct shared {
	alignas(CACHE_LINE) _Atomic uint32_t order;
	_Atomic bool fed; /* not hungry */
	_Atomic uint64_t bandwidth;                     /* bytes per second; 0: no limit */
	alignas(CACHE_LINE) _Atomic uint64_t paid_at_ns; /* written by every taker */
	struct gauge gauges[];
};

struct gauge_board {
	struct shared *shared;
	size_t shared_size;
	unsigned workers;
	struct gauge_snapshot last_good[]; /* the reader's own */
};

int gauge_board_new(unsigned workers, struct gauge_board **ret_board)
{
	struct gauge_board *board = calloc(1, sizeof(*board) + workers * sizeof(board->last_good[0]));
	int err;

	if (!board)
		return -ENOMEM;
	board->workers = workers;
	board->shared_size = sizeof(struct shared) + workers * sizeof(struct gauge);
	board->shared = mmap(NULL, board->shared_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
	                     -1, 0);
	if (board->shared == MAP_FAILED) {
		err = -errno;
		free(board);
		return err;
	}
	*ret_board = board;
	return 0;
}

void gauge_board_free(struct gauge_board *board)
{
	if (!board)
		return;
	munmap(board->shared, board->shared_size);
	free(board);
}

static struct gauge *gauge_of(struct gauge_board *board, unsigned slot)
{
	assert(slot < board->workers);
	return &board->shared->gauges[slot];
}

void gauge_publish(struct gauge_board *board, unsigned slot, const struct gauge_snapshot *snapshot)
{
	struct gauge *gauge = gauge_of(board, slot);
	uint64_t seq = atomic_load_explicit(&gauge->seq, memory_order_relaxed) | 1;

	atomic_store_explicit(&gauge->seq, seq, memory_order_relaxed);
#pragma GCC unroll 16
	for (size_t i = 0; i < WORDS; i++) {
		uint64_t word;

		memcpy(&word, (const char *)snapshot + i * sizeof(word), sizeof(word));
		atomic_store_explicit(&gauge->words[i], word, memory_order_release); /* A */
	}
	atomic_store_explicit(&gauge->seq, seq + 1, memory_order_release);               /* B */
}

bool gauge_read(struct gauge_board *board, unsigned slot, struct gauge_snapshot *ret_snapshot)
{
	struct gauge *gauge = gauge_of(board, slot);
	uint64_t words[WORDS];

	for (int try = 0; try < TRIES; try++) {
		uint64_t seq = atomic_load_explicit(&gauge->seq, memory_order_acquire); /* B' */

		if (seq & 1)
			continue;
		for (size_t i = 0; i < WORDS; i++)
			words[i] = atomic_load_explicit(&gauge->words[i], memory_order_acquire); /* A' */
		if (atomic_load_explicit(&gauge->seq, memory_order_relaxed) != seq)
			continue;
		memcpy(&board->last_good[slot], words, sizeof(words));
		*ret_snapshot = board->last_good[slot];
		return true;
	}
	*ret_snapshot = board->last_good[slot];
	return false;
}

void gauge_reset(struct gauge_board *board, unsigned slot)
{
	static const struct gauge_snapshot idle;

	/* The worker is gone, so for once the master is the one writer; an odd
	 * counter it left behind becomes even here. */
	gauge_publish(board, slot, &idle);
	board->last_good[slot] = idle;
}

void gauge_set_order(struct gauge_board *board, enum gauge_order order)
{
	atomic_store_explicit(&board->shared->order, order, memory_order_release);
}

void gauge_set_hungry(struct gauge_board *board, bool hungry)
{
	if (atomic_load_explicit(&board->shared->fed, memory_order_relaxed) == hungry)
		atomic_store(&board->shared->fed, !hungry);
}

bool gauge_hungry(const struct gauge_board *board)
{
	/* In one order with the lanes and the doorbell: a worker whose record came
	 * too late for the master's last look must see the hunger stored before it. */
	return !atomic_load(&board->shared->fed);
}

enum gauge_order gauge_order(const struct gauge_board *board)
{
	return (enum gauge_order)atomic_load_explicit(&board->shared->order, memory_order_acquire);
}

void gauge_set_bandwidth(struct gauge_board *board, uint64_t bytes_per_s)
{
	/* Rate first, then the debt made under the old rate is forgiven: a taker
	 * reads them the other way round, so one that still has the old rate
	 * finds its exchange refused and starts again. */
	atomic_store(&board->shared->bandwidth, bytes_per_s);
	atomic_store(&board->shared->paid_at_ns, clock_now_ns());
}

uint64_t gauge_bandwidth(const struct gauge_board *board)
{
	return atomic_load_explicit(&board->shared->bandwidth, memory_order_relaxed);
}

uint64_t gauge_take_bandwidth(struct gauge_board *board, uint64_t bytes, uint64_t now_ns)
{
	uint64_t paid_at = atomic_load(&board->shared->paid_at_ns);
	uint64_t from, to;

	do {
		uint64_t rate = atomic_load(&board->shared->bandwidth);
		double price;

		if (rate == 0)
			return 0;
		price = (double)bytes * (double)NS_PER_S / (double)rate;
		if (price > PRICE_MAX_NS)
			price = PRICE_MAX_NS;
		/* Idle time is worth a burst, no more. */
		from = now_ns > BURST_NS ? now_ns - BURST_NS : 0;
		if (from < paid_at)
			from = paid_at;
		to = from + (uint64_t)price;
		if (to < from)
			to = UINT64_MAX;
	} while (!atomic_compare_exchange_weak(&board->shared->paid_at_ns, &paid_at, to));

	return to > now_ns ? to - now_ns : 0;
}
