/*
 * What a worker tells the master, and what it is told.
 *
 * Promises that a record is published after the effect it states, that the
 * gauge says at any moment what is in hand, and that the master's word (pause,
 * stop, bandwidth) is obeyed between two chunks and two entries.
 *
 * Runs in: the worker.  Blocks: for room in the lane, while paused, and for
 * bandwidth.  Allocates: no.  Owns: the gauge's private copy.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ipc/completion_queue.h"
#include "ipc/gauge.h"
#include "ipc/job.h"
#include "ipc/record.h"

struct tell {
	struct completion_queue *queue;
	struct gauge_board *board;
	unsigned slot;
	bool timing;               /* keep spent_ns */
	bool cpu_time;             /* keep cpu_ns: a system call a job */
	bool every_outcome;        /* -v, --debug: also what goes without saying */
	struct record done;        /* of the job in hand, as far as it is */
	struct gauge_snapshot gauge;
	uint64_t activity_since;
	uint64_t busy_since;       /* when the time below was last taken */
	uint64_t cpu_before;
	size_t listed_len;         /* of the names gathered in @record_space; 0: none */
	uint64_t record_space[RECORD_MAX / 8];
};

/* A job begins, an entry of it is taken in hand, the job ends. */
void tell_job(struct tell *tell, uint64_t job);
void tell_in_hand(struct tell *tell, uint32_t index);
void tell_idle(struct tell *tell);

/* The worker ends: what it did last is timed too. */
void tell_end(struct tell *tell);

/* The kind of work, an enum gauge_activity; timed only when asked for. */
void tell_activity(struct tell *tell, enum gauge_activity activity);

/* Bytes of the entry in hand were written: said at once, but for a small first step. Then as
 * tell_and_obey(). */
int tell_bytes(struct tell *tell, uint64_t bytes);

/* Obeys the master's word; @bytes count against the bandwidth. Returns 0 to go
 * on or -ECANCELED. */
int tell_and_obey(struct tell *tell, uint64_t bytes);

/* Records. Each waits for room. */
void tell_record(struct tell *tell, const struct record *record);
void tell_result(struct tell *tell, const struct job_view *job, uint32_t index, const struct outcome *outcome);
void tell_done(struct tell *tell, const struct job_view *job);

/* A name that the job in hand has found. Told with others, before the next record. */
void tell_listed(struct tell *tell, const struct listed *listed, const char *name);

/* An entry's outcome: a RESULT, or a number in the DONE. */
void tell_outcome(struct tell *tell, const struct job_view *job, uint32_t index, uint64_t size,
                  const struct outcome *outcome);

/* One outcome for every entry of a job that could not even begin, and its end. */
void tell_all_failed(struct tell *tell, const struct job_view *job, const struct outcome *outcome);
