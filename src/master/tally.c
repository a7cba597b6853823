/*
 * Plain counters, each added to in one place. As fields of the session they would
 * have had as many meanings of "done" as the session has states.
 */
#include "master/tally.h"

#include "base/cleanup.h"

#include <string.h>

void tally_done(struct tally *tally)
{
	for (unsigned i = 0; i < tally->n_failures; i++)
		free(tally->failure[i]);
	tally->n_failures = 0;
}

void tally_found(struct tally *tally, uint64_t bytes, uint64_t blocks)
{
	tally->found_files++;
	tally->found_bytes += bytes;
	tally->found_inodes++;
	tally->found_blocks += blocks;
}

void tally_not_copied(struct tally *tally, uint64_t bytes)
{
	tally->found_files--;
	tally->found_bytes -= bytes;
}

void tally_copied(struct tally *tally, enum data_method method, uint64_t count)
{
	tally->sum.files += count;
	tally->sum.by_method[method] += count;
}

void tally_up_to_date(struct tally *tally, uint64_t count, uint64_t bytes)
{
	tally->sum.up_to_date += count;
	tally->skipped_bytes += bytes;
}

static void count_losses(struct tally *tally, uint32_t lost)
{
	for (int class = 0; class < LOSS_COUNT; class++)
		if (lost & LOSS_BIT(class))
			tally->sum.lost[class]++;
}

void tally_outcome(struct tally *tally, const struct outcome *outcome, uint64_t size, bool directory)
{
	count_losses(tally, outcome->lost);
	switch ((enum outcome_status)outcome->status) {
	case OUTCOME_COPIED:
		if (directory)
			break;
		tally_copied(tally, (enum data_method)outcome->method, 1);
		tally->sum.bytes += outcome->bytes;
		/* The total follows what really was there to copy (/proc, a grown file). */
		tally->found_bytes += outcome->bytes - size;
		break;
	case OUTCOME_SKIPPED:
		tally->sum.skipped++;
		tally->skipped_bytes += size;
		tally_not_copied(tally, size);
		break;
	case OUTCOME_UP_TO_DATE:
		tally_up_to_date(tally, 1, size);
		tally_not_copied(tally, size);
		break;
	case OUTCOME_FAILED:
		if (outcome->err == ECANCELED)
			break; /* left undone, and so still a part of the whole */
		tally->sum.failed++;
		tally->no_space |= outcome->err == ENOSPC || outcome->err == EDQUOT;
		if (!directory) {
			tally->failed_bytes += size;
			tally_not_copied(tally, size);
		}
		break;
	}
}

void tally_keep_failure(struct tally *tally, const char *sentence)
{
	if (tally->n_failures < TALLY_FAILURES)
		tally->failure[tally->n_failures++] = strdup(sentence);
}

enum exit_status tally_status(const struct tally *tally)
{
	if (tally->no_space)
		return EXIT_NO_SPACE;
	if (tally->sum.failed || tally->output_lost)
		return EXIT_SOME_FAILED;
	for (int class = 0; class < LOSS_COUNT; class++)
		if (tally->sum.lost[class])
			return EXIT_METADATA_LOST;
	return EXIT_COPIED;
}
