/*
 * A relative path becomes a directory descriptor without ever leaving its root.
 *
 * Promises that no component is a symbolic link and that ".." is refused
 * (openat2 with RESOLVE_BENEATH|RESOLVE_NO_SYMLINKS, Linux 5.6; an O_NOFOLLOW
 * walk by component where that is refused), and that length is no limit: a path
 * longer than PATH_MAX is walked in pieces.
 *
 * Runs in: the worker.  Blocks: as the file system does.  Allocates: no.
 * Owns: nothing.
 */
#pragma once

#include <stdbool.h>

/* Opens directory @path ("" for @root_fd itself, a duplicate) O_DIRECTORY with
 * @flags added (O_PATH or O_RDONLY). @follow allows symlinks (-L on the source,
 * --keep-directory-symlink on the destination). Returns a descriptor the caller
 * owns, or -errno (-ELOOP and -ENOTDIR for a symlink in the way, -EXDEV for an escape). */
int resolve_directory(int root_fd, const char *path, int flags, bool follow);
