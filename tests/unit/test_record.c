/* What a worker sends arrives as it was sent; what no worker would send is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

static const struct listed listed = {
	.dev = 1, .ino = UINT64_MAX, .size = 3, .blocks = 4, .changed_ns = 5, .accessed_ns = -6, .mode = 0100644, .nlink = 2,
};

/* A LISTED of the first @name_len bytes of @name. */
static size_t list_one(uint8_t bytes[static RECORD_MAX], const char *name, size_t name_len)
{
	struct record record = {.kind = RECORD_LISTED, .job = 7};
	struct listed one = listed;

	one.name_len = (uint32_t)name_len;
	return record_add_listed(bytes, record_format(bytes, &record), &one, name);
}

static void a_name_comes_back(void **state)
{
	uint8_t bytes[RECORD_MAX];
	struct listed_names names;
	struct listed found, expected = listed;
	struct record out;
	uint32_t at = 0;
	size_t len = list_one(bytes, "a\nb\xff", 4);

	(void)state;
	expected.name_len = 4;
	assert_int_equal(record_parse(bytes, len, &out, &names), 0);
	assert_int_equal(out.kind, RECORD_LISTED);
	assert_int_equal(out.job, 7);
	assert_int_equal(names.count, 1);
	assert_string_equal(listed_next(&names, &at, &found), "a\nb\xff");
	assert_memory_equal(&found, &expected, sizeof(found));
	assert_null(listed_next(&names, &at, &found));
}

static void a_name_fits_to_the_last_byte(void **state)
{
	char name[JOB_NAME_MAX];
	uint8_t bytes[RECORD_MAX + 1] = {0};
	struct listed_names names;
	struct listed last = listed;
	struct record out;
	size_t len, room;

	(void)state;
	memset(name, 'x', sizeof(name));
	len = list_one(bytes, name, 100);
	last.name_len = 100;
	while ((room = RECORD_MAX - len - sizeof(last) - 1) > JOB_NAME_MAX)
		len = record_add_listed(bytes, len, &last, name);
	last.name_len = (uint32_t)room + 1;
	assert_int_equal(record_add_listed(bytes, len, &last, name), 0);
	last.name_len = (uint32_t)room;
	assert_int_equal(record_add_listed(bytes, len, &last, name), RECORD_MAX);
	assert_int_equal(record_parse(bytes, RECORD_MAX, &out, &names), 0);

	/* One byte more, and all of it sane. */
	last.name_len++;
	memcpy(bytes + len, &last, sizeof(last));
	bytes[RECORD_MAX - 1] = 'x';
	assert_int_equal(record_parse(bytes, RECORD_MAX + 1, &out, &names), -EBADMSG);
}

/* The longest and others, until one has no room. */
static void as_many_names_as_fit_come_back_in_order(void **state)
{
	uint8_t bytes[RECORD_MAX];
	char name[JOB_NAME_MAX + 1];
	struct listed_names names;
	struct listed found, added = listed;
	struct record out;
	uint32_t at = 0;
	size_t len, more;

	(void)state;
	memset(name, 'x', JOB_NAME_MAX);
	len = list_one(bytes, name, JOB_NAME_MAX);
	for (added.ino = 1;; added.ino++, len = more) {
		added.name_len = 1 + (uint32_t)added.ino % JOB_NAME_MAX;
		more = record_add_listed(bytes, len, &added, name);
		if (more == 0)
			break;
	}
	assert_true(len <= RECORD_MAX && len + sizeof(added) + added.name_len + 1 > RECORD_MAX);
	assert_int_equal(record_parse(bytes, len, &out, &names), 0);
	assert_int_equal(names.count, added.ino);
	assert_int_equal(strlen(listed_next(&names, &at, &found)), JOB_NAME_MAX);
	for (uint64_t ino = 1; ino < added.ino; ino++) {
		size_t name_len = strlen(listed_next(&names, &at, &found));

		assert_int_equal(name_len, found.name_len);
		assert_int_equal(found.ino, ino);
	}
	assert_null(listed_next(&names, &at, &found));
}

static void a_name_may_be_a_part_of_a_longer_string(void **state)
{
	uint8_t bytes[RECORD_MAX];
	struct listed_names names;
	struct listed found;
	struct record out;
	uint32_t at = 0;

	(void)state;
	assert_int_equal(record_parse(bytes, list_one(bytes, "abcdef", 3), &out, &names), 0);
	assert_string_equal(listed_next(&names, &at, &found), "abc");
}

