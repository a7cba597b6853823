/*
 * A sentence is built whole and leaves in one write(2), so that two processes
 * that share a terminal or a log cannot cut each other's lines.
 *
 * stdio lost: its buffers would be copied into every worker at the fork and
 * come out twice, and an unbuffered stderr writes piece by piece.
 *
 * A listing (-v) is buffered here instead, because a line a file at one system
 * call each would cost more than the copy. The buffer belongs to the master:
 * workers never call this module, so nothing is written twice. It is written
 * out when full, by message_flush(), before any sentence on stderr (so that a
 * log of both reads in order), and line by line on a terminal.
 */
#include "base/message.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"

#define LIST_BUFFER (32 * 1024)
#define LINE_BUFFER 1024

static message_sink_fn *sink;
static void *sink_arg;
static int say_error, list_error;

static char list_buffer[LIST_BUFFER];
static size_t list_used;

/* What stdout is, found out once; a new sink asks again. */
static enum { STDOUT_NOT_ASKED, STDOUT_FILE, STDOUT_TERMINAL, STDOUT_SAME_TERMINAL } stdout_is;

static void ask_stdout(void)
{
	struct stat out, err;

	if (stdout_is != STDOUT_NOT_ASKED)
		return;
	stdout_is = isatty(STDOUT_FILENO) ? STDOUT_TERMINAL : STDOUT_FILE;
	if (stdout_is == STDOUT_TERMINAL && isatty(STDERR_FILENO) && fstat(STDOUT_FILENO, &out) == 0 &&
	    fstat(STDERR_FILENO, &err) == 0 && out.st_rdev == err.st_rdev)
		stdout_is = STDOUT_SAME_TERMINAL;
}

void message_set_sink(message_sink_fn *new_sink, void *arg)
{
	sink = new_sink;
	sink_arg = arg;
	stdout_is = STDOUT_NOT_ASKED;
}

static char *format_text(char space[static LINE_BUFFER], char **ret_block, const char *format, va_list args)
	__attribute__((format(printf, 3, 0)));

/* Formats into @space, or into a block when that is too small: the caller
 * frees *@ret_block. Returns the text, NULL only for a format that cannot be. */
static char *format_text(char space[static LINE_BUFFER], char **ret_block, const char *format, va_list args)
{
	va_list again;
	int len;

	va_copy(again, args);
	len = vsnprintf(space, LINE_BUFFER, format, args);
	*ret_block = NULL;
	if (len >= LINE_BUFFER) {
		*ret_block = malloc((size_t)len + 1);
		if (*ret_block) {
			vsnprintf(*ret_block, (size_t)len + 1, format, again);
			space = *ret_block;
		}
	}
	va_end(again);
	return len < 0 ? NULL : space;
}

int message_failed(void)
{
	return say_error;
}

void message_write(const char *line)
{
	CLEANUP_FREE char *block = NULL;
	char space[LINE_BUFFER];
	size_t len = strlen(line);
	char *text = space;
	int r;

	if (len + 1 > sizeof(space)) {
		block = malloc(len + 1);
		text = block;
	}
	if (text) {
		memcpy(text, line, len);
		text[len] = '\n';
		r = io_write_full(STDERR_FILENO, text, len + 1);
	} else {
		r = io_write_full(STDERR_FILENO, line, len);
		if (r == 0)
			r = io_write_full(STDERR_FILENO, "\n", 1);
	}
	if (r < 0 && say_error == 0)
		say_error = r;
}

void message_say(const char *format, ...)
{
	static const char prefix[] = "pcopy: ";
	CLEANUP_FREE char *block = NULL, *line_block = NULL;
	char space[LINE_BUFFER], line_space[LINE_BUFFER];
	char *text, *line = line_space;
	va_list args;
	size_t len;

	va_start(args, format);
	text = format_text(space, &block, format, args);
	va_end(args);
	if (!text)
		return;
	/* Names come quoted; this is for the system's own texts. */
	for (char *c = text; *c; c++)
		if (*c == '\n' || *c == '\r')
			*c = ' ';
	len = sizeof(prefix) + strlen(text);
	if (len > sizeof(line_space)) {
		line_block = malloc(len);
		line = line_block ? line_block : line_space;
	}
	snprintf(line, line == line_space ? sizeof(line_space) : len, "%s%s", prefix, text);
	message_flush();
	if (sink)
		sink(line, sink_arg);
	else
		message_write(line);
}

/* Hands @text to the sink line by line. */
static void list_to_sink(char *text)
{
	while (text) {
		char *newline = strchr(text, '\n');

		if (newline)
			*newline = '\0';
		if (newline || *text)
			sink(text, sink_arg);
		text = newline ? newline + 1 : NULL;
	}
}

static void list_append(const char *text, size_t len)
{
	if (list_used + len > sizeof(list_buffer))
		message_flush();
	if (len > sizeof(list_buffer)) {
		int r = io_write_full(STDOUT_FILENO, text, len);

		if (r < 0 && list_error == 0)
			list_error = r;
		return;
	}
	memcpy(list_buffer + list_used, text, len);
	list_used += len;
}

void message_list(const char *format, ...)
{
	CLEANUP_FREE char *block = NULL;
	char space[LINE_BUFFER];
	va_list args;
	char *text;
	size_t len;

	va_start(args, format);
	text = format_text(space, &block, format, args);
	va_end(args);
	if (!text)
		return;
	ask_stdout();
	if (sink && stdout_is == STDOUT_SAME_TERMINAL) {
		message_flush();
		list_to_sink(text);
		return;
	}
	len = strlen(text);
	list_append(text, len);
	if (len == 0 || text[len - 1] != '\n')
		list_append("\n", 1);
	if (stdout_is != STDOUT_FILE)
		message_flush();
}

int message_flush(void)
{
	size_t len = list_used;
	int r;

	if (len > 0) {
		list_used = 0;
		r = io_write_full(STDOUT_FILENO, list_buffer, len);
		if (r < 0 && list_error == 0)
			list_error = r;
	}
	return list_error;
}
