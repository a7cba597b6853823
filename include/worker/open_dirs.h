/*
 * The directories a worker has open.
 *
 * Promises the source and destination descriptors of a directory named by root
 * and path, checked to be the directory the scan saw, and kept open for the
 * next job in the same place: the batches and the finish of a directory mostly
 * come to the worker that scanned it.
 *
 * Runs in: the worker.  Blocks: as the file systems do.
 * Allocates: the path of each entry kept.  Owns: the descriptors it returns.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/outcome.h"
#include "base/policy.h"
#include "copy/directory.h"
#include "copy/entry.h"
#include "copy/tree.h"
#include "ipc/job.h"

struct open_dirs;

int open_dirs_new(const struct copy_policy *policy, const struct tree *tree, struct metadata *metadata,
                  struct open_dirs **ret_dirs);
void open_dirs_free(struct open_dirs *dirs);

/* Both sides of the job's directory, the destination one existing already.
 * Valid until the next call. Returns NULL with *@ret_outcome filled on failure. */
const struct place *open_dirs_get(struct open_dirs *dirs, const struct job_view *job, struct outcome *ret_outcome);

/* The same for who only looks at the source: the destination side is opened when it is
 * asked for, and until then there is none (dst_fd is -1, the rest of that side not known). */
const struct place *open_dirs_get_source(struct open_dirs *dirs, const struct job_view *job,
                                         struct outcome *ret_outcome);

/* The source side only, for a scan. Returns a descriptor the caller owns, or
 * -1 with *@ret_outcome filled. */
int open_dirs_source(struct open_dirs *dirs, const struct job_view *job, struct stat *ret_st,
                     struct outcome *ret_outcome);

/* Where the job's destination directory is to be made: the parent's descriptor
 * (valid until the next call; -1 with *@ret_outcome filled on failure) and in
 * *@ret_name the name, "" when it is the destination base itself. */
int open_dirs_dest_parent(struct open_dirs *dirs, const struct job_view *job, const char **ret_name,
                          struct outcome *ret_outcome);

/* Keeps the descriptors of a directory just scanned and made (takes both). */
void open_dirs_keep(struct open_dirs *dirs, const struct job_view *job, int src_fd, int dst_fd,
                    const struct dest_directory *dest);

/* The destination side alone, to remove things in it where there is no source any more.
 * Returns a descriptor the caller owns, or -errno. */
int open_dirs_dest_alone(struct open_dirs *dirs, const struct job_view *job, struct place *ret_place);

/* Forgets a finished directory. */
void open_dirs_drop(struct open_dirs *dirs, const struct job_view *job);

/* A directory of the destination by its path below the base, opened with
 * @flags (O_RDONLY; O_PATH, cheaper, only to name things in it). Returns a
 * descriptor the caller owns, or -errno. */
int open_dirs_dest(struct open_dirs *dirs, const char *path, int flags);
