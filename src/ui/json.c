/*
 * Numbers are put together from integers: printf's %f writes a decimal comma
 * in half of the world's locales. UTF-8 is checked here and not by mbrtowc(),
 * because a program may run in the C locale and still copy names in UTF-8.
 */
#include "ui/json.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void put(struct json *json, const char *text, size_t len)
{
	if (json->used + len + 1 > json->size) {
		size_t size = 2 * (json->used + len) + 512;
		char *grown = realloc(json->text, size);

		if (!grown) {
			json->out_of_memory = true;
			return;
		}
		json->text = grown;
		json->size = size;
	}
	memcpy(json->text + json->used, text, len);
	json->used += len;
	json->text[json->used] = '\0';
}

static void put_text(struct json *json, const char *text)
{
	put(json, text, strlen(text));
}

static void put_format(struct json *json, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put_format(struct json *json, const char *format, ...)
{
	char text[64];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (len > 0)
		put(json, text, (size_t)len);
}

static void put_name(struct json *json, const char *name)
{
	if (json->member_follows)
		put_text(json, ",");
	json->member_follows = true;
	put_text(json, "\"");
	put_text(json, name);
	put_text(json, "\":");
}

void json_open(struct json *json)
{
	json->used = 0;
	json->out_of_memory = false;
	json->member_follows = false;
	put_text(json, "{");
}

bool json_close(struct json *json)
{
	put_text(json, "}\n");
	return !json->out_of_memory;
}

void json_open_member(struct json *json, const char *name)
{
	put_name(json, name);
	put_text(json, "{");
	json->member_follows = false;
}

void json_close_member(struct json *json)
{
	put_text(json, "}");
	json->member_follows = true;
}

void json_number(struct json *json, const char *name, uint64_t value)
{
	put_name(json, name);
	put_format(json, "%" PRIu64, value);
}

void json_seconds(struct json *json, const char *name, double value)
{
	uint64_t thousandths = value > 0 ? (uint64_t)(value * 1e3 + 0.5) : 0;

	put_name(json, name);
	put_format(json, "%" PRIu64 ".%03" PRIu64, thousandths / 1000, thousandths % 1000);
}

void json_fraction(struct json *json, const char *name, double value)
{
	uint64_t millionths = value > 0 ? (uint64_t)(value * 1e6) : 0;

	put_name(json, name);
	put_format(json, "%" PRIu64 ".%06" PRIu64, millionths / 1000000, millionths % 1000000);
}

void json_bool(struct json *json, const char *name, bool value)
{
	put_name(json, name);
	put_text(json, value ? "true" : "false");
}

void json_null(struct json *json, const char *name)
{
	put_name(json, name);
	put_text(json, "null");
}

/* Bytes of the valid UTF-8 character at @text, 0 when there is none. */
static size_t utf8_length(const unsigned char *text)
{
	size_t len = text[0] < 0x80 ? 1 : text[0] >= 0xf0 ? 4 : text[0] >= 0xe0 ? 3 : 2;
	uint32_t c = len == 1 ? text[0] : text[0] & (0xffu >> (len + 1));
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};

	if (text[0] >= 0x80 && (text[0] < 0xc2 || text[0] > 0xf4))
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (text[i] & 0x3fu);
	}
	return c < least[len] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff) ? 0 : len;
}

/* Returns false when something of @text was not UTF-8. */
static bool put_string(struct json *json, const char *text)
{
	bool valid = true;

	put_text(json, "\"");
	while (*text) {
		size_t len = utf8_length((const unsigned char *)text);

		if (len == 0) {
			put_text(json, "\\ufffd");
			valid = false;
			len = 1;
		} else if (*text == '"' || *text == '\\') {
			put_format(json, "\\%c", *text);
		} else if ((unsigned char)*text < 0x20 || *text == 0x7f) {
			put_format(json, "\\u%04x", (unsigned)(unsigned char)*text);
		} else {
			put(json, text, len);
		}
		text += len;
	}
	put_text(json, "\"");
	return valid;
}

static void put_base64(struct json *json, const char *bytes)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	size_t len = strlen(bytes);

	put_text(json, "\"");
	for (size_t i = 0; i < len; i += 3) {
		uint32_t three = (uint32_t)(unsigned char)bytes[i] << 16;
		char four[4];

		if (i + 1 < len)
			three |= (uint32_t)(unsigned char)bytes[i + 1] << 8;
		if (i + 2 < len)
			three |= (unsigned char)bytes[i + 2];
		four[0] = digits[three >> 18];
		four[1] = digits[three >> 12 & 63];
		four[2] = i + 1 < len ? digits[three >> 6 & 63] : '=';
		four[3] = i + 2 < len ? digits[three & 63] : '=';
		put(json, four, sizeof(four));
	}
	put_text(json, "\"");
}

void json_string(struct json *json, const char *name, const char *bytes_name, const char *text)
{
	bool valid;

	put_name(json, name);
	valid = put_string(json, text);
	if (valid || !bytes_name)
		return;
	put_name(json, bytes_name);
	put_base64(json, text);
}

void json_strings(struct json *json, const char *name, const char *const *texts, size_t n)
{
	put_name(json, name);
	put_text(json, "[");
	for (size_t i = 0; i < n; i++) {
		if (i)
			put_text(json, ",");
		put_string(json, texts[i]);
	}
	put_text(json, "]");
}

void json_free(struct json *json)
{
	free(json->text);
	*json = (struct json){0};
}
