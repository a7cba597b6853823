/*
 * A view becomes rows of text.
 *
 * Promises that no row is wider than asked, that every name is escaped, and
 * that the same view and size give the same bytes: golden tests compare them.
 *
 * Runs in: the master.  Blocks: never.  Allocates: no.  Owns: nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "ui/progress.h"

#define LAYOUT_ROWS 3
#define LAYOUT_ROW_BYTES 1024

struct layout_size {
	unsigned columns, rows;
	bool utf8;
};

struct layout {
	char row[LAYOUT_ROWS][LAYOUT_ROW_BYTES]; /* NUL-terminated, no control characters */
	unsigned n_rows;
};

/* The inline display: bar and percent (or "scanning" and counts), numbers,
 * the file in hand. Two rows when 40 columns or more and the terminal has
 * them, else one. */
void layout_line(const struct progress_view *view, const struct layout_size *size, struct layout *ret);

/* One row without a bar, for --progress=plain and SIGUSR1. */
void layout_plain(const struct progress_view *view, char buf[static LAYOUT_ROW_BYTES]);

/* A bar of @columns columns filled to @fraction: eighth blocks in UTF-8, else "###---". */
void layout_bar(char *buf, size_t size, unsigned columns, double fraction, bool utf8);
