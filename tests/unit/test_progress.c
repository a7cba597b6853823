/*
 * The model under a fake clock: what it promises on every sample, what it says
 * of recorded runs, and how often its ETA is right beside the naive estimator.
 */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/human.h"
#include "golden.h"
#include "replay.h"
#include "ui/layout.h"

#define KIB 1024.0
#define MIB (1024.0 * 1024)
#define GIB (UINT64_C(1) << 30)

#define NVME .workers = 8, .file_s = 400e-6, .bandwidth = 1.5e9, .worker_bandwidth = 350e6, .scan_s = 2, .drift = .12
#define DISK .workers = 4, .file_s = 2e-3, .bandwidth = 140e6, .one_head = 1, .scan_s = 4, .drift = .12
#define NETWORK .workers = 8, .file_s = 20e-3, .bandwidth = 11e6, .worker_bandwidth = 4e6, .scan_s = 10, .drift = .12

#define SEEDS 4
#define WITHIN 0.25
#define LEAST_S 0.5 /* an error of half a second is no error */

/* What nothing seen so far could tell does not have to be told: these runs are
 * scored and printed, and must only be better than the naive estimate. */
#define UNFORESEEABLE 1

static const struct recorded {
	struct replay_plan plan;
	int kind;
} recorded[] = {
	{{.name = "many small, one huge (nvme)", .seed = 1, .small_before = 400000, .median = 3 * KIB,
	  .sigma = 2.2, .huge = 60 * GIB, NVME}, 0},
	{{.name = "many small, one huge (disk)", .seed = 2, .small_before = 20000, .median = 4 * KIB,
	  .sigma = 2.2, .huge = 8 * GIB, DISK}, 0},
	{{.name = "one huge, many small (nvme)", .seed = 3, .small_before = 4000, .small_after = 400000,
	  .median = 3 * KIB, .sigma = 2.2, .huge = 60 * GIB, NVME}, 0},
	{{.name = "one huge, many small (disk)", .seed = 4, .small_before = 1000, .small_after = 20000,
	  .median = 4 * KIB, .sigma = 2.2, .huge = 8 * GIB, DISK}, 0},
	{{.name = "slow network", .seed = 5, .small_before = 20000, .median = 20 * KIB, .sigma = 2, NETWORK}, 0},
	{{.name = "slow network, a stall of 60 s", .seed = 7, .small_before = 40000, .median = 20 * KIB,
	  .sigma = 1.5, .stall_at_s = 70, .stall_s = 60, NETWORK}, 0},
	{{.name = "resume, first half done", .seed = 8, .small_before = 100000, .median = 10 * KIB,
	  .sigma = 1.5, .present = .5, .skip_s = 100e-6, DISK}, 0},
	{{.name = "resume, every other done", .seed = 9, .small_before = 100000, .median = 10 * KIB,
	  .sigma = 1.5, .present_every = 2, .skip_s = 100e-6, DISK}, 0},
	{{.name = "lognormal mix", .seed = 10, .small_before = 200000, .median = 20 * KIB, .sigma = 2.5, NVME}, 0},
	{{.name = "equal files", .seed = 11, .small_before = 600000, .median = 6 * KIB, NVME}, 0},
	{{.name = "huge in the middle", .seed = 13, .small_before = 200000, .small_after = 200000,
	  .median = 3 * KIB, .sigma = 2.2, .huge = 60 * GIB, NVME}, 0},
	/* Half the speed from the 20th second on: before it nothing shows. */
	{{.name = "speed halves (cache full)", .seed = 12, .small_before = 30000, .median = 1 * MIB,
	  .sigma = 1.5, .slow_from_s = 20, .slow_factor = .5, NVME}, UNFORESEEABLE},
	/* Before the huge file hardly a byte was moved: how fast they go is a guess. */
	{{.name = "tiny only, one huge (disk)", .seed = 2, .small_before = 20000, .median = 4 * KIB,
	  .sigma = 1.2, .huge = 8 * GIB, DISK}, UNFORESEEABLE},
};
#define N_RECORDED (sizeof(recorded) / sizeof(recorded[0]))

struct score {
	unsigned redraws, ours, naive;
};

/* The true seconds left at @sample; a stall ahead cannot be known and one that
 * lasts is not held against either. */
static double truth_at(const struct replay *replay, const struct progress_sample *s)
{
	double left = (double)(replay->end_ns - s->now_ns) / 1e9;
	double from = (double)replay->stall_from_ns / 1e9, to = (double)replay->stall_to_ns / 1e9;
	double now = (double)s->now_ns / 1e9;

	if (now < from)
		return left - (to - from);
	return now < to ? left - (to - now) : left;
}

static int is_right(double eta, double truth)
{
	return eta >= 0 && fabs(eta - truth) <= fmax(WITHIN * truth, LEAST_S);
}

