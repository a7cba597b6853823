/*
 * A big file goes on inside itself: the unfinished temporary file that a killed
 * run left becomes this run's.
 *
 * Promises that only a temporary file is taken over which a dead run on this
 * very boot wrote front to back from the source as it is now (device, inode,
 * size, mtime, ctime), under the same rules for holes and sharing, and that is
 * still the inode it was then, ours and nobody else's. Anything else is started
 * over, silently; so is everything on a file system without user xattrs.
 *
 * Runs in: the worker.  Blocks: as the file system does.  Allocates: no.
 * Owns: nothing beyond a call.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "copy/entry.h"
#include "copy/temp_name.h"

/* Below, starting over costs less than looking. */
#define PARTIAL_MIN (UINT64_C(64) << 20)

/* What lies before the last whole step, less one, is believed. */
#define PARTIAL_STEP (UINT64_C(8) << 20)

/* Binds @fd, a temporary file just created 0600 that will be written front to
 * back, to the open source @src. False where it is not worth it or cannot be. */
bool partial_mark(const struct copier *copier, int fd, const struct stat *src);

/* Takes the mark off: the file is complete. Before the metadata, which may leave
 * it unwritable. Returns 0 or -errno. */
int partial_unmark(int fd);

/* In a --resume run: finds what a dead run left of @src in the place, renames it
 * to a new name of this worker's in @temp and cuts it to *@ret_offset, where
 * copying goes on. What was left of an earlier state of @src is removed. Returns a
 * descriptor to write to, or -1: start over. */
int partial_take_over(const struct copier *copier, const struct place *place, const struct entry *entry,
                      const struct stat *src, char temp[static TEMP_NAME_SIZE], uint64_t *ret_offset);

/* The same for a file in ranges: what is found takes the name @temp, and its trailer
 * says what is in. */
int partial_take_over_ranges(const struct copier *copier, const struct place *place, const struct entry *entry,
                             const struct stat *src, const char *temp);

/* True in a --resume run when @name, which is stale, may yet be taken over: a
 * sweep leaves it to the copy of its source. */
bool partial_is_wanted(const struct copier *copier, int dir_fd, const char *name);
