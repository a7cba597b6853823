/*
 * A big file in ranges, copied by several workers at once.
 *
 * Promises one temporary file, renamed into place by a COMMIT when every range
 * is in, and discarded when one failed; one outcome for the file, whatever
 * became of its ranges; and ranges only where they pay: on storage that makes
 * each request wait. Within a page cache splitting was measured to gain nothing.
 *
 * Runs in: the master.  Blocks: never.  Allocates: a range_set a file.
 * Owns: nothing; jobs own their range_set together.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "master/intake.h"

/* True when @entry of @dir should be split. */
bool big_file_wants_ranges(const struct intake *intake, const struct dir_node *dir, const struct job_entry *entry,
                           uint64_t blocks);

/* Queues its BEGIN. */
void big_file_queue(struct intake *intake, struct dir_node *dir, const struct job_entry *entry);

/* Its temporary file is there: queues its ranges. */
void big_file_begun(struct intake *intake, struct job *begin);

/* What became of one range. */
void big_file_note(struct job *range, const struct outcome *outcome);

/* One range is over, well or not, or will never be sent: the last one queues
 * the COMMIT, or reports the failure and queues the DISCARD. */
void big_file_range_over(struct intake *intake, struct job *range);

/* Queues a copy of the whole file by one worker where @outcome of @job (BEGIN,
 * RANGE or COMMIT) is that the source had changed, or that the file with its trailer is
 * longer than may be. False: report it. */
bool big_file_begins_again(struct intake *intake, struct job *job, const struct outcome *outcome);

/* The file is in: its outcome, for the report. */
struct outcome big_file_outcome(const struct job *commit, const struct outcome *committed);
