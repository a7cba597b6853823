/*
 * Samples in, one view out. Three ideas keep the numbers honest:
 *
 * Time that does not count. The clock of the run stops while the copy is
 * paused or the process suspended, and speed is not judged by stretches in
 * which nothing moves at all (a stall: an NFS server away, a disk asleep).
 * How long is too long depends on the storage: where chunks land every four
 * seconds, four seconds are not a stall, so the usual gap is kept in mind.
 *
 * A bar that cannot go back. It advances by (1 - bar) * work / (work + rest):
 * the step in hand as a part of what is left. That never shrinks when the
 * total grows or the model changes its mind, never waits for a wrong early
 * guess to come true, and reaches the end exactly when nothing is left.
 * Showing done / total, clamped to the highest seen, lost: it freezes.
 *
 * An ETA is a moment, not a length. What is smoothed is the time of day it
 * points to, so that it counts down second by second between two opinions.
 */
#include "ui/progress.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ui/eta.h"

#define STALL_NS (3 * NS_PER_S)
#define STALL_GAPS 3          /* usual gaps between two movements that make a stall */
#define RATE_WINDOW_S 4.0
#define BEFORE_END 0.999      /* the fullest bar before progress_finish() */
#define FLUSH_WINDOW_S 5.0
#define SHARE_TOLD 0.1        /* with less of the entries really copied there is no telling */
#define SHARE_BAR 0.25
#define STUCK_NS (10 * NS_PER_S)

/* What a worker was last seen at, to tell a slow file from a stuck one. */
struct last_seen {
	uint64_t since_ns, file_bytes, moved_ns; /* moved_ns on the run's clock */
	uint32_t activity;
};

struct progress {
	struct progress_view view;
	struct eta eta;
	uint64_t start_ns, skip_ns;    /* skip_ns: to leave out of the next interval */
	uint64_t idle_ns;              /* since something last moved */
	double usual_gap_ns;
	struct eta_work pending;       /* moved since the last interval given to the eta */
	double rate_s, rate_files, rate_bytes;
	double finish_s;               /* smoothed: when it will end, on the run's clock; negative unknown */
	double flush_rate;             /* bytes per second reaching the disk */
	struct last_seen last_seen[PROGRESS_WORKERS];
	uint64_t history_left_ns;      /* of the second being filled */
	double history_files, history_bytes;
	float bytes_history[PROGRESS_HISTORY], files_history[PROGRESS_HISTORY];
};

struct progress *progress_new(uint64_t start_ns)
{
	struct progress *progress = calloc(1, sizeof(*progress));

	if (!progress)
		abort();
	eta_init(&progress->eta);
	progress->start_ns = start_ns;
	progress->history_left_ns = NS_PER_S;
	progress->finish_s = -1;
	progress->view = (struct progress_view){
		.sample.now_ns = start_ns,
		.fraction = -1,
		.eta_ns = PROGRESS_UNKNOWN,
		.bytes_history = progress->bytes_history,
		.files_history = progress->files_history,
	};
	return progress;
}

void progress_free(struct progress *progress)
{
	free(progress);
}

void progress_skip_time(struct progress *progress, uint64_t ns)
{
	progress->skip_ns += ns;
}

