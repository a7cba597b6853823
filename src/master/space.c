/*
 * The numbers of the start are compared, not fresh ones: what this run has
 * written since is part of what was found. Blocks, not sizes: a sparse file
 * needs its data only.
 */
#include "master/space.h"

#include "base/cleanup.h"
#include "base/display.h"
#include "base/human.h"
#include "base/message.h"
#include "ipc/job.h"

#define BATCH_ROOM (2 * (uint64_t)JOB_BATCH_BYTES) /* a small file may take many blocks, written to in steps */

static bool has_answer(const struct space *space)
{
	const struct copy_policy *policy = &space->options->policy;

	return space->options->preflight && !space->storage->shares_extents && policy->update == UPDATE_ALL &&
	       !policy->hard_link && !policy->symbolic_link && !policy->attributes_only;
}

bool space_is_ample(const struct space *space, uint64_t batches)
{
	const struct tally *tally = space->tally;
	const struct storage *storage = space->storage;

	return !has_answer(space) ||
	       (tally->found_blocks * 512 + batches * BATCH_ROOM <= storage->free_bytes &&
	        tally->found_inodes + batches * JOB_BATCH_MOST <= storage->free_inodes);
}

bool space_is_short(const struct space *space)
{
	const struct tally *tally = space->tally;
	const struct storage *storage = space->storage;
	char need[HUMAN_SIZE], have[HUMAN_SIZE];

	if (!has_answer(space))
		return false;
	bool bytes = tally->found_blocks * 512 > storage->free_bytes;
	bool inodes = tally->found_inodes > storage->free_inodes;

	if (!bytes && !inodes)
		return false;
	CLEANUP_FREE char *quoted = display_quote(space->dest_base);

	if (bytes)
		message_say("will not fit: the source needs at least %s, the file system of %s had %s free "
		            "(--no-preflight to try)", human_bytes(need, tally->found_blocks * 512), quoted,
		            human_bytes(have, storage->free_bytes));
	else
		message_say("will not fit: the source needs at least %s inodes, the file system of %s had %s free "
		            "(--no-preflight to try)", human_count(need, tally->found_inodes), quoted,
		            human_count(have, storage->free_inodes));
	return true;
}

void space_say_full(const struct space *space, bool known)
{
	const struct tally *tally = space->tally;
	char left[HUMAN_SIZE], all[HUMAN_SIZE];
	CLEANUP_FREE char *quoted = display_quote(space->dest_base);

	uint64_t total = tally->found_bytes + tally->failed_bytes;

	message_say("no space left on the file system of %s: stopping, %s of %s%s still to copy", quoted,
	            human_bytes(left, total - tally->sum.bytes), human_bytes(all, total), known ? "" : " found so far");
}
