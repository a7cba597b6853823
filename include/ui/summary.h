/*
 * The end of a run in words.
 *
 * Promises one summary line, one line per class of metadata lost, and the
 * failures again (at most twenty), as text, from plain numbers.
 *
 * Runs in: the master.  Blocks: never.  Allocates: no.  Owns: nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/outcome.h"

struct summary {
	uint64_t files, directories, bytes;       /* copied */
	uint64_t links;                           /* hard links made */
	uint64_t skipped, up_to_date, failed;
	uint64_t by_method[DATA_COUNT];           /* files */
	uint64_t lost[LOSS_COUNT];                /* entries, per class */
	uint64_t elapsed_ns;
	unsigned jobs;
	const char *jobs_reason;                  /* why auto settled there; NULL when -j was given */
	uint64_t redone;                          /* jobs done again after a worker's death */
	bool interrupted;
	int status;                               /* exit status */
};

#define SUMMARY_LINE 512

/* Writes the one line: "copied 12,345 files (1.25 GiB) in 3,000 directories in
 * 12s, 104 MiB/s, 1,028 files/s, 5 workers" and what else is not zero. */
void summary_line(const struct summary *summary, char buf[static SUMMARY_LINE]);

/* Writes the line of a loss class; false when nothing of it was lost. */
bool summary_loss_line(const struct summary *summary, enum loss class, char buf[static SUMMARY_LINE]);
