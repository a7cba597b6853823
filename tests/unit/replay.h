/*
 * Copy runs for the progress tests: a small machine model makes a run's samples
 * from a list of files, so that the true end is known and nothing waits.
 *
 * Promises the same samples each time (own random numbers, fixed seeds). The
 * model is not the estimator's: workers take files one after the other (a huge
 * one in ranges), pay a time per file, then share one bandwidth; both drift
 * independently; a stall stops everything.
 *
 * Runs in: unit tests.  Blocks: never.  Allocates: samples, files.
 * Owns: them, until replay_free().
 */
#pragma once

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ui/progress.h"

#define REPLAY_STEP_NS (20 * NS_PER_MS)
#define REPLAY_SAMPLE_NS (100 * NS_PER_MS)
#define REPLAY_WORKERS 32
#define REPLAY_RANGE (UINT64_C(64) << 20)

struct replay_plan {
	const char *name;
	uint64_t seed;
	unsigned small_before, small_after; /* files before and after the huge one */
	double median, sigma;               /* of their sizes: lognormal, bytes */
	uint64_t huge;                      /* 0: none */
	unsigned workers;
	double file_s;                      /* per file and worker */
	double bandwidth;                   /* bytes per second over all */
	double worker_bandwidth;            /* what one worker can move alone; 0: all of it */
	int one_head;                       /* a disk: who seeks keeps the others from reading */
	double drift;                       /* how much both wander: 0.2 is 20 % */
	double scan_s;                      /* everything found after that */
	double stall_at_s, stall_s;
	double slow_from_s, slow_factor;    /* the bandwidth changes for good */
	double present, present_every;      /* share done by an earlier run: first ones, or every n-th */
	double skip_s;                      /* per file and worker to find that out */
};

struct replay {
	struct progress_sample *samples;
	unsigned n_samples;
	uint64_t end_ns, stall_from_ns, stall_to_ns;
	uint64_t largest;
};

struct replay_worker {
	double overhead_s, left;
	uint64_t size, taken_ns;
	int busy, skip, range;
};

static inline double replay_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (double)(*state >> 11) / 9007199254740992.0;
}

static inline double replay_normal(uint64_t *state)
{
	double u = replay_random(state) + 1e-12, v = replay_random(state);

	return sqrt(-2 * log(u)) * cos(6.283185307179586 * v);
}

struct replay_model {
	const struct replay_plan *plan;
	uint64_t *sizes, random, now_ns;
	unsigned n_files, next, left;
	uint64_t next_offset; /* of the next range of file @next */
	unsigned ranges_left, big_files; /* of huge files, not finished */
	double bandwidth_drift, file_drift; /* logarithms, each wandering around 0 */
	struct replay_worker workers[REPLAY_WORKERS];
	uint64_t files_done, files_skipped, bytes_skipped, bytes_all;
	double bytes_done;
};

static inline void replay_make_files(struct replay_model *m)
{
	const struct replay_plan *plan = m->plan;

	m->n_files = plan->small_before + plan->small_after + (plan->huge ? 1 : 0);
	m->left = m->n_files;
	m->sizes = malloc(m->n_files * sizeof(*m->sizes));
	for (unsigned i = 0; i < m->n_files; i++) {
		if (plan->huge && i == plan->small_before)
			m->sizes[i] = plan->huge;
		else
			m->sizes[i] = (uint64_t)(plan->median * exp(plan->sigma * replay_normal(&m->random)));
		m->bytes_all += m->sizes[i];
	}
}

static inline int replay_is_present(const struct replay_plan *plan, unsigned i, unsigned n)
{
	if (plan->present_every > 0)
		return fmod((double)i, plan->present_every) < 1;
	return (double)i < plan->present * (double)n;
}

/* Gives @w the next file, or the next range of a huge one. */
static inline void replay_take(struct replay_model *m, struct replay_worker *w)
{
	uint64_t size = m->sizes[m->next];

	*w = (struct replay_worker){.busy = 1, .size = size, .taken_ns = m->now_ns, .left = (double)size};
	w->skip = replay_is_present(m->plan, m->next, m->n_files);
	w->overhead_s = (w->skip ? m->plan->skip_s : m->plan->file_s) * exp(m->file_drift);
	if (w->skip)
		w->left = 0;
	if (!w->skip && size > 4 * REPLAY_RANGE) {
		if (m->next_offset == 0) {
			m->ranges_left += (unsigned)((size + REPLAY_RANGE - 1) / REPLAY_RANGE);
			m->big_files++;
		}
		w->range = 1;
		w->left = fmin((double)(size - m->next_offset), (double)REPLAY_RANGE);
		m->next_offset += REPLAY_RANGE;
		if (m->next_offset < size)
			return;
		m->next_offset = 0;
	}
	m->next++;
}

static inline void replay_done(struct replay_model *m, struct replay_worker *w)
{
	w->busy = 0;
	if (w->range) {
		if (--m->ranges_left > 0)
			return;
		m->left -= m->big_files;
		m->files_done += m->big_files;
		m->big_files = 0;
		return;
	}
	m->left--;
	m->files_done += !w->skip;
	m->files_skipped += (uint64_t)w->skip;
	m->bytes_skipped += w->skip ? w->size : 0;
}

