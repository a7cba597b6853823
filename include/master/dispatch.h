/*
 * Who gets which job next.
 *
 * Promises that outstanding work per worker never exceeds its credit, that no
 * scan is sent while more entries wait than memory allows, that nothing is
 * hoarded behind a big file, and batches that take about as long each whatever
 * the storage.
 *
 * Runs in: the master.  Blocks: never.  Allocates: no.  Owns: nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "master/job_ledger.h"
#include "master/space.h"
#include "master/worker_pool.h"

#define DISPATCH_FIRST_BATCH 16 /* names, before anything was measured */

struct dispatch {
	struct worker_pool *pool;
	struct job_ledger *ledger;
	const struct space *space;
	unsigned in_use;           /* slots that are given work: the first so many that live */
	unsigned batch_limit;      /* names a batch may have, by how long batches took */
	uint64_t listed;           /* slices of directories that came back */
	double entry_ns;           /* smoothed time of one entry; 0 until measured */
	bool clones;               /* what was copied last was cloned: few files take long */
	uint64_t last_done_ns[POOL_MAX];
	uint64_t eager_ns;         /* from this moment on some list ahead */
	bool paused;
};

/* Sends what can be sent now; or a job to each worker that has none. */
void dispatch_run(struct dispatch *dispatch, uint64_t now_ns);
void dispatch_one_each(struct dispatch *dispatch, uint64_t now_ns);

/* Files of a batch were copied: so many in each way, @bytes together. */
void dispatch_learn_way(struct dispatch *dispatch, const uint32_t copied[DATA_COUNT], uint64_t bytes);

/* @job came back at @now_ns: what a copy took, with its listing where that came before it,
 * adapts the batch size. */
void dispatch_learn(struct dispatch *dispatch, const struct job *job, uint64_t now_ns);
