/*
 * Plain text built piece by piece: what is zero is left out, so that an
 * ordinary run reads as one short sentence and anything extra stands out.
 */
#include "ui/summary.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/human.h"

struct line {
	char *buf;
	size_t used;
};

static void add(struct line *line, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct line *line, const char *format, ...)
{
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(line->buf + line->used, SUMMARY_LINE - line->used, format, args);
	va_end(args);
	if (len > 0)
		line->used += (size_t)len;
	if (line->used >= SUMMARY_LINE)
		line->used = SUMMARY_LINE - 1;
}

/* ", 12,345 things", and nothing for none. */
static void add_count(struct line *line, uint64_t count, const char *one, const char *many)
{
	char number[HUMAN_SIZE];

	if (count)
		add(line, ", %s %s", human_count(number, count), count == 1 ? one : many);
}

static void add_time(struct line *line, const struct summary *summary)
{
	char number[HUMAN_SIZE];
	double seconds = (double)summary->elapsed_ns / (double)NS_PER_S;

	unsigned tenths = seconds < 10 ? (unsigned)(seconds * 10 + 0.5) : 100;

	/* Not %.1f, which follows the user's locale. */
	if (tenths < 100)
		add(line, " in %u.%us", tenths / 10, tenths % 10);
	else
		add(line, " in %s", human_duration(number, summary->elapsed_ns));
	if (summary->elapsed_ns < NS_PER_MS) /* too short to divide by */
		return;
	if (summary->bytes)
		add(line, ", %s/s", human_bytes(number, (uint64_t)((double)summary->bytes / seconds)));
	if (summary->files)
		add(line, ", %s files/s", human_count(number, (uint64_t)((double)summary->files / seconds + 0.5)));
}

void summary_line(const struct summary *summary, char buf[static SUMMARY_LINE])
{
	struct line line = {buf, 0};
	char count[HUMAN_SIZE], bytes[HUMAN_SIZE];

	buf[0] = '\0';
	add(&line, "%scopied %s %s (%s)", summary->interrupted ? "interrupted: " : "",
	    human_count(count, summary->files), summary->files == 1 ? "file" : "files",
	    human_bytes(bytes, summary->bytes));
	if (summary->directories)
		add(&line, " in %s %s", human_count(count, summary->directories),
		    summary->directories == 1 ? "directory" : "directories");
	add_time(&line, summary);
	add(&line, ", %u %s", summary->jobs, summary->jobs == 1 ? "worker" : "workers");
	if (summary->jobs_reason)
		add(&line, " (%s)", summary->jobs_reason);
	add_count(&line, summary->links, "hard link", "hard links");
	add_count(&line, summary->by_method[DATA_REFLINK], "reflinked", "reflinked");
	add_count(&line, summary->skipped, "skipped", "skipped");
	add_count(&line, summary->up_to_date, "up to date", "up to date");
	add_count(&line, summary->redone, "job redone", "jobs redone");
	add_count(&line, summary->failed, "failed", "failed");
}

bool summary_loss_line(const struct summary *summary, enum loss class, char buf[static SUMMARY_LINE])
{
	struct line line = {buf, 0};
	char count[HUMAN_SIZE];
	uint64_t lost = summary->lost[class];

	if (!lost)
		return false;
	add(&line, "not kept on %s %s: %s", human_count(count, lost), lost == 1 ? "entry" : "entries",
	    outcome_loss_name(class));
	return true;
}
