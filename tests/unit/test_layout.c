/*
 * Rows at every width: none too wide, none with a control character, and at
 * the common sizes exactly those of the golden files.
 */
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/display.h"
#include "golden.h"
#include "ui/dashboard.h"
#include "ui/layout.h"

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static const struct progress_worker plain_file = {.path = "src/linux/drivers/net/ethernet/intel/ice/ice_main.c"};
static const struct progress_worker big_file = {
	.path = "images/debian-12.5.0-amd64-DVD-1.iso", .file_bytes = 1900 * MIB, .file_size = 3800 * MIB};
static const struct progress_worker odd_file = {
	.path = "\xe6\xbc\xa2\xe5\xad\x97\xe3\x81\xae\xe5\x90\x8d\xe5\x89\x8d/caf" "e\xcc\x81 \xf0\x9f\x98\x80/bell\a esc\x1b[31m bad\xff end"};

static struct progress_view base_view(void)
{
	return (struct progress_view){
		.sample = {.phase = PHASE_COPY, .files_done = 12345, .files_total = 45678,
			   .bytes_done = 512 * MIB, .bytes_total = 3481 * MIB, .directories = 3000,
			   .dirty_bytes = UINT64_MAX, .jobs = 5},
		.fraction = 0.374,
		.files_per_s = 1028,
		.bytes_per_s = 104.2 * (double)MIB,
		.elapsed_ns = 62 * NS_PER_S,
		.eta_ns = 95 * NS_PER_S,
		.current = &plain_file,
	};
}

static const char *const view_names[] = {"scanning", "copying", "no eta yet", "big file", "odd name", "stuck",
					 "stalled",  "paused",	"flushing",   "syncing",  "done",     "enormous"};
#define N_VIEWS (sizeof(view_names) / sizeof(view_names[0]))

static struct progress_view make_view(const char *name)
{
	struct progress_view view = base_view();

	if (!strcmp(name, "scanning")) {
		view.sample.phase = PHASE_SCAN;
		view.fraction = -1;
		view.eta_ns = PROGRESS_UNKNOWN;
	} else if (!strcmp(name, "no eta yet")) {
		view.fraction = 0.0;
		view.eta_ns = PROGRESS_UNKNOWN;
		view.current = NULL;
	} else if (!strcmp(name, "big file")) {
		view.current = &big_file;
	} else if (!strcmp(name, "odd name")) {
		view.current = &odd_file;
	} else if (!strcmp(name, "stuck")) {
		view.stuck = &plain_file;
		view.stuck_ns = 35 * NS_PER_S;
	} else if (!strcmp(name, "stalled")) {
		view.stalled = true;
		view.stalled_ns = 754 * NS_PER_S;
	} else if (!strcmp(name, "paused")) {
		view.sample.paused = true;
	} else if (!strcmp(name, "flushing") || !strcmp(name, "syncing")) {
		view.sample.phase = PHASE_FLUSH;
		view.fraction = 0.999;
		if (!strcmp(name, "flushing"))
			view.sample.dirty_bytes = 3174 * MIB;
		else
			view.eta_ns = PROGRESS_UNKNOWN;
	} else if (!strcmp(name, "done")) {
		view.sample.phase = PHASE_DONE;
		view.fraction = 1;
		view.eta_ns = 0;
	} else if (!strcmp(name, "enormous")) {
		view.sample.files_done = view.sample.files_total = UINT64_MAX;
		view.sample.bytes_done = view.sample.bytes_total = UINT64_MAX;
		view.files_per_s = view.bytes_per_s = 1e18;
		view.eta_ns = UINT64_MAX - 1;
		view.sample.files_failed = view.sample.files_skipped = UINT64_MAX;
	}
	return view;
}

/* Fails unless @row is of printable characters of the locale only. */
static void assert_printable(const char *row)
{
	wchar_t wide[LAYOUT_ROW_BYTES];
	size_t n = mbstowcs(wide, row, LAYOUT_ROW_BYTES);

	assert_true(n != (size_t)-1);
	for (size_t i = 0; i < n; i++)
		assert_true(wcwidth(wide[i]) >= 0);
}

static void no_row_reaches_the_last_column(void **state)
{
	(void)state;
	for (size_t v = 0; v < N_VIEWS; v++) {
		struct progress_view view = make_view(view_names[v]);

		for (unsigned columns = 1; columns <= 200; columns++) {
			for (unsigned utf8 = 0; utf8 < 2; utf8++) {
				struct layout_size size = {columns, 24, utf8};
				struct layout layout;

				layout_line(&view, &size, &layout);
				assert_int_equal(layout.n_rows, columns >= 40 ? 2 : 1);
				for (unsigned i = 0; i < layout.n_rows; i++) {
					assert_true(display_width(layout.row[i]) <= columns - 1);
					assert_printable(layout.row[i]);
				}
				/* The percentage or the word is the last thing to go. */
				if (columns >= 10)
					assert_true(layout.row[0][0] != '\0');
			}
		}
	}
}

