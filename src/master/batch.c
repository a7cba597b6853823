#include "master/batch.h"

#include "master/big_file.h"

#include <sys/stat.h>

#define BATCH_CLONES 4 /* whatever they hold: one that must be copied after all holds up few */

/* What may replace a file that is there is not counted: room comes back with it. */
static bool needs_room(const struct intake *intake, const struct dir_node *dir)
{
	const struct tree_root *root = &intake->operands->tree.roots[dir->root];

	return dir->made || (root->leaf && dir->is_root && !root->replaces);
}

static void count(struct intake *intake, const struct dir_node *dir, const struct listed *listed,
                  const struct job_entry *entry)
{
	bool takes_room = S_ISREG(entry->mode) && needs_room(intake, dir);

	tally_found(intake->tally, entry->size, takes_room ? listed->blocks : 0);
}

static bool is_full(const struct intake *intake, const struct job *batch)
{
	return batch->entries >= intake->batch_limit ||
	       (batch->bytes >= JOB_BATCH_BYTES && (!intake->clones || batch->entries >= BATCH_CLONES));
}

void batch_add(struct intake *intake, struct dir_node *dir, const struct listed *listed, const char *name,
               struct job **batch)
{
	struct job_entry entry = listed_entry(listed, name);

	count(intake, dir, listed, &entry);
	if (big_file_wants_ranges(intake, dir, &entry, listed->blocks)) {
		big_file_queue(intake, dir, &entry);
		return;
	}
	if (S_ISREG(entry.mode) && entry.size >= (intake->clones ? BIG_CLONE : BIG_FILE)) {
		struct job *big = intake_job(intake, CLASS_BIG, JOB_COPY, dir, NULL);

		ledger_add(big, &entry);
		ledger_queue(intake->ledger, big);
		return;
	}
	if (!*batch)
		*batch = intake_job(intake, CLASS_COPY, JOB_COPY, dir, NULL);
	ledger_add(*batch, &entry);
	if (is_full(intake, *batch)) {
		ledger_queue(intake->ledger, *batch);
		*batch = NULL;
	}
}

bool batch_is_of_lone_files(const struct listed_names *names)
{
	struct listed listed;
	bool all = true;

	for (uint32_t at = 0; all && listed_next(names, &at, &listed);)
		all = listed_is_lone_file(&listed);
	return all;
}

struct job *batch_under_way(struct intake *intake, struct dir_node *dir, const struct listed_names *names)
{
	struct job *copy = intake_job(intake, CLASS_COPY, JOB_COPY, dir, NULL);
	struct listed listed;
	const char *name;

	for (uint32_t at = 0; (name = listed_next(names, &at, &listed)) != NULL;) {
		struct job_entry entry = listed_entry(&listed, name);

		count(intake, dir, &listed, &entry);
		ledger_add(copy, &entry);
	}
	ledger_finish_too(copy);
	return copy;
}
