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

bool space_is_short(const struct space *space)
{
	const struct tally *tally = space->tally;
	const struct storage *storage = space->storage;
	const struct copy_policy *policy = &space->options->policy;
	char need[HUMAN_SIZE], have[HUMAN_SIZE];

	if (!space->options->preflight || storage->shares_extents || policy->update != UPDATE_ALL ||
	    policy->hard_link || policy->symbolic_link || policy->attributes_only)
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
