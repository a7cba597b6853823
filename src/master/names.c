/*
 * Joined on demand: a name is wanted for one entry in thousands.
 */
#include "master/names.h"

#include "base/cleanup.h"

#include <stdio.h>
#include <string.h>

static char *join(const char *top, const char *below)
{
	size_t len = strlen(top);
	bool slash = *top && *below && top[len - 1] != '/';
	char *joined;

	if (asprintf(&joined, "%s%s%s", top, slash ? "/" : "", below) < 0)
		abort();
	return joined;
}

/* An operand that is not a directory goes by its own name, and by another one
 * in the destination. */
static bool is_operand(const struct tree_root *root, const struct dir_node *dir, const char *leaf)
{
	return root->leaf && dir->is_root && leaf && strcmp(leaf, root->leaf) == 0;
}

char *names_source(const struct tree *tree, const struct dir_node *dir, const char *leaf)
{
	const struct tree_root *root = &tree->roots[dir->root];
	CLEANUP_FREE char *below = NULL;
	size_t size = 0;

	if (is_operand(root, dir, leaf))
		return join(root->source, "");
	dir_node_path(dir, leaf, &below, &size);
	return join(root->leaf ? root->parent : root->source, below);
}

char *names_below_dest(const struct tree *tree, const struct dir_node *dir, const char *leaf)
{
	const struct tree_root *root = &tree->roots[dir->root];
	CLEANUP_FREE char *below = NULL;
	size_t size = 0;

	if (is_operand(root, dir, leaf))
		return join(root->dest_dir, root->dest_leaf);
	dir_node_path(dir, leaf, &below, &size);
	return join(root->dest_dir, below);
}

char *names_dest(const struct tree *tree, const struct dir_node *dir, const char *leaf)
{
	CLEANUP_FREE char *below = names_below_dest(tree, dir, leaf);

	/* "." is how the parent of a plain name is opened, not how it is called. */
	return join(strcmp(tree->dest_base, ".") == 0 && *below ? "" : tree->dest_base, below);
}
