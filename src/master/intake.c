/*
 * A slice's entries are kept as they came until its end record arrives, and
 * thrown away with the job when its worker dies: so nothing is copied twice and
 * nothing is lost, whatever moment that was.
 *
 * A directory counts its pieces: its listing, its jobs, its waiting names, its
 * subdirectories. The last one to go queues the FINISH; that in turn is a piece
 * of the parent. No list of directories is kept for the end: with a million of
 * them there would be a million nodes, where this has the pending ones only.
 */
#include "master/intake.h"

#include "base/cleanup.h"
#include "base/policy.h"
#include "master/batch.h"
#include "master/names.h"
#include "master/slice.h"

#include <string.h>
#include <sys/stat.h>

#define LOOK_LEAST 4       /* names: for fewer it does not pay to open a directory */
#define LOOK_LEAST_FIRST 2 /* of an operand's first slice: the others may have nothing else to do */
#define SLICE_FIRST 256    /* the others have nothing to do until it is in */
#define SLICE_ENTRIES 1024

static void *must(void *block)
{
	if (!block)
		abort();
	return block;
}

struct job *intake_job(struct intake *intake, enum job_class class, enum job_kind kind, struct dir_node *dir,
                       const struct job_view *extra)
{
	const struct tree_root *root = &intake->operands->tree.roots[dir->root];
	CLEANUP_FREE char *path = NULL;
	size_t size = 0;
	struct job_view view = extra ? *extra : (struct job_view){ .target = "" };

	view.kind = kind;
	view.root = dir->root;
	view.dir_id = dir->id;
	view.dir_dev = dir->dev;
	view.dir_ino = dir->ino;
	view.dir = dir_node_path(dir, NULL, &path, &size);
	if (kind == JOB_FINISH && dir->redone)
		view.flags |= JOB_REDO;
	if (dir->made)
		view.flags |= JOB_DIR_MADE;
	if (root->intermediate)
		view.flags |= JOB_INTERMEDIATE;
	if (root->shared_name)
		view.flags |= JOB_SHARED_NAME;
	struct job *job = ledger_job(intake->ledger, class, &view, dir);

	if (kind != JOB_FINISH)
		dir->pending++;
	return job;
}

/* Whether a worker may copy what it lists in @dir. Not in an operand's own: others may hang on
 * that, and its finish waits for them. Nor where any two names may be one inode (-L). */
static bool may_copy_too(const struct intake *intake, const struct dir_node *dir, uint32_t flags)
{
	return (flags & JOB_FIRST_SLICE) && !(flags & JOB_NO_DESCENT) && !dir->is_root &&
	       intake->policy->dereference != DEREFERENCE_ALWAYS;
}

static void queue_scan(struct intake *intake, struct dir_node *dir, uint64_t cursor, uint32_t flags)
{
	struct job_view view = {
		.target = "", .flags = flags | (intake->jobs > 1 ? JOB_LOOK_LATER : 0), .offset = cursor,
		.length = flags & JOB_FIRST_SLICE ? SLICE_FIRST : SLICE_ENTRIES,
		.copy_too = may_copy_too(intake, dir, flags) ? JOB_BATCH_MOST : 0,
	};

	ledger_queue(intake->ledger, intake_job(intake, CLASS_SCAN, JOB_SCAN, dir, &view));
	dir->pending--; /* the node was born with its listing pending */
}

static struct dir_node *begin_directory(struct intake *intake, struct dir_node *parent, uint32_t root, const char *name)
{
	struct dir_node *node = dir_node_new(parent, root, name);

	node->next = intake->unfinished;
	if (node->next)
		node->next->prev = node;
	intake->unfinished = node;
	intake->directories++;
	return node;
}

static void end_directory(struct intake *intake, struct dir_node *node)
{
	*(node->prev ? &node->prev->next : &intake->unfinished) = node->next;
	if (node->next)
		node->next->prev = node->prev;
	intake->directories--;
	dir_node_unref(node);
}

static struct dir_node *new_root(struct intake *intake, uint32_t index)
{
	const struct tree_root *root = &intake->operands->tree.roots[index];
	int after = intake->operands->after[index];
	struct dir_node *parent = after >= 0 ? intake->root[after] : NULL;
	struct dir_node *node = begin_directory(intake, parent, index, "");

	node->is_root = true;
	if (!root->leaf) {
		node->dev = root->dev;
		node->ino = root->ino;
	}
	if (parent)
		parent->pending++;
	intake->root[index] = node;
	return node;
}

static void take_file(struct intake *intake, struct dir_node *dir, const struct listed *entry, const char *name,
                      struct job **batch);

