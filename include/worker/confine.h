/*
 * --confine: a worker locks itself with Landlock.
 *
 * Promises that after confine_enter() this process can open, make, remove and
 * rename nothing for writing outside the destination, read nothing outside the
 * sources and the destination (but for /proc, and for anything where -L follows
 * links wherever they lead), and start no program; and that it is refused, not
 * weakened, where that cannot be had. Landlock does not cover attributes: owner,
 * mode, times and xattrs of a file are not protected by it.
 *
 * Runs in: confine_check() in the master, before the fork; confine_enter() in
 * the worker.  Blocks: as opening the sources does.  Allocates: no.
 * Owns: nothing beyond the call.
 */
#pragma once

#include <stddef.h>

#include "base/policy.h"
#include "copy/tree.h"

enum confine_verdict {
	CONFINE_POSSIBLE,
	CONFINE_NO_LANDLOCK,     /* not in this kernel, switched off, or older than Linux 6.2 */
	CONFINE_SOURCE_WRITABLE, /* a source lies in what has to be written to */
};

/* Says whether confine_enter() can keep its promise for @tree. *@ret_root is the
 * root in the way for CONFINE_SOURCE_WRITABLE. */
enum confine_verdict confine_check(const struct copy_policy *policy, const struct tree *tree, size_t *ret_root);

/* Locks the calling process, for good. In the destination it may make the
 * directories the sources become. Returns 0 or -errno, and then it is not locked. */
int confine_enter(const struct copy_policy *policy, const struct tree *tree);
