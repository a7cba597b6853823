/*
 * Scope-bound cleanup and ownership transfer.
 *
 * Promises that a descriptor or block declared with one of these attributes is
 * released on every way out of its scope, and that errno survives it.
 *
 * Runs in: both.  Blocks: as close(2) does.  Allocates: no.
 * Owns: the variable it is attached to, until take_fd() or take_ptr().
 */
#pragma once

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* Closes @fd unless it is negative; returns -1, for `fd = close_fd(fd)`. */
static inline int close_fd(int fd)
{
	if (fd >= 0) {
		int saved = errno;

		close(fd);
		errno = saved;
	}
	return -1;
}

static inline void cleanup_fd(int *fd)
{
	close_fd(*fd);
}

static inline void cleanup_free(void *ptr)
{
	free(*(void **)ptr);
}

#define CLEANUP_FD __attribute__((cleanup(cleanup_fd)))
#define CLEANUP_FREE __attribute__((cleanup(cleanup_free)))

/* Returns *@fd and leaves -1 behind: the caller owns the descriptor now. */
static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

/* Returns the pointer and leaves NULL behind: the caller owns the block now. */
#define take_ptr(ptr)                      \
	__extension__({                    \
		__typeof__(ptr) *_p = &(ptr); \
		__typeof__(*_p) _v = *_p;  \
		*_p = NULL;                \
		_v;                        \
	})