static void start_root(struct intake *intake, uint32_t index)
{
	const struct tree_root *root = &intake->operands->tree.roots[index];
	struct dir_node *node = new_root(intake, index);
	uint32_t flags = JOB_FIRST_SLICE | (root->intermediate ? JOB_NO_DESCENT : 0);
	struct job *batch = NULL;

	if (!root->leaf) {
		queue_scan(intake, node, 0, flags);
		return;
	}
	struct listed entry = {
		.dev = root->dev, .ino = root->ino, .size = root->size, .blocks = (root->size + 511) / 512,
		.mode = root->mode, .nlink = (uint32_t)root->nlink, .name_len = (uint32_t)strlen(root->leaf),
	};

	take_file(intake, node, &entry, root->leaf, &batch);
	if (batch)
		ledger_queue(intake->ledger, batch);
	intake_piece_done(intake, node); /* there is nothing to list */
}

static void start_next_shared(struct intake *intake)
{
	const struct operands *operands = intake->operands;

	while (intake->next_shared < operands->tree.n_roots &&
	       !operands->tree.roots[intake->next_shared].shared_name)
		intake->next_shared++;
	if (intake->next_shared < operands->tree.n_roots)
		start_root(intake, intake->next_shared++);
}

bool intake_has_more_operands(const struct intake *intake)
{
	const struct operands *operands = intake->operands;

	for (size_t i = intake->next_shared; i < operands->tree.n_roots; i++)
		if (operands->tree.roots[i].shared_name)
			return true;
	return false;
}

void intake_begin(struct intake *intake)
{
	const struct operands *operands = intake->operands;
	size_t n = operands->tree.n_roots;

	intake->root = must(calloc(n + 1, sizeof(*intake->root)));
	/* Last in, first out: queued backwards, operands are taken in order. */
	for (size_t i = n; i-- > 0;)
		if (!operands->tree.roots[i].shared_name && operands->after[i] < 0)
			start_root(intake, (uint32_t)i);
	start_next_shared(intake);
}

void intake_done(struct intake *intake)
{
	while (intake->unfinished)
		end_directory(intake, intake->unfinished);
	free(intake->root);
	free(intake->made_root);
}

/* A failure found here, not by a worker. */
static void refuse(struct intake *intake, struct dir_node *dir, const char *name, enum stage stage, uint32_t err)
{
	struct report_subject subject = { dir, name, 0 };
	struct outcome outcome = { .status = OUTCOME_FAILED, .stage = (uint16_t)stage, .err = (int)err };

	tally_found(intake->tally, 0, 0);
	report_outcome(intake->report, &subject, &outcome);
}

static bool is_made_root(const struct intake *intake, uint64_t dev, uint64_t ino)
{
	for (size_t i = 0; i < intake->n_made_roots; i++)
		if (intake->made_root[i].dev == dev && intake->made_root[i].ino == ino)
			return true;
	return false;
}

static void take_directory(struct intake *intake, struct dir_node *dir, const struct listed *entry,
                           const char *name)
{
	const struct tree_root *root = &intake->operands->tree.roots[dir->root];
	uint32_t flags = JOB_FIRST_SLICE;

	if (is_made_root(intake, entry->dev, entry->ino)) {
		refuse(intake, dir, name, STAGE_INTO_ITSELF, 0);
		return;
	}
	if (intake->policy->dereference == DEREFERENCE_ALWAYS && dir_node_within(dir, entry->dev, entry->ino)) {
		refuse(intake, dir, name, STAGE_CYCLE, 0);
		return;
	}
	if (intake->policy->one_file_system && entry->dev != root->dev)
		flags |= JOB_NO_DESCENT;

	struct dir_node *child = begin_directory(intake, dir, dir->root, name);

	child->dev = entry->dev;
	child->ino = entry->ino;
	dir->pending++;
	intake->tally->found_inodes++;
	queue_scan(intake, child, 0, flags);
}

static void queue_link(struct intake *intake, struct dir_node *dir, const struct job_entry *entry, const char *first)
{
	struct job_view view = { .target = first };
	struct job *job = intake_job(intake, CLASS_LINK, JOB_LINK, dir, &view);

	ledger_add(job, entry);
	ledger_queue(intake->ledger, job);
}

static bool keeps_links(const struct intake *intake, uint32_t nlink)
{
	return (intake->policy->preserve & PRESERVE_LINKS) && !intake->policy->hard_link &&
	       !intake->policy->symbolic_link &&
	       (nlink > 1 || intake->policy->dereference == DEREFERENCE_ALWAYS);
}

