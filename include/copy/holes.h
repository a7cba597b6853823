/*
 * Holes: finding them in a source, making them in a destination.
 *
 * Promises never to name a hole where the source has data, and never to leave
 * old bytes where a hole was asked for.
 *
 * Runs in: the worker.  Blocks: as the file systems do.  Allocates: no.
 * Owns: nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A stretch of data in a file. */
struct extent {
	uint64_t start, end;
};

/* True when the source's file system names at least one hole in @fd, a file of
 * @size bytes whose blocks are fewer than that. False where SEEK_HOLE is not
 * known, or known only as "one hole, at the end" (NFS before 4.2). */
bool holes_are_named(int fd, uint64_t size);

/* Finds the first data in [@pos, @end). A hole up to @end gives start = end = @end.
 * Returns 0; -ENXIO when the file now ends before its data does (it shrank);
 * or another -errno. */
int holes_next_data(int fd, uint64_t pos, uint64_t end, struct extent *ret_extent);

/* Turns [@offset, @offset + @length) of @fd into a hole, whatever was there.
 * Returns 0 or -errno (-EOPNOTSUPP: this file system cannot). */
int holes_punch(int fd, uint64_t offset, uint64_t length);

/* Frees what was allocated ahead of writing in the hole that ends @fd's file,
 * from @written_end to @end, its size. Returns as holes_punch(). */
int holes_free_ahead(int fd, uint64_t written_end, uint64_t end);

/* True when the file just written has a hole that its file system admits to. */
bool holes_were_kept(int fd);

/* Returns the length of the run at the start of @buf that is all zeros
 * (*@ret_zeros true) or that is not, in whole blocks of the file: @offset is
 * where @buf[0] belongs. A part of a block counts as zeros only when @buf ends
 * the file (@last). */
size_t holes_run(const unsigned char *buf, size_t len, uint64_t offset, bool last, bool *ret_zeros);
