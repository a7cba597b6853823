/*
 * What a listing copies too (SCAN .copy_too): the COPY it becomes, as a frame, and the files
 * of it, open since they were looked at.
 *
 * Promises that it has all entries of the directory, each a lone file and together no more
 * than was allowed, or is off; and no descriptor open after own_copy_end().
 *
 * Runs in: the worker.  Blocks: never.  Allocates: the frame.
 * Owns: it, and the descriptors until they are taken.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ipc/job.h"
#include "ipc/record.h"

struct own_copy {
	bool on;
	uint32_t most;  /* entries */
	uint32_t count;
	uint32_t next;  /* whose file is taken next */
	uint64_t bytes;
	struct job_buffer frame;
	int fd[JOB_BATCH_MOST]; /* of each entry, or -1 */
};

/* Begins with no entry. Of @scan, a SCAN with .copy_too. */
void own_copy_begin(struct own_copy *own, const struct job_view *scan);

/* One more entry; *@fd, where @fd is not NULL, is taken. Where it may not be, all is off. */
void own_copy_add(struct own_copy *own, const struct listed *listed, const char *name, int *fd);

/* The COPY. It is in the frame. */
void own_copy_job(const struct own_copy *own, struct job_view *ret_job);

/* Where the next entry's descriptor is, for struct entry; NULL where there is no entry. */
int *own_copy_next_file(struct own_copy *own);

/* It is over, or will not be. */
void own_copy_end(struct own_copy *own);

/* So many files a process may have open for it, beside all else. */
uint32_t own_copy_most_open(void);

void own_copy_done(struct own_copy *own);
