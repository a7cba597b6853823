/*
 * Numbers as people read them, and as they type them.
 *
 * Promises fixed maximum widths: a size or rate is at most 9 columns
 * ("1023 MiB", "1.25 GiB"), a duration at most 9 ("59s", "12:05", "1:02:03",
 * "3d 04h"), a count at most 7 ("123,456" below a million, then "1.23M").
 *
 * Runs in: both.  Blocks: never.  Allocates: no.  Owns: nothing.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define HUMAN_SIZE 16 /* room for any of these with its NUL */

/* Bytes in powers of 1024. Returns @buf. */
char *human_bytes(char buf[static HUMAN_SIZE], uint64_t bytes);

/* A count of things. Returns @buf. */
char *human_count(char buf[static HUMAN_SIZE], uint64_t count);

/* A duration from nanoseconds. Returns @buf. */
char *human_duration(char buf[static HUMAN_SIZE], uint64_t ns);

/* Reads "100M", "1.5G", "300k", "42": bytes, K M G T powers of 1024, an
 * optional trailing "B" or "iB". Returns 0, -EINVAL or -ERANGE. */
int human_parse_bytes(const char *text, uint64_t *ret_bytes);
