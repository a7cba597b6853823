/*
 * A worker died: what it had not confirmed is done again.
 *
 * Promises that what it confirmed stays done; that the entry it had in hand is
 * tried once more, alone, and is a failure by name when it kills a second
 * worker; that everything else goes back to the queue unharmed.
 *
 * Runs in: the master, after the dead worker's lane was drained.
 * Blocks: never.  Allocates: jobs.  Owns: nothing.
 */
#pragma once

#include "ipc/gauge.h"
#include "master/intake.h"

/* Takes back everything @slot holds. @last is its gauge as it left it. Returns
 * how many jobs are to be done again. */
unsigned recovery_take_back(struct intake *intake, unsigned slot, const struct gauge_snapshot *last);

/* @job will not be done after all: queues the removal of what it or a dead worker has
 * left of it. */
void recovery_leave(struct intake *intake, struct job *job);
