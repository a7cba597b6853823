/*
 * Rows are handed out from both ends: the bar on top, the keys at the bottom,
 * then by what matters: a few workers, the time line, the graphs, the last
 * messages; what is left over goes to more workers and more messages.
 *
 * Text first and curses after, because text can be compared in a test without
 * a terminal, and because the layout does not care who paints it.
 */
#include "ui/dashboard.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/display.h"
#include "base/human.h"

#define GRAPH_LABEL 10 /* columns of the scale beside a graph */

struct page {
	struct dashboard *out;
	unsigned columns; /* that may be written */
	unsigned rows;
	bool utf8;
};

/* The next row to write, NULL when the page is full. */
static char *next_row(struct page *page)
{
	if (page->out->n_rows >= page->rows)
		return NULL;
	return page->out->row[page->out->n_rows++];
}

/* Adds a row of printable text, of any length: cut in the middle when it is too wide. */
static void add_text(struct page *page, const char *text)
{
	char *row = next_row(page);

	if (row)
		display_elide(row, LAYOUT_ROW_BYTES, text, page->columns, page->utf8);
}

static void add_row(struct page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add_row(struct page *page, const char *format, ...)
{
	char text[LAYOUT_ROW_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	add_text(page, text);
}

/* Appends to @text, separated by two spaces, unless that makes it too wide. */
static void append_item(char *text, unsigned columns, const char *item)
{
	size_t used = strlen(text), width = display_width(text);
	size_t gap = used ? 2 : 0;

	if (width + gap + display_width(item) > columns || used + gap + strlen(item) >= LAYOUT_ROW_BYTES)
		return;
	sprintf(text + used, "%s%s", gap ? "  " : "", item);
}

static void add_counts(struct page *page, const struct progress_view *view)
{
	const struct progress_sample *s = &view->sample;
	char *row = next_row(page), item[96], a[HUMAN_SIZE], b[HUMAN_SIZE];

	if (!row)
		return;
	row[0] = '\0';
	snprintf(item, sizeof(item), "%u %s", s->jobs, s->jobs == 1 ? "worker" : "workers");
	append_item(row, page->columns, item);
	if (s->files_failed) {
		snprintf(item, sizeof(item), "%s failed", human_count(a, s->files_failed));
		append_item(row, page->columns, item);
	}
	snprintf(item, sizeof(item), "queued %s entries, %s directories", human_count(a, s->queued_entries),
		 human_count(b, s->pending_directories));
	append_item(row, page->columns, item);
	if (s->bandwidth) {
		snprintf(item, sizeof(item), "limit %s/s", human_bytes(a, s->bandwidth));
		append_item(row, page->columns, item);
	}
	if (s->files_skipped) {
		snprintf(item, sizeof(item), "%s skipped", human_count(a, s->files_skipped));
		append_item(row, page->columns, item);
	}
	snprintf(item, sizeof(item), "%s directories", human_count(a, s->directories));
	append_item(row, page->columns, item);
	snprintf(item, sizeof(item), "elapsed %s", human_duration(a, view->elapsed_ns));
	append_item(row, page->columns, item);
}

static const char *const activity_names[PROGRESS_ACTIVITIES] = {"idle",     "scanning", "reading",   "writing",
								"metadata", "waiting",	"throttled", "flushing"};

static bool any_time_spent(const struct progress_sample *s)
{
	for (unsigned i = 0; i < PROGRESS_ACTIVITIES; i++)
		if (s->spent_ns[i])
			return true;
	return false;
}

/* "time  writing 61%  reading 20% ...", the longest first. */
static void add_time(struct page *page, const struct progress_sample *s)
{
	char *row = next_row(page), item[64];
	bool told[PROGRESS_ACTIVITIES] = {false};
	double all = 0;

	if (!row)
		return;
	row[0] = '\0';
	append_item(row, page->columns, "time");
	for (unsigned i = 0; i < PROGRESS_ACTIVITIES; i++)
		all += (double)s->spent_ns[i];
	for (unsigned n = 0; n < PROGRESS_ACTIVITIES; n++) {
		unsigned most = 0;

		for (unsigned i = 1; i < PROGRESS_ACTIVITIES; i++)
			if (told[most] || (!told[i] && s->spent_ns[i] > s->spent_ns[most]))
				most = i;
		told[most] = true;
		if (s->spent_ns[most] == 0)
			break;
		snprintf(item, sizeof(item), "%s %u%%", activity_names[most],
			 (unsigned)(100 * (double)s->spent_ns[most] / all + 0.5));
		append_item(row, page->columns, item);
	}
}

/* One row of a graph: columns of @values as high as they are, @from the bottom. */
static void graph_row(char *out, const float *values, unsigned n, double top, double from, bool utf8)
{
	static const char *const blocks[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

	for (unsigned i = 0; i < n; i++) {
		double filled = top > 0 ? (double)values[i] / top - from : 0;
		int eighths = filled <= 0 ? 0 : filled >= 1 ? 8 : (int)(filled * 8 + 0.5);

		out = stpcpy(out, utf8 ? blocks[eighths] : eighths >= 4 ? "#" : " ");
	}
	*out = '\0';
}

struct graph {
	const float *values;
	unsigned n, width; /* values to show, columns to show them in */
	float most;
	char label[HUMAN_SIZE + 8];
};

static void prepare_graph(struct graph *graph, const float *history, unsigned n, unsigned width)
{
	graph->width = width;
	graph->n = n < width ? n : width;
	graph->values = history + (n - graph->n);
	graph->most = 0;
	for (unsigned i = 0; i < graph->n; i++)
		graph->most = fmaxf(graph->most, graph->values[i]);
}

/* Adds the columns of @graph's row @at of @height to @row: scale, then blocks. */
static void append_graph(char *row, const struct graph *graph, unsigned at, unsigned height, bool utf8)
{
	char bars[4 * PROGRESS_HISTORY];
	unsigned level = height - 1 - at;

	graph_row(bars, graph->values, graph->n, (double)graph->most / height, level, utf8);
	sprintf(row + strlen(row), "%*s %s%*s", GRAPH_LABEL, at == 0 ? graph->label : "", bars,
		(int)(graph->width - graph->n), "");
}

/* Bytes and files per second beside each other, or bytes only when narrow. */
static void add_graphs(struct page *page, const struct progress_view *view, unsigned height)
{
	bool both = page->columns >= 60;
	unsigned width = both ? (page->columns - 2 * GRAPH_LABEL - 4) / 2 : page->columns - GRAPH_LABEL - 1;
	struct graph bytes, files;
	char number[HUMAN_SIZE];

	width = width < 120 ? width : 120;
	prepare_graph(&bytes, view->bytes_history, view->n_history, width);
	prepare_graph(&files, view->files_history, view->n_history, width);
	snprintf(bytes.label, sizeof(bytes.label), "%s/s", human_bytes(number, (uint64_t)bytes.most));
	snprintf(files.label, sizeof(files.label), "%s/s", human_count(number, (uint64_t)files.most));
	for (unsigned i = 0; i < height; i++) {
		char *row = next_row(page);

		if (!row)
			return;
		row[0] = '\0';
		append_graph(row, &bytes, i, height, page->utf8);
		if (both) {
			strcat(row, "  ");
			append_graph(row, &files, i, height, page->utf8);
		}
	}
}

/* What follows a worker's file: how far it is and how fast, or that it is stuck. */
static void worker_state(char *out, size_t size, const struct progress_view *view, unsigned index, bool utf8)
{
	const struct progress_worker *worker = &view->sample.workers[index];
	uint64_t still_ns = index < PROGRESS_WORKERS ? view->still_ns[index] : 0;
	double held_s = (double)(view->sample.now_ns - worker->since_ns) / (double)NS_PER_S;
	char bar[64], number[HUMAN_SIZE];
	double part;

	out[0] = '\0';
	if (still_ns >= 10 * NS_PER_S && worker->path) {
		snprintf(out, size, "  stuck %s", human_duration(number, still_ns));
		return;
	}
	if (!worker->path || worker->file_size == 0 || worker->file_bytes == 0)
		return;
	part = (double)worker->file_bytes / (double)worker->file_size;
	layout_bar(bar, sizeof(bar), 10, part, utf8);
	snprintf(out, size, utf8 ? "  ▕%s▏ %3u%% %8s/s" : "  [%s] %3u%% %8s/s", bar,
		 (unsigned)(part < 1 ? part * 100 : 100),
		 human_bytes(number, held_s > 0.05 ? (uint64_t)((double)worker->file_bytes / held_s) : 0));
}

static void add_worker(struct page *page, const struct progress_view *view, unsigned index)
{
	const struct progress_worker *worker = &view->sample.workers[index];
	char state[128], before[32], *row = next_row(page);
	CLEANUP_FREE char *name = NULL;
	size_t size = worker->path ? 4 * strlen(worker->path) + 1 : 1;
	size_t left, used;

	name = malloc(size);
	if (!row || !name)
		return;
	row[0] = '\0';
	display_escape(name, size, worker->path ? worker->path : "");
	worker_state(state, sizeof(state), view, index, page->utf8);
	snprintf(before, sizeof(before), "%3u %-9s ", index + 1,
		 activity_names[worker->activity < PROGRESS_ACTIVITIES ? worker->activity : 0]);
	if (page->columns < 40)
		snprintf(before, sizeof(before), "%u ", index + 1);
	if (strlen(before) + display_width(state) + 12 > page->columns)
		state[0] = '\0';
	if (strlen(before) >= page->columns)
		return;
	left = page->columns - strlen(before) - display_width(state);
	used = (size_t)sprintf(row, "%s", before);
	left -= display_elide(row + used, LAYOUT_ROW_BYTES - used - sizeof(state), name, left, page->utf8);
	if (state[0])
		sprintf(row + strlen(row), "%*s%s", (int)left, "", state);
}

static void add_workers(struct page *page, const struct progress_view *view, unsigned rows)
{
	unsigned n = view->sample.n_workers;
	unsigned shown = n <= rows ? n : rows ? rows - 1 : 0;

	for (unsigned i = 0; i < shown; i++)
		add_worker(page, view, i);
	if (shown < n && rows)
		add_row(page, "    and %u more", n - shown);
}

static void add_last_lines(struct page *page, const char *const *lines, unsigned n, unsigned rows)
{
	for (unsigned i = n > rows ? n - rows : 0; i < n; i++)
		add_text(page, lines[i]);
}

static void add_help(struct page *page)
{
	add_row(page, "p      pause and resume");
	add_row(page, "+ -    more or fewer workers in use");
	add_row(page, "b      bandwidth limit");
	add_row(page, "e      failures, up and down to scroll");
	add_row(page, "l      back to the inline line");
	add_row(page, "q      stop tidily (asks)");
	add_row(page, "?      this help");
}

static void add_failures(struct page *page, const struct dashboard_extra *extra, unsigned rows)
{
	unsigned n = extra->n_failures, hidden = n > rows ? n - rows : 0;

	if (n == 0)
		add_row(page, "no failures");
	n -= extra->scroll < hidden ? extra->scroll : hidden;
	add_last_lines(page, extra->failures, n, rows);
}

static void add_overview(struct page *page, const struct progress_view *view, const struct dashboard_extra *extra,
			 unsigned rows)
{
	unsigned time = rows >= 8 && any_time_spent(&view->sample);
	unsigned left = rows - time, graph, messages, workers;

	graph = left >= 12 && page->columns >= 30 ? left / 4 : 0;
	graph = graph < 10 ? graph : 10;
	left -= graph;
	messages = left >= 5 ? left / 3 : 0;
	messages = extra->n_messages < messages ? extra->n_messages : messages;
	workers = left - messages;
	if (view->sample.n_workers < workers) { /* more messages instead of empty rows */
		workers = view->sample.n_workers;
		messages = extra->n_messages < left - workers ? extra->n_messages : left - workers;
		if (graph)
			graph = graph + left - workers - messages < 10 ? graph + left - workers - messages : 10;
	}
	if (time)
		add_time(page, &view->sample);
	if (graph)
		add_graphs(page, view, graph);
	add_workers(page, view, workers);
	add_last_lines(page, extra->messages, extra->n_messages, messages);
}

void dashboard_layout(const struct progress_view *view, const struct dashboard_extra *extra,
		      const struct layout_size *size, struct dashboard *ret)
{
	struct page page = {
		.out = ret,
		.columns = size->columns ? size->columns - 1 : 0,
		.rows = size->rows < DASHBOARD_ROWS ? size->rows : DASHBOARD_ROWS,
		.utf8 = size->utf8,
	};
	unsigned footer = extra->prompt || page.rows >= 4, last;
	struct layout line;
	char *row;

	ret->n_rows = 0;
	layout_line(view, size, &line);
	row = next_row(&page);
	if (row)
		strcpy(row, line.row[0]);
	if (page.rows >= 5)
		add_counts(&page, view);
	last = page.rows > footer ? page.rows - footer : 0;
	if (last > page.out->n_rows) {
		unsigned middle = last - page.out->n_rows, rows = page.rows;

		page.rows = last;
		if (extra->mode == DASHBOARD_HELP)
			add_help(&page);
		else if (extra->mode == DASHBOARD_FAILURES)
			add_failures(&page, extra, middle);
		else
			add_overview(&page, view, extra, middle);
		page.rows = rows;
	}
	while (footer && ret->n_rows < last)
		*next_row(&page) = '\0';
	if (footer)
		add_row(&page, "%s", extra->prompt ? extra->prompt :
				      page.columns >= 70 ?
				      "p pause  + - workers  b limit  e failures  l line  q stop  ? help" :
				      "p + - b e l q ?");
}
