/*
 * Two kinds of word about an entry: a RESULT of its own, which arrives at once
 * and is remembered as a bit in the job, or nothing, which the job's DONE makes
 * "copied, nothing to tell". A death in between leaves the bits: what has one
 * is never redone, what has none always is.
 */
#include "master/confirm.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/message.h"
#include "master/big_file.h"
#include "master/slice.h"

#include <string.h>

/* The sentence for the one job that is about no entry. */
static void flush_failed(struct confirm *confirm, const struct outcome *outcome)
{
	confirm->intake->tally->sum.failed++;
	message_say("the data could not be written to the disk: %s", strerror(outcome->err));
}

static bool is_full(const struct outcome *outcome)
{
	return outcome->status == OUTCOME_FAILED && (outcome->err == ENOSPC || outcome->err == EDQUOT);
}

static enum confirm_verdict on_result(struct confirm *confirm, struct job *job, uint32_t index,
                                      const struct outcome *outcome)
{
	struct intake *intake = confirm->intake;
	struct report_subject subject = { job->dir, NULL, 0 };
	struct job_entry entry;

	if (index >= (job->entries ? job->entries : 1) + ((job->flags & JOB_FINISH_TOO) != 0))
		return CONFIRM_NONSENSE;
	if (job->entries > 0 && index == job->entries) { /* the directory itself */
		report_outcome(intake->report, &subject, outcome);
		return is_full(outcome) ? CONFIRM_FULL : CONFIRM_OK;
	}
	if (job->entries > 0) {
		ledger_entry(job, index, &entry);
		subject.leaf = entry.name;
		subject.size = job->kind == JOB_LINK ? 0 : entry.size;
		job->settled |= UINT64_C(1) << index;
		job->settled_bytes += outcome->bytes;
	}
	if (job->kind == JOB_DISCARD)
		return CONFIRM_OK; /* what it was about has been reported */
	if (job->kind == JOB_RANGE) {
		big_file_note(job, outcome);
		return is_full(outcome) ? CONFIRM_FULL : CONFIRM_OK;
	}
	if (job->kind == JOB_FLUSH) {
		flush_failed(confirm, outcome);
		return CONFIRM_OK;
	}
	if (job->kind == JOB_BEGIN && outcome->status == OUTCOME_COPIED) {
		big_file_begun(intake, job);
		return CONFIRM_OK;
	}
	if ((job->kind == JOB_BEGIN || job->kind == JOB_COMMIT) && big_file_begins_again(intake, job, outcome))
		return CONFIRM_OK;
	struct outcome whole = job->kind == JOB_COMMIT ? big_file_outcome(job, outcome) : *outcome;

	report_outcome(intake->report, &subject, &whole);
	if (job->kind == JOB_LINK && outcome->status == OUTCOME_COPIED && !outcome->bytes)
		intake->tally->sum.links++;
	if ((job->kind == JOB_COPY || job->kind == JOB_BEGIN || job->kind == JOB_COMMIT) && !intake->stopping)
		intake_settled(intake, job->dir, &entry, (enum outcome_status)outcome->status);
	return is_full(outcome) ? CONFIRM_FULL : CONFIRM_OK;
}

static uint64_t copied_in_silence(const struct record *record)
{
	uint64_t copied = 0;

	for (int method = 0; method < DATA_COUNT; method++)
		copied += record->done.copied[method];
	return copied;
}