/* One worker for at most @seconds: takes files until the time is used up. */
static inline void replay_work(struct replay_model *m, struct replay_worker *w, double seconds, double share)
{
	while (seconds > 0) {
		double step;

		if (!w->busy) {
			if (m->next >= m->n_files)
				return;
			replay_take(m, w);
		}
		step = fmin(w->overhead_s, seconds);
		w->overhead_s -= step;
		seconds -= step;
		step = fmin(w->left, seconds * share);
		w->left -= step;
		m->bytes_done += step;
		seconds -= step / share;
		if (w->overhead_s > 0 || w->left > 0.5)
			return;
		replay_done(m, w);
	}
}

static inline void replay_step(struct replay_model *m)
{
	const struct replay_plan *plan = m->plan;
	double now_s = (double)m->now_ns / 1e9, step_s = (double)REPLAY_STEP_NS / 1e9;
	double bandwidth = plan->bandwidth * exp(m->bandwidth_drift), share;
	unsigned moving = 0;

	/* Wanders with a memory of some ten seconds. */
	m->bandwidth_drift += -0.1 * step_s * m->bandwidth_drift +
			      plan->drift * sqrt(0.2 * step_s) * replay_normal(&m->random);
	m->file_drift += -0.1 * step_s * m->file_drift +
			 plan->drift * sqrt(0.2 * step_s) * replay_normal(&m->random);
	m->now_ns += REPLAY_STEP_NS;
	if (plan->stall_s > 0 && now_s >= plan->stall_at_s && now_s < plan->stall_at_s + plan->stall_s)
		return;
	if (plan->slow_from_s > 0 && now_s >= plan->slow_from_s)
		bandwidth *= plan->slow_factor;
	for (unsigned i = 0; i < plan->workers; i++)
		moving += m->workers[i].busy && (plan->one_head || m->workers[i].overhead_s <= 0);
	if (plan->one_head) {
		for (unsigned i = 0; i < plan->workers; i++)
			replay_work(m, &m->workers[i], step_s / (moving ? moving : 1), bandwidth);
		return;
	}
	share = bandwidth / (moving ? moving : 1);
	if (plan->worker_bandwidth > 0)
		share = fmin(share, plan->worker_bandwidth);
	for (unsigned i = 0; i < plan->workers; i++)
		replay_work(m, &m->workers[i], step_s, share);
}

static inline struct progress_sample replay_sample(const struct replay_model *m)
{
	double found = m->plan->scan_s > 0 ? (double)m->now_ns / 1e9 / m->plan->scan_s : 1;
	struct progress_sample s = {
		.now_ns = m->now_ns,
		.phase = found < 1 ? PHASE_SCAN : PHASE_COPY,
		.files_done = m->files_done,
		.bytes_done = (uint64_t)m->bytes_done,
		.files_skipped = m->files_skipped,
		.bytes_skipped = m->bytes_skipped,
		.dirty_bytes = UINT64_MAX,
		.jobs = m->plan->workers,
	};

	found = fmin(found, 1);
	s.files_total = (uint64_t)(found * m->n_files);
	s.bytes_total = (uint64_t)(found * (double)m->bytes_all);
	s.files_total = s.files_total > m->files_skipped ? s.files_total - m->files_skipped : 0;
	s.bytes_total = s.bytes_total > m->bytes_skipped ? s.bytes_total - m->bytes_skipped : 0;
	if (s.files_total < s.files_done)
		s.files_total = s.files_done;
	if (s.bytes_total < s.bytes_done)
		s.bytes_total = s.bytes_done;
	return s;
}

static inline void replay_run(const struct replay_plan *plan, struct replay *ret)
{
	struct replay_model m = {.plan = plan, .random = plan->seed};
	unsigned size = 0;

	memset(ret, 0, sizeof(*ret));
	replay_make_files(&m);
	for (unsigned i = 0; i < m.n_files; i++)
		if (m.sizes[i] > ret->largest)
			ret->largest = m.sizes[i];
	while (m.left > 0) {
		replay_step(&m);
		if (m.now_ns % REPLAY_SAMPLE_NS && m.left > 0)
			continue;
		if (ret->n_samples == size) {
			size = size ? 2 * size : 1024;
			ret->samples = realloc(ret->samples, size * sizeof(*ret->samples));
		}
		ret->samples[ret->n_samples++] = replay_sample(&m);
	}
	ret->samples[ret->n_samples - 1].bytes_done = ret->samples[ret->n_samples - 1].bytes_total;
	ret->end_ns = m.now_ns;
	ret->stall_from_ns = (uint64_t)(plan->stall_at_s * 1e9);
	ret->stall_to_ns = (uint64_t)((plan->stall_at_s + plan->stall_s) * 1e9);
	free(m.sizes);
}

static inline void replay_free(struct replay *replay)
{
	free(replay->samples);
}