/* A further name of an inode waits for the first one's copy, or becomes its link. False: it is the first. */
static bool take_link(struct intake *intake, struct dir_node *dir, const struct listed *entry, const char *name)
{
	bool keep = intake->policy->dereference == DEREFERENCE_ALWAYS;
	struct job_entry named = listed_entry(entry, name);
	const char *first;

	switch (link_table_seen(intake->links, entry->dev, entry->ino, entry->nlink, keep, &first)) {
	case LINK_COPY:
		break;
	case LINK_WAIT:
		tally_found(intake->tally, 0, 0);
		link_table_wait(intake->links, entry->dev, entry->ino, dir, name, entry->mode, named.size);
		dir->pending++;
		return true;
	case LINK_NOW:
		tally_found(intake->tally, 0, 0);
		queue_link(intake, dir, &named, first);
		return true;
	}
	return false;
}

static void take_file(struct intake *intake, struct dir_node *dir, const struct listed *entry, const char *name,
                      struct job **batch)
{
	if (!keeps_links(intake, entry->nlink) || !take_link(intake, dir, entry, name))
		batch_add(intake, dir, entry, name, batch);
}

/* An operand's directory is there: what hangs on it (--parents) may start. */
static void root_is_there(struct intake *intake, struct dir_node *dir, const struct record *record)
{
	const struct operands *operands = intake->operands;

	intake->made_root = must(realloc(intake->made_root, (intake->n_made_roots + 1) * sizeof(*intake->made_root)));
	intake->made_root[intake->n_made_roots].dev = record->scanned.dest_dev;
	intake->made_root[intake->n_made_roots++].ino = record->scanned.dest_ino;
	for (size_t i = 0; i < operands->tree.n_roots; i++)
		if (operands->after[i] == (int)dir->root)
			start_root(intake, (uint32_t)i);
}

/* So many names a job as the slice had time for, or fewer, so that every worker
 * gets some of those that are @left. */
static uint32_t most_looks(const struct intake *intake, const struct job *job, uint32_t left, uint64_t looked_at)
{
	uint32_t share = left / intake->jobs + 1;
	uint32_t most = looked_at < share ? (uint32_t)looked_at : share;
	uint32_t least = job->dir->is_root && (job->flags & JOB_FIRST_SLICE) ? LOOK_LEAST_FIRST : LOOK_LEAST;

	return most < least ? least : most;
}

static void queue_look(struct intake *intake, struct dir_node *dir, const struct listed *entry, const char *name,
                       uint32_t most, struct job **look)
{
	struct job_entry named = { .name = name, .name_len = (uint16_t)entry->name_len };

	if (!*look)
		*look = intake_job(intake, CLASS_SCAN, JOB_LOOK, dir, NULL);
	ledger_add(*look, &named);
	if ((*look)->entries >= most || (*look)->entries >= JOB_BATCH_MOST) {
		ledger_queue(intake->ledger, *look);
		*look = NULL;
	}
}

/* @up_to_date were looked at as well, and need nothing. Returns the last batch of files, if
 * there is one. */
static struct job *take_slice(struct intake *intake, const struct job *job, uint64_t up_to_date)
{
	struct dir_node *dir = job->dir;
	struct job *batch = NULL, *later = NULL;
	struct listed_names names = slice_names(job->slice);
	struct listed entry;
	uint32_t left = names.count, most = 0;
	const char *name;

	for (uint32_t at = 0; (name = listed_next(&names, &at, &entry)) != NULL; left--) {
		if (!entry.err && !entry.mode) {
			if (most == 0) /* the first of them; all that follow are, too */
				most = most_looks(intake, job, left, names.count - left + up_to_date);
			queue_look(intake, dir, &entry, name, most, &later);
		} else if (entry.err) {
			refuse(intake, dir, name, STAGE_STAT_SOURCE, entry.err);
		} else if (S_ISDIR(entry.mode)) {
			take_directory(intake, dir, &entry, name);
		} else {
			take_file(intake, dir, &entry, name, &batch);
		}
	}
	if (batch)
		ledger_queue(intake->ledger, batch);
	if (later)
		ledger_queue(intake->ledger, later);
	return batch;
}