static void count_redraw(struct score *score, const struct replay *replay, const struct progress_view *view)
{
	const struct progress_sample *s = &view->sample;
	double now = (double)s->now_ns / 1e9, truth = truth_at(replay, s);
	double ours = view->eta_ns == PROGRESS_UNKNOWN ? -1 : (double)view->eta_ns / 1e9;
	double naive = s->bytes_done ? (double)(s->bytes_total - s->bytes_done) * now / (double)s->bytes_done : -1;

	score->redraws++;
	score->ours += is_right(ours, truth);
	score->naive += is_right(naive, truth);
}

static void score_run(const struct replay_plan *plan, struct score *score)
{
	struct progress *progress = progress_new(0);
	struct replay replay;
	double bar = -1;

	replay_run(plan, &replay);
	for (unsigned i = 0; i < replay.n_samples; i++) {
		const struct progress_view *view = progress_view(progress);

		progress_update(progress, &replay.samples[i]);
		assert_true(view->fraction >= bar); /* never goes back */
		assert_true(view->fraction < 0.9999); /* never full before the end */
		bar = view->fraction;
		if (view->sample.phase != PHASE_SCAN && replay.samples[i].now_ns >= replay.end_ns / 10)
			count_redraw(score, &replay, view);
	}
	progress_finish(progress);
	assert_true(progress_view(progress)->fraction == 1);
	assert_int_equal(progress_view(progress)->eta_ns, 0);
	progress_free(progress);
	replay_free(&replay);
}

static void eta_is_right_in_four_redraws_of_five(void **state)
{
	(void)state;
	printf("redraws from 10 %% of the time on whose ETA is within 25 %% of the truth:\n");
	for (unsigned i = 0; i < N_RECORDED; i++) {
		struct score score = {0};

		for (unsigned seed = 0; seed < SEEDS; seed++) {
			struct replay_plan plan = recorded[i].plan;

			plan.seed += UINT64_C(7919) * seed;
			score_run(&plan, &score);
		}
		printf("  %-30s pcopy %3u %%   bytes/rate %3u %%%s\n", recorded[i].plan.name,
		       100 * score.ours / score.redraws, 100 * score.naive / score.redraws,
		       recorded[i].kind == UNFORESEEABLE ? "   (cannot be foreseen)" : "");
		if (recorded[i].kind == UNFORESEEABLE)
			assert_true(score.ours > score.naive);
		else
			assert_true(score.ours >= 0.8 * score.redraws);
		assert_true(score.ours + 0.05 * score.redraws >= score.naive);
	}
}

static const char *const replay_rows[] = {
#include "golden/replay.inc"
};

/* Some twenty moments of each recorded run as rows of text. */
static void recorded_runs_read_as_expected(void **state)
{
	struct golden golden = {"replay", replay_rows, sizeof(replay_rows) / sizeof(replay_rows[0]), 0, 0};
	struct layout_size size = {.columns = 80, .rows = 24, .utf8 = true};

	(void)state;
	for (unsigned run = 0; run < N_RECORDED; run++) {
		struct progress *progress = progress_new(0);
		struct replay replay;

		replay_run(&recorded[run].plan, &replay);
		golden_row(&golden, recorded[run].plan.name);
		for (unsigned i = 0; i < replay.n_samples; i++) {
			struct layout layout;

			progress_update(progress, &replay.samples[i]);
			if (i % (replay.n_samples / 20) != replay.n_samples / 40)
				continue;
			layout_line(progress_view(progress), &size, &layout);
			golden_row(&golden, layout.row[0]);
		}
		progress_free(progress);
		replay_free(&replay);
	}
	assert_int_equal(golden_end(&golden), 0);
}

/* A copy at a steady @rate of files of @size, sampled every 100 ms. */
struct steady {
	struct progress *progress;
	struct progress_sample sample;
	uint64_t file_size;
	double files_per_s;
};

static void steady_start(struct steady *steady, uint64_t files, uint64_t file_size)
{
	*steady = (struct steady){
		.progress = progress_new(0),
		.sample = {.phase = PHASE_COPY, .files_total = files, .bytes_total = files * file_size, .jobs = 4},
		.file_size = file_size,
		.files_per_s = 100,
	};
}

static const struct progress_view *steady_run(struct steady *steady, double seconds)
{
	for (unsigned i = 0; i < seconds * 10; i++) {
		steady->sample.now_ns += 100 * NS_PER_MS;
		steady->sample.files_done += (uint64_t)(steady->files_per_s / 10);
		steady->sample.bytes_done = steady->sample.files_done * steady->file_size;
		progress_update(steady->progress, &steady->sample);
	}
	return progress_view(steady->progress);
}

