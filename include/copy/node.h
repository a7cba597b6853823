/*
 * What is made by one call: symlinks, FIFOs, sockets, devices, hard links.
 *
 * Promises what entry.h does; and that a kind of file the destination cannot
 * hold at all is told apart from one we may not make.
 *
 * Runs in: the worker.  Blocks: as the file systems do.  Allocates: no.
 * Owns: nothing beyond the call.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "copy/entry.h"
#include "copy/existing.h"

enum node_kind {
	NODE_SYMLINK,
	NODE_SPECIAL,
	NODE_HARD_LINK,
};

struct node {
	enum node_kind kind;
	const char *text;     /* SYMLINK: its target */
	mode_t mode;          /* SPECIAL: type and permissions to make it with */
	dev_t rdev;
	int from_fd;          /* HARD_LINK: an existing name */
	const char *from_name;
	bool from_follow;
	bool of_source;       /* a link to the source itself (-l, -s), not to or like an earlier copy */
	bool metadata;        /* the source's owner, mode and times go on it */
};

/* Looks at the source again and asks the policy. True: go on, as
 * *@ret_existing says. False: *@ret is the answer. */
bool node_begin(const struct copier *copier, const struct place *place, const struct entry *entry,
                struct stat *ret_src, struct existing *ret_existing, struct outcome *ret);

/* Makes @node under @entry's name, at once where nothing can be in the way, else
 * by a temporary name. Returns 0, or -errno of what failed with *@ret filled. */
int node_publish(const struct copier *copier, const struct place *place, const struct entry *entry,
                 const struct stat *src, struct existing *existing, const struct node *node, struct outcome *ret);

/* A symlink as itself; a FIFO, socket or device as itself. */
void node_copy_symlink(struct copier *copier, const struct place *place, const struct entry *entry,
                       struct outcome *ret);
void node_copy_special(struct copier *copier, const struct place *place, const struct entry *entry,
                       struct outcome *ret);

/* -l and -s: a hard link of, or a symlink to, the source instead of a copy. */
void node_link_source(struct copier *copier, const struct place *place, const struct entry *entry,
                      struct outcome *ret);
void node_point_at_source(struct copier *copier, const struct place *place, const struct entry *entry,
                          struct outcome *ret);
