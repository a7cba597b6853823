/*
 * Workers are started when there is work for them, never ended early: one that
 * is not used waits in read(2) and costs its memory only. All at once before the
 * first job lost: a fork takes 0.25 ms, and ten small files are copied in less
 * than one.
 */
#include "master/tuner.h"

#include "base/clock.h"
#include "base/message.h"

#include <string.h>

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

/* Returns 1 when one was started, 0 when enough are there, or -errno. */
static int start_one(struct tuner *tuner, unsigned wanted)
{
	struct worker_pool *pool = tuner->dispatch->pool;
	unsigned slot = 0;

	if (pool_alive(pool) >= wanted)
		return 0;
	while (slot < pool_slots(pool) && pool_has(pool, slot))
		slot++;
	if (slot == pool_slots(pool))
		return 0;

	int err = pool_start(pool, slot);

	if (err < 0)
		return err;
	if (tuner->started)
		tuner->started(slot, tuner->started_arg);
	return 1;
}

static bool have_workers(struct tuner *tuner, unsigned wanted)
{
	int started;

	do
		started = start_one(tuner, wanted);
	while (started > 0);
	return started == 0;
}

void tuner_settle(struct tuner *tuner)
{
	unsigned alive = pool_alive(tuner->dispatch->pool);

	tuner->dispatch->in_use = tuner->autotune.jobs = tuner->autotune.most = alive;
}

bool tuner_start_one(struct tuner *tuner)
{
	struct dispatch *dispatch = tuner->dispatch;
	int started = start_one(tuner, dispatch->in_use);

	if (started < 0) {
		message_say("cannot start %u workers: %s; going on with %u", dispatch->in_use, strerror(-started),
		            pool_alive(dispatch->pool));
		tuner_settle(tuner);
	}
	return started > 0;
}

static bool work_waits(const struct tuner *tuner)
{
	const struct job_ledger *ledger = tuner->intake->ledger;
	const struct worker_pool *pool = tuner->dispatch->pool;
	uint64_t queued = 0, idle = 0;

	if (pool_alive(pool) >= tuner->dispatch->in_use)
		return false;
	for (int class = 0; class < CLASS_COUNT; class++)
		queued += ledger_queued(ledger, (enum job_class)class);
	for (unsigned slot = 0; slot < pool_slots(pool); slot++)
		idle += pool_has(pool, slot) && ledger_outstanding(ledger, slot) == 0;
	return queued > idle;
}

/* Each has work before the next one is started: thirty forks take 15 ms. */
void tuner_start_for_queued(struct tuner *tuner)
{
	while (work_waits(tuner) && tuner_start_one(tuner))
		dispatch_one_each(tuner->dispatch, clock_now_ns());
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
