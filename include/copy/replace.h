/*
 * A finished temporary name takes its final one.
 *
 * Promises that a reader of the final name sees the old or the new, that a
 * name that had to be free is not overwritten, that a backup is made without
 * the old name vanishing where the file system has hard links, and that the
 * temporary name is gone afterwards, however it ends.
 *
 * Runs in: the worker.  Blocks: as the file system does.  Allocates: no.
 * Owns: @temp, from the call on.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>

#include "copy/entry.h"
#include "copy/existing.h"

/* Renames @temp in the destination directory to @entry's name, as *@existing
 * was decided; decides again when the name was taken meanwhile. True: it has its
 * name. False: *@ret says why, and @temp is removed. */
bool replace_publish(const struct copier *copier, const struct place *place, const struct entry *entry,
                     const struct stat *src, struct existing *existing, const char *temp, struct outcome *ret);

/* Writes the name of a simple backup of @name into @buf. Returns 0 or -ENAMETOOLONG. */
int replace_backup_name(const struct copier *copier, const char *name, char *buf, size_t size);