static double eta_s(const struct progress_view *view)
{
	return view->eta_ns == PROGRESS_UNKNOWN ? -1 : (double)view->eta_ns / 1e9;
}

static void eta_is_unknown_while_scanning_and_without_evidence(void **state)
{
	struct steady steady;

	(void)state;
	steady_start(&steady, 10000, 4096);
	assert_true(progress_view(steady.progress)->fraction < 0);
	steady.sample.phase = PHASE_SCAN;
	assert_true(eta_s(steady_run(&steady, 5)) < 0);
	assert_true(progress_view(steady.progress)->fraction < 0);
	steady.sample.phase = PHASE_COPY;
	assert_true(eta_s(steady_run(&steady, 1)) > 0);
	assert_true(progress_view(steady.progress)->fraction > 0.05);
	progress_free(steady.progress);

	steady_start(&steady, 10000, 4096);
	assert_true(eta_s(steady_run(&steady, 0.3)) < 0);
	progress_free(steady.progress);
}

static void eta_counts_down_with_the_clock(void **state)
{
	struct steady steady;
	double before;

	(void)state;
	steady_start(&steady, 10000, 4096);
	before = eta_s(steady_run(&steady, 20));
	assert_true(fabs(before - 80) < 1);
	assert_true(fabs(before - 10 - eta_s(steady_run(&steady, 10))) < 0.5);
	progress_free(steady.progress);
}

static void a_pause_is_no_time_and_no_stall(void **state)
{
	struct steady steady;
	const struct progress_view *view;

	(void)state;
	steady_start(&steady, 10000, 4096);
	steady_run(&steady, 20);
	steady.sample.paused = true;
	steady.files_per_s = 0;
	view = steady_run(&steady, 600);
	assert_false(view->stalled);
	assert_int_equal(view->elapsed_ns, 20 * NS_PER_S);
	assert_true(fabs(eta_s(view) - 80) < 1);
	steady.sample.paused = false;
	steady.files_per_s = 100;
	/* Told as well: must not be taken off twice. */
	progress_skip_time(steady.progress, 600 * NS_PER_S);
	view = steady_run(&steady, 10);
	assert_true(fabs((double)view->elapsed_ns / 1e9 - 30) < 0.2);
	assert_true(fabs(eta_s(view) - 70) < 1.5);
	progress_free(steady.progress);
}

static void a_suspend_is_no_time(void **state)
{
	struct steady steady;
	const struct progress_view *view;

	(void)state;
	steady_start(&steady, 10000, 4096);
	steady_run(&steady, 20);
	progress_skip_time(steady.progress, 3600 * NS_PER_S);
	steady.sample.now_ns += 3600 * NS_PER_S;
	view = steady_run(&steady, 10);
	assert_int_equal(view->elapsed_ns, 30 * NS_PER_S);
	assert_true(fabs(eta_s(view) - 70) < 1);
	assert_true(fabs(view->files_per_s - 100) < 1);
	progress_free(steady.progress);
}

static void a_stall_is_told_and_not_taken_for_speed(void **state)
{
	struct steady steady;
	const struct progress_view *view;

	(void)state;
	steady_start(&steady, 10000, 4096);
	steady_run(&steady, 20);
	steady.files_per_s = 0;
	assert_false(steady_run(&steady, 2)->stalled);
	view = steady_run(&steady, 28);
	assert_true(view->stalled);
	assert_int_equal(view->stalled_ns, 30 * NS_PER_S);
	assert_true(fabs(eta_s(view) - 80) < 4);
	steady.files_per_s = 100;
	view = steady_run(&steady, 5);
	assert_false(view->stalled);
	assert_true(fabs(eta_s(view) - 75) < 4);
	progress_free(steady.progress);
}

static void slow_storage_is_not_one_stall_after_the_other(void **state)
{
	struct steady steady;
	const struct progress_view *view = NULL;

	(void)state;
	/* A file lands every four seconds: 1000 files take 4000 s. */
	steady_start(&steady, 1000, 64 << 20);
	for (unsigned i = 0; i < 50; i++) {
		steady.files_per_s = 0;
		steady_run(&steady, 3.9);
		steady.files_per_s = 10;
		view = steady_run(&steady, 0.1);
	}
	assert_true(eta_s(view) > 0.75 * 3800);
	assert_true(eta_s(view) < 1.25 * 3800);
	progress_free(steady.progress);
}

