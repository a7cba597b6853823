/*
 * Names and text as a terminal or a log may show them.
 *
 * Promises that no control character (C0, C1, DEL), no invalid UTF-8 and no
 * bidirectional override reaches the output, and that widths are counted in
 * terminal columns (wide CJK and emoji 2, combining 0), not in bytes.
 *
 * Runs in: the master.  Blocks: never.  Allocates: display_quote() only.
 * Owns: nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Writes @name into @buf with everything unprintable as a C escape (\n, \t,
 * \033, \377 octal) and backslash doubled. Stops at a whole character when
 * @size is reached. Returns the bytes written without the NUL. */
size_t display_escape(char *buf, size_t size, const char *name);

/* Returns @name escaped and between single quotes ('it\'s'), to be freed by the
 * caller. Never NULL: aborts without memory. */
char *display_quote(const char *name);

/* Returns @name quoted so that a POSIX shell reads it back byte for byte
 * (plain when it needs no quoting), to be freed by the caller. */
char *display_shell_quote(const char *name);

/* Returns the columns @text (already escaped) takes on a terminal. */
size_t display_width(const char *text);

/* Writes @text (already escaped) into @buf in at most @columns columns,
 * leaving out the middle when it does not fit ("long-na…e.txt", "..." when not
 * @utf8). Returns the columns used. */
size_t display_elide(char *buf, size_t size, const char *text, size_t columns, bool utf8);
