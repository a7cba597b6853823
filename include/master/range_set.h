/*
 * What the ranges of one big file share.
 *
 * Promises to live as long as any of its jobs.
 *
 * Runs in: the master.  Blocks: never.  Allocates: no (big_file makes it).
 * Owns: itself, by counting the jobs that refer to it.
 */
#pragma once

#include <stdint.h>
#include <stdlib.h>

#include "base/outcome.h"

struct range_set {
	uint32_t refs;           /* jobs */
	uint32_t left;           /* ranges not over */
	uint64_t bytes;          /* of the file */
	uint64_t counted;        /* of those, in the tally's range_bytes */
	struct outcome outcome;  /* the first that was not OUTCOME_COPIED; else what was lost, and how it went */
};

static inline struct range_set *range_set_ref(struct range_set *set)
{
	if (set)
		set->refs++;
	return set;
}

static inline void range_set_unref(struct range_set *set)
{
	if (set && --set->refs == 0)
		free(set);
}
