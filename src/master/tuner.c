/*
 * Workers are started when they are first wanted, never ended early: one that
 * is not used waits in read(2) and costs its memory only.
 */
#include "master/tuner.h"

#include "base/clock.h"

#define LOOK_EVERY (5 * NS_PER_MS)

static void add_up(const struct tuner *tuner, struct autotune_sample *sample)
{
	const struct tally *tally = tuner->intake->tally;
	struct worker_pool *pool = tuner->dispatch->pool;

	for (unsigned slot = 0; slot < pool_slots(pool); slot++) {
		struct gauge_snapshot gauge;

		if (!pool_has(pool, slot))
			continue;
		gauge_read(pool_board(pool), slot, &gauge);
		sample->busy_ns += gauge.busy_ns;
		sample->cpu_ns += gauge.cpu_ns;
	}
	sample->entries = tally->found_inodes + tally->sum.files + tally->sum.directories;
	sample->bytes = tally->sum.bytes;
	sample->work_waits = ledger_queued(tuner->intake->ledger, CLASS_SCAN) ||
	                     ledger_queued_entries(tuner->intake->ledger) ||
	                     ledger_queued(tuner->intake->ledger, CLASS_BIG);
}

static bool have_workers(struct tuner *tuner, unsigned wanted)
{
	struct worker_pool *pool = tuner->dispatch->pool;

	for (unsigned slot = 0; slot < pool_slots(pool) && pool_alive(pool) < wanted; slot++) {
		if (pool_has(pool, slot))
			continue;
		if (pool_start(pool, slot) < 0)
			return false;
		if (tuner->started)
			tuner->started(slot, tuner->started_arg);
	}
	return true;
}

void tuner_step(struct tuner *tuner, uint64_t now_ns)
{
	struct autotune_sample sample = { .now_ns = now_ns };
	unsigned jobs;

	if (tuner->autotune.jobs != tuner->dispatch->in_use) {
		tuner->on = false; /* somebody said how many: a key, or another terminal */
		have_workers(tuner, tuner->dispatch->in_use);
		tuner->autotune.jobs = tuner->dispatch->in_use;
	}
	if (!tuner->on || now_ns - tuner->last_ns < LOOK_EVERY || tuner->dispatch->paused)
		return;
	tuner->last_ns = now_ns;
	add_up(tuner, &sample);
	jobs = autotune_update(&tuner->autotune, &sample);
	if (!have_workers(tuner, jobs))
		tuner->autotune.most = jobs = pool_alive(tuner->dispatch->pool);
	tuner->dispatch->in_use = jobs;
}

const char *tuner_reason(const struct tuner *tuner)
{
	return tuner->on ? autotune_reason(&tuner->autotune) : "auto, then by hand";
}
