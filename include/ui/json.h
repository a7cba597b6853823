/*
 * JSON objects written member by member into a growing buffer.
 *
 * Promises valid JSON in UTF-8 whatever the bytes of a name are and whatever
 * the locale is: a name that is not UTF-8 is shown with U+FFFD for each bad
 * byte, and its bytes follow in base64 as a member of their own.
 *
 * Runs in: the master.  Blocks: never.  Allocates: the buffer; without memory
 * the text is cut short and json_close() says so.  Owns: the buffer.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json {
	char *text; /* NUL-terminated when not NULL */
	size_t used, size;
	bool member_follows, out_of_memory;
};

/* Starts an object in the buffer, which is emptied; to begin with, all zero. */
void json_open(struct json *json);

/* Ends the object and adds a newline. Returns false when memory ran out. */
bool json_close(struct json *json);

void json_number(struct json *json, const char *name, uint64_t value);

/* With three decimals. */
void json_seconds(struct json *json, const char *name, double value);

/* With six decimals, for a fraction of 1. */
void json_fraction(struct json *json, const char *name, double value);
void json_bool(struct json *json, const char *name, bool value);
void json_null(struct json *json, const char *name);

/* @text; with @bytes_name not NULL, its bytes too when it is not valid UTF-8. */
void json_string(struct json *json, const char *name, const char *bytes_name, const char *text);

/* An array of strings, as json_string() without the bytes. */
void json_strings(struct json *json, const char *name, const char *const *texts, size_t n);

/* An object or its end inside the object. */
void json_open_member(struct json *json, const char *name);
void json_close_member(struct json *json);

void json_free(struct json *json);
