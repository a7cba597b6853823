/*
 * The row is a list of fields in order of place, each with a rank. They are
 * taken by rank as long as they fit beside a bar of a useful width, and the bar
 * takes what is left. Fields have a reserved width, so that the bar does not
 * change its length with every digit.
 *
 * A fixed format per range of widths lost: the widths of numbers vary more
 * than the gaps between such ranges.
 *
 * The last column stays empty: writing there leaves terminals in a state (wrap
 * pending) on which they disagree.
 */
#include "ui/layout.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/display.h"
#include "base/human.h"

#define MAX_FIELDS 8
#define LAST_RANK 6
#define FIELD_BYTES 128
#define BIG_FILE (UINT64_C(8) << 20)

struct field {
	char text[FIELD_BYTES];
	unsigned rank;     /* 0 stays longest */
	unsigned reserved; /* columns it takes at least, aligned to the right */
	unsigned min_bar;  /* left out unless the bar can have that many columns */
};

struct fields {
	struct field list[MAX_FIELDS];
	unsigned n;
};

static struct field *add_field(struct fields *fields, unsigned rank, unsigned reserved, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static struct field *add_field(struct fields *fields, unsigned rank, unsigned reserved, const char *format, ...)
{
	struct field *field = &fields->list[fields->n++];
	va_list args;

	va_start(args, format);
	vsnprintf(field->text, sizeof(field->text), format, args);
	va_end(args);
	field->rank = rank;
	field->reserved = reserved;
	field->min_bar = rank > 2 ? 8 : 0;
	return field;
}

static unsigned field_width(const struct field *field)
{
	unsigned width = (unsigned)display_width(field->text);

	return width > field->reserved ? width : field->reserved;
}

/* Leaves only the fields that fit into @columns, the important ones first, with
 * the bar that each asks for when there is to be one (@bar). Returns the columns
 * left for the bar with its frame and gap. */
static unsigned fit_fields(struct fields *fields, unsigned columns, bool bar)
{
	bool kept[MAX_FIELDS] = {false};
	unsigned width = 0, n = 0;

	for (unsigned rank = 0; rank <= LAST_RANK; rank++) {
		for (unsigned i = 0; i < fields->n; i++) {
			const struct field *field = &fields->list[i];
			unsigned more = field_width(field) + (width ? 2 : 0);
			unsigned for_bar = bar && field->min_bar ? field->min_bar + 4 : 0;

			if (field->rank != rank || width + more + for_bar > columns)
				continue;
			kept[i] = true;
			width += more;
		}
	}
	for (unsigned i = 0; i < fields->n; i++)
		if (kept[i])
			fields->list[n++] = fields->list[i];
	fields->n = n;
	return n ? columns - width : 0;
}

void layout_bar(char *buf, size_t size, unsigned columns, double fraction, bool utf8)
{
	static const char *const eighths[] = {" ", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
	unsigned steps = utf8 ? 8 : 1;
	unsigned filled = fraction <= 0 ? 0 : (unsigned)((fraction < 1 ? fraction : 1) * columns * steps);
	size_t used = 0;

	if (size == 0)
		return;
	for (unsigned i = 0; i < columns; i++) {
		unsigned here = filled > i * steps ? filled - i * steps : 0;
		const char *piece;

		if (utf8)
			piece = here >= 8 ? "█" : eighths[here];
		else
			piece = here ? "#" : "-";
		if (used + strlen(piece) >= size)
			break;
		memcpy(buf + used, piece, strlen(piece));
		used += strlen(piece);
	}
	buf[used] = '\0';
}

/* "512 MiB/3.40 GiB", "1.25/3.40 GiB" when the units are the same. */
static void write_bytes_of(char *out, size_t size, uint64_t done, uint64_t total, const char *more)
{
	char of[HUMAN_SIZE], have[HUMAN_SIZE];
	const char *unit;

	human_bytes(of, total);
	human_bytes(have, done);
	unit = strchr(of, ' ');
	if (strcmp(strchr(have, ' '), unit) == 0)
		*strchr(have, ' ') = '\0';
	snprintf(out, size, "%s/%s%s", have, of, more);
}

static void add_amounts(struct fields *fields, const struct progress_view *view)
{
	const struct progress_sample *s = &view->sample;
	const char *more = s->phase == PHASE_SCAN ? "+" : "";
	char bytes[64], done[HUMAN_SIZE], total[HUMAN_SIZE];

	write_bytes_of(bytes, sizeof(bytes), s->bytes_done, s->bytes_total, more);
	add_field(fields, 3, 16, "%s", bytes);
	human_count(total, s->files_total);
	add_field(fields, 5, 2 * (unsigned)strlen(total) + 7, "%s/%s%s files", human_count(done, s->files_done),
		  total, more);
}

static void add_rates(struct fields *fields, const struct progress_view *view)
{
	char rate[HUMAN_SIZE];

	add_field(fields, 4, 10, "%s/s", human_bytes(rate, (uint64_t)view->bytes_per_s));
	add_field(fields, 6, 13, "%s files/s", human_count(rate, (uint64_t)(view->files_per_s + 0.5)))
		->min_bar = 24;
}

/* What the end of the row says: why nothing moves, or when it will be done. */
static void add_when(struct fields *fields, const struct progress_view *view)
{
	char time[HUMAN_SIZE];

	if (view->sample.paused)
		add_field(fields, 1, 0, "paused");
	else if (view->stalled)
		add_field(fields, 1, 0, "stalled %s", human_duration(time, view->stalled_ns));
	else if (view->sample.phase == PHASE_SCAN || view->sample.phase == PHASE_DONE)
		add_field(fields, 2, 0, "%s", human_duration(time, view->elapsed_ns));
	else if (view->eta_ns == PROGRESS_UNKNOWN && view->sample.phase == PHASE_COPY)
		add_field(fields, 2, 9, "ETA -:--");
	else if (view->eta_ns != PROGRESS_UNKNOWN)
		add_field(fields, 2, 9, "ETA %s", human_duration(time, view->eta_ns));
}

static void add_flush(struct fields *fields, const struct progress_view *view)
{
	char bytes[HUMAN_SIZE];

	if (view->sample.dirty_bytes == UINT64_MAX)
		add_field(fields, 1, 0, "flushing to disk");
	else
		add_field(fields, 1, 0, "flushing, %s to go", human_bytes(bytes, view->sample.dirty_bytes));
}

static unsigned percent(double fraction)
{
	return fraction <= 0 ? 0 : (unsigned)(fraction * 100 + 1e-9);
}

/* All there is to say about @view, most of it given up on a narrow terminal. */
static void collect_fields(struct fields *fields, const struct progress_view *view)
{
	fields->n = 0;
	if (view->fraction < 0)
		add_field(fields, 0, 0, "scanning");
	else
		add_field(fields, 0, 4, "%u%%", percent(view->fraction));
	if (view->sample.phase == PHASE_FLUSH) {
		add_flush(fields, view);
	} else {
		add_amounts(fields, view);
		if (!view->sample.paused && !view->stalled)
			add_rates(fields, view);
	}
	add_when(fields, view);
}

/* Appends the fields to @row, which has @used bytes, padded as reserved; the
 * last one is not padded to the left of its text, nothing follows it. */
static void append_fields(char *row, size_t used, const struct fields *fields)
{
	for (unsigned i = 0; i < fields->n && used < LAYOUT_ROW_BYTES; i++) {
		const struct field *field = &fields->list[i];
		unsigned pad = i + 1 < fields->n ? field_width(field) - (unsigned)display_width(field->text) : 0;

		used += (size_t)snprintf(row + used, LAYOUT_ROW_BYTES - used, "%s%*s%s", i ? "  " : "", (int)pad,
					 "", field->text);
	}
}

static void write_first_row(char *row, const struct progress_view *view, unsigned columns, bool utf8)
{
	char bar[LAYOUT_ROW_BYTES / 2];
	struct fields fields;
	unsigned left;
	size_t used = 0;

	row[0] = '\0';
	collect_fields(&fields, view);
	left = fit_fields(&fields, columns, view->fraction >= 0);
	if (view->fraction >= 0 && left >= 6) { /* frame 2, gap 1 and 3 of bar at least */
		unsigned width = left - 3 < 160 ? left - 3 : 160;

		layout_bar(bar, sizeof(bar), width, view->fraction, utf8);
		used = (size_t)snprintf(row, LAYOUT_ROW_BYTES, utf8 ? "▕%s▏ " : "[%s] ", bar);
	}
	append_fields(row, used, &fields);
}

/* The file in hand, or the one that is stuck, as much of it as fits. */
static void write_name_row(char *row, const struct progress_view *view, unsigned columns, bool utf8)
{
	const struct progress_worker *worker = view->stuck ? view->stuck : view->current;
	char before[64] = "", after[64] = "", number[HUMAN_SIZE];
	CLEANUP_FREE char *name = NULL;
	unsigned fixed;
	size_t used, size;

	row[0] = '\0';
	if (!worker || !worker->path)
		return;
	if (view->stuck)
		snprintf(before, sizeof(before), "stuck %s: ", human_duration(number, view->stuck_ns));
	if (worker->file_size >= BIG_FILE)
		snprintf(after, sizeof(after), "  %u%% of %s",
			 percent((double)worker->file_bytes / (double)worker->file_size),
			 human_bytes(number, worker->file_size));
	fixed = (unsigned)(strlen(before) + strlen(after));
	if (fixed + 8 > columns) { /* the name is worth more than its size */
		after[0] = '\0';
		fixed = (unsigned)strlen(before);
	}
	if (fixed > columns)
		return;
	size = 4 * strlen(worker->path) + 1;
	name = malloc(size);
	if (!name)
		return;
	display_escape(name, size, worker->path);
	used = (size_t)snprintf(row, LAYOUT_ROW_BYTES, "%s", before);
	display_elide(row + used, LAYOUT_ROW_BYTES - used - sizeof(after), name, columns - fixed, utf8);
	strcat(row, after);
}

void layout_line(const struct progress_view *view, const struct layout_size *size, struct layout *ret)
{
	unsigned columns = size->columns ? size->columns - 1 : 0;

	memset(ret, 0, sizeof(*ret));
	ret->n_rows = size->columns >= 40 && size->rows >= 3 ? 2 : 1;
	write_first_row(ret->row[0], view, columns, size->utf8);
	if (ret->n_rows > 1)
		write_name_row(ret->row[1], view, columns, size->utf8);
}

void layout_plain(const struct progress_view *view, char buf[static LAYOUT_ROW_BYTES])
{
	struct fields fields;
	char number[HUMAN_SIZE];
	size_t used = 0;

	collect_fields(&fields, view);
	for (unsigned i = 0; i < fields.n; i++)
		used += (size_t)snprintf(buf + used, LAYOUT_ROW_BYTES - used, "%s%s", i ? ", " : "",
					 fields.list[i].text);
	if (view->sample.files_failed)
		used += (size_t)snprintf(buf + used, LAYOUT_ROW_BYTES - used, ", %s failed",
					 human_count(number, view->sample.files_failed));
	if (view->sample.files_skipped)
		snprintf(buf + used, LAYOUT_ROW_BYTES - used, ", %s skipped",
			 human_count(number, view->sample.files_skipped));
}
