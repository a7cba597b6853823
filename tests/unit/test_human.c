/* Numbers as people read them, at every width they may take. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/human.h"

static void sizes_have_three_digits(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {
		{0, "0 B"},
		{1023, "1023 B"},
		{1024, "1.00 KiB"},
		{1280, "1.25 KiB"},
		{10230, "9.99 KiB"},
		{10239, "10.0 KiB"},
		{102348, "99.9 KiB"},
		{102399, "100 KiB"},
		{UINT64_C(1048575), "1.00 MiB"}, /* not 1024 KiB */
		{UINT64_C(1023) << 20, "1023 MiB"},
		{UINT64_C(5) << 29, "2.50 GiB"},
		{UINT64_C(1) << 40, "1.00 TiB"},
		{UINT64_MAX, "16.0 EiB"},
	};
	char buf[HUMAN_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_string_equal(human_bytes(buf, cases[i].bytes), cases[i].text);
}

static void counts_have_commas_then_units(void **state)
{
	char buf[HUMAN_SIZE];

	(void)state;
	assert_string_equal(human_count(buf, 0), "0");
	assert_string_equal(human_count(buf, 999), "999");
	assert_string_equal(human_count(buf, 1000), "1,000");
	assert_string_equal(human_count(buf, 123045), "123,045");
	assert_string_equal(human_count(buf, 999999), "999,999");
	assert_string_equal(human_count(buf, 1234567), "1.23M");
	assert_string_equal(human_count(buf, 999600000), "1.00G");
	assert_string_equal(human_count(buf, UINT64_MAX), "18.4E");
}

static void durations_grow_by_one_unit(void **state)
{
	char buf[HUMAN_SIZE];

	(void)state;
	assert_string_equal(human_duration(buf, 0), "0s");
	assert_string_equal(human_duration(buf, 59 * NS_PER_S + 999999999), "59s");
	assert_string_equal(human_duration(buf, 60 * NS_PER_S), "1:00");
	assert_string_equal(human_duration(buf, 725 * NS_PER_S), "12:05");
	assert_string_equal(human_duration(buf, 3723 * NS_PER_S), "1:02:03");
	assert_string_equal(human_duration(buf, 86399 * NS_PER_S), "23:59:59");
	assert_string_equal(human_duration(buf, (3 * 86400 + 4 * 3600) * NS_PER_S), "3d 04h");
}

static void widths_are_bounded(void **state)
{
	char buf[HUMAN_SIZE];

	(void)state;
	for (unsigned bit = 0; bit < 64; bit++) {
		for (int off = -2; off <= 2; off++) {
			uint64_t value = (UINT64_C(1) << bit) + (uint64_t)off;

			assert_true(strlen(human_bytes(buf, value)) <= 9);
			assert_true(strlen(human_bytes(buf, value / 1024 * 1000)) <= 9);
			assert_true(strlen(human_count(buf, value)) <= 7);
			assert_true(strlen(human_duration(buf, value)) <= 9);
		}
	}
	for (uint64_t value = 1; value < UINT64_MAX / 10; value *= 10) {
		assert_true(strlen(human_count(buf, value - 1)) <= 7);
		assert_true(strlen(human_count(buf, value * 10 - 1)) <= 7);
	}
}

static uint64_t parsed(const char *text)
{
	uint64_t bytes = 12345;

	assert_int_equal(human_parse_bytes(text, &bytes), 0);
	return bytes;
}

static void reads_what_people_type(void **state)
{
	(void)state;
	assert_int_equal(parsed("42"), 42);
	assert_int_equal(parsed("0"), 0);
	assert_int_equal(parsed("42B"), 42);
	assert_int_equal(parsed("300k"), 300 * 1024);
	assert_int_equal(parsed("300KiB"), 300 * 1024);
	assert_int_equal(parsed("100MB"), 100 << 20);
	assert_int_equal(parsed("1.5G"), UINT64_C(3) << 29);
	assert_int_equal(parsed("0.1K"), 102);
	assert_int_equal(parsed("2T"), UINT64_C(2) << 40);
	assert_int_equal(parsed("18446744073709551615"), UINT64_MAX);
}

static void refuses_everything_else(void **state)
{
	static const char *const wrong[] = {"", "k", "-1", "+1", " 1", "1 ", "1.", ".5", "1x", "1kk", "1Bi",
					    "1KB/s", "1iB", "1e3", "0x10", "1,5"};
	uint64_t bytes = 7;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(human_parse_bytes(wrong[i], &bytes), -EINVAL);
	assert_int_equal(human_parse_bytes("18446744073709551616", &bytes), -ERANGE);
	assert_int_equal(human_parse_bytes("16E", &bytes), -ERANGE);
	assert_int_equal(bytes, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes_have_three_digits),
		cmocka_unit_test(counts_have_commas_then_units),
		cmocka_unit_test(durations_grow_by_one_unit),
		cmocka_unit_test(widths_are_bounded),
		cmocka_unit_test(reads_what_people_type),
		cmocka_unit_test(refuses_everything_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
