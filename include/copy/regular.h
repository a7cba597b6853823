/*
 * One regular file (or, under copy_contents, whatever can be read like one).
 *
 * Promises what entry.h does; in particular one read and one write for a small
 * file in a directory this run made, and for all others a temporary name that
 * only a complete copy leaves.
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

/* Opens the source and checks that it is what the scan saw. Returns a
 * descriptor, or -1 with *@ret filled. */
int regular_open_source(const struct copier *copier, const struct place *place, const struct entry *entry,
                        struct stat *ret_st, struct outcome *ret);

/* True when nothing about the open source has changed since @before. */
bool regular_is_unchanged(int src_fd, const struct stat *before);

/* Closes @fd, flushing first under --sync=file: the last moment a write can be
 * reported as lost. False: *@ret is filled. */
bool regular_close(const struct copier *copier, int fd, struct outcome *ret);
