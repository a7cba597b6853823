/*
 * What to do about a destination name that is taken.
 *
 * Promises cp's answers, in cp's order: the same file, update rules, a
 * directory or a special file in the way, "just created", a dangling symlink,
 * a backup that would destroy the source. Nothing is changed here, and no
 * symlink is ever written through.
 *
 * Runs in: the worker.  Blocks: as the file system does.  Allocates: no.
 * Owns: nothing.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "copy/entry.h"

struct existing {
	bool present;   /* the name is taken and is to be replaced; else it must still be free */
	struct stat st; /* of the name itself */
	bool linking;   /* set by the caller: the entry becomes a link of an earlier copy, and as in cp
	                 * that is done although what is there is up to date */
};

/* Looks at @entry's destination name. @src is the source's stat. True: go on,
 * as *@ret says. False: *@ret_outcome is the answer. */
bool existing_decide(const struct copier *copier, const struct place *place, const struct entry *entry,
                     const struct stat *src, struct existing *ret, struct outcome *ret_outcome);

/* Compares modification times as far as the destination's file system can tell
 * them apart. Returns <0, 0 or >0 as @dst is older, equal or newer. */
int existing_compare_mtime(const struct stat *dst, const struct stat *src);

/* True when @name in @dir_fd was made after the run began (its birth, or its
 * last change where the file system keeps no birth). */
bool existing_is_of_this_run(const struct copier *copier, int dir_fd, const char *name);

/* cp writes into a file that is there, whose owner and permissions then stay
 * where they are not preserved. Gives them to @fd, the file that is to take its
 * name, as far as this process may. */
void existing_hand_down(const struct copier *copier, const struct existing *existing, int fd);
