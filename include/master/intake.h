/*
 * What a scan found becomes jobs.
 *
 * Promises that entries count only when their slice is whole; that each entry
 * is in exactly one job or one waiting list; and that a directory's finish is
 * queued when, and only when, its last piece is done.
 *
 * Runs in: the master.  Blocks: never.  Allocates: nodes, jobs.
 * Owns: nothing beyond what it hands to the ledger and the link table.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/policy.h"
#include "ipc/record.h"
#include "master/job_ledger.h"
#include "master/link_table.h"
#include "master/operands.h"
#include "master/report.h"

/* A file at least this big is a job of its own. */
#define BIG_FILE (4u << 20)
#define BIG_CLONE (64u << 20) /* and where files are cloned: should this one not be, others wait behind it */

struct intake {
	const struct copy_policy *policy;
	const struct operands *operands;
	struct job_ledger *ledger;
	struct link_table *links;
	struct tally *tally;
	struct report *report;
	unsigned batch_limit;      /* names a batch, as dispatch adapts it */
	bool clones;               /* files are cloned: only a BIG_CLONE is big */
	unsigned jobs;             /* workers there may be: into so many ranges a big file goes */
	bool slow_dest;            /* each request to the destination waits */
	bool stopping;             /* make no further jobs */
	uint64_t directories;      /* unfinished */
	struct dir_node *unfinished; /* those: a run that is broken off gives them back */
	uint32_t next_shared;      /* the shared-name operand to start next: one at a time, in order */
	struct dir_node **root;    /* by operand, while it is unfinished */
	struct { uint64_t dev, ino; } *made_root; /* destination directories of operands: never copied into themselves */
	size_t n_made_roots;
};

/* Queues the operands that may start. */
void intake_begin(struct intake *intake);
void intake_done(struct intake *intake);

/* A job about @dir, one more piece of it (but for FINISH); the caller adds
 * entries and queues it. @extra: flags, offset, length and target, or NULL. */
struct job *intake_job(struct intake *intake, enum job_class class, enum job_kind kind, struct dir_node *dir,
                       const struct job_view *extra);

/* True while an operand waits for another to end. */
bool intake_has_more_operands(const struct intake *intake);

/* The RECORD_SCANNED of a slice: its names, in @job->slice, count now. Returns 0, or
 * -EBADMSG when they are not as many, or not such, as the worker says. The job is still the
 * caller's, and so is *@ret_copy, which it goes on as, or NULL. */
int intake_scanned(struct intake *intake, struct job *job, const struct record *record, struct job **ret_copy);

/* One entry of a COPY or LINK job is settled: further links of it can be made. */
void intake_settled(struct intake *intake, struct dir_node *dir, const struct job_entry *entry,
                    enum outcome_status status);

/* One piece of @dir (a job, a listing, a waiting name) is done. */
void intake_piece_done(struct intake *intake, struct dir_node *dir);

/* The directory's FINISH is done, or there is nothing to finish. */
void intake_finished(struct intake *intake, struct dir_node *dir);

/* A worker has said that it finished @dir, of which nothing else is pending. */
void intake_finish_done(struct intake *intake, struct dir_node *dir);
