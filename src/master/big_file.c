/*
 *   RANGE 0..k (any workers, side by side) ──> COMMIT (metadata, rename)
 *        └── one failed ──────────────────────> DISCARD, one report; where the source
 *                                               had changed, COPY instead of that
 *
 * Ranges are contiguous and few: random chunks make lock servers thrash
 * (mpifileutils #295), and many small ones pay the opens again and again.
 */
#include "master/big_file.h"

#include "base/cleanup.h"
#include "copy/temp_name.h"

#include <string.h>
#include <sys/stat.h>

#define RANGE_LEAST (8u << 20)
#define RANGE_ALIGN (1u << 20)
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
	struct range_set *set = calloc(1, sizeof(*set));
	char temp[TEMP_NAME_SIZE];
	uint64_t length = entry->size / intake->jobs / RANGE_ALIGN * RANGE_ALIGN + RANGE_ALIGN;

	if (!set)
		abort();
	if (length < RANGE_LEAST)
		length = RANGE_LEAST;
	temp_name_for_ranges(temp, ++files);
	set->bytes = entry->size;
	for (uint64_t offset = 0; offset < entry->size; offset += length) {
		uint64_t left = entry->size - offset;
		struct job_view view = { .target = temp, .offset = offset, .length = left < length ? left : length };
		struct job *job = intake_job(intake, CLASS_BIG, JOB_RANGE, dir, &view);

		ledger_add(job, entry);
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
	all->method = outcome->method;
}

/* In ranges nobody can look at it once more and go on: the second attempt is one
 * worker's, from the start. */
bool big_file_begins_again(struct intake *intake, struct job *job, const struct outcome *outcome)
{
	struct job_entry entry;

	if (outcome->status != OUTCOME_FAILED || outcome->stage != STAGE_SOURCE_CHANGED || intake->stopping)
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
	struct job *last = ledger_subset(intake->ledger, range, good ? JOB_COMMIT : JOB_DISCARD, 1);

	last->class = CLASS_LINK; /* short, and it frees the temporary file */
	last->attempts = 0;
	range->dir->pending++;
	ledger_queue(intake->ledger, last);
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
