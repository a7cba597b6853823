/*
 * The entries of one listing while it is under way.
 *
 * Promises them back as they were added; a job throws them away as one block.
 *
 * Runs in: the master.  Blocks: never.  Allocates: one block, grown by doubling;
 * aborts without memory.  Owns: nothing; the block is the caller's, for free(3).
 */
#pragma once

#include "ipc/record.h"

struct slice;

/* Adds @names to @slice, NULL at first. Returns the block, which may have moved. */
struct slice *slice_add(struct slice *slice, const struct listed_names *names);

/* All of them, valid as long as nothing is added; none for NULL. */
struct listed_names slice_names(const struct slice *slice);