static void a_row_in_ascii_is_ascii(void **state)
{
	struct layout_size size = {120, 24, false};

	(void)state;
	for (size_t v = 0; v < N_VIEWS; v++) {
		struct progress_view view = make_view(view_names[v]);
		struct layout layout;

		if (view.current == &odd_file) /* its letters are the user's own */
			continue;
		layout_line(&view, &size, &layout);
		for (unsigned i = 0; i < layout.n_rows; i++)
			for (const char *c = layout.row[i]; *c; c++)
				assert_true((unsigned char)*c < 0x80);
	}
}

static void a_low_terminal_gets_one_row(void **state)
{
	struct progress_view view = make_view("copying");
	struct layout_size size = {80, 2, true};
	struct layout layout;

	(void)state;
	layout_line(&view, &size, &layout);
	assert_int_equal(layout.n_rows, 1);
}

static const char *const rows[] = {
#include "golden/layout.inc"
};

static void rows_are_as_expected(void **state)
{
	static const struct layout_size sizes[] = {{80, 24, true}, {40, 10, true},    {20, 5, true},
						   {200, 60, true}, {80, 24, false}, {40, 10, false},
						   {20, 5, false}};
	struct golden golden = {"layout", rows, sizeof(rows) / sizeof(rows[0]), 0, 0};
	char text[LAYOUT_ROW_BYTES];

	(void)state;
	for (size_t v = 0; v < N_VIEWS; v++) {
		struct progress_view view = make_view(view_names[v]);

		golden_row(&golden, view_names[v]);
		for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
			struct layout layout;

			layout_line(&view, &sizes[s], &layout);
			for (unsigned i = 0; i < layout.n_rows; i++)
				golden_row(&golden, layout.row[i]);
		}
		layout_plain(&view, text);
		assert_printable(text);
		golden_row(&golden, text);
	}
	assert_int_equal(golden_end(&golden), 0);
}

static void the_percentage_is_never_rounded_up(void **state)
{
	struct progress_view view = make_view("copying");
	struct layout_size size = {80, 24, false};
	struct layout layout;

	(void)state;
	view.fraction = 0.9999;
	layout_line(&view, &size, &layout);
	assert_non_null(strstr(layout.row[0], " 99%"));
	view.fraction = 0.29; /* 28.999... in binary */
	layout_line(&view, &size, &layout);
	assert_non_null(strstr(layout.row[0], " 29%"));
}

static void a_bar_fills_in_eighths(void **state)
{
	char buf[64], before[64] = "";

	(void)state;
	layout_bar(buf, sizeof(buf), 4, 0, true);
	assert_string_equal(buf, "    ");
	layout_bar(buf, sizeof(buf), 4, 1.0 / 32, true);
	assert_string_equal(buf, "▏   ");
	layout_bar(buf, sizeof(buf), 4, 0.5, true);
	assert_string_equal(buf, "██  ");
	layout_bar(buf, sizeof(buf), 4, 27.0 / 32, true);
	assert_string_equal(buf, "███▍");
	layout_bar(buf, sizeof(buf), 4, 7, true);
	assert_string_equal(buf, "████");
	layout_bar(buf, sizeof(buf), 4, 0.6, false);
	assert_string_equal(buf, "##--");
	for (unsigned i = 0; i <= 320; i++) {
		layout_bar(buf, sizeof(buf), 10, i / 320.0, true);
		assert_int_equal(display_width(buf), 10);
		if (i % 4 == 0)
			assert_true(i == 0 || strcmp(buf, before) != 0);
		strcpy(before, buf);
	}
	layout_bar(buf, 8, 10, 1, true); /* cut at a whole block */
	assert_string_equal(buf, "██");
}

static const char *const worker_paths[] = {
	"src/linux/drivers/net/ethernet/intel/ice/ice_main.c", "images/debian-12.5.0-amd64-DVD-1.iso",
	"\xe6\xbc\xa2\xe5\xad\x97\xe3\x81\xae\xe5\x90\x8d\xe5\x89\x8d.txt", NULL,
	"control\n\x1b[2J.bin", "caf" "e\xcc\x81 \xf0\x9f\x98\x80.jpg", "mail/cur/1700000000.M1P2.host:2,S", "last",
};
#define N_WORKERS (sizeof(worker_paths) / sizeof(worker_paths[0]))

static const char *const said[] = {
	"pcopy: cannot open 'a' for reading: Permission denied",
	"pcopy: cannot open 'b' for reading: Permission denied",
	"pcopy: owner and group of 'c' could not be kept: Operation not permitted",
};

