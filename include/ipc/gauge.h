/*
 * Gauges: live numbers of each worker, and the few words the master tells all.
 *
 * Promises no torn and no lost update without a lock: each gauge has one
 * writer, a snapshot is consistent (sequence counter), and a reader never spins
 * on a writer that was killed in mid-update: it gets the last good snapshot.
 *
 * Runs in: both.  Blocks: never.  Allocates: one anonymous shared mapping.
 * Owns: the mapping.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum gauge_activity {
	ACTIVITY_IDLE, /* waiting for work */
	ACTIVITY_SCAN,
	ACTIVITY_READ,
	ACTIVITY_WRITE,
	ACTIVITY_METADATA, /* opens, creates, owner, mode, xattrs, times, renames */
	ACTIVITY_LANE,     /* waiting for room in its lane */
	ACTIVITY_THROTTLE, /* waiting for bandwidth or paused */
	ACTIVITY_FLUSH,
	ACTIVITY_COUNT,
};

#define GAUGE_NO_ENTRY UINT32_MAX

struct gauge_snapshot {
	uint64_t job;        /* the job in hand, 0 none */
	uint32_t index;      /* which entry of it, or GAUGE_NO_ENTRY */
	uint32_t activity;   /* enum gauge_activity */
	uint64_t since_ns;   /* clock_now_ns() when this entry was taken in hand */
	uint64_t job_files;  /* entries of the job in hand that are finished */
	uint64_t job_bytes;  /* bytes of the job in hand that are written */
	uint64_t file_bytes; /* of the entry in hand */
	uint64_t busy_ns;    /* with a job in hand, since the worker started */
	uint64_t cpu_ns;     /* on a processor, of that */
	uint64_t spent_ns[ACTIVITY_COUNT]; /* since the worker started; zero unless timing is on */
};

struct gauge_board;

/* @workers gauges. Returns 0 or -errno. */
int gauge_board_new(unsigned workers, struct gauge_board **ret_board);
void gauge_board_free(struct gauge_board *board);

/* Worker @slot: replaces its snapshot. */
void gauge_publish(struct gauge_board *board, unsigned slot, const struct gauge_snapshot *snapshot);

/* Master: reads a snapshot; false when the writer was in the middle of one
 * (or died there) and *@ret_snapshot is the last good one this reader saw. */
bool gauge_read(struct gauge_board *board, unsigned slot, struct gauge_snapshot *ret_snapshot);

/* Master: zeroes the gauge of a worker that is gone. */
void gauge_reset(struct gauge_board *board, unsigned slot);

/* What the master tells all workers: read between two chunks. */
enum gauge_order { ORDER_RUN, ORDER_PAUSE, ORDER_STOP };
void gauge_set_order(struct gauge_board *board, enum gauge_order order);
enum gauge_order gauge_order(const struct gauge_board *board);

/* Whether the master could use any completion at once (a worker has less than
 * it may hold, and nothing is queued for it). When not, a worker that has work
 * left need not wake it. */
void gauge_set_hungry(struct gauge_board *board, bool hungry);
bool gauge_hungry(const struct gauge_board *board);

/* Bandwidth over all workers: bytes per second, 0 for no limit. Master. May be
 * changed at any time; what was taken before is forgiven. */
void gauge_set_bandwidth(struct gauge_board *board, uint64_t bytes_per_s);

/* Either side: the limit now. A worker that waits wakes now and then, and stops
 * waiting when this is no longer what it was. */
uint64_t gauge_bandwidth(const struct gauge_board *board);

/* Worker: takes @bytes from the shared token bucket. Returns the nanoseconds
 * to wait before going on (0: go on; idle time saves up to 100 ms worth).
 * Lock-free; a killed taker costs at most its own tokens. */
uint64_t gauge_take_bandwidth(struct gauge_board *board, uint64_t bytes, uint64_t now_ns);
