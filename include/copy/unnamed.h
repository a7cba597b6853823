/*
 * A new file that has no name until it is whole.
 *
 * Promises that nobody finds the file before unnamed_publish(), that what is
 * killed or fails before leaves nothing, and that a name which is taken is not
 * touched. Where such files are not to be had (O_TMPFILE: Linux 3.11, not on every
 * file system), or cannot be named here, the copier is told, once.
 *
 * Runs in: the worker.  Blocks: as the file system does.  Allocates: no.
 * Owns: nothing.
 */
#pragma once

#include <sys/stat.h>

#include "copy/entry.h"

/* Makes a file in the place, open for writing. Its mode, owner and ACL are those a file made with
 * open(2) would have. Returns its descriptor, or -1: make one that has a name. */
int unnamed_create(struct copier *copier, const struct place *place, mode_t mode);

/* Gives @fd the name @name, which must be free. Returns 0, -EEXIST, or another -errno:
 * the file stays without one, and goes with its last descriptor. */
int unnamed_publish(struct copier *copier, const struct place *place, int fd, const char *name);
