/*
 * How many workers to use, found out while copying (-j auto).
 *
 * Promises to climb while workers wait for storage, to try fewer once there,
 * and to settle on the fewest that do the work as fast; to say why.
 *
 * Runs in: the master.  Blocks: never.  Allocates: no.  Owns: nothing: a pure
 * model, driven by samples.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct autotune_sample {
	uint64_t now_ns;
	uint64_t busy_ns;   /* of all workers since the start: with a job in hand */
	uint64_t cpu_ns;    /* of all workers since the start: on a processor */
	uint64_t entries;   /* found, copied and finished since the start */
	uint64_t bytes;     /* copied since the start */
	bool work_waits;    /* there are jobs in the queue */
};

enum autotune_phase {
	AUTOTUNE_CLIMB,     /* doubling */
	AUTOTUNE_MEASURE,   /* at `jobs`: how fast is that */
	AUTOTUNE_TRY_FEWER, /* at half of it: is that as fast */
	AUTOTUNE_SETTLED,
};

struct autotune {
	enum autotune_phase phase;
	unsigned jobs;      /* to use now */
	unsigned most;
	unsigned fallback;  /* TRY_FEWER: where to go back to */
	double rate;        /* MEASURE's answer, per second */
	struct autotune_sample begin; /* of the present window */
	bool storage_waits; /* the last climb's reason */
	bool stepped_back;
};

void autotune_init(struct autotune *autotune, unsigned first, unsigned most, uint64_t now_ns);

/* Takes a sample; returns the number of workers to use from now on. */
unsigned autotune_update(struct autotune *autotune, const struct autotune_sample *sample);

/* Why it is where it is, for the summary; static text. */
const char *autotune_reason(const struct autotune *autotune);
