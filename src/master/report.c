/*
 * The only place where facts turn into words for the user.
 */
#include "master/report.h"

#include "base/cleanup.h"
#include "base/display.h"
#include "base/io.h"
#include "base/message.h"
#include "master/names.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

int report_open(struct report *report)
{
	const char *path = report->options->log_file;

	report->log_fd = -1;
	if (!path)
		return 0;
	report->log_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOCTTY, 0666);
	if (report->log_fd < 0) {
		CLEANUP_FREE char *quoted = display_quote(path);

		message_say("cannot open log file %s: %s", quoted, strerror(errno));
		return -errno;
	}
	return 0;
}

void report_done(struct report *report)
{
	if (report->log_fd >= 0 && close(report->log_fd) < 0)
		report->tally->output_lost = true;
	report->log_fd = -1;
}

/* The escaped name, a tab, the sentence: --files-from reads up to the tab, and
 * an escaped name has none. */
static void log_failure(struct report *report, const char *source, const char *sentence)
{
	size_t size = 4 * strlen(source) + 1;
	CLEANUP_FREE char *escaped = malloc(size);
	CLEANUP_FREE char *line = NULL;
	int len;

	if (report->log_fd < 0)
		return;
	if (!escaped)
		abort();
	display_escape(escaped, size, source);
	len = asprintf(&line, "%s\t%s\n", escaped, sentence);
	if (len < 0)
		abort();
	if (io_write_full(report->log_fd, line, (size_t)len) < 0)
		report->tally->output_lost = true;
}

static void say_failure(struct report *report, const struct report_subject *subject, const struct outcome *outcome)
{
	CLEANUP_FREE char *source = names_source(report->tree, subject->dir, subject->leaf);
	CLEANUP_FREE char *dest = names_dest(report->tree, subject->dir, subject->leaf);
	CLEANUP_FREE char *quoted_source = display_quote(source);
	CLEANUP_FREE char *quoted_dest = display_quote(dest);
	CLEANUP_FREE char *sentence = outcome_sentence(outcome, quoted_source, quoted_dest);
	struct renderer_failure failure = {
		.path = source,
		.stage = outcome_stage_word((enum stage)outcome->stage),
		.err = outcome->err,
		.message = sentence,
	};

	message_say("%s", sentence);
	if (report->renderer)
		renderer_failure(report->renderer, &failure);
	tally_keep_failure(report->tally, sentence);
	log_failure(report, source, sentence);
}

void report_listing(struct report *report, const struct report_subject *subject)
{
	if (!report->options->verbose)
		return;
	CLEANUP_FREE char *source = names_source(report->tree, subject->dir, subject->leaf);
	CLEANUP_FREE char *dest = names_dest(report->tree, subject->dir, subject->leaf);
	CLEANUP_FREE char *quoted_source = display_quote(source);
	CLEANUP_FREE char *quoted_dest = display_quote(dest);

	message_list("%s -> %s", quoted_source, quoted_dest);
}

/* The words of `cp --debug`. */
static void explain(struct report *report, const struct outcome *outcome)
{
	const struct copy_policy *policy = &report->options->policy;
	const char *offload = "unknown", *reflink = "unsupported";

	if (!policy->explain || outcome->method == DATA_NONE)
		return;
	if (outcome->method == DATA_OFFLOAD)
		offload = "yes";
	else if (outcome->method == DATA_PLAIN)
		offload = policy->offload ? "unsupported" : "avoided";
	if (outcome->method == DATA_REFLINK)
		reflink = "yes";
	else if (policy->reflink == REFLINK_NEVER)
		reflink = "no";
	message_list("copy offload: %s, reflink: %s, sparse detection: %s", offload, reflink,
	             outcome->holes ? "SEEK_HOLE" : "no");
}

void report_outcome(struct report *report, const struct report_subject *subject, const struct outcome *outcome)
{
	tally_outcome(report->tally, outcome, subject->size, subject->leaf == NULL);
	if (outcome->status == OUTCOME_FAILED) {
		if (outcome->err != ECANCELED)
			say_failure(report, subject, outcome);
		return;
	}
	if (outcome->status == OUTCOME_COPIED && subject->leaf) {
		report_listing(report, subject);
		explain(report, outcome);
	} else if (outcome->status == OUTCOME_SKIPPED && report->options->policy.explain && subject->leaf) {
		CLEANUP_FREE char *dest = names_dest(report->tree, subject->dir, subject->leaf);
		CLEANUP_FREE char *quoted = display_quote(dest);

		message_list("skipped %s", quoted);
	}
}

void report_death(const struct report *report, const struct worker_process *worker)
{
	char how[64];

	if (!report->options->quiet)
		message_say("%s (pid %d) was %s; its work is done again", worker_name(worker), (int)worker_pid(worker),
		            worker_end_text(worker, how, sizeof(how)));
}

/* A line a person waits for: shown on a terminal or when asked, and whenever
 * something did not go as it should. Scripts that succeed stay silent, as cp. */
static bool wants_summary(const struct report *report, bool cut_short)
{
	const struct summary *sum = &report->tally->sum;

	if (report->options->quiet)
		return false;
	return report->renderer || report->options->stats || cut_short || sum->failed || sum->redone ||
	       isatty(STDERR_FILENO);
}

void report_end(struct report *report, bool cut_short)
{
	struct tally *tally = report->tally;
	char line[SUMMARY_LINE];

	if (tally->sum.failed > 1 && !report->options->quiet && isatty(STDERR_FILENO)) {
		message_say("%llu failures:", (unsigned long long)tally->sum.failed);
		for (unsigned i = 0; i < tally->n_failures; i++)
			message_say("  %s", tally->failure[i]);
		if (tally->sum.failed > tally->n_failures)
			message_say("  and %llu more", (unsigned long long)(tally->sum.failed - tally->n_failures));
	}
	for (int class = 0; class < LOSS_COUNT; class++)
		if (summary_loss_line(&tally->sum, (enum loss)class, line))
			message_say("%s", line);
	if (wants_summary(report, cut_short)) {
		summary_line(&tally->sum, line);
		message_say("%s", line);
	}
	if (report->resume_command && !report->options->quiet && (cut_short || tally->no_space))
		message_say("to go on: %s", report->resume_command);
}
