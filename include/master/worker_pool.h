/*
 * The pool: N workers with a pipe, a lane and a gauge each.
 *
 * Promises that submit never blocks, that a job's result comes back as a record
 * in the completion queue, that close lets workers finish what they hold, and
 * that a slot can be given a new worker after a death.
 *
 * Runs in: the master.  Blocks: pool_join() up to its deadline.
 * Allocates: the slots and pipes.  Owns: processes, pipes, queue and board.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "base/policy.h"
#include "copy/tree.h"
#include "ipc/completion_queue.h"
#include "ipc/gauge.h"
#include "ipc/job_pipe.h"
#include "master/worker_process.h"

#define POOL_MAX 256

struct pool_setup {
	const struct copy_policy *policy;
	const struct tree *tree;
	unsigned workers;  /* started now */
	unsigned slots;    /* room for as many; at least workers */
	struct timespec run_start; /* what is stamped at or after this was made by, or during, this run */
	bool timing;               /* keep the times by kind of work */
	bool cpu_time;             /* -j auto: keep the time on a processor */
	bool every_outcome;        /* -v: listings name each entry */
};

struct worker_pool;

/* Forks the workers. Returns 0, or -errno with none left running. */
int pool_new(const struct pool_setup *setup, struct worker_pool **ret_pool);
void pool_free(struct worker_pool *pool);

/* A frame for the worker in @slot; it goes out on pool_flush(), as far as the pipe
 * takes it. */
void pool_submit(struct worker_pool *pool, unsigned slot, const void *frame, size_t len);

/* Sends what waits for any worker: one write(2) each, however many frames. A worker
 * that is gone is reaped as a death. */
void pool_flush(struct worker_pool *pool);

/* No more work: every worker ends when it has done what it holds. */
void pool_close(struct worker_pool *pool);

/* Waits for all workers to end until @deadline_ns. Returns 0 or -ETIMEDOUT. */
int pool_join(struct worker_pool *pool, uint64_t deadline_ns);

/* Kills every worker now. */
void pool_terminate(struct worker_pool *pool);

/* Closes, waits @patience_ns at most, kills who is left and waits for those:
 * shortly, as one in uninterruptible sleep would not end. */
void pool_end(struct worker_pool *pool, uint64_t patience_ns);

/* Starts a worker in an empty slot, or a new one after pool_bury(). Returns 0 or -errno. */
int pool_start(struct worker_pool *pool, unsigned slot);

/* After a death was seen and its lane drained: closes what was the worker's
 * and empties its lane and gauge for a successor. */
void pool_bury(struct worker_pool *pool, unsigned slot);

/* Slots there are; workers alive; the process in a slot. */
unsigned pool_slots(const struct worker_pool *pool);
unsigned pool_alive(const struct worker_pool *pool);
struct worker_process *pool_worker(struct worker_pool *pool, unsigned slot);
bool pool_has(const struct worker_pool *pool, unsigned slot);

struct completion_queue *pool_queue(struct worker_pool *pool);
struct gauge_board *pool_board(struct worker_pool *pool);
