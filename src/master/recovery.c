/*
 *   worker                         master
 *   effect of entry 3
 *   RESULT 3 ── lane
 *   effect of entry 4              (drains the lane after the death:
 *   killed                          3 is settled, 4 is not)
 *                                  4, the one in hand: alone, one attempt more
 *                                  0..2, 5..: together, as if never sent
 *
 * Entries 0..2 may have been copied in full; doing them again replaces each by
 * a rename, which costs time and nothing else.
 */
#include "master/recovery.h"

#include "master/big_file.h"

static uint64_t unsettled(const struct job *job)
{
	uint64_t all = job->entries < 64 ? (UINT64_C(1) << job->entries) - 1 : UINT64_MAX;

	return all & ~job->settled;
}

static void discard(struct intake *intake, struct job *job, uint64_t mask)
{
	struct job *discard = ledger_subset(intake->ledger, job, JOB_DISCARD, mask);

	discard->class = CLASS_LINK;
	job->dir->pending++;
	ledger_queue(intake->ledger, discard);
}

void recovery_leave(struct intake *intake, struct job *job)
{
	bool left = job->kind == JOB_COMMIT || ((job->flags & JOB_REDO) && job->kind != JOB_LOOK);

	if (job->kind == JOB_RANGE)
		big_file_range_over(intake, job);
	else if (left && job->entries > 0)
		discard(intake, job, unsettled(job));
}

static void give_up_entry(struct intake *intake, struct job *job, uint32_t index)
{
	struct outcome outcome = { .status = OUTCOME_FAILED, .stage = STAGE_WORKER_DIED };
	struct job_view view;
	struct job_entry entry;

	if (job->kind == JOB_RANGE) {
		big_file_note(job, &outcome);
		big_file_range_over(intake, job);
		return;
	}
	if (job_parse(job->frame.data, job->frame.len, &view) < 0 || !job_view_entry(&view, index, &entry))
		return;
	struct report_subject subject = { job->dir, entry.name, job->kind == JOB_LINK ? 0 : entry.size };

	report_outcome(intake->report, &subject, &outcome);
	intake_settled(intake, job->dir, &entry, OUTCOME_FAILED);
	discard(intake, job, UINT64_C(1) << index);
}

static unsigned redo_batch(struct intake *intake, struct job *job, uint32_t in_hand)
{
	uint64_t rest = unsettled(job);
	unsigned again = 0;

	/* Behind the last entry: its directory, which gets a FINISH of its own. */
	if (in_hand < job->entries && (rest & UINT64_C(1) << in_hand)) {
		rest &= ~(UINT64_C(1) << in_hand);
		if (job->kind == JOB_DISCARD && job->attempts > 0) {
			; /* a third worker is not risked */
		} else if (job->attempts > 0) {
			give_up_entry(intake, job, in_hand);
		} else {
			struct job *alone = ledger_subset(intake->ledger, job, job->kind, UINT64_C(1) << in_hand);

			alone->attempts = 1;
			job->dir->pending++;
			ledger_queue(intake->ledger, alone);
			again++;
		}
	}
	if (rest) {
		struct job *others = ledger_subset(intake->ledger, job, job->kind, rest);

		others->attempts = 0;
		job->dir->pending++;
		ledger_queue(intake->ledger, others);
		again++;
	}
	intake_piece_done(intake, job->dir);
	ledger_done(intake->ledger, job);
	return again;
}

/* A listing or a finish: one attempt more, then a failure of the directory. */
static unsigned redo_directory(struct intake *intake, struct job *job, bool in_hand)
{
	job->attempts += in_hand;
	if (job->attempts < 2) {
		ledger_requeue(intake->ledger, job);
		return 1;
	}
	struct outcome outcome = { .status = OUTCOME_FAILED, .stage = STAGE_WORKER_DIED };
	struct report_subject subject = { job->dir, NULL, 0 };

	if (job->dir)
		report_outcome(intake->report, &subject, &outcome);
	if (job->kind == JOB_SCAN || job->kind == JOB_LOOK)
		intake_piece_done(intake, job->dir);
	else if (job->kind == JOB_FINISH)
		intake_finished(intake, job->dir);
	ledger_done(intake->ledger, job);
	return 0;
}

unsigned recovery_take_back(struct intake *intake, unsigned slot, const struct gauge_snapshot *last)
{
	unsigned again = 0;
	struct job *job;

	while ((job = ledger_oldest(intake->ledger, slot)) != NULL) {
		bool in_hand = last->job == job->id;

		if (job->dir)
			job->dir->redone = true;
		if (job->entries > 0 && job->kind != JOB_LOOK)
			again += redo_batch(intake, job, in_hand ? last->index : GAUGE_NO_ENTRY);
		else
			again += redo_directory(intake, job, in_hand);
	}
	return again;
}
