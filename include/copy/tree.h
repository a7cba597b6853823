/*
 * The operand table: what is copied from where to where.
 *
 * Promises plain data made by the master before the first fork and never
 * changed: workers inherit it. Each SOURCE is one root; all share one
 * destination base directory, open since before the fork.
 *
 * Runs in: both.  Blocks: never.  Allocates: no.  Owns: nothing (master/operands does).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct tree_root {
	const char *source;    /* as the user gave it; workers open it, or its parent for a leaf */
	const char *parent;    /* leaf: the directory that holds it, else NULL */
	const char *leaf;      /* NULL when SOURCE is a directory: then its contents are at `source` itself */
	mode_t mode;           /* st_mode of SOURCE, followed or not as -H/-L ask */
	dev_t dev;             /* of SOURCE: a worker that opens something else refuses it */
	ino_t ino;
	uint64_t size;
	nlink_t nlink;
	bool follow;           /* SOURCE itself is a symlink to be followed */
	const char *dest_dir;  /* path below dest_fd of what SOURCE's directory (or the leaf's parent) becomes; "" is dest_fd */
	const char *dest_leaf; /* leaf: its name in dest_dir */
	bool replaces;         /* leaf: its name in the destination was taken at the start */
	bool slow;             /* each request to SOURCE waits: network storage, FUSE */
	bool intermediate;     /* --parents: a directory on the way, made and finished but not listed */
	bool shared_name;      /* another SOURCE has the same name in DEST: must not overwrite what this run made */
};

struct tree {
	int dest_fd;            /* O_PATH|O_DIRECTORY, an existing directory */
	const char *dest_base;  /* its path as the user knows it, for messages */
	const struct tree_root *roots;
	size_t n_roots;
};
