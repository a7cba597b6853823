/*
 * getline(3) and the inverse of display_escape(). A NUL-separated format would
 * need no escapes, and lost: a log of failures is read by people first.
 */
#include "master/file_list.h"

#include "base/cleanup.h"
#include "base/display.h"
#include "base/message.h"

#include <stdio.h>
#include <string.h>

/* One escape sequence at @text; writes its byte. Returns the characters taken. */
static size_t unescape_one(const char *text, char *ret_byte)
{
	static const char letters[] = "abtnvfr", bytes[] = "\a\b\t\n\v\f\r";
	const char *letter = text[1] ? strchr(letters, text[1]) : NULL;
	unsigned value = 0;
	size_t digits = 0;

	if (letter) {
		*ret_byte = bytes[letter - letters];
		return 2;
	}
	while (digits < 3 && text[1 + digits] >= '0' && text[1 + digits] <= '7')
		value = value * 8 + (unsigned)(text[1 + digits++] - '0');
	if (digits == 3) {
		*ret_byte = (char)value;
		return 4;
	}
	*ret_byte = text[1] ? text[1] : '\\';
	return text[1] ? 2 : 1;
}

static void unescape(char *text)
{
	char *to = text;

	while (*text)
		if (*text == '\\')
			text += unescape_one(text, to++);
		else
			*to++ = *text++;
	*to = '\0';
}

static void add(struct file_list *list, const char *line)
{
	if ((list->count & (list->count - 1)) == 0)
		list->name = realloc(list->name, (list->count ? list->count * 2 : 1) * sizeof(*list->name));
	if (!list->name || !(list->name[list->count] = strdup(line)))
		abort();
	unescape(list->name[list->count++]);
}

int file_list_read(const char *path, struct file_list *ret)
{
	FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
	CLEANUP_FREE char *line = NULL;
	size_t size = 0;
	int err = file ? 0 : errno;

	*ret = (struct file_list){ 0 };
	while (file && getline(&line, &size, file) >= 0) {
		line[strcspn(line, "\t\n")] = '\0';
		if (*line)
			add(ret, line);
	}
	if (file && ferror(file))
		err = errno;
	if (file && file != stdin)
		fclose(file);
	if (err) {
		CLEANUP_FREE char *quoted = display_quote(path);

		message_say("cannot read the list of files %s: %s", quoted, strerror(err));
		file_list_done(ret);
	}
	return -err;
}

void file_list_done(struct file_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->name[i]);
	free(list->name);
	*list = (struct file_list){ 0 };
}
