/*
 * Workers that are alive and yet do nothing.
 *
 * Promises that a worker stopped by a signal is ended, so that its work is done
 * again by another, and that a suspend of the whole job is not mistaken for it.
 *
 * Runs in: the master.  Blocks: never.  Allocates: no.  Owns: nothing.
 */
#pragma once

#include <stdint.h>

#include "master/worker_pool.h"

struct watch {
	struct worker_pool *pool;
	uint64_t stopped_since[POOL_MAX]; /* 0: not stopped */
};

void watch_init(struct watch *watch, struct worker_pool *pool);

/* Ends workers that have been stopped for two seconds. */
void watch_stopped_workers(struct watch *watch, uint64_t now_ns);

/* We were stopped ourselves: what was seen before does not count. */
void watch_forgive(struct watch *watch, uint64_t now_ns);
