/*
 * What a directory entry is called, on either side.
 *
 * Promises the names a user would write: the operand as given, then the path
 * below it. For messages, listings and LINK targets; never for opening.
 *
 * Runs in: the master.  Blocks: never.  Allocates: the returned string, the
 * caller frees it; aborts without memory.  Owns: nothing.
 */
#pragma once

#include "copy/tree.h"
#include "master/dir_node.h"

/* @leaf may be NULL for the directory itself. */
char *names_source(const struct tree *tree, const struct dir_node *dir, const char *leaf);
char *names_dest(const struct tree *tree, const struct dir_node *dir, const char *leaf);

/* The destination's path below the destination base. */
char *names_below_dest(const struct tree *tree, const struct dir_node *dir, const char *leaf);
