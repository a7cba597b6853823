/*
 *   BEGIN ──> RANGE 0..k (any workers, side by side) ──> COMMIT (metadata, rename)
 *     │            └── one failed ──────────────────────> DISCARD, one report; where the
 *     └── nothing to do, or no way: a report               source had changed, COPY instead
 *
 * Ranges are contiguous and few: random chunks make lock servers thrash
 * (mpifileutils #295), and many small ones pay the opens again and again.
 */
#include "master/big_file.h"

#include "base/cleanup.h"
#include "copy/temp_name.h"
#include "copy/trailer.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define RANGE_LEAST (8u << 20)
#define SPLIT_FROM (2 * (uint64_t)RANGE_LEAST)

bool big_file_wants_ranges(const struct intake *intake, const struct dir_node *dir, const struct job_entry *entry,
                           uint64_t blocks)
{
	const struct tree_root *root = &intake->operands->tree.roots[dir->root];
	const struct copy_policy *policy = intake->policy;

	return (root->slow || intake->slow_dest) && intake->jobs > 1 && S_ISREG(entry->mode) &&
	       entry->size >= SPLIT_FROM && blocks * 512 >= entry->size && policy->reflink != REFLINK_ALWAYS &&
	       policy->sparse == SPARSE_AUTO && !policy->hard_link && !policy->symbolic_link &&
	       !policy->attributes_only;
}

void big_file_queue(struct intake *intake, struct dir_node *dir, const struct job_entry *entry)
{
	static uint64_t files;
	char temp[TEMP_NAME_SIZE];
	struct job_view view = { .target = temp };
	struct job *begin;

	temp_name_for_ranges(temp, ++files);
	begin = intake_job(intake, CLASS_BIG, JOB_BEGIN, dir, &view);
	ledger_add(begin, entry);
	/* Behind every range in the queue: a file is begun when nobody has more to do for
	 * those that are; among themselves the biggest first. */
	begin->bytes = entry->size >> 24;
	ledger_queue(intake->ledger, begin);
}

/* Cut so that every worker has one. */
static uint64_t range_length(const struct intake *intake, uint64_t size)
{
	uint64_t part = TRAILER_PART * intake->jobs;
	uint64_t length = (size + part - 1) / part * TRAILER_PART;

	return length < RANGE_LEAST ? RANGE_LEAST : length;
}

/* What ends it: COMMIT or DISCARD. */
static void queue_last(struct intake *intake, struct job *job, enum job_kind kind)
{
	struct job *last = ledger_subset(intake->ledger, job, kind, 1);

	if (kind == JOB_COMMIT)
		ledger_not_redone(last); /* or it would take the place of what has its name */
	last->class = CLASS_LINK; /* short, and it frees the temporary file */
	last->attempts = 0;
	job->dir->pending++;
	ledger_queue(intake->ledger, last);
}

void big_file_begun(struct intake *intake, struct job *begin)
{
	struct range_set *set;
	struct job_entry entry;
	uint64_t length;

	if (intake->stopping) {
		queue_last(intake, begin, JOB_DISCARD);
		return;
	}
	set = calloc(1, sizeof(*set));
	if (!set)
		abort();
	ledger_entry(begin, 0, &entry);
	length = range_length(intake, entry.size);
	set->bytes = entry.size;
	for (uint64_t offset = 0; offset < entry.size; offset += length) {
		uint64_t left = entry.size - offset;
		struct job_view view = {
			.target = ledger_view(begin)->target, .offset = offset, .length = left < length ? left : length,
		};
		struct job *job = intake_job(intake, CLASS_BIG, JOB_RANGE, begin->dir, &view);

		ledger_add(job, &entry);
		job->bytes = view.length; /* what this one carries */
		job->ranges = range_set_ref(set);
		set->left++;
		ledger_queue(intake->ledger, job);
	}
}

void big_file_note(struct job *range, const struct outcome *outcome)
{
	struct outcome *all = &range->ranges->outcome;

	if (all->status != OUTCOME_COPIED)
		return; /* the first failure speaks for the file */
	if (outcome->status != OUTCOME_COPIED) {
		*all = *outcome;
		return;
	}
	all->lost |= outcome->lost;
	all->holes |= outcome->holes;
	if (outcome->method > all->method)
		all->method = outcome->method;
}

/* In ranges nobody can look at it once more and go on: the second attempt is one
 * worker's, from the start. */
bool big_file_begins_again(struct intake *intake, struct job *job, const struct outcome *outcome)
{
	struct job_entry entry;

	if (outcome->status != OUTCOME_FAILED || intake->stopping ||
	    (outcome->stage != STAGE_SOURCE_CHANGED && outcome->err != EFBIG))
		return false;
	ledger_entry(job, 0, &entry);

	struct job *whole = intake_job(intake, CLASS_BIG, JOB_COPY, job->dir, NULL);

	ledger_add(whole, &entry);
	ledger_queue(intake->ledger, whole);
	return true;
}

static void give_up(struct intake *intake, struct job *range)
{
	struct job_view view;
	struct job_entry entry;

	if (job_parse(range->frame.data, range->frame.len, &view) < 0 || !job_view_next(&view, &entry))
		abort(); /* we wrote it */
	struct report_subject subject = { range->dir, entry.name, entry.size };

	report_outcome(intake->report, &subject, &range->ranges->outcome);
	if (!intake->stopping)
		intake_settled(intake, range->dir, &entry, (enum outcome_status)range->ranges->outcome.status);
}

void big_file_range_over(struct intake *intake, struct job *range)
{
	struct range_set *set = range->ranges;
	bool good = set->outcome.status == OUTCOME_COPIED && !intake->stopping;

	if (intake->stopping && set->outcome.status == OUTCOME_COPIED)
		set->outcome = (struct outcome){
			.status = OUTCOME_FAILED, .stage = STAGE_INTERRUPTED, .err = ECANCELED,
		};
	set->counted += range->bytes;
	intake->tally->range_bytes += range->bytes;
	if (--set->left > 0)
		return;
	if (!good) {
		intake->tally->range_bytes -= set->counted;
		if (!big_file_begins_again(intake, range, &set->outcome))
			give_up(intake, range);
	}
	queue_last(intake, range, good ? JOB_COMMIT : JOB_DISCARD);
}

struct outcome big_file_outcome(const struct job *commit, const struct outcome *committed)
{
	struct outcome outcome = *committed;

	if (outcome.status == OUTCOME_COPIED) {
		outcome.bytes = commit->ranges->bytes;
		outcome.lost |= commit->ranges->outcome.lost;
		outcome.method = commit->ranges->outcome.method;
	}
	return outcome;
}
