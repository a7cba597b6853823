/*
 * Parent pointers and names. A string per directory would be simpler to read
 * and lost: a chain of 5,000 directories would hold 5,000 paths of up to a
 * megabyte each, where this holds 5,000 names.
 */
#include "master/dir_node.h"

#include "base/cleanup.h"

#include <string.h>

static uint64_t last_id;

struct dir_node *dir_node_new(struct dir_node *parent, uint32_t root, const char *name)
{
	size_t len = strlen(name);
	struct dir_node *node = calloc(1, sizeof(*node) + len + 1);

	if (!node)
		abort();
	node->parent = parent ? dir_node_ref(parent) : NULL;
	node->id = ++last_id;
	node->refs = 1;
	node->pending = 1;
	node->root = root;
	node->open_in = -1;
	memcpy(node->name, name, len + 1);
	return node;
}

struct dir_node *dir_node_ref(struct dir_node *node)
{
	node->refs++;
	return node;
}

/* A loop, not a recursion: the last leaf of a deep chain may free all of it. */
void dir_node_unref(struct dir_node *node)
{
	while (node && --node->refs == 0) {
		struct dir_node *parent = node->parent;

		free(node);
		node = parent;
	}
}

static size_t path_length(const struct dir_node *node)
{
	size_t len = 0;

	for (; !node->is_root; node = node->parent)
		len += strlen(node->name) + 1;
	return len;
}

const char *dir_node_path(const struct dir_node *node, const char *leaf, char **buffer, size_t *size)
{
	size_t leaf_len = leaf ? strlen(leaf) : 0;
	size_t end = path_length(node) + leaf_len;

	if (*size < end + 1) {
		char *grown = realloc(*buffer, end + 256);

		if (!grown)
			abort();
		*buffer = grown;
		*size = end + 256;
	}
	char *path = *buffer;

	if (leaf)
		memcpy(path + end - leaf_len, leaf, leaf_len);
	else if (end > 0)
		end--; /* no slash after the last directory */
	path[end] = '\0';

	size_t at = leaf ? end - leaf_len : end;

	for (bool slash = leaf; !node->is_root; node = node->parent, slash = true) {
		size_t len = strlen(node->name);

		if (slash)
			path[--at] = '/';
		at -= len;
		memcpy(path + at, node->name, len);
	}
	return path;
}

bool dir_node_within(const struct dir_node *node, uint64_t dev, uint64_t ino)
{
	for (; node; node = node->parent)
		if (node->dev == dev && node->ino == ino)
			return true;
	return false;
}
