/*
 * SOURCE... and DEST become the operand table, or are refused.
 *
 * Promises cp's rule for DEST, decided once before any fork; that a source onto
 * or into itself is recognised by device and inode, not by text; and one clear
 * sentence for each operand refused, with the others going on.
 *
 * Runs in: the master, before the first fork.  Blocks: as stat(2) does: this is
 * the only time the master looks at a user's file.
 * Allocates: the table.  Owns: it and the destination descriptor.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/options.h"
#include "copy/tree.h"

struct operands {
	struct tree tree;
	int *after;             /* by root: the intermediate root (--parents) it hangs on, or -1 */
	bool into;              /* DEST was taken as a directory to copy into */
	unsigned refused;       /* operands that were refused, each with a sentence */
	struct tree_root *table;/* tree.roots, writable */
	void **owned;           /* strings the table points to */
	size_t n_owned;
};

/* Returns 0; or -errno after a sentence when nothing can be copied at all. */
int operands_resolve(const struct options *options, struct operands *ret);
void operands_done(struct operands *operands);

/* True when one of the sources is where every request waits (a network). */
bool operands_are_slow(const struct operands *operands);
