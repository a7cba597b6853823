/*
 * The help, printed from the option table.
 *
 * Lines are broken here rather than in the table, so that a row stays one
 * sentence and no line is ever wider than 79 columns: the label, then the text
 * from column TEXT_COLUMN on, below the label when that is too long.
 */
#include "cli/usage.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/message.h"
#include "cli/option_table.h"

#define LINE_COLUMNS 79
#define TEXT_COLUMN 29

/* Writes "  -a, --archive" into @buf. */
static void format_label(const struct option_row *row, char buf[static LINE_COLUMNS + 1])
{
	char *end = buf + LINE_COLUMNS + 1, *at = buf;

	at += snprintf(at, (size_t)(end - at), "  ");
	for (const char *c = row->letters; *c; c++)
		at += snprintf(at, (size_t)(end - at), "-%c%s", *c, c[1] || row->name ? ", " : "");
	if (row->name)
		at += snprintf(at, (size_t)(end - at), "%s--%s", *row->letters ? "" : "    ", row->name);
	if (row->argument)
		at += snprintf(at, (size_t)(end - at), row->optional ? "[=%s]" : "=%s", row->argument);
	assert(at < end);
}

/* Returns how many bytes of @text go on one line of @columns, not counting the blank after. */
static size_t line_length(const char *text, size_t columns)
{
	size_t length = columns;

	if (strlen(text) <= columns)
		return strlen(text);
	while (length > 0 && text[length] != ' ')
		length--;
	return length ? length : columns;
}

static void print_row(const struct option_row *row)
{
	char label[LINE_COLUMNS + 1];
	const char *text = row->help;

	format_label(row, label);
	if (strlen(label) + 2 > TEXT_COLUMN) {
		message_list("%s", label);
		label[0] = '\0';
	}
	while (*text) {
		size_t length = line_length(text, LINE_COLUMNS - TEXT_COLUMN);

		message_list("%-*s%.*s", TEXT_COLUMN, label, (int)length, text);
		label[0] = '\0';
		text += length;
		text += strspn(text, " ");
	}
}

void usage_print_help(void)
{
	static const char *const head[] = {
		"Usage: pcopy [OPTION]... SOURCE... DEST",
		"  or:  pcopy [OPTION]... -t DIR SOURCE...",
		"  or:  pcopy --control=PID pause|resume|jobs N|bwlimit RATE|status",
		"Copy files and folders in parallel, as faithfully as cp -a. If DEST is an",
		"existing directory the copies go inside it, else DEST becomes the copy.",
	};
	static const char *const tail[] = {
		"",
		"Exit status:",
		"    0  all copied",
		"    1  some entries could not be copied; the others were",
		"    2  wrong usage, or the copy could not start",
		"    3  all contents were copied, some metadata was lost",
		"    4  no space left",
		"  130  interrupted: ended by the signal (SIGINT 130, SIGTERM 143)",
		"",
		"Example: pcopy -T -j 8 --sync=end photos /mnt/disk/photos",
	};

	for (size_t i = 0; i < sizeof(head) / sizeof(head[0]); i++)
		message_list("%s", head[i]);
	for (unsigned group = 0; group < GROUP_COUNT; group++) {
		message_list("%s", "");
		message_list("%s:", option_group_title(group));
		for (size_t i = 0; i < option_table_rows; i++)
			if (option_table[i].group == group)
				print_row(&option_table[i]);
	}
	for (size_t i = 0; i < sizeof(tail) / sizeof(tail[0]); i++)
		message_list("%s", tail[i]);
}

void usage_print_version(void)
{
	message_list("pcopy %s", PCOPY_VERSION);
	message_list("Free software under the MIT licence; there is no warranty.");
}
