/*
 * The worker: reads job frames, does them, reports facts.
 *
 * Promises to touch nothing of the master's but the pipe, the lane and the
 * gauge; to end at once when the master is gone; never to write to the
 * terminal; to leave by exit().
 *
 * Runs in: the worker, from the fork to the end.  Blocks: in read(2) on the
 * pipe, in file system calls, and for room in its lane.
 * Allocates: its tools, once.  Owns: its descriptors.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#include "base/policy.h"
#include "copy/tree.h"
#include "ipc/completion_queue.h"
#include "ipc/gauge.h"
#include "ipc/job_pipe.h"

#include <sys/types.h>

/* Everything a worker inherits. */
struct worker_setup {
	const struct copy_policy *policy;
	const struct tree *tree;
	struct completion_queue *queue;
	struct gauge_board *board;
	struct job_pipe *pipe;
	struct offload_trial *trial; /* shared by all workers */
	unsigned slot;         /* its lane and gauge */
	pid_t master;          /* who must be alive */
	struct timespec run_start; /* what is stamped at or after this was made by, or during, this run */
	bool timing;           /* fill spent_ns */
	bool cpu_time;         /* fill cpu_ns */
	bool every_outcome;    /* a RESULT for each entry: they are listed one by one */
};

/* The child's whole life: set-up list, loop, exit status. */
int worker_run(const struct worker_setup *setup);