static void the_other_kinds_come_back(void **state)
{
	uint8_t bytes[RECORD_MAX];
	struct record out;
	struct listed_names names = {.count = 99};
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
	assert_int_equal(record_parse(bytes, record_format(bytes, &scanned), &out, &names), 0);
	assert_int_equal(names.count, 0);
	assert_int_equal(out.scanned.cursor, 10);
	assert_int_equal(out.scanned.dest_ino, 12);
	assert_int_equal(out.scanned.entries, 13);
	assert_int_equal(out.scanned.last, 1);
	assert_int_equal(out.scanned.outcome.err, ENOSPC);

	assert_int_equal(record_parse(bytes, record_format(bytes, &result), &out, &names), 0);
	assert_int_equal(out.index, 5);
	assert_memory_equal(&out.result, &failed, sizeof(failed));

	assert_int_equal(record_parse(bytes, record_format(bytes, &done), &out, &names), 0);
	assert_int_equal(out.job, UINT64_MAX);
	assert_int_equal(out.done.bytes, UINT64_MAX);
	assert_int_equal(out.done.copied[DATA_REFLINK], 77);
}

static void a_lone_file_is_one_to_copy_by_itself(void **state)
{
	struct listed one = {.dev = 1, .ino = 2, .size = 3, .changed_ns = 5, .accessed_ns = -6, .mode = S_IFREG | 0644,
	                     .nlink = 1, .name_len = 4};
	struct job_entry entry = listed_entry(&one, "name");

	(void)state;
	assert_string_equal(entry.name, "name");
	assert_int_equal(entry.name_len, 4);
	assert_true(entry.dev == 1 && entry.ino == 2 && entry.size == 3 && entry.mode == (S_IFREG | 0644));
	assert_true(entry.changed_ns == 5 && entry.accessed_ns == -6);
	assert_true(listed_is_lone_file(&one));
	one.mode = S_IFLNK | 0777;
	assert_true(listed_is_lone_file(&one));
	assert_int_equal(listed_entry(&one, "name").size, 0);
	one.nlink = 2;
	assert_false(listed_is_lone_file(&one));
	one.nlink = 1;
	one.mode = S_IFDIR | 0755;
	assert_false(listed_is_lone_file(&one));
	one.mode = 0; /* not looked at */
	assert_false(listed_is_lone_file(&one));
	one.mode = S_IFREG;
	one.err = EACCES;
	assert_false(listed_is_lone_file(&one));
}

static void assert_refused(const struct record *record)
{
	uint8_t bytes[RECORD_MAX];
	struct listed_names names;
	struct record out;

	assert_int_equal(record_parse(bytes, record_format(bytes, record), &out, &names), -EBADMSG);
}

static void assert_bytes_refused(const uint8_t *bytes, size_t len)
{
	struct listed_names names;
	struct record out;

	assert_int_equal(record_parse(bytes, len, &out, &names), -EBADMSG);
}

static void bad_names_are_refused(void **state)
{
	static const struct {
		const char *name;
		uint16_t len;
	} bad[] = {{".", 1}, {"..", 2}, {"a/b", 3}, {"/", 1}, {"a\0b", 3}, {"\0", 1}};
	uint8_t bytes[RECORD_MAX];
	struct listed good = listed;

	(void)state;
	good.name_len = 4;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		size_t len = list_one(bytes, bad[i].name, bad[i].len);

		assert_bytes_refused(bytes, len);
		assert_bytes_refused(bytes, record_add_listed(bytes, len, &good, "good"));
	}
}

static void a_name_without_its_end_is_refused(void **state)
{
	uint8_t bytes[RECORD_MAX];
	size_t len = list_one(bytes, "abc", 3);

	(void)state;
	bytes[len - 1] = 'd';
	assert_bytes_refused(bytes, len);
}

/* Where the first name's struct begins. */
#define FIRST offsetof(struct record, scanned)

static void a_name_of_another_length_is_refused(void **state)
{
	uint8_t bytes[RECORD_MAX];
	struct listed second = listed;
	size_t len = list_one(bytes, "abc", 3);

	(void)state;
	second.name_len = 3;
	len = record_add_listed(bytes, len, &second, "def");
	for (uint32_t name_len = 0; name_len < 600; name_len++) {
		if (name_len == 3)
			continue;
		memcpy(bytes + FIRST + offsetof(struct listed, name_len), &name_len, sizeof(name_len));
		assert_bytes_refused(bytes, len);
	}
}

static void another_number_of_names_is_refused(void **state)
{
	uint8_t bytes[RECORD_MAX];
	size_t len = list_one(bytes, "abc", 3);

	(void)state;
	for (uint16_t names = 0; names < 300; names++) {
		if (names == 1)
			continue;
		memcpy(bytes + offsetof(struct record, names), &names, sizeof(names));
		assert_bytes_refused(bytes, len);
		assert_bytes_refused(bytes, FIRST);
	}
}

