/*
 * --files-from: SOURCE names from a file.
 *
 * Promises the names that --log-file writes, byte for byte: one a line, escaped
 * as in messages, up to a tab. "-" is standard input.
 *
 * Runs in: the master, before the first fork.  Blocks: as reading the file does.
 * Allocates: the names.  Owns: the list until file_list_done().
 */
#pragma once

#include <stddef.h>

struct file_list {
	char **name;
	size_t count;
};

/* Returns 0, or -errno after a sentence. */
int file_list_read(const char *path, struct file_list *ret);
void file_list_done(struct file_list *list);
