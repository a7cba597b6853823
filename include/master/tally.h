/*
 * The count of everything: what was found, what is done, what failed.
 *
 * Promises that each entry is counted once, as its record arrives; that done
 * never exceeds the total; and the exit status that follows.
 *
 * Runs in: the master.  Blocks: never.  Allocates: the list of failures kept
 * for the end (at most twenty).  Owns: it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/outcome.h"
#include "ui/summary.h"

#define TALLY_FAILURES 20

enum exit_status {
	EXIT_COPIED = 0,
	EXIT_SOME_FAILED = 1,
	EXIT_CANNOT_START = 2,
	EXIT_METADATA_LOST = 3,
	EXIT_NO_SPACE = 4,
};

struct tally {
	struct summary sum;
	uint64_t found_files, found_bytes;  /* by the scan, what was skipped or failed taken off */
	uint64_t found_inodes, found_blocks;/* for the question whether it fits: files and directories, 512-byte units */
	uint64_t skipped_bytes;
	uint64_t failed_bytes;              /* of entries that failed: no longer in found_bytes */
	uint64_t range_bytes;               /* of big files not committed yet */
	bool no_space;
	bool output_lost;                   /* a listing or message could not be written */
	char *failure[TALLY_FAILURES];      /* sentences, for the end */
	unsigned n_failures;
};

void tally_done(struct tally *tally);

/* One entry was found; one that was found will not be copied. */
void tally_found(struct tally *tally, uint64_t bytes, uint64_t blocks);
void tally_not_copied(struct tally *tally, uint64_t bytes);

/* @count files copied without anything else to tell. */
void tally_copied(struct tally *tally, enum data_method method, uint64_t count);

/* @count entries found complete already, @bytes together; taken off the total's files. */
void tally_up_to_date(struct tally *tally, uint64_t count, uint64_t bytes);

/* One entry's outcome; @size as the scan saw it. A directory's counts too. */
void tally_outcome(struct tally *tally, const struct outcome *outcome, uint64_t size, bool directory);

/* Keeps the sentence of a failure for the end (a copy is made). */
void tally_keep_failure(struct tally *tally, const char *sentence);

enum exit_status tally_status(const struct tally *tally);
