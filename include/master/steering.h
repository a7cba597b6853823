/*
 * What the user may change while the copy runs.
 *
 * Promises that a pause takes effect within two chunks of data, loses nothing
 * and counts in no rate; that the workers in use stay between one and those
 * there are; and that nothing comes after a stop.
 *
 * Runs in: the master.  Blocks: never.  Allocates: no.  Owns: nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "master/dispatch.h"
#include "master/run_clock.h"
#include "ui/renderer.h"

struct steering {
	struct dispatch *dispatch;
	struct run_clock *clock;
	bool stopped;
};

void steering_pause(struct steering *steering, bool paused, uint64_t now_ns);

/* Uses @jobs workers, or the nearest number there is. */
void steering_jobs(struct steering *steering, unsigned jobs);

/* Bytes per second over all workers, 0 for no limit. */
void steering_bandwidth(struct steering *steering, uint64_t bytes_per_s);

/* Tells all workers to end; a pause ends too. */
void steering_stop(struct steering *steering, uint64_t now_ns);

/* Acts on a key that means one of these. */
void steering_key(struct steering *steering, const struct renderer_event *event, uint64_t now_ns);
