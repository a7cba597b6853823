/*
 * What kind of storage the destination is on.
 *
 * Promises a few facts found once, before the first fork: how much fits, whether
 * reflinks may make that question moot, and whether the data should be flushed
 * before the run is called done.
 *
 * Runs in: the master, before the first fork.  Blocks: as statfs(2) does.
 * Allocates: no.  Owns: nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct storage {
	uint64_t free_bytes;  /* UINT64_MAX: unknown */
	uint64_t free_inodes; /* UINT64_MAX: unknown or without limit */
	bool shares_extents;  /* the file system can clone: a copy may need no space */
	bool flush_at_end;    /* removable or network storage */
	bool slow;            /* each request waits: network storage, FUSE */
};

/* Looks at the file system of @dir_fd (O_PATH will do). Never fails: what
 * cannot be found out is unknown. */
void storage_look(int dir_fd, struct storage *ret);

/* Only whether each request waits; of any file. */
bool storage_is_slow(int fd);
