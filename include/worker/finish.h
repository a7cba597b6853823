/*
 * The end of a directory: its own metadata, after its last child.
 *
 * Promises that what a dead run left in it, and nobody went on with, is gone by then.
 *
 * Runs in: the worker.  Blocks: as the file system does.  Allocates: no.
 * Owns: nothing.
 */
#pragma once

#include "ipc/job.h"
#include "worker/state.h"

/* The job's directory, open as @place, which is given up. Fills *@ret; returns whether
 * there is something to tell of it. */
bool finish_place(struct worker *worker, const struct job_view *job, const struct place *place,
                  struct outcome *ret);

/* FINISH. */
void finish_job(struct worker *worker, const struct job_view *job);