static void the_bar_stays_when_the_total_grows_and_fills_when_it_shrinks(void **state)
{
	struct steady steady;
	double before;

	(void)state;
	steady_start(&steady, 2000, 4096);
	before = steady_run(&steady, 10)->fraction;
	assert_true(before > 0.45 && before < 0.55);
	steady.sample.files_total *= 10;
	steady.sample.bytes_total *= 10;
	assert_true(steady_run(&steady, 0.1)->fraction >= before);
	/* All the rest fails and leaves the total. */
	steady.sample.files_total = steady.sample.files_done;
	steady.sample.bytes_total = steady.sample.bytes_done;
	steady.files_per_s = 0;
	assert_true(steady_run(&steady, 0.1)->fraction > 0.99);
	assert_true(progress_view(steady.progress)->fraction < 1);
	progress_free(steady.progress);
}

static void what_is_missing_keeps_the_bar_from_the_end(void **state)
{
	struct steady steady;

	(void)state;
	steady_start(&steady, 2000, 4096);
	steady_run(&steady, 10);
	progress_finish(steady.progress);
	assert_true(progress_view(steady.progress)->fraction < 0.6);
	progress_free(steady.progress);
}

static void flushing_has_an_eta_of_its_own(void **state)
{
	struct steady steady;
	const struct progress_view *view = NULL;

	(void)state;
	steady_start(&steady, 1000, 4096);
	steady_run(&steady, 10);
	steady.sample.phase = PHASE_FLUSH;
	steady.sample.dirty_bytes = UINT64_C(1000) << 20;
	steady.files_per_s = 0;
	for (unsigned i = 0; i < 200; i++) {
		steady.sample.dirty_bytes -= UINT64_C(2) << 20; /* 20 MiB a second */
		view = steady_run(&steady, 0.1);
	}
	assert_true(fabs(eta_s(view) - 30) < 3);
	assert_true(view->fraction < 1);
	steady.sample.dirty_bytes = UINT64_MAX;
	assert_true(eta_s(steady_run(&steady, 1)) < 0);
	progress_free(steady.progress);
}

static void a_worker_is_stuck_when_its_bytes_stand_still(void **state)
{
	struct progress_worker workers[2] = {
		{.path = "big", .activity = PROGRESS_WRITING, .file_size = GIB},
		{.path = "gone", .activity = PROGRESS_READING, .since_ns = NS_PER_S},
	};
	struct steady steady;
	const struct progress_view *view = NULL;

	(void)state;
	steady_start(&steady, 10000, 4096);
	steady.sample.workers = workers;
	steady.sample.n_workers = 2;
	for (unsigned i = 0; i < 350; i++) {
		workers[0].file_bytes += 1 << 20;
		view = steady_run(&steady, 0.1);
		if (i < 90)
			assert_null(view->stuck);
	}
	assert_ptr_equal(view->current, &workers[0]);
	assert_ptr_equal(view->stuck, &workers[1]);
	assert_true(view->stuck_ns > 30 * NS_PER_S);
	workers[1].activity = PROGRESS_THROTTLED; /* it is told to wait */
	workers[0].activity = PROGRESS_IDLE;
	assert_null(steady_run(&steady, 15)->stuck);
	progress_free(steady.progress);
}

static void history_is_per_second_and_bounded(void **state)
{
	struct steady steady;
	const struct progress_view *view;

	(void)state;
	steady_start(&steady, 1000000, 4096);
	view = steady_run(&steady, 10);
	assert_int_equal(view->n_history, 10);
	assert_true(fabs((double)view->files_history[5] - 100) < 1);
	assert_true(fabs((double)view->bytes_history[5] - 409600) < 4096);
	view = steady_run(&steady, 600);
	assert_int_equal(view->n_history, PROGRESS_HISTORY);
	/* One long interval is spread over the seconds it lasted. */
	steady.sample.now_ns += 3 * NS_PER_S;
	steady.sample.files_done += 600;
	progress_update(steady.progress, &steady.sample);
	assert_true(fabs((double)view->files_history[PROGRESS_HISTORY - 1] - 200) < 1);
	progress_free(steady.progress);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(eta_is_right_in_four_redraws_of_five),
		cmocka_unit_test(recorded_runs_read_as_expected),
		cmocka_unit_test(eta_is_unknown_while_scanning_and_without_evidence),
		cmocka_unit_test(eta_counts_down_with_the_clock),
		cmocka_unit_test(a_pause_is_no_time_and_no_stall),
		cmocka_unit_test(a_suspend_is_no_time),
		cmocka_unit_test(a_stall_is_told_and_not_taken_for_speed),
		cmocka_unit_test(slow_storage_is_not_one_stall_after_the_other),
		cmocka_unit_test(the_bar_stays_when_the_total_grows_and_fills_when_it_shrinks),
		cmocka_unit_test(what_is_missing_keeps_the_bar_from_the_end),
		cmocka_unit_test(flushing_has_an_eta_of_its_own),
		cmocka_unit_test(a_worker_is_stuck_when_its_bytes_stand_still),
		cmocka_unit_test(history_is_per_second_and_bounded),
	};

	setlocale(LC_ALL, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
