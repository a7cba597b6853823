/*
 * Whole reads and writes.
 *
 * Promises that a short count or EINTR is never mistaken for the end.
 *
 * Runs in: both.  Blocks: as the descriptor does.  Allocates: no.  Owns: nothing.
 */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* Reads until @len bytes or the end of the file. Returns the bytes read (less
 * than @len only at the end) or a negative errno. */
ssize_t io_read_full(int fd, void *buf, size_t len);

/* As io_read_full(), at @offset, without moving the file position. */
ssize_t io_pread_full(int fd, void *buf, size_t len, off_t offset);

/* Writes all @len bytes. Returns 0 or a negative errno. A write(2) that
 * returns 0 for a non-zero length is reported as -EIO rather than retried. */
int io_write_full(int fd, const void *buf, size_t len);

/* As io_write_full(), at @offset. */
int io_pwrite_full(int fd, const void *buf, size_t len, off_t offset);
