/*
 * The source file of a copy: opened safely, and compared with what it was.
 *
 * Promises that what is opened is the inode of the scan, that a FIFO put in a
 * file's place does not hold the worker, and that a lease is waited for.
 *
 * Runs in: the worker.  Blocks: as the file system does.  Allocates: no.
 * Owns: nothing beyond the call.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "copy/entry.h"

/* Opens the source and checks that it is what the scan saw. Returns a
 * descriptor, or -1 with *@ret filled. */
int source_open(const struct copier *copier, const struct place *place, const struct entry *entry,
                struct stat *ret_st, struct outcome *ret);

/* The same without any check, for who looks later; what is open already is taken from
 * @entry. Returns a descriptor, or -1 with errno. */
int source_open_unseen(const struct place *place, const struct entry *entry);

/* Opens what is said to be a regular file called @name, and may be anything else by now.
 * Returns a descriptor, or -1 with errno: EAGAIN where somebody must give up a lease first. */
int source_open_file(int dir_fd, const char *name);

/* True when nothing about the open source has changed since @before. */
bool source_is_unchanged(int src_fd, const struct stat *before);
