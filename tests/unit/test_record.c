/* What a worker sends arrives as it was sent; what no worker would send is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/record.h"

static const struct outcome failed = {
	.status = OUTCOME_FAILED,
	.stage = STAGE_WRITE,
	.err = ENOSPC,
	.lost = LOSS_BIT(LOSS_ACL) | LOSS_BIT(LOSS_CONTEXT),
	.method = DATA_REFLINK,
	.holes = 1,
	.bytes = 1234567890123,
};

static struct record entry_record(const char *name)
{
	return (struct record){
		.kind = RECORD_ENTRY,
		.name_len = (uint16_t)strlen(name),
		.job = 7,
		.entry = {.dev = 1, .ino = UINT64_MAX, .size = 3, .blocks = 4, .mode = 0100644, .nlink = 2},
	};
}

static void an_entry_comes_back_with_its_name(void **state)
{
	uint8_t bytes[RECORD_MAX];
	struct record in = entry_record("a\nb\xff"), out;
	const char *name;
	size_t len = record_format(bytes, &in, "a\nb\xff");

	(void)state;
	assert_int_equal(record_parse(bytes, len, &out, &name), 0);
	assert_string_equal(name, "a\nb\xff");
	assert_int_equal(out.kind, RECORD_ENTRY);
	assert_int_equal(out.job, 7);
	assert_int_equal(out.name_len, 4);
	assert_memory_equal(&out.entry, &in.entry, sizeof(in.entry));
}

static void the_longest_name_fits(void **state)
{
	uint8_t bytes[RECORD_MAX];
	char longest[RECORD_NAME_MAX + 1] = "";
	struct record in, out;
	const char *name;
	size_t len;

	(void)state;
	memset(longest, 'x', RECORD_NAME_MAX);
	in = entry_record(longest);
	len = record_format(bytes, &in, longest);
	assert_true(len <= RECORD_MAX);
	assert_int_equal(record_parse(bytes, len, &out, &name), 0);
	assert_string_equal(name, longest);
}

static void a_name_may_be_a_part_of_a_longer_string(void **state)
{
	uint8_t bytes[RECORD_MAX];
	struct record in = entry_record("abc"), out;
	const char *name;
	size_t len = record_format(bytes, &in, "abcdef");

	(void)state;
	assert_int_equal(record_parse(bytes, len, &out, &name), 0);
	assert_string_equal(name, "abc");
}

static void the_other_kinds_come_back(void **state)
{
	uint8_t bytes[RECORD_MAX];
	struct record out;
	const char *name = "not touched";
	struct record scanned = {
		.kind = RECORD_SCANNED,
		.job = 9,
		.scanned = {.cursor = 10, .dest_dev = 11, .dest_ino = 12, .entries = 13, .last = 1, .made = 1,
		            .outcome = failed},
	};
	struct record result = {.kind = RECORD_RESULT, .index = 5, .job = 9, .result = failed};
	struct record done = {
		.kind = RECORD_DONE,
		.job = UINT64_MAX,
		.done = {.bytes = UINT64_MAX, .copied = {[DATA_REFLINK] = 77}},
	};

	(void)state;
	assert_int_equal(record_parse(bytes, record_format(bytes, &scanned, NULL), &out, &name), 0);
	assert_null(name);
	assert_int_equal(out.scanned.cursor, 10);
	assert_int_equal(out.scanned.dest_ino, 12);
	assert_int_equal(out.scanned.entries, 13);
	assert_int_equal(out.scanned.last, 1);
	assert_int_equal(out.scanned.outcome.err, ENOSPC);

	assert_int_equal(record_parse(bytes, record_format(bytes, &result, NULL), &out, &name), 0);
	assert_int_equal(out.index, 5);
	assert_memory_equal(&out.result, &failed, sizeof(failed));

	assert_int_equal(record_parse(bytes, record_format(bytes, &done, NULL), &out, &name), 0);
	assert_int_equal(out.job, UINT64_MAX);
	assert_int_equal(out.done.bytes, UINT64_MAX);
	assert_int_equal(out.done.copied[DATA_REFLINK], 77);
}

static void assert_refused(const struct record *record, const char *name)
{
	uint8_t bytes[RECORD_MAX];
	struct record out;
	const char *ret_name;
	size_t len = record_format(bytes, record, name);

	assert_int_equal(record_parse(bytes, len, &out, &ret_name), -EBADMSG);
}

static void bad_names_are_refused(void **state)
{
	static const struct {
		const char *name;
		uint16_t len;
	} bad[] = {{".", 1}, {"..", 2}, {"a/b", 3}, {"/", 1}, {"a\0b", 3}, {"\0", 1}};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct record record = entry_record("x");

		record.name_len = bad[i].len;
		assert_refused(&record, bad[i].name);
	}
}

static void a_name_without_its_end_is_refused(void **state)
{
	uint8_t bytes[RECORD_MAX];
	struct record record = entry_record("abc"), out;
	const char *name;
	size_t len = record_format(bytes, &record, "abc");

	(void)state;
	bytes[len - 1] = 'd';
	assert_int_equal(record_parse(bytes, len, &out, &name), -EBADMSG);
}

static void every_other_length_is_refused(void **state)
{
	struct record records[] = {
		entry_record("abc"),
		{.kind = RECORD_SCANNED, .job = 1},
		{.kind = RECORD_RESULT, .job = 1},
		{.kind = RECORD_DONE, .job = 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		uint8_t bytes[RECORD_MAX + 8] = {0};
		size_t right = record_format(bytes, &records[i], "abc");

		for (size_t len = 0; len <= right + 8; len++) {
			/* Exactly as long as said: a read behind it is caught. */
			uint8_t *exact = malloc(len ? len : 1);
			struct record out;
			const char *name;
			int err;

			assert_non_null(exact);
			memcpy(exact, bytes, len);
			err = record_parse(exact, len, &out, &name);
			free(exact);
			assert_int_equal(err, len == right ? 0 : -EBADMSG);
		}
	}
}

