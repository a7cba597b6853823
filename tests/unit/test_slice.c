/* What a listing found comes back as it came, however much of it came at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "master/slice.h"

#define ROUNDS 20

/* So many names, numbered from @*number on; fewer where no more fit. */
static void add(struct slice **slice, uint32_t most, uint64_t *number)
{
	struct record record = { .kind = RECORD_LISTED, .job = 1 };
	uint8_t bytes[RECORD_MAX];
	struct listed_names names;
	size_t len = record_format(bytes, &record), more = len;
	char name[32];

	for (uint32_t i = 0; i < most && more > 0; i++) {
		struct listed listed = { .ino = *number };

		listed.name_len = (uint32_t)snprintf(name, sizeof(name), "n%ju", (uintmax_t)*number);
		more = record_add_listed(bytes, len, &listed, name);
		len = more ? more : len;
		*number += more > 0;
	}
	assert_int_equal(record_parse(bytes, len, &record, &names), 0);
	*slice = slice_add(*slice, &names);
}

static void nothing_is_nothing(void **state)
{
	struct listed_names names = slice_names(NULL);
	struct listed listed;
	uint32_t at = 0;

	(void)state;
	assert_int_equal(names.count, 0);
	assert_null(listed_next(&names, &at, &listed));
}

/* One name, and behind it as many as fit: more than twice what there was room for. */
static void few_and_many_come_back_in_order(void **state)
{
	struct slice *slice = NULL;
	struct listed_names names;
	struct listed listed;
	uint64_t added = 0, seen = 0;
	uint32_t at = 0;
	const char *name;
	char expected[32];

	(void)state;
	for (int i = 0; i < ROUNDS; i++)
		add(&slice, i % 2 ? RECORD_MAX : 28, &added);
	names = slice_names(slice);
	assert_int_equal(names.count, added);
	for (; (name = listed_next(&names, &at, &listed)) != NULL; seen++) {
		snprintf(expected, sizeof(expected), "n%ju", (uintmax_t)seen);
		assert_string_equal(name, expected);
		assert_int_equal(listed.ino, seen);
	}
	assert_int_equal(seen, added);
	free(slice);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_nothing),
		cmocka_unit_test(few_and_many_come_back_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
