/*
 * A directory that is not finished yet.
 *
 * Promises that a directory is a parent and a name, not a path string, so that
 * memory is what is pending and not what is deep; that it goes when its last
 * reference goes; and that reaching zero pending pieces is seen exactly once.
 *
 * Runs in: the master.  Blocks: never.  Allocates: one block a node.
 * Owns: its name and a reference to its parent.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dir_node {
	struct dir_node *next, *prev; /* among the unfinished: intake's list */
	struct dir_node *parent; /* counted; NULL for an operand that hangs on nothing */
	uint64_t id;
	uint64_t dev, ino;       /* of the source directory, as its parent's scan saw it */
	uint32_t refs;
	uint32_t pending;        /* its own listing, its jobs, its subdirectories */
	uint32_t root;           /* index into the operand table */
	int open_in;             /* the worker that was last given work in it, other than looks, or -1 */
	bool is_root;            /* an operand: paths start here */
	bool redone;             /* a worker died with some of it */
	bool made;               /* this run made the destination directory */
	bool usable;             /* the destination directory exists and may be finished */
	char name[];             /* "" for an operand */
};

/* Makes a node with one reference (the caller's) and one pending piece (its listing). */
struct dir_node *dir_node_new(struct dir_node *parent, uint32_t root, const char *name);

struct dir_node *dir_node_ref(struct dir_node *node);
void dir_node_unref(struct dir_node *node);

/* Writes the path below the operand ("" for the operand itself) with @leaf
 * appended unless NULL. The buffer grows; aborts without memory. */
const char *dir_node_path(const struct dir_node *node, const char *leaf, char **buffer, size_t *size);

/* True when the source directory (dev, ino) is @node or one of its ancestors. */
bool dir_node_within(const struct dir_node *node, uint64_t dev, uint64_t ino);
