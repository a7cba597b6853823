/*
 * The number of workers, done: what -j says, or what autotune decides.
 *
 * Promises that a worker is started when there is work for it, in a slot of its own, or not
 * at all when the system refuses; and that the model of -j auto sees all workers'
 * time and all work confirmed.
 *
 * Runs in: the master.  Blocks: never (a fork).  Allocates: as pool_start().
 * Owns: the model.
 */
#pragma once

#include "master/autotune.h"
#include "master/dispatch.h"
#include "master/intake.h"

struct tuner {
	struct autotune autotune;
	struct dispatch *dispatch;
	struct intake *intake;
	bool on;
	uint64_t last_ns;
	void (*started)(unsigned slot, void *arg); /* a slot got a worker */
	void *started_arg;
};

/* Of the workers to be used, those that are missing: a worker for each job that none
 * is free for; or one, false when none is missing. Where the system refuses, the copy goes
 * on with fewer. */
void tuner_start_for_queued(struct tuner *tuner);
bool tuner_start_one(struct tuner *tuner);

/* No more workers than there are now: the others cannot be had, or die too often. */
void tuner_settle(struct tuner *tuner);

/* Looks, and changes dispatch->in_use, or leaves it alone once somebody else has; cheap
 * enough to be called after every event. */
void tuner_step(struct tuner *tuner, uint64_t now_ns);

/* Why so many workers are in use, for the summary; static text. */
const char *tuner_reason(const struct tuner *tuner);
