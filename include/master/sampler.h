/*
 * The state of the copy at one moment, for the progress model.
 *
 * Promises what is confirmed plus what the gauges say of the work in hand,
 * never counted twice; and the path each worker has in hand.
 *
 * Runs in: the master.  Blocks: never.  Allocates: path strings, kept until the
 * next sample.  Owns: them.
 */
#pragma once

#include "master/dispatch.h"
#include "master/intake.h"
#include "ui/progress.h"

struct sampler {
	struct dispatch *dispatch;
	struct intake *intake;
	struct progress_worker *worker; /* one a slot */
	char **path;
};

void sampler_init(struct sampler *sampler, struct dispatch *dispatch, struct intake *intake);
void sampler_done(struct sampler *sampler);

void sampler_take(struct sampler *sampler, enum progress_phase phase, uint64_t now_ns,
                  struct progress_sample *ret_sample);