static uint64_t minus(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static double grown(uint64_t now, uint64_t before)
{
	return now > before ? (double)(now - before) : 0;
}

static bool has_moved(const struct progress_sample *now, const struct progress_sample *before)
{
	return now->files_done != before->files_done || now->bytes_done != before->bytes_done ||
	       now->files_total != before->files_total || now->files_skipped != before->files_skipped ||
	       now->files_failed != before->files_failed || now->directories != before->directories ||
	       now->dirty_bytes != before->dirty_bytes || now->phase != before->phase;
}

static void push_history(struct progress *progress)
{
	struct progress_view *view = &progress->view;

	if (view->n_history == PROGRESS_HISTORY) {
		memmove(progress->bytes_history, progress->bytes_history + 1,
			(PROGRESS_HISTORY - 1) * sizeof(float));
		memmove(progress->files_history, progress->files_history + 1,
			(PROGRESS_HISTORY - 1) * sizeof(float));
		view->n_history--;
	}
	progress->bytes_history[view->n_history] = (float)progress->history_bytes;
	progress->files_history[view->n_history] = (float)progress->history_files;
	view->n_history++;
	progress->history_bytes = progress->history_files = 0;
}

/* Spreads the work of an interval over the whole seconds it covers. */
static void fill_history(struct progress *progress, uint64_t ns, const struct eta_work *work)
{
	uint64_t left = ns;

	if (ns == 0) {
		progress->history_files += work->files;
		progress->history_bytes += work->bytes;
		return;
	}
	while (left > 0) {
		uint64_t step = left < progress->history_left_ns ? left : progress->history_left_ns;
		double part = (double)step / (double)ns;

		progress->history_files += work->files * part;
		progress->history_bytes += work->bytes * part;
		progress->history_left_ns -= step;
		left -= step;
		if (progress->history_left_ns == 0) {
			push_history(progress);
			progress->history_left_ns = NS_PER_S;
		}
	}
}

/* The rates shown: plainly what went by in the last few seconds. */
static void update_rates(struct progress *progress, double seconds, const struct eta_work *work)
{
	double keep = exp(-seconds / RATE_WINDOW_S);

	progress->rate_s = progress->rate_s * keep + seconds;
	progress->rate_files = progress->rate_files * keep + work->files;
	progress->rate_bytes = progress->rate_bytes * keep + work->bytes;
	if (progress->rate_s > 0) {
		progress->view.files_per_s = progress->rate_files / progress->rate_s;
		progress->view.bytes_per_s = progress->rate_bytes / progress->rate_s;
	}
}

/* Tells a stall from the storage's usual rhythm, and gives the estimator the
 * time since the last movement once something has moved. */
static void account_time(struct progress *progress, uint64_t ns, bool moved)
{
	struct progress_view *view = &progress->view;
	uint64_t limit = (uint64_t)fmax((double)STALL_NS, STALL_GAPS * progress->usual_gap_ns);

	progress->idle_ns += ns;
	view->stalled = progress->idle_ns >= limit && view->sample.phase < PHASE_DONE;
	view->stalled_ns = view->stalled ? progress->idle_ns : 0;
	if (!moved)
		return;
	if (!view->stalled)
		eta_add(&progress->eta, (double)progress->idle_ns / (double)NS_PER_S, &progress->pending);
	progress->usual_gap_ns += 0.25 * ((double)progress->idle_ns - progress->usual_gap_ns);
	progress->pending = (struct eta_work){0};
	progress->idle_ns = 0;
	view->stalled = false;
	view->stalled_ns = 0;
}

static void update_fraction(struct progress *progress, const struct eta_work *work)
{
	struct progress_view *view = &progress->view;
	const struct progress_sample *s = &view->sample;
	double share = fmax(eta_copied_share(&progress->eta), SHARE_BAR);
	double rest, step;

	if (s->phase == PHASE_SCAN)
		return;
	rest = share * eta_cost(&progress->eta, (double)minus(s->files_total, s->files_done),
				(double)minus(s->bytes_total, s->bytes_done));
	if (view->fraction < 0) { /* the total has just become known */
		view->fraction = 0;
		step = eta_cost(&progress->eta, (double)s->files_done, (double)s->bytes_done);
	} else {
		step = eta_cost(&progress->eta, work->files, work->bytes);
	}
	if (step > 0)
		view->fraction += (1 - view->fraction) * step / (step + rest);
	if (s->files_done >= s->files_total && s->bytes_done >= s->bytes_total)
		view->fraction = 1;
	view->fraction = fmin(view->fraction, BEFORE_END);
}

/* Seconds until the end by what is known now; negative: unknown. */
static double estimate(struct progress *progress, double seconds, const struct progress_sample *before)
{
	const struct progress_sample *s = &progress->view.sample;
	double share = eta_copied_share(&progress->eta);
	double keep = exp(-seconds / FLUSH_WINDOW_S);

	if (s->phase == PHASE_FLUSH) {
		if (s->dirty_bytes == UINT64_MAX || before->phase != PHASE_FLUSH ||
		    before->dirty_bytes == UINT64_MAX || seconds <= 0)
			return -1;
		progress->flush_rate = progress->flush_rate * keep +
				       grown(before->dirty_bytes, s->dirty_bytes) / seconds * (1 - keep);
		return progress->flush_rate > 0 ? (double)s->dirty_bytes / progress->flush_rate : -1;
	}
	if (s->phase != PHASE_COPY || share < SHARE_TOLD)
		return -1;
	return eta_seconds(&progress->eta, share * (double)minus(s->files_total, s->files_done),
			   share * (double)minus(s->bytes_total, s->bytes_done));
}

static void update_eta(struct progress *progress, double seconds, const struct progress_sample *before)
{
	struct progress_view *view = &progress->view;
	double now = (double)view->elapsed_ns / (double)NS_PER_S;
	double rest = estimate(progress, seconds, before);
	double window, shown;

	if (rest < 0 || view->sample.phase != before->phase) {
		progress->finish_s = rest < 0 ? -1 : now + rest;
	} else if (progress->finish_s < 0) {
		progress->finish_s = now + rest;
	} else {
		if (view->stalled) /* keeps what it said: the end moves away with the clock */
			progress->finish_s += seconds;
		/* The longer it takes, the calmer; a big surprise is told sooner. */
		shown = fmax(progress->finish_s - now, 0);
		window = fmin(fmax(rest / 10, 0.3), 8);
		if (fabs(shown - rest) > 0.3 * fmax(shown, rest))
			window /= 4;
		progress->finish_s += (now + rest - progress->finish_s) * (1 - exp(-seconds / window));
	}
	if (progress->finish_s < 0)
		view->eta_ns = PROGRESS_UNKNOWN;
	else
		view->eta_ns = (uint64_t)(fmin(fmax(progress->finish_s - now, 0), 1e9) * (double)NS_PER_S);
}

static void choose_current(struct progress_view *view)
{
	const struct progress_sample *s = &view->sample;

	view->current = NULL;
	for (unsigned i = 0; i < s->n_workers; i++) {
		const struct progress_worker *worker = &s->workers[i];

		if (worker->path && (!view->current || worker->since_ns < view->current->since_ns))
			view->current = worker;
	}
}

/* A worker is stuck when neither its entry nor the bytes of it change. */
static void watch_workers(struct progress *progress)
{
	struct progress_view *view = &progress->view;
	const struct progress_sample *s = &view->sample;

	view->stuck = NULL;
	view->stuck_ns = 0;
	for (unsigned i = 0; i < s->n_workers && i < PROGRESS_WORKERS; i++) {
		const struct progress_worker *worker = &s->workers[i];
		struct last_seen *seen = &progress->last_seen[i];

		if (s->paused || worker->activity == PROGRESS_IDLE || worker->activity == PROGRESS_THROTTLED ||
		    worker->activity != seen->activity || worker->since_ns != seen->since_ns ||
		    worker->file_bytes != seen->file_bytes) {
			*seen = (struct last_seen){worker->since_ns, worker->file_bytes, view->elapsed_ns,
						   worker->activity};
		}
		view->still_ns[i] = view->elapsed_ns - seen->moved_ns;
		if (worker->path && view->still_ns[i] >= STUCK_NS && view->still_ns[i] > view->stuck_ns) {
			view->stuck = worker;
			view->stuck_ns = view->still_ns[i];
		}
	}
}

void progress_update(struct progress *progress, const struct progress_sample *sample)
{
	struct progress_view *view = &progress->view;
	struct progress_sample before = view->sample;
	uint64_t ns = minus(sample->now_ns, before.now_ns);
	uint64_t skipped = progress->skip_ns < ns ? progress->skip_ns : ns;
	struct eta_work work = {
		.files = grown(sample->files_done, before.files_done),
		.bytes = grown(sample->bytes_done, before.bytes_done),
		.skipped_files = grown(sample->files_skipped, before.files_skipped),
	};
	double seconds;

	progress->skip_ns = 0;
	ns = sample->paused ? 0 : ns - skipped;
	seconds = (double)ns / (double)NS_PER_S;
	view->sample = *sample;
	view->elapsed_ns += ns;
	progress->pending.files += work.files;
	progress->pending.bytes += work.bytes;
	progress->pending.skipped_files += work.skipped_files;
	if (sample->paused) { /* what still lands has taken no time of ours */
		progress->idle_ns = 0;
		progress->pending = (struct eta_work){0};
	}
	account_time(progress, ns, has_moved(sample, &before));
	fill_history(progress, ns, &work);
	update_rates(progress, seconds, &work);
	update_fraction(progress, &work);
	update_eta(progress, seconds, &before);
	choose_current(view);
	watch_workers(progress);
}

void progress_finish(struct progress *progress)
{
	struct progress_view *view = &progress->view;

	view->stalled = false;
	view->stalled_ns = 0;
	if (view->sample.phase == PHASE_SCAN)
		return; /* it was never known how much there is */
	if (view->sample.files_done >= view->sample.files_total) {
		view->fraction = 1;
		view->eta_ns = 0;
	}
	view->sample.phase = PHASE_DONE;
}

const struct progress_view *progress_view(const struct progress *progress)
{
	return &progress->view;
}
