/*
 * A worker's gauge names a job and an entry by number; the ledger still has the
 * frame with the names. A job the ledger no longer has is confirmed already, so
 * its gauge is history and counts nothing.
 */
#include "master/sampler.h"

#include "base/cleanup.h"
#include "master/names.h"
#include "master/flush.h"

void sampler_init(struct sampler *sampler, struct dispatch *dispatch, struct intake *intake)
{
	unsigned slots = pool_slots(dispatch->pool);

	*sampler = (struct sampler){ .dispatch = dispatch, .intake = intake };
	sampler->worker = calloc(slots, sizeof(*sampler->worker));
	sampler->path = calloc(slots, sizeof(*sampler->path));
	if (!sampler->worker || !sampler->path)
		abort();
}

void sampler_done(struct sampler *sampler)
{
	for (unsigned i = 0; sampler->path && i < pool_slots(sampler->dispatch->pool); i++)
		free(sampler->path[i]);
	free(sampler->path);
	free(sampler->worker);
	*sampler = (struct sampler){ 0 };
}

static void name_in_hand(struct sampler *sampler, unsigned slot, const struct job *job,
                         const struct gauge_snapshot *gauge)
{
	struct progress_worker *worker = &sampler->worker[slot];
	struct job_view view;
	struct job_entry entry;

	free(sampler->path[slot]);
	sampler->path[slot] = NULL;
	*worker = (struct progress_worker){ .activity = gauge->activity };
	if (!job || !job->dir)
		return;
	const char *leaf = NULL;

	if (job_parse(job->frame.data, job->frame.len, &view) == 0 && job_view_entry(&view, gauge->index, &entry)) {
		leaf = entry.name;
		worker->file_size = entry.size;
		worker->file_bytes = gauge->file_bytes;
	}
	sampler->path[slot] = names_source(&sampler->intake->operands->tree, job->dir, leaf);
	worker->path = sampler->path[slot];
	worker->since_ns = gauge->since_ns;
}

/* Slots up to the last one that has a worker. */
static unsigned slots_in_use(struct worker_pool *pool)
{
	unsigned slots = pool_slots(pool);

	while (slots > 0 && !pool_has(pool, slots - 1))
		slots--;
	return slots;
}

void sampler_take(struct sampler *sampler, enum progress_phase phase, uint64_t now_ns,
                  struct progress_sample *ret_sample)
{
	const struct tally *tally = sampler->intake->tally;
	const struct job_ledger *ledger = sampler->intake->ledger;
	struct worker_pool *pool = sampler->dispatch->pool;
	struct progress_sample sample = {
		.now_ns = now_ns,
		.phase = phase,
		.paused = sampler->dispatch->paused,
		.bandwidth = gauge_bandwidth(pool_board(pool)),
		.dirty_bytes = phase == PHASE_FLUSH ? flush_dirty_bytes() : 0,
		.files_done = tally->sum.files,
		.bytes_done = tally->sum.bytes + tally->range_bytes,
		.files_total = tally->found_files,
		.bytes_total = tally->found_bytes,
		.directories = tally->sum.directories,
		.files_skipped = tally->sum.skipped + tally->sum.up_to_date,
		.bytes_skipped = tally->skipped_bytes,
		.files_failed = tally->sum.failed,
		.jobs = sampler->dispatch->in_use,
		.queued_entries = ledger_queued_entries(ledger),
		.pending_directories = sampler->intake->directories,
		.workers = sampler->worker,
		.n_workers = slots_in_use(pool),
	};

	for (unsigned slot = 0; slot < sample.n_workers; slot++) {
		struct gauge_snapshot gauge = { 0 };

		if (pool_has(pool, slot))
			gauge_read(pool_board(pool), slot, &gauge);
		const struct job *job = gauge.job ? ledger_find(ledger, slot, gauge.job) : NULL;

		name_in_hand(sampler, slot, job, &gauge);
		if (job && (job->kind == JOB_COPY || job->kind == JOB_RANGE) && gauge.job_bytes > job->settled_bytes)
			sample.bytes_done += gauge.job_bytes - job->settled_bytes;
		for (int activity = 0; activity < ACTIVITY_COUNT; activity++)
			sample.spent_ns[activity] += gauge.spent_ns[activity];
	}
	if (sample.bytes_done > sample.bytes_total)
		sample.bytes_done = sample.bytes_total; /* a file that grows, or a redo */
	*ret_sample = sample;
}
