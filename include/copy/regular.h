/*
 * One regular file (or, under copy_contents, whatever can be read like one).
 *
 * Promises what entry.h does; in particular one read and one write for a small
 * file in a directory this run made; no name for a bigger one that is cloned there;
 * and for all others a temporary name that only a complete copy leaves.
 *
 * Runs in: the worker.  Blocks: as the file systems do.  Allocates: no.
 * Owns: nothing beyond the call.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "copy/entry.h"
#include "copy/existing.h"

void regular_copy(struct copier *copier, const struct place *place, const struct entry *entry, struct outcome *ret);

/* Closes @fd, flushing first under --sync=file: the last moment a write can be
 * reported as lost. False: *@ret is filled. */
bool regular_close(const struct copier *copier, int fd, struct outcome *ret);
