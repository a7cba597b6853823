/*
 * The one writer of messages.
 *
 * Promises that every sentence pcopy says goes through here, is a single line,
 * starts with the program's name, and never interleaves with the progress
 * display: whoever draws on the terminal registers a sink.
 *
 * Runs in: the master only (a worker's failures are data, not text).
 * Blocks: as write(2) to stderr does.  Allocates: for a line past 1 KiB only.
 * Owns: the sink pointer and the listing not yet written: call message_flush()
 * before the end, and before a fork.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Receives one complete line without its newline; @arg as registered. */
typedef void message_sink_fn(const char *line, void *arg);

/* Sends later messages to @sink; NULL goes back to stderr. */
void message_set_sink(message_sink_fn *sink, void *arg);

/* Says "pcopy: " and the formatted sentence. Names in it must be quoted with display_quote(). */
void message_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Writes @line and a newline to stderr in one write, past the sink: for the
 * sink itself, when nothing is drawn. */
void message_write(const char *line);

/* Returns 0, or the negative errno of the first sentence that could not be
 * written to stderr: it must show in the exit status. */
int message_failed(void);

/* Writes one plain line to stdout (-v, --debug, --help): no prefix; the final
 * newline is added when missing. Goes to the sink when stdout and stderr are
 * the same terminal, so that the display is not torn. Buffered unless stdout
 * is a terminal. */
void message_list(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Writes out what message_list() has buffered. Returns 0 or a negative errno
 * (also of an earlier failed write): a listing that was lost must show in the
 * exit status. */
int message_flush(void);
