/*
 * The worker's side of a listing: a slice of a source directory, and the names that
 * a slice had no patience for.
 *
 * Promises that the destination directory is there, or its absence is told, before
 * the first name of the first slice.
 *
 * Runs in: the worker.  Blocks: as the file systems do, and while the lane is full.
 * Allocates: a frame.  Owns: nothing.
 */
#pragma once

#include "ipc/job.h"
#include "worker/state.h"

/* SCAN: one slice; the first also makes the destination directory. True when the job goes
 * on: *@ret_own is the COPY it is from now on, which the caller does. */
bool listing_scan(struct worker *worker, const struct job_view *job, struct job_view *ret_own);

/* LOOK: the names a slice had no patience for. */
void listing_look(struct worker *worker, const struct job_view *job);
