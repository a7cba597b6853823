/*
 * Text is walked in clusters: an escape sequence, or a character with the
 * combining marks that follow it. Escaping, measuring and eliding all use the
 * same walk, so that what is counted is what is written, and a cut never parts
 * a letter from its accent or leaves half an escape.
 *
 * What may be printed raw is a white list: a valid character that the C
 * library gives a width, and no bidirectional control. A black list of control
 * ranges lost: it has to be extended with every new way to turn text around.
 *
 * The locale decides: in any but a UTF-8 one every byte past 0x7f is escaped,
 * because nobody can tell what the terminal would make of it.
 */
#include "base/display.h"

#include <ctype.h>
#include <langinfo.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

static bool locale_is_utf8(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

/* Decodes one character of valid UTF-8 at @text. Returns its bytes, 0 when
 * there is none (end, control character, invalid, no UTF-8 locale). */
static size_t decode(const char *text, bool utf8, wchar_t *ret_char)
{
	mbstate_t state = {0};
	size_t len;

	if ((unsigned char)*text < 0x80) {
		*ret_char = (wchar_t)*text;
		return *text >= 0x20 && *text < 0x7f;
	}
	if (!utf8)
		return 0;
	len = mbrtowc(ret_char, text, strlen(text) < 4 ? strlen(text) : 4, &state);
	return len == (size_t)-1 || len == (size_t)-2 ? 0 : len;
}

/* Marks that only change the direction of what follows: a name must not. */
static bool is_bidi_control(wchar_t c)
{
	return c == 0x061c || c == 0x200e || c == 0x200f || (c >= 0x202a && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
}

/* Bytes of the printable character at @text, 0 when it must be escaped. */
static size_t printable(const char *text, bool utf8)
{
	wchar_t c;
	size_t len = decode(text, utf8, &c);

	/* U+2028 and U+2029 break lines though they are no control characters. */
	if (len > 1 && (wcwidth(c) < 0 || is_bidi_control(c) || c == 0x2028 || c == 0x2029))
		return 0;
	return len;
}

/* Writes the escape of one byte. Returns its length. */
static size_t escape_byte(char out[static 5], unsigned char byte)
{
	static const char letters[] = "abtnvfr"; /* 0x07 to 0x0d */

	if (byte >= 0x07 && byte <= 0x0d)
		return (size_t)sprintf(out, "\\%c", letters[byte - 0x07]);
	return (size_t)sprintf(out, "\\%03o", byte);
}

/* Writes the next piece of @name, escaped, and @quote too when it is not NUL.
 * Returns the bytes of @name it stands for. */
static size_t escape_next(const char *name, bool utf8, char quote, char out[static 8])
{
	size_t len = printable(name, utf8);

	if (len == 0) {
		out[escape_byte(out, (unsigned char)*name)] = '\0';
		return 1;
	}
	if (*name == '\\' || (quote && *name == quote)) {
		snprintf(out, 8, "\\%c", *name);
		return 1;
	}
	memcpy(out, name, len);
	out[len] = '\0';
	return len;
}

size_t display_escape(char *buf, size_t size, const char *name)
{
	bool utf8 = locale_is_utf8();
	size_t used = 0;

	while (*name) {
		char piece[8];
		size_t taken = escape_next(name, utf8, '\0', piece);
		size_t len = strlen(piece);

		if (used + len >= size)
			break;
		memcpy(buf + used, piece, len);
		used += len;
		name += taken;
	}
	if (size)
		buf[used] = '\0';
	return used;
}

/* Room for @name with every byte an octal escape, and the quotes around it. */
static char *quote_space(const char *name)
{
	char *space = malloc(4 * strlen(name) + sizeof("$''"));

	if (!space)
		abort();
	return space;
}

/* Writes @name escaped between the opening and a closing quote. */
static void write_quoted(char *out, const char *opening, const char *name)
{
	bool utf8 = locale_is_utf8();

	out = stpcpy(out, opening);
	while (*name) {
		char piece[8];

		name += escape_next(name, utf8, '\'', piece);
		out = stpcpy(out, piece);
	}
	stpcpy(out, "'");
}

char *display_quote(const char *name)
{
	char *quoted = quote_space(name);

	write_quoted(quoted, "'", name);
	return quoted;
}

char *display_shell_quote(const char *name)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+./,:@%=^";
	bool utf8 = locale_is_utf8(), raw = true;
	char *quoted = quote_space(name);

	if (*name && !name[strspn(name, plain)])
		return strcpy(quoted, name);
	for (const char *c = name; *c && raw;) {
		size_t len = printable(c, utf8);

		raw = len > 0 && *c != '\'';
		c += len;
	}
	if (raw)
		sprintf(quoted, "'%s'", name);
	else
		write_quoted(quoted, "$'", name);
	return quoted;
}

/* Bytes of the escape sequence at @text, which begins with a backslash. */
static size_t escape_length(const char *text)
{
	size_t len = 1;

	if (!isdigit((unsigned char)text[1]))
		return text[1] ? 2 : 1;
	while (len < 4 && isdigit((unsigned char)text[len]))
		len++;
	return len;
}

/* The cluster at @text: its bytes, and the columns it takes. */
static size_t next_cluster(const char *text, bool utf8, size_t *ret_columns)
{
	size_t len, more;
	wchar_t c;
	bool joined;

	if (*text == '\\') {
		len = escape_length(text);
		*ret_columns = len;
		return len;
	}
	len = decode(text, utf8, &c);
	*ret_columns = 1;
	if (len == 0)
		return 1;
	*ret_columns = wcwidth(c) < 0 ? 1 : (size_t)wcwidth(c);
	joined = c == 0x200d;
	while (text[len] != '\\' && (more = decode(text + len, utf8, &c)) > 0) {
		int width = wcwidth(c);

		if (width != 0 && !joined)
			break;
		*ret_columns += width < 0 ? 1 : (size_t)width;
		joined = c == 0x200d; /* zero width joiner: the next one belongs here too */
		len += more;
	}
	return len;
}

size_t display_width(const char *text)
{
	bool utf8 = locale_is_utf8();
	size_t width = 0;

	while (*text) {
		size_t columns;

		text += next_cluster(text, utf8, &columns);
		width += columns;
	}
	return width;
}

/* A destination that takes whole clusters only. */
struct room {
	char *buf;
	size_t size, used, columns;
};

static bool room_put(struct room *room, const char *text, size_t len, size_t columns)
{
	if (room->used + len >= room->size)
		return false;
	memcpy(room->buf + room->used, text, len);
	room->used += len;
	room->columns += columns;
	room->buf[room->used] = '\0';
	return true;
}

/* Copies clusters while they fit into @columns. Returns where it stopped. */
static const char *room_put_columns(struct room *room, const char *text, size_t columns, bool utf8)
{
	size_t taken = 0;

	while (*text) {
		size_t width, len = next_cluster(text, utf8, &width);

		if (taken + width > columns || !room_put(room, text, len, width))
			break;
		taken += width;
		text += len;
	}
	return text;
}

size_t display_elide(char *buf, size_t size, const char *text, size_t columns, bool utf8)
{
	const char *mark = utf8 ? "…" : "...";
	size_t mark_columns = utf8 ? 1 : 3;
	bool locale_utf8 = locale_is_utf8();
	struct room room = {buf, size, 0, 0};
	size_t width = display_width(text), head, left;
	const char *rest;

	if (size == 0)
		return 0;
	buf[0] = '\0';
	if (width <= columns && strlen(text) < size) {
		room_put_columns(&room, text, columns, locale_utf8);
		return room.columns;
	}
	if (columns <= mark_columns) {
		if (columns == mark_columns || !utf8)
			room_put(&room, mark, utf8 ? strlen(mark) : columns, columns);
		return room.columns;
	}
	/* Half the bytes are the tail's, too: it has the end of the name. */
	room.size = size / 2 > strlen(mark) ? size / 2 - strlen(mark) : 0;
	head = (columns - mark_columns) / 2;
	rest = room_put_columns(&room, text, head, locale_utf8);
	room.size = size;
	room_put(&room, mark, strlen(mark), mark_columns);
	left = columns - room.columns;
	/* Skip clusters until what is left of the text fits. */
	width = display_width(rest);
	while (*rest && (width > left || strlen(rest) >= size - room.used)) {
		size_t skipped;

		rest += next_cluster(rest, locale_utf8, &skipped);
		width -= skipped;
	}
	room_put_columns(&room, rest, left, locale_utf8);
	return room.columns;
}
