/*
 * Climbing follows waiting, not throughput: a worker that is on a processor for
 * less than a quarter of the time it has a job in hand waits for storage, and
 * more workers wait side by side. That shows within milliseconds, where a
 * throughput of small and large files mixed needs seconds to mean anything.
 *
 * Stepping back follows throughput: half the workers are tried for a while, and
 * kept when they are as fast within the noise. So a disk that only seeks more
 * ends with few, a network with many, and a page cache never leaves the start
 * (on processors alone fewer are never as fast, so that is not tried).
 *
 *   CLIMB ── no more waiting, or the most ──> MEASURE ──> TRY_FEWER ── as fast ──┐
 *                                                ^            │ slower           │
 *                                                │            v                  │
 *                                                │        SETTLED (re-measures   │
 *                                                └──────── after a while) <──────┘
 *
 * Additive increase, as TCP does it, lost: thirty steps to thirty workers.
 */
#include "master/autotune.h"

#include "base/clock.h"

#define CLIMB_WINDOW (6 * NS_PER_MS)
#define RATE_WINDOW (700 * NS_PER_MS)
#define SETTLED_WINDOW (10 * NS_PER_S)
#define WAITING 0.75        /* of the time in hand not on a processor */
#define AS_FAST 0.93        /* of the rate before: noise is about that */
#define BYTES_AN_ENTRY 65536.0

void autotune_init(struct autotune *autotune, unsigned first, unsigned most, uint64_t now_ns)
{
	*autotune = (struct autotune){ .jobs = first < most ? first : most, .most = most, .begin.now_ns = now_ns };
}

static double rate_since(const struct autotune_sample *begin, const struct autotune_sample *now)
{
	double work = (double)(now->entries - begin->entries) + (double)(now->bytes - begin->bytes) / BYTES_AN_ENTRY;

	return work / ((double)(now->now_ns - begin->now_ns) / NS_PER_S);
}

static void enter(struct autotune *autotune, enum autotune_phase phase, const struct autotune_sample *sample)
{
	autotune->phase = phase;
	autotune->begin = *sample;
}

/* Enough was seen once workers together were busy for a few windows' worth. */
static void climb(struct autotune *autotune, const struct autotune_sample *sample)
{
	uint64_t busy = sample->busy_ns - autotune->begin.busy_ns;
	uint64_t cpu = sample->cpu_ns - autotune->begin.cpu_ns;

	if (busy < CLIMB_WINDOW)
		return;
	autotune->storage_waits = (double)cpu < (1 - WAITING) * (double)busy;
	if (autotune->storage_waits && autotune->jobs < autotune->most) {
		if (sample->work_waits) {
			autotune->jobs = autotune->jobs * 2 < autotune->most ? autotune->jobs * 2 : autotune->most;
			autotune->begin = *sample;
		}
		return;
	}
	enter(autotune, AUTOTUNE_MEASURE, sample);
}

unsigned autotune_update(struct autotune *autotune, const struct autotune_sample *sample)
{
	uint64_t window = sample->now_ns - autotune->begin.now_ns;

	switch (autotune->phase) {
	case AUTOTUNE_CLIMB:
		if (window >= CLIMB_WINDOW)
			climb(autotune, sample);
		break;
	case AUTOTUNE_MEASURE:
		if (window < RATE_WINDOW)
			break;
		autotune->rate = rate_since(&autotune->begin, sample);
		if (autotune->jobs <= 1 || !sample->work_waits || !autotune->storage_waits) {
			enter(autotune, AUTOTUNE_SETTLED, sample);
			break;
		}
		autotune->fallback = autotune->jobs;
		autotune->jobs /= 2;
		enter(autotune, AUTOTUNE_TRY_FEWER, sample);
		break;
	case AUTOTUNE_TRY_FEWER:
		if (window < RATE_WINDOW)
			break;
		if (sample->work_waits && rate_since(&autotune->begin, sample) >= AS_FAST * autotune->rate) {
			autotune->stepped_back = true;
			enter(autotune, AUTOTUNE_MEASURE, sample); /* and perhaps fewer still */
			break;
		}
		autotune->jobs = autotune->fallback;
		enter(autotune, AUTOTUNE_SETTLED, sample);
		break;
	case AUTOTUNE_SETTLED:
		/* Another directory may be another disk. */
		if (window >= SETTLED_WINDOW)
			enter(autotune, AUTOTUNE_CLIMB, sample);
		break;
	}
	return autotune->jobs;
}

const char *autotune_reason(const struct autotune *autotune)
{
	if (autotune->stepped_back)
		return "auto: more were not faster";
	if (autotune->jobs == autotune->most)
		return "auto: workers wait for storage, no more allowed";
	return autotune->storage_waits ? "auto: workers wait for storage" : "auto: processors are the limit";
}