/* Eight workers in mid-copy with twenty minutes of history. */
static struct progress_view busy_view(struct progress_worker workers[static N_WORKERS],
				      float bytes[static PROGRESS_HISTORY], float files[static PROGRESS_HISTORY])
{
	struct progress_view view = base_view();

	view.sample.now_ns = 1000 * NS_PER_S;
	for (unsigned i = 0; i < N_WORKERS; i++)
		workers[i] = (struct progress_worker){
			.path = worker_paths[i],
			.activity = worker_paths[i] ? PROGRESS_READING + i % 3 : PROGRESS_IDLE,
			.file_size = i % 2 ? 100 * MIB << i : 4096,
			.file_bytes = i % 2 ? 30 * MIB << i : 0,
			.since_ns = (999 - i) * NS_PER_S,
		};
	view.still_ns[4] = 95 * NS_PER_S;
	view.sample.workers = workers;
	view.sample.n_workers = N_WORKERS;
	view.sample.jobs = N_WORKERS;
	view.sample.files_failed = 3;
	view.sample.queued_entries = 4321;
	view.sample.pending_directories = 12;
	view.sample.bandwidth = 200 * MIB;
	view.sample.spent_ns[PROGRESS_WRITING] = 60 * NS_PER_S;
	view.sample.spent_ns[PROGRESS_READING] = 25 * NS_PER_S;
	view.sample.spent_ns[PROGRESS_METADATA] = 15 * NS_PER_S;
	for (unsigned i = 0; i < PROGRESS_HISTORY; i++) {
		bytes[i] = (float)(i % 50) * (float)(4 * MIB);
		files[i] = (float)((i * 7) % 100);
	}
	view.bytes_history = bytes;
	view.files_history = files;
	view.n_history = PROGRESS_HISTORY;
	return view;
}

static const char *const dashboard_rows[] = {
#include "golden/dashboard.inc"
};

static void dashboards_are_as_expected(void **state)
{
	static const struct layout_size sizes[] = {{80, 24, true}, {40, 10, true}, {20, 5, true}, {200, 60, true},
						   {80, 24, false}};
	static float bytes[PROGRESS_HISTORY], files[PROGRESS_HISTORY];
	static struct dashboard dashboard;
	struct progress_worker workers[N_WORKERS];
	struct progress_view view = busy_view(workers, bytes, files);
	struct dashboard_extra extra = {.messages = said, .n_messages = 3, .failures = said, .n_failures = 3};
	struct golden golden = {"dashboard", dashboard_rows, sizeof(dashboard_rows) / sizeof(dashboard_rows[0]), 0, 0};
	char title[32];

	(void)state;
	for (unsigned mode = 0; mode < 3; mode++) {
		extra.mode = mode;
		for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
			snprintf(title, sizeof(title), "mode %u, %ux%u", mode, sizes[s].columns, sizes[s].rows);
			golden_row(&golden, title);
			dashboard_layout(&view, &extra, &sizes[s], &dashboard);
			assert_int_equal(dashboard.n_rows, sizes[s].rows);
			for (unsigned i = 0; i < dashboard.n_rows; i++)
				golden_row(&golden, dashboard.row[i]);
		}
	}
	assert_int_equal(golden_end(&golden), 0);
}

static void a_dashboard_fits_any_size(void **state)
{
	static float bytes[PROGRESS_HISTORY], files[PROGRESS_HISTORY];
	static struct dashboard dashboard;
	struct progress_worker workers[N_WORKERS];
	struct progress_view view = busy_view(workers, bytes, files);
	struct dashboard_extra extra = {.messages = said, .n_messages = 3, .failures = said, .n_failures = 3};

	(void)state;
	for (unsigned i = 0; i < 3 * 200 * 20; i++) {
		struct layout_size size = {1 + i / 3 % 200, 1 + i / 600 * 3, i % 2};

		extra.mode = i % 3;
		extra.prompt = i % 7 ? NULL : "a question that is rather long to be asked at all";
		extra.scroll = i % 5;
		view.n_history = i % PROGRESS_HISTORY;
		dashboard_layout(&view, &extra, &size, &dashboard);
		assert_true(dashboard.n_rows <= size.rows);
		for (unsigned r = 0; r < dashboard.n_rows; r++) {
			assert_true(display_width(dashboard.row[r]) <= size.columns - 1);
			assert_printable(dashboard.row[r]);
		}
	}
}

/* The reason stands behind a name that may be as long as a path. */
static void a_failure_of_any_length_shows_its_end(void **state)
{
	static struct dashboard dashboard;
	static char line[8192];
	const char *failures[] = { line };
	struct progress_view view = { 0 };
	const struct dashboard_extra extra = {.mode = DASHBOARD_FAILURES, .failures = failures, .n_failures = 1};
	const struct layout_size size = {.columns = 80, .rows = 24};
	bool shown = false;

	(void)state;
	memset(line, 'n', 6000);
	strcpy(line + 6000, "': File name too long");
	dashboard_layout(&view, &extra, &size, &dashboard);
	for (unsigned r = 0; r < dashboard.n_rows; r++)
		shown = shown || strstr(dashboard.row[r], "n': File name too long");
	assert_true(shown);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_row_reaches_the_last_column),
		cmocka_unit_test(a_row_in_ascii_is_ascii),
		cmocka_unit_test(a_low_terminal_gets_one_row),
		cmocka_unit_test(rows_are_as_expected),
		cmocka_unit_test(the_percentage_is_never_rounded_up),
		cmocka_unit_test(a_bar_fills_in_eighths),
		cmocka_unit_test(dashboards_are_as_expected),
		cmocka_unit_test(a_dashboard_fits_any_size),
		cmocka_unit_test(a_failure_of_any_length_shows_its_end),
	};

	setlocale(LC_ALL, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
