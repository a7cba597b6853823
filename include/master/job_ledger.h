/*
 * The ledger: every job there is, and the one state it is in.
 *
 * Promises that only this module moves a job from one state to another, that
 * outstanding work per worker is known exactly, and that a dead worker's
 * unconfirmed jobs come back: the one it had in hand counts as an attempt, the
 * rest are simply sent again.
 *
 *   new ──> QUEUED ──> SENT(worker) ──> done (freed)
 *              ^            │
 *              └── death ───┘
 *
 * but a COPY may be SENT as it is made: when a worker has gone on with what it listed.
 *
 * Runs in: the master.  Blocks: never.  Allocates: one block a job and its frame.
 * Owns: jobs, their frames and a reference to their directory.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipc/job.h"
#include "master/dir_node.h"
#include "master/range_set.h"

enum job_class {
	CLASS_FINISH, /* frees a directory: first */
	CLASS_LINK,
	CLASS_BIG,    /* copies of a big file, biggest first */
	CLASS_COPY,   /* batches, in order; a queue for each worker */
	CLASS_SCAN,   /* listings and looks, last in first out: depth first */
	CLASS_COUNT,
};

enum job_state { JOB_QUEUED, JOB_SENT };

struct job {
	struct job *next, *prev; /* in its queue, or in its worker's list */
	uint64_t id;
	enum job_class class;
	enum job_kind kind;
	enum job_state state;
	uint32_t flags;          /* enum job_flag, as stamped in the frame */
	uint32_t copy_too;       /* so is this: SCAN: files it may copy */
	int slot;                /* SENT: who has it */
	unsigned home;           /* QUEUED COPY: whose queue it is in */
	uint32_t attempts;       /* workers that died with it in hand */
	uint32_t entries;        /* at most JOB_BATCH_MOST */
	uint64_t settled;        /* a bit for each entry whose RESULT has come */
	uint64_t settled_bytes;  /* of those */
	uint64_t bytes;          /* of contents, as the scan saw them */
	uint64_t sent_ns;
	struct dir_node *dir;    /* counted; NULL for FLUSH */
	struct job_buffer frame;
	struct job_view view;    /* ledger_view()'s; .id 0: not read yet */
	struct job_view at;      /* ledger_entry()'s place */
	struct range_set *ranges;/* RANGE, COMMIT, DISCARD of a split file: counted */
	struct slice *slice;     /* SCAN in flight: names not yet counted */
};

struct job_ledger;

struct job_ledger *ledger_new(unsigned slots);
void ledger_free(struct job_ledger *ledger);

/* Makes a job from @view's scalar fields (id is given here) for @dir, without
 * entries; ledger_add() adds them; ledger_queue() makes it available. */
struct job *ledger_job(struct job_ledger *ledger, enum job_class class, const struct job_view *view,
                       struct dir_node *dir);
void ledger_add(struct job *job, const struct job_entry *entry);
void ledger_queue(struct job_ledger *ledger, struct job *job);

/* Takes JOB_REDO off a job that was made as a subset, though no worker died with one. */
void ledger_not_redone(struct job *job);

/* Makes a QUEUED COPY also FINISH its directory. A job made of a part of it does not. */
void ledger_finish_too(struct job *job);

/* Lets a QUEUED SCAN copy what it finds only where that is @most files. */
void ledger_limit_copy_too(struct job *job, uint32_t most);

/* The next job of a class, still queued; NULL none. ledger_peek_near() prefers,
 * among the first few, one whose directory @slot has open. */
struct job *ledger_peek(const struct job_ledger *ledger, enum job_class class);
struct job *ledger_peek_near(const struct job_ledger *ledger, enum job_class class, unsigned slot);

/* The next COPY of a directory that @slot has open, or NULL. And the next COPY
 * for it at all: without one of those, some of the worker's with the most of them are
 * made its own. */
struct job *ledger_peek_own_copy(const struct job_ledger *ledger, unsigned slot);
struct job *ledger_peek_copy(struct job_ledger *ledger, unsigned slot);

/* QUEUED to SENT. */
void ledger_sent(struct job_ledger *ledger, struct job *job, unsigned slot, uint64_t now_ns);

/* @scan, which is SENT, is over and freed; its worker goes on with @copy, made for that and
 * in no queue, under the same number. */
void ledger_goes_on(struct job_ledger *ledger, struct job *scan, struct job *copy);

/* The job with @id that @slot holds, or NULL (nonsense from a worker). */
struct job *ledger_find(const struct job_ledger *ledger, unsigned slot, uint64_t id);

/* The frame, read; its iterator stays at the first entry. Most jobs end without it. */
const struct job_view *ledger_view(struct job *job);

/* Entry @index of a job, which must have it. Cheap when asked in order. */
void ledger_entry(struct job *job, uint32_t index, struct job_entry *ret_entry);

/* It is done: frees it. */
void ledger_done(struct job_ledger *ledger, struct job *job);

/* After a death: takes one job back from @slot, oldest first; NULL when there
 * is none left. The caller decides: ledger_requeue() or ledger_done(). */
struct job *ledger_oldest(const struct job_ledger *ledger, unsigned slot);

/* SENT to QUEUED, at the head of its class, under a new number and with JOB_REDO. */
void ledger_requeue(struct job_ledger *ledger, struct job *job);

/* A new job of @kind with the entries of @job whose bits are in @mask, JOB_REDO,
 * and the same number of attempts; for the caller to queue. */
struct job *ledger_subset(struct job_ledger *ledger, const struct job *job, enum job_kind kind, uint64_t mask);

/* Drops every queued job but DISCARDs (an interrupt); calls @each before freeing,
 * which may queue DISCARDs. */
void ledger_drop_queued(struct job_ledger *ledger, void (*each)(struct job *job, void *arg), void *arg);

/* Numbers for dispatch, progress and invariants. */
uint64_t ledger_queued(const struct job_ledger *ledger, enum job_class class);  /* jobs */
uint64_t ledger_queued_entries(const struct job_ledger *ledger);                /* in all classes but SCAN */
unsigned ledger_outstanding(const struct job_ledger *ledger, unsigned slot);    /* jobs */
uint64_t ledger_outstanding_bytes(const struct job_ledger *ledger, unsigned slot);
unsigned ledger_sent_of(const struct job_ledger *ledger, enum job_class class); /* jobs in flight */
bool ledger_empty(const struct job_ledger *ledger);
