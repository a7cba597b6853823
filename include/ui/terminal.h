/*
 * A few rows at the cursor that can be redrawn in place.
 *
 * Promises that the terminal is never in a state a sudden death would leave
 * broken: no alternate screen, no scroll region, no hidden cursor, no mode
 * changed after a draw, nothing in the last column; and that each change is one
 * write(2).
 *
 * Runs in: the master, after the fork.  Blocks: as write(2) to the terminal
 * does.  Allocates: at start and to grow its buffer.  Owns: the rows it drew.
 */
#pragma once

#include <stdbool.h>

struct terminal;

/* True when @fd is a terminal we are in the foreground of and TERM is usable. */
bool terminal_possible(int fd);

/* Prepares drawing on @fd, which stays the caller's. Returns 0, -ENOTTY, or
 * -ENOTSUP when TERM is missing, dumb or unknown. */
int terminal_new(int fd, struct terminal **ret_terminal);
void terminal_free(struct terminal *terminal);

/* The size now, at least 1x1. */
void terminal_size(const struct terminal *terminal, unsigned *ret_columns, unsigned *ret_rows);

/* The rows it can redraw in place: 1 without a way to move up. */
unsigned terminal_max_rows(const struct terminal *terminal);

/* Draws @n rows over the ones drawn before. Each must be narrower than the
 * terminal. Does nothing while we are in the background. */
void terminal_draw(struct terminal *terminal, const char *const rows[], unsigned n);

/* Takes the rows away: the cursor is where the first one began. */
void terminal_erase(struct terminal *terminal);

/* Writes @line above the rows. */
void terminal_print(struct terminal *terminal, const char *line);

/* Sets the title of the window behind @fd to @title (printable text), or with
 * NULL gives back the one it had. Nothing on terminals not known to have one. */
void terminal_title(int fd, const char *title);
