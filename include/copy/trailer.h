/*
 * What a temporary file that is copied in ranges says of itself, behind its end:
 * of which state of which source it is, and which parts of it are in.
 *
 * Promises that a part is called in only when its bytes are those of the source in
 * that very state; that any cut of the ranges finds what another cut has done; and
 * that nothing of this is left in a file that was cut to its size.
 *
 * Runs in: the worker, several of them on one file.  Blocks: as the file system
 * does.  Allocates: no.  Owns: nothing; descriptors must be open for reading and
 * writing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/policy.h"
#include "copy/mark.h"

/* Ranges start at multiples of this, and what is in is told in these. */
#define TRAILER_PART (UINT64_C(1) << 20)

/* Gives @fd, empty, the size of @src and a trailer. Returns 0 or -errno. */
int trailer_write(int fd, const struct copy_policy *policy, const struct stat *src);

/* What the trailer of @fd, which is now as @own says, has to do with @src. */
enum mark_match trailer_compare(int fd, const struct stat *own, const struct copy_policy *policy,
                                const struct stat *src);

/* True when @fd has a trailer, of whatever, and a later run may believe it: it is of this
 * boot, which is known. */
bool trailer_is_there(int fd, const struct stat *own);

/* Finds the first stretch in [@from, @end) that is not in, at most @most bytes long.
 * @from and @most are multiples of TRAILER_PART, @end is one or the size of the source. Returns 1
 * with the stretch, 0 when all is in, or -errno. */
int trailer_next(int fd, uint64_t size, uint64_t from, uint64_t end, uint64_t most, uint64_t *ret_start,
                 uint64_t *ret_end);

/* Calls [@start, @end) in. The caller has just seen that the source is unchanged.
 * Returns 0 or -errno. */
int trailer_set(int fd, uint64_t size, uint64_t start, uint64_t end);

/* Takes the trailer off, where @fd is @size long again. Returns 0 or -errno. */
int trailer_cut(int fd, uint64_t size);