/* The entries of a finished batch that went without saying. */
static int settle_rest(struct confirm *confirm, struct job *job, const struct record *record)
{
	struct intake *intake = confirm->intake;
	struct tally *tally = intake->tally;
	bool links = link_table_size(intake->links) > 0 && (job->kind == JOB_COPY || job->kind == JOB_BEGIN) &&
	             !intake->stopping;
	uint64_t copied = copied_in_silence(record);
	struct job_view view;
	struct job_entry entry;

	if (job->kind == JOB_DISCARD || job->kind == JOB_RANGE || (job->kind == JOB_BEGIN && copied))
		return 0;
	if (job->kind == JOB_COMMIT) {
		intake->tally->range_bytes -= job->ranges->counted;
		return 0;
	}
	if (copied + record->done.up_to_date != job->entries - (uint32_t)__builtin_popcountll(job->settled))
		return -EBADMSG;
	for (int method = 0; method < DATA_COUNT; method++)
		tally_copied(tally, (enum data_method)method, record->done.copied[method]);
	tally->sum.bytes += record->done.bytes;
	dispatch_learn_way(confirm->dispatch, record->done.copied, record->done.bytes);
	tally_up_to_date(tally, record->done.up_to_date, record->done.up_to_date_bytes);
	tally->found_files -= record->done.up_to_date;
	/* A file may have another size than the scan saw; the total follows. */
	tally->found_bytes += record->done.bytes;
	if (job->kind == JOB_COPY && !job->settled && !links) {
		tally->found_bytes -= job->bytes;
		return 0;
	}
	view = *ledger_view(job);
	for (uint32_t i = 0; job_view_next(&view, &entry); i++) {
		if (job->settled & UINT64_C(1) << i)
			continue;
		if (job->kind == JOB_LINK)
			tally->sum.links++;
		else
			tally->found_bytes -= entry.size;
		if (links)
			intake_settled(intake, job->dir, &entry, OUTCOME_COPIED);
	}
	return 0;
}

static void range_over(struct intake *intake, struct job *job, const struct record *record)
{
	struct outcome in = { .status = OUTCOME_COPIED, .method = DATA_PLAIN };

	for (uint16_t method = DATA_PLAIN; method < DATA_COUNT; method++)
		if (record->done.copied[method])
			in.method = method;
	if (!job->settled) /* nothing to tell: it is in */
		big_file_note(job, &in);
	big_file_range_over(intake, job);
}

static enum confirm_verdict on_done(struct confirm *confirm, struct job *job, const struct record *record)
{
	struct intake *intake = confirm->intake;

	if (!job->settled && (job->kind == JOB_COMMIT || (job->kind == JOB_BEGIN && copied_in_silence(record))))
		on_result(confirm, job, 0, &(struct outcome){ .status = OUTCOME_COPIED });
	if ((record->done.finished && !(job->flags & JOB_FINISH_TOO)) || settle_rest(confirm, job, record) < 0)
		return CONFIRM_NONSENSE;
	if (job->kind == JOB_RANGE)
		range_over(intake, job, record);
	dispatch_learn(confirm->dispatch, job, clock_now_ns());
	if (job->kind == JOB_FINISH || (record->done.finished && job->dir->pending == 1)) {
		intake_finish_done(intake, job->dir);
	} else if (job->dir) {
		intake_piece_done(intake, job->dir);
	}
	ledger_done(intake->ledger, job);
	return CONFIRM_OK;
}

static enum confirm_verdict on_scanned(struct confirm *confirm, struct job *job, const struct record *record)
{
	struct job *copy;

	if ((job->kind != JOB_SCAN && job->kind != JOB_LOOK) || intake_scanned(confirm->intake, job, record, &copy) < 0)
		return CONFIRM_NONSENSE;
	if (copy) { /* and what that takes is learned when it is over */
		confirm->dispatch->listed++;
		ledger_goes_on(confirm->intake->ledger, job, copy);
		return CONFIRM_SCANNED;
	}
	dispatch_learn(confirm->dispatch, job, clock_now_ns());
	ledger_done(confirm->intake->ledger, job);
	return CONFIRM_SCANNED;
}

enum confirm_verdict confirm_record(struct confirm *confirm, unsigned slot, const void *bytes, size_t len,
                                    struct record *ret_record)
{
	struct listed_names names;
	struct job *job;

	if (record_parse(bytes, len, ret_record, &names) < 0)
		return CONFIRM_NONSENSE;
	job = ledger_find(confirm->intake->ledger, slot, ret_record->job);
	if (!job)
		return CONFIRM_NONSENSE;
	switch ((enum record_kind)ret_record->kind) {
	case RECORD_LISTED:
		job->slice = slice_add(job->slice, &names);
		return CONFIRM_OK;
	case RECORD_RESULT:
		return on_result(confirm, job, ret_record->index, &ret_record->result);
	case RECORD_SCANNED:
		return on_scanned(confirm, job, ret_record);
	case RECORD_DONE:
		return on_done(confirm, job, ret_record);
	case RECORD_KIND_COUNT:
		break;
	}
	return CONFIRM_NONSENSE;
}
