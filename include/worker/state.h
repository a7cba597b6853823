/*
 * What the parts of one worker share.
 *
 * Runs in: the worker.  Blocks: never.  Allocates: no.
 * Owns: its tools, which worker.c makes and frees.
 */
#pragma once

#include <sys/types.h>

#include "copy/entry.h"
#include "copy/scan.h"
#include "worker/open_dirs.h"
#include "worker/own_copy.h"
#include "worker/tell.h"
#include "worker/worker.h"

struct worker {
	const struct worker_setup *setup;
	struct copier copier;
	struct scanner *scanner;
	struct open_dirs *dirs;
	struct tell tell;
	struct own_copy own;
	uint32_t most_open; /* files of it */
	bool full; /* the disk: the rest of what is queued here has no chance */
	dev_t swept_dev; /* the directory last swept for an operand that is no directory */
	ino_t swept_ino;
};
