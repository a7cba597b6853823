/*
 * The entries of one listing while it is under way.
 *
 * Promises them back as they were added; a job throws them away as one block.
 *
 * Runs in: the master.  Blocks: never.  Allocates: one block, grown by doubling;
 * aborts without memory.  Owns: nothing; the block is the caller's, for free(3).
 */
#pragma once

#include <stdint.h>

#include "ipc/record.h"

struct slice;

/* Adds an entry to @slice, NULL at first. Returns the block, which may have moved. */
struct slice *slice_add(struct slice *slice, const struct listed *entry, const char *name);

/* The entry at *@at, 0 at first, which is moved on. Returns its name, valid as long as
 * nothing is added, or NULL after the last. @slice may be NULL. */
const char *slice_next(const struct slice *slice, uint32_t *at, struct listed *ret_entry);

/* How many entries; 0 for NULL. */
uint32_t slice_count(const struct slice *slice);
