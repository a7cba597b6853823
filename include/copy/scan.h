/*
 * One slice of one directory.
 *
 * Promises each name once, with what statx says of it, in inode order within a
 * slice where that helps the copy; a cursor that a later slice, in any process,
 * can start from; and that a failed readdir is an error, never an early end.
 *
 * Runs in: the worker.  Blocks: as the file system does.  Allocates: a fixed
 * buffer in the scanner.  Owns: the scanner's memory; not the directory.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct stat;

struct scan_entry {
	const char *name;
	uint64_t dev, ino, size, blocks;
	uint64_t changed_ns;  /* for scan_changed_ns() */
	int64_t accessed_ns;  /* atime since the epoch */
	uint32_t mode, nlink; /* mode 0: it was not looked at, for want of patience; then only name counts */
	const struct stat *st;/* all of it, where it was looked at; else NULL */
	int *fd;              /* the file, open for reading, or NULL: who keeps it puts -1 there */
	int err;              /* positive errno when the entry could not be looked at; then only name counts */
};

struct scanner;

/* What struct scan_entry has as changed_ns: its ctime. Two that differ are of different
 * states. 0 where its atime is too far off for accessed_ns. */
uint64_t scan_changed_ns(const struct stat *st);

int scanner_new(struct scanner **ret_scanner);
void scanner_free(struct scanner *scanner);

/* Called for each entry; a negative return stops the slice and is returned. */
typedef int scan_emit_fn(const struct scan_entry *entry, void *arg);

/* From now on a slice looks at names for @ns, but at one at least; the others, if
 * they are many, it only names, for somebody else to scan_look() at. (Without this: at all.) */
void scanner_set_patience(struct scanner *scanner, uint64_t ns);

/* From now on the files of a directory that has @most names or fewer, and no directory among
 * them, are opened to be looked at: whoever copies them need not find them again. With 0, said
 * in the middle of a slice, no more of it. */
void scanner_set_opens(struct scanner *scanner, uint32_t most);

/* Looks at one name and emits it, unless it is gone. Returns what @emit did, or 0. */
int scan_look(int dir_fd, const char *name, bool follow, scan_emit_fn *emit, void *arg);

/* Lists up to about @limit entries of @dir_fd (O_RDONLY, position is moved)
 * from @cursor (0: the start). @follow stats through symlinks (-L; a dangling
 * one is reported as itself). Temporary names of pcopy are listed like any
 * other: the source is not ours. *@ret_cursor and *@ret_last as in the record.
 * Returns 0 or -errno. */
int scan_slice(struct scanner *scanner, int dir_fd, uint64_t cursor, uint32_t limit, bool follow,
               scan_emit_fn *emit, void *arg, uint64_t *ret_cursor, bool *ret_last);