static void bad_numbers_are_refused(void **state)
{
	struct record good = {.kind = RECORD_RESULT, .job = 1, .result = failed}, bad;
	struct record scanned = {.kind = RECORD_SCANNED, .job = 1};
	struct record entry = entry_record("x");
	uint8_t bytes[RECORD_MAX];
	struct record out;
	const char *name;

#define REFUSED(base, field, value)   \
	do {                          \
		bad = base;           \
		bad.field = value;    \
		assert_refused(&bad, "x"); \
	} while (0)

	(void)state;
	assert_int_equal(record_parse(bytes, record_format(bytes, &good, NULL), &out, &name), 0);
	REFUSED(good, job, 0);
	REFUSED(good, name_len, 1);
	REFUSED(good, result.status, OUTCOME_FAILED + 1);
	REFUSED(good, result.stage, STAGE_COUNT);
	REFUSED(good, result.stage, STAGE_NONE);
	REFUSED(good, result.err, -1);
	REFUSED(good, result.err, 4096);
	REFUSED(good, result.method, DATA_COUNT);
	REFUSED(good, result.holes, 2);
	REFUSED(good, result.lost, LOSS_BIT(LOSS_COUNT));
	good.result = (struct outcome){.status = OUTCOME_COPIED};
	REFUSED(good, result.err, EIO);
	REFUSED(good, result.stage, STAGE_WRITE);
	REFUSED(scanned, scanned.last, 2);
	REFUSED(scanned, scanned.made, 2);
	REFUSED(scanned, scanned.usable, 2);
	REFUSED(scanned, scanned.outcome.status, 99);
	REFUSED(entry, job, 0);
	REFUSED(entry, entry.err, 4096);
#undef REFUSED

	record_format(bytes, &good, NULL);
	for (unsigned kind = 0; kind < 65536; kind++) {
		uint16_t k = (uint16_t)kind;

		if (kind >= RECORD_ENTRY && kind < RECORD_KIND_COUNT)
			continue;
		memcpy(bytes, &k, sizeof(k));
		assert_int_equal(record_parse(bytes, sizeof(bytes), &out, &name), -EBADMSG);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_entry_comes_back_with_its_name),
		cmocka_unit_test(the_longest_name_fits),
		cmocka_unit_test(a_name_may_be_a_part_of_a_longer_string),
		cmocka_unit_test(the_other_kinds_come_back),
		cmocka_unit_test(bad_names_are_refused),
		cmocka_unit_test(a_name_without_its_end_is_refused),
		cmocka_unit_test(every_other_length_is_refused),
		cmocka_unit_test(bad_numbers_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