int intake_scanned(struct intake *intake, struct job *job, const struct record *record, struct job **ret_copy)
{
	const struct outcome *outcome = &record->scanned.outcome;
	struct dir_node *dir = job->dir;
	bool first = job->flags & JOB_FIRST_SLICE;
	bool failed = outcome->status == OUTCOME_FAILED;
	struct report_subject subject = { dir, NULL, 0 };
	struct listed_names names = slice_names(job->slice);
	bool copies = record->scanned.copies;

	*ret_copy = NULL;
	if (names.count != record->scanned.entries ||
	    (copies && (names.count > job->copy_too || !batch_is_of_lone_files(&names))))
		return -EBADMSG;
	if (first && record->scanned.usable) {
		dir->usable = true;
		dir->made = record->scanned.made && !intake->operands->tree.roots[dir->root].shared_name;
		if (dir->made)
			report_listing(intake->report, &subject);
		if (dir->is_root)
			root_is_there(intake, dir, record);
	}
	if (failed || outcome->lost)
		report_outcome(intake->report, &subject, outcome);
	if (copies) { /* also when we are stopping: it says itself what came of them */
		*ret_copy = batch_under_way(intake, dir, &names);
		intake_piece_done(intake, dir);
		return 0;
	}
	if (intake->stopping) {
		intake_piece_done(intake, dir);
		return 0;
	}
	tally_up_to_date(intake->tally, record->scanned.up_to_date, record->scanned.up_to_date_bytes);
	/* The rest of the directory goes below its subdirectories on the stack. */
	if (!record->scanned.last) {
		dir->pending++;
		queue_scan(intake, dir, record->scanned.cursor, 0);
	}

	struct job *batch = take_slice(intake, job, record->scanned.up_to_date);

	/* A FINISH of its own would be a third of the jobs of a tree of small directories. */
	if (batch && dir->pending == 2 && !dir->redone) /* it, and this listing */
		ledger_finish_too(batch);
	if (record->scanned.finished && dir->pending == 1)
		intake_finish_done(intake, dir);
	else
		intake_piece_done(intake, dir);
	return 0;
}

static struct job_entry further_name(const struct job_entry *first, const struct link_waiter *waiter)
{
	return (struct job_entry){
		.name = waiter->name, .name_len = (uint16_t)strlen(waiter->name), .mode = waiter->mode,
		.dev = first->dev, .ino = first->ino, .size = waiter->size,
	};
}

void intake_settled(struct intake *intake, struct dir_node *dir, const struct job_entry *entry,
                    enum outcome_status status)
{
	struct link_waiter *waiter;

	if (link_table_size(intake->links) == 0)
		return;
	/* -u, as in cp: what is there is as good as a copy, and the other names become its links. */
	if (status == OUTCOME_COPIED || status == OUTCOME_UP_TO_DATE ||
	    (status == OUTCOME_SKIPPED && intake->policy->update == UPDATE_OLDER)) {
		CLEANUP_FREE char *path = names_below_dest(&intake->operands->tree, dir, entry->name);

		waiter = link_table_copied(intake->links, entry->dev, entry->ino, path);
		while (waiter) {
			struct link_waiter *next = waiter->next;
			struct job_entry named = further_name(entry, waiter);

			queue_link(intake, waiter->dir, &named, path);
			waiter->dir->pending--; /* the job is its piece now */
			link_waiter_free(waiter);
			waiter = next;
		}
		return;
	}
	waiter = link_table_failed(intake->links, entry->dev, entry->ino);
	if (waiter) {
		struct job_entry named = further_name(entry, waiter);
		struct job *job = intake_job(intake, CLASS_COPY, JOB_COPY, waiter->dir, NULL);

		intake->tally->found_bytes += waiter->size; /* it was counted as a link */
		ledger_add(job, &named);
		ledger_queue(intake->ledger, job);
		waiter->dir->pending--;
		link_waiter_free(waiter);
	}
}

void intake_finish_done(struct intake *intake, struct dir_node *dir)
{
	dir->pending = 0;
	intake->tally->sum.directories++;
	intake_finished(intake, dir);
}

void intake_finished(struct intake *intake, struct dir_node *dir)
{
	struct dir_node *parent = dir->parent;
	uint32_t index = dir->root;
	bool root = dir->is_root;

	if (parent)
		dir_node_ref(parent);
	end_directory(intake, dir);
	if (root) {
		intake->root[index] = NULL;
		if (intake->operands->tree.roots[index].shared_name && !intake->stopping)
			start_next_shared(intake);
	}
	if (parent) {
		intake_piece_done(intake, parent);
		dir_node_unref(parent);
	}
}

void intake_piece_done(struct intake *intake, struct dir_node *dir)
{
	if (--dir->pending > 0)
		return;
	if (dir->usable && !intake->stopping)
		ledger_queue(intake->ledger, intake_job(intake, CLASS_FINISH, JOB_FINISH, dir, NULL));
	else
		intake_finished(intake, dir);
}