static void every_other_length_is_refused(void **state)
{
	struct record records[] = {
		{.kind = RECORD_LISTED, .job = 7},
		{.kind = RECORD_SCANNED, .job = 1},
		{.kind = RECORD_RESULT, .job = 1},
		{.kind = RECORD_DONE, .job = 1},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++) {
		uint8_t bytes[RECORD_MAX + 8] = {0};
		size_t right = i == 0 ? list_one(bytes, "abc", 3) : record_format(bytes, &records[i]);

		for (size_t len = 0; len <= right + 8; len++) {
			/* Exactly as long as said: a read behind it is caught. */
			uint8_t *exact = malloc(len ? len : 1);
			struct listed_names names;
			struct record out;
			int err;

			assert_non_null(exact);
			memcpy(exact, bytes, len);
			err = record_parse(exact, len, &out, &names);
			free(exact);
			assert_int_equal(err, len == right ? 0 : -EBADMSG);
		}
	}
}

/* Only a whole new directory of few entries can be copied in the same go. */
static void what_cannot_be_copied_too_is_refused(void **state)
{
	const struct record good = {
		.kind = RECORD_SCANNED, .job = 9,
		.scanned = {.entries = JOB_BATCH_MOST, .last = 1, .made = 1, .usable = 1, .copies = 1},
	};
	uint8_t bytes[RECORD_MAX];
	struct listed_names names;
	struct record out, bad;

	(void)state;
	assert_int_equal(record_parse(bytes, record_format(bytes, &good), &out, &names), 0);
	assert_int_equal(out.scanned.copies, 1);
	bad = good, bad.scanned.copies = 2, assert_refused(&bad);
	bad = good, bad.scanned.entries = 0, assert_refused(&bad);
	bad = good, bad.scanned.entries = JOB_BATCH_MOST + 1, assert_refused(&bad);
	bad = good, bad.scanned.up_to_date = 1, assert_refused(&bad);
	bad = good, bad.scanned.up_to_date_bytes = 1, assert_refused(&bad);
	bad = good, bad.scanned.last = 0, assert_refused(&bad);
	bad = good, bad.scanned.made = 0, assert_refused(&bad);
	bad = good, bad.scanned.usable = 0, assert_refused(&bad);
	bad = good, bad.scanned.finished = 1, assert_refused(&bad);
	bad = good, bad.scanned.outcome = failed, assert_refused(&bad);
}

static void bad_numbers_are_refused(void **state)
{
	struct record good = {.kind = RECORD_RESULT, .job = 1, .result = failed}, bad;
	struct record scanned = {.kind = RECORD_SCANNED, .job = 1};
	uint8_t bytes[RECORD_MAX];
	struct listed_names names;
	struct record out;
	uint32_t err = 4096;
	uint64_t no_job = 0;

#define REFUSED(base, field, value)   \
	do {                          \
		bad = base;           \
		bad.field = value;    \
		assert_refused(&bad); \
	} while (0)

	(void)state;
	assert_int_equal(record_parse(bytes, record_format(bytes, &good), &out, &names), 0);
	REFUSED(good, job, 0);
	REFUSED(good, names, 1);
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
#undef REFUSED

	size_t len = list_one(bytes, "abc", 3);

	memcpy(bytes + FIRST + offsetof(struct listed, err), &err, sizeof(err));
	assert_bytes_refused(bytes, len);
	list_one(bytes, "abc", 3);
	memcpy(bytes + offsetof(struct record, job), &no_job, sizeof(no_job));
	assert_bytes_refused(bytes, len);

	record_format(bytes, &good);
	for (unsigned kind = 0; kind < 65536; kind++) {
		uint16_t k = (uint16_t)kind;

		if (kind >= RECORD_LISTED && kind < RECORD_KIND_COUNT)
			continue;
		memcpy(bytes, &k, sizeof(k));
		assert_bytes_refused(bytes, sizeof(bytes));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_comes_back),
		cmocka_unit_test(a_name_fits_to_the_last_byte),
		cmocka_unit_test(as_many_names_as_fit_come_back_in_order),
		cmocka_unit_test(a_name_may_be_a_part_of_a_longer_string),
		cmocka_unit_test(the_other_kinds_come_back),
		cmocka_unit_test(a_lone_file_is_one_to_copy_by_itself),
		cmocka_unit_test(what_cannot_be_copied_too_is_refused),
		cmocka_unit_test(bad_names_are_refused),
		cmocka_unit_test(a_name_without_its_end_is_refused),
		cmocka_unit_test(a_name_of_another_length_is_refused),
		cmocka_unit_test(another_number_of_names_is_refused),
		cmocka_unit_test(every_other_length_is_refused),
		cmocka_unit_test(bad_numbers_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
