/*
 * Three significant digits, so that a number never changes its width by more
 * than its magnitude does, and the row it stands in does not jump about.
 *
 * printf's %f and %'d and strtod() lost: they follow the user's locale, and a log or
 * an option must read the same everywhere.
 */
#include "base/human.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/clock.h"

static char *write_three_digits(char *buf, double value, const char *unit)
{
	unsigned hundredths = (unsigned)(value * 100 + 0.5), tenths = (unsigned)(value * 10 + 0.5);

	if (hundredths < 1000)
		snprintf(buf, HUMAN_SIZE, "%u.%02u%s", hundredths / 100, hundredths % 100, unit);
	else if (tenths < 1000)
		snprintf(buf, HUMAN_SIZE, "%u.%u%s", tenths / 10, tenths % 10, unit);
	else
		snprintf(buf, HUMAN_SIZE, "%u%s", (unsigned)(value + 0.5), unit);
	return buf;
}

char *human_bytes(char buf[static HUMAN_SIZE], uint64_t bytes)
{
	static const char *const units[] = {" KiB", " MiB", " GiB", " TiB", " PiB", " EiB"};
	double value = (double)bytes / 1024;
	unsigned unit = 0;

	if (bytes < 1024) {
		snprintf(buf, HUMAN_SIZE, "%" PRIu64 " B", bytes);
		return buf;
	}
	/* 1023.5 and more would be shown as 1024: that is one of the next unit. */
	while (value >= 1023.5 && unit < 5) {
		value /= 1024;
		unit++;
	}
	return write_three_digits(buf, value, units[unit]);
}

char *human_count(char buf[static HUMAN_SIZE], uint64_t count)
{
	static const char *const units[] = {"M", "G", "T", "P", "E"};
	double value = (double)count / 1e6;
	unsigned unit = 0;

	if (count < 1000) {
		snprintf(buf, HUMAN_SIZE, "%" PRIu64, count);
		return buf;
	}
	if (count < 1000000) {
		snprintf(buf, HUMAN_SIZE, "%" PRIu64 ",%03" PRIu64, count / 1000, count % 1000);
		return buf;
	}
	while (value >= 999.5 && unit < 4) {
		value /= 1000;
		unit++;
	}
	return write_three_digits(buf, value, units[unit]);
}

char *human_duration(char buf[static HUMAN_SIZE], uint64_t ns)
{
	uint64_t s = ns / NS_PER_S;
	unsigned minutes = (unsigned)(s / 60 % 60), seconds = (unsigned)(s % 60);
	unsigned hours = (unsigned)(s / 3600 % 24);
	uint64_t days = s / 86400;

	if (s < 60)
		snprintf(buf, HUMAN_SIZE, "%us", seconds);
	else if (s < 3600)
		snprintf(buf, HUMAN_SIZE, "%u:%02u", minutes, seconds);
	else if (s < 86400)
		snprintf(buf, HUMAN_SIZE, "%u:%02u:%02u", hours, minutes, seconds);
	else if (days < 10000)
		snprintf(buf, HUMAN_SIZE, "%" PRIu64 "d %02uh", days, hours);
	else
		snprintf(buf, HUMAN_SIZE, "%" PRIu64 "d", days);
	return buf;
}

/* Reads the unit at @text up to its end; false when it is none. */
static bool parse_unit(const char *text, uint64_t *ret_factor)
{
	static const char letters[] = "KMGTPE";
	unsigned power = 0;

	for (unsigned i = 0; *text && letters[i]; i++)
		if (toupper((unsigned char)*text) == letters[i])
			power = i + 1;
	if (power)
		text++;
	if (power && *text == 'i' && text[1] == 'B')
		text++;
	if (*text == 'B')
		text++;
	*ret_factor = UINT64_C(1) << (10 * power);
	return !*text;
}

int human_parse_bytes(const char *text, uint64_t *ret_bytes)
{
	uint64_t whole = 0, factor, part;
	double fraction = 0, weight = 1;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	for (; isdigit((unsigned char)*text); text++) {
		if (__builtin_mul_overflow(whole, UINT64_C(10), &whole) ||
		    __builtin_add_overflow(whole, (uint64_t)(*text - '0'), &whole))
			return -ERANGE;
	}
	if (*text == '.') {
		text++;
		if (!isdigit((unsigned char)*text))
			return -EINVAL;
		for (; isdigit((unsigned char)*text); text++) {
			weight /= 10;
			fraction += (*text - '0') * weight;
		}
	}
	if (!parse_unit(text, &factor))
		return -EINVAL;
	part = (uint64_t)(fraction * (double)factor + 1e-6);
	if (__builtin_mul_overflow(whole, factor, &whole) || __builtin_add_overflow(whole, part, &whole))
		return -ERANGE;
	*ret_bytes = whole;
	return 0;
}
