/*
 * Entries of one directory become COPY jobs, and are counted.
 *
 * Promises that a batch is no more than a worker does in a few milliseconds, as far as
 * that is known, and that a big file is in none.
 *
 * Runs in: the master.  Blocks: never.  Allocates: jobs.
 * Owns: nothing; the ledger has the jobs, but for the batch that is not full yet.
 */
#pragma once

#include "master/intake.h"

/* Adds an entry to *@batch (NULL: a new one), which is queued and NULL again once it is
 * full. A big file is queued by itself. */
void batch_add(struct intake *intake, struct dir_node *dir, const struct listed *listed, const char *name,
               struct job **batch);

/* True when @names are such as a worker may copy without being sent them (SCAN .copy_too). */
bool batch_is_of_lone_files(const struct listed_names *names);

/* The batch that a worker does already, all of @names, and finishes the directory with: like
 * the one it would have been sent, and the caller's. */
struct job *batch_under_way(struct intake *intake, struct dir_node *dir, const struct listed_names *names);
