/*
 * The mark of an unfinished temporary file: which inode on which boot it is, and
 * of which state of which source.
 *
 * Promises that two marks are alike only when nothing of that has changed (device,
 * inode, size, mtime, ctime of the source; the rules for holes and sharing).
 *
 * Runs in: the worker.  Blocks: never.  Allocates: no.  Owns: nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "base/policy.h"

#define MARK_SIZE 320

/* One line of text. It begins with what the file itself must be (format, boot, its
 * own device and inode), then says of which source it is, then of which state of that
 * source: a prefix that matches tells how far to believe it. */
struct mark {
	char text[MARK_SIZE];
	size_t own_len;    /* up to where it is about the temporary file itself */
	size_t source_len; /* up to where it says which source */
	size_t len;
};

/* Writes the part about the temporary file itself. False where the boot is not known
 * (no /proc): then no other run's mark is to be believed. */
bool mark_begin(struct mark *mark, const struct stat *own);

/* Writes all of it. Returns as mark_begin(). */
bool mark_make(struct mark *mark, const struct copy_policy *policy, const struct stat *own, const struct stat *src);

/* What @text of @len bytes, read from a file that @mark describes, says. */
enum mark_match {
	MARK_NONE,        /* nothing, or of another file or source */
	MARK_OTHER_STATE, /* it is of this source as it was once */
	MARK_MATCHES,
};
enum mark_match mark_compare(const struct mark *mark, const char *text, size_t len);

/* True when @text is a mark of this file on this boot, of whatever source. */
bool mark_is_own(const struct mark *mark, const char *text, size_t len);
