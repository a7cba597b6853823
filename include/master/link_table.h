/*
 * Hard links: the first name of an inode is copied, the others wait for it.
 *
 * Promises memory only for inodes with more than one link, given back when the
 * last link has been seen and the first copied; and that when the first copy fails, the
 * next name takes its place.
 *
 * Runs in: the master.  Blocks: never.  Allocates: an entry an inode, a waiter
 * a name that waits.  Owns: those, and references to the waiters' directories.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "master/dir_node.h"

struct link_table;

struct link_waiter {
	struct link_waiter *next;
	struct dir_node *dir; /* counted */
	uint64_t size;
	uint32_t mode;
	char name[];
};

enum link_verdict {
	LINK_COPY, /* the first name seen: copy it, then call link_table_copied() or _failed() */
	LINK_WAIT, /* the first name is being copied: the table holds this one */
	LINK_NOW,  /* the first name is there: link to it */
};

struct link_table *link_table_new(void);
void link_table_free(struct link_table *table);

/* One more name of the inode was found. @keep: never forget the inode
 * (-L, where names outnumber links). For LINK_NOW *@ret_first is the path below
 * the destination base of the first copy, valid until the next call. */
enum link_verdict link_table_seen(struct link_table *table, uint64_t dev, uint64_t ino, uint32_t nlink,
                                  bool keep, const char **ret_first);

/* After LINK_WAIT: keeps the name until the first is there. */
void link_table_wait(struct link_table *table, uint64_t dev, uint64_t ino, struct dir_node *dir, const char *name,
                     uint32_t mode, uint64_t size);

/* The first copy is in the destination at @path. Returns the waiters, which the
 * caller now owns (link_waiter_free()). False when the inode is not in the table. */
struct link_waiter *link_table_copied(struct link_table *table, uint64_t dev, uint64_t ino, const char *path);

/* The first copy failed. Returns the waiter that is to be copied instead, or NULL. */
struct link_waiter *link_table_failed(struct link_table *table, uint64_t dev, uint64_t ino);

/* Frees one waiter and its reference. */
void link_waiter_free(struct link_waiter *waiter);

/* Inodes remembered. */
uint64_t link_table_size(const struct link_table *table);
