/*
 * A destination directory's beginning and end.
 *
 * Promises a directory we may write in (u+rwx while we fill it), told apart by
 * whether this run made it; and at the end the source directory's own owner,
 * mode, ACL, xattrs and times.
 *
 * Runs in: the worker.  Blocks: as the file system does.  Allocates: no.
 * Owns: nothing.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "copy/entry.h"

/* A directory of the destination, and what making or opening it has told. */
struct dest_directory {
	struct stat st;
	bool made;             /* by this run */
	bool default_acl;      /* new files inherit an ACL here */
	bool swept;            /* a directory_sweep() has left nothing, or it is new */
};

/* Makes @name in @parent_fd, or opens the directory that is there already (a
 * symlink only under keep_directory_symlink). @src is the source directory's
 * stat. Fills *@ret_dir and *@ret. Returns an O_RDONLY|O_DIRECTORY descriptor or -1 on
 * failure. */
int directory_make(struct copier *copier, int parent_fd, const char *name, const struct stat *src,
                   struct dest_directory *ret_dir, struct outcome *ret);

/* Fills *@ret_dir for the open directory @fd that is taken as it is. Returns 0 or -errno. */
int directory_learn(struct metadata *metadata, int fd, struct dest_directory *ret_dir);

/* Removes the temporary files that dead runs left in existing directory @dst_fd;
 * under --resume not those that the copy of their source may yet go on with. Returns
 * true when none is left. */
bool directory_sweep(const struct copier *copier, int dst_fd);

/* Sets @dst_fd's own metadata from @src_fd's. @made: by this run. What a sweep
 * under --resume left, and no copy went on with, is removed first, unless @swept: there
 * is nothing of that. */
void directory_finish(struct copier *copier, int src_fd, int dst_fd, bool made, bool swept, struct outcome *ret);
