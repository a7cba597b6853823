/*
 * How the workers' time divides (--stats).
 *
 * Promises one line for each kind of work, with its share of all workers' time.
 *
 * Runs in: the master.  Blocks: as stderr does.  Allocates: no.  Owns: nothing.
 */
#pragma once

#include <stdint.h>

#include "ipc/gauge.h"
#include "master/worker_pool.h"

struct stats {
	uint64_t spent_ns[ACTIVITY_COUNT]; /* of workers that are gone from the pool */
};

/* A worker is gone and its gauge about to be reset: @gauge is what it last said. */
void stats_add(struct stats *stats, const struct gauge_snapshot *gauge);

/* Says it all, once the workers have ended and before the pool goes. */
void stats_say(const struct stats *stats, struct worker_pool *pool);
