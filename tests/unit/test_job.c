/* A frame says what was put in; a frame that nobody would build is refused as a whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/job.h"

/* Where the fields of the fixed part lie: what is on the pipe is a contract
 * between two processes, so the test spells it out. */
enum {
	AT_KIND = 4,
	AT_ID = 8,
	AT_FLAGS = 16,
	AT_COUNT = 64,
	AT_DIR_LEN = 68,
	AT_TARGET_LEN = 72,
	AT_ZERO = 76,
	FIXED = 80,
};

static struct job_view job(enum job_kind kind, const char *dir, const char *target)
{
	return (struct job_view){
		.id = 42,
		.kind = kind,
		.flags = JOB_REDO | JOB_DIR_MADE,
		.root = 3,
		.dir_id = 4,
		.dir_dev = 5,
		.dir_ino = UINT64_MAX,
		.offset = 6,
		.length = 1ull << 40,
		.dir = dir,
		.target = target,
	};
}

static void add(struct job_buffer *buffer, const char *name)
{
	struct job_entry entry = {
		.name = name,
		.name_len = (uint16_t)strlen(name),
		.mode = 0100644,
		.dev = 1,
		.ino = 2,
		.size = 1ull << 50,
	};

	job_add(buffer, &entry);
}

static void build(struct job_buffer *buffer, enum job_kind kind, const char *dir, const char *target,
                  const char *name)
{
	struct job_view view = job(kind, dir, target);

	job_begin(buffer, &view);
	if (name)
		add(buffer, name);
}

static int parse(const struct job_buffer *buffer)
{
	struct job_view view;

	return job_parse(buffer->data, buffer->len, &view);
}

static void a_batch_comes_back(void **state)
{
	struct job_buffer buffer = {0};
	struct job_entry entry;
	struct job_view view;
	uint32_t prefix;
	char name[32];

	(void)state;
	build(&buffer, JOB_COPY, "a/b c/\n", "", NULL);
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "file %d", i);
		add(&buffer, name);
	}
	memcpy(&prefix, buffer.data, JOB_PREFIX);
	assert_int_equal(prefix, buffer.len);

	assert_int_equal(job_parse(buffer.data, buffer.len, &view), 0);
	assert_int_equal(view.id, 42);
	assert_int_equal(view.kind, JOB_COPY);
	assert_int_equal(view.flags, JOB_REDO | JOB_DIR_MADE);
	assert_int_equal(view.root, 3);
	assert_int_equal(view.count, 500);
	assert_int_equal(view.dir_id, 4);
	assert_int_equal(view.dir_dev, 5);
	assert_int_equal(view.dir_ino, UINT64_MAX);
	assert_int_equal(view.offset, 6);
	assert_int_equal(view.length, 1ull << 40);
	assert_string_equal(view.dir, "a/b c/\n");
	assert_string_equal(view.target, "");
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof(name), "file %d", i);
		assert_true(job_view_next(&view, &entry));
		assert_string_equal(entry.name, name);
		assert_int_equal(entry.name_len, strlen(name));
		assert_int_equal(entry.mode, 0100644);
		assert_int_equal(entry.dev, 1);
		assert_int_equal(entry.ino, 2);
		assert_int_equal(entry.size, 1ull << 50);
	}
	assert_false(job_view_next(&view, &entry));
	assert_false(job_view_next(&view, &entry));
	job_buffer_done(&buffer);
}

static void an_entry_is_found_by_number_wherever_the_iterator_is(void **state)
{
	struct job_buffer buffer = {0};
	struct job_entry entry;
	struct job_view view;

	(void)state;
	build(&buffer, JOB_LINK, "", "first/of\xff", "zero");
	add(&buffer, "one");
	add(&buffer, "two");
	assert_int_equal(job_parse(buffer.data, buffer.len, &view), 0);
	assert_string_equal(view.target, "first/of\xff");

	assert_true(job_view_next(&view, &entry));
	assert_true(job_view_entry(&view, 2, &entry));
	assert_string_equal(entry.name, "two");
	assert_true(job_view_entry(&view, 0, &entry));
	assert_string_equal(entry.name, "zero");
	assert_false(job_view_entry(&view, 3, &entry));
	assert_true(job_view_next(&view, &entry));
	assert_string_equal(entry.name, "one");
	job_buffer_done(&buffer);
}

static void restamping_changes_what_it_says_only(void **state)
{
	struct job_buffer buffer = {0};
	struct job_entry entry;
	struct job_view view;

	(void)state;
	build(&buffer, JOB_COPY, "d", "", "f");
	job_restamp(&buffer, 43, JOB_SHARED_NAME, 0);
	assert_int_equal(job_parse(buffer.data, buffer.len, &view), 0);
	assert_int_equal(view.id, 43);
	assert_int_equal(view.flags, JOB_SHARED_NAME);
	assert_string_equal(view.dir, "d");
	assert_true(job_view_next(&view, &entry));
	assert_string_equal(entry.name, "f");

	build(&buffer, JOB_SCAN, "d", "", NULL);
	job_restamp(&buffer, 44, JOB_FIRST_SLICE, JOB_BATCH_MOST);
	assert_int_equal(job_parse(buffer.data, buffer.len, &view), 0);
	assert_int_equal(view.copy_too, JOB_BATCH_MOST);
	job_restamp(&buffer, 44, JOB_FIRST_SLICE, JOB_BATCH_MOST + 1);
	assert_int_equal(job_parse(buffer.data, buffer.len, &view), -EBADMSG);
	build(&buffer, JOB_FINISH, "d", "", NULL);
	job_restamp(&buffer, 44, 0, 1);
	assert_int_equal(job_parse(buffer.data, buffer.len, &view), -EBADMSG);

	/* And a buffer is used again for the next frame. */
	build(&buffer, JOB_FINISH, "", "", NULL);
	assert_int_equal(job_parse(buffer.data, buffer.len, &view), 0);
	assert_int_equal(view.kind, JOB_FINISH);
	assert_int_equal(view.count, 0);
	job_buffer_done(&buffer);
}

static void each_kind_has_its_shape(void **state)
{
	static const struct {
		enum job_kind kind;
		const char *target, *name;
		int err;
	} shapes[] = {
		{JOB_SCAN, "", NULL, 0},
		{JOB_SCAN, "", "f", -EBADMSG},
		{JOB_SCAN, "t", NULL, -EBADMSG},
		{JOB_COPY, "", "f", 0},
		{JOB_COPY, "", NULL, -EBADMSG},
		{JOB_COPY, "t", "f", -EBADMSG},
		{JOB_BEGIN, "t", "f", 0},
		{JOB_BEGIN, "a/t", "f", -EBADMSG},
		{JOB_BEGIN, "", "f", -EBADMSG},
		{JOB_BEGIN, "t", NULL, -EBADMSG},
		{JOB_RANGE, "t", "f", 0},
		{JOB_RANGE, "", "f", -EBADMSG},
		{JOB_RANGE, "a/t", "f", -EBADMSG},
		{JOB_RANGE, "..", "f", -EBADMSG},
		{JOB_RANGE, "t", NULL, -EBADMSG},
		{JOB_COMMIT, "t", "f", 0},
		{JOB_COMMIT, "t", NULL, -EBADMSG},
		{JOB_DISCARD, "t", "f", 0},
		{JOB_DISCARD, "", "f", 0},
		{JOB_DISCARD, "a/t", "f", -EBADMSG},
		{JOB_DISCARD, "t", NULL, -EBADMSG},
		{JOB_LINK, "a/t", "f", 0},
		{JOB_LINK, "t", NULL, -EBADMSG},
		{JOB_LINK, "", "f", -EBADMSG},
		{JOB_LINK, "../t", "f", -EBADMSG},
		{JOB_LINK, "/t", "f", -EBADMSG},
		{JOB_LOOK, "", "f", 0},
		{JOB_LOOK, "", NULL, -EBADMSG},
		{JOB_LOOK, "t", "f", -EBADMSG},
		{JOB_FINISH, "", NULL, 0},
		{JOB_FLUSH, "", NULL, 0},
		{JOB_FLUSH, "", "f", -EBADMSG},
	};
	struct job_buffer buffer = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		build(&buffer, shapes[i].kind, "dir", shapes[i].target, shapes[i].name);
		assert_int_equal(parse(&buffer), shapes[i].err);
	}
	build(&buffer, JOB_RANGE, "dir", "t", "f");
	add(&buffer, "second");
	assert_int_equal(parse(&buffer), -EBADMSG);
	job_buffer_done(&buffer);
}

static void directories_stay_below_the_root(void **state)
{
	static const char *const good[] = {"", "a", "a/b", "...", "..a/b..", "a/.hidden", ".", "a/\xff\n"};
	static const char *const bad[] = {"/", "/a", "..", "../a", "a/..", "a/../b", "a//b", "a/", "//"};
	struct job_buffer buffer = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		build(&buffer, JOB_SCAN, good[i], "", NULL);
		assert_int_equal(parse(&buffer), 0);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		build(&buffer, JOB_SCAN, bad[i], "", NULL);
		assert_int_equal(parse(&buffer), -EBADMSG);
	}
	job_buffer_done(&buffer);
}

static void names_are_one_component(void **state)
{
	static const char *const bad[] = {"", ".", "..", "a/b", "/", "a/"};
	char longest[JOB_NAME_MAX + 2] = "";
	struct job_buffer buffer = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		build(&buffer, JOB_COPY, "", "", "good");
		add(&buffer, bad[i]);
		assert_int_equal(parse(&buffer), -EBADMSG);
	}
	memset(longest, 'x', JOB_NAME_MAX);
	build(&buffer, JOB_COPY, "", "", longest);
	assert_int_equal(parse(&buffer), 0);
	memset(longest, 'x', JOB_NAME_MAX + 1);
	build(&buffer, JOB_COPY, "", "", longest);
	assert_int_equal(parse(&buffer), -EBADMSG);
	job_buffer_done(&buffer);
}

static void no_string_has_a_nul_inside(void **state)
{
	struct job_buffer buffer = {0};
	size_t dir = FIXED, target = dir + 4, name = target + 4 + 48;

	(void)state;
	build(&buffer, JOB_LINK, "dir", "tgt", "nam");
	assert_memory_equal(buffer.data + dir, "dir", 4);
	assert_memory_equal(buffer.data + target, "tgt", 4);
	assert_memory_equal(buffer.data + name, "nam", 4);
	assert_int_equal(parse(&buffer), 0);

	for (size_t i = 0; i < 3; i++) {
		const size_t at[] = {dir + 1, target + 1, name + 1};
		const size_t end[] = {dir + 3, target + 3, name + 3};
		uint8_t kept = buffer.data[at[i]];

		buffer.data[at[i]] = '\0';
		assert_int_equal(parse(&buffer), -EBADMSG);
		buffer.data[at[i]] = kept;
		buffer.data[end[i]] = 'x'; /* and each ends in one */
		assert_int_equal(parse(&buffer), -EBADMSG);
		buffer.data[end[i]] = '\0';
	}
	job_buffer_done(&buffer);
}

static void bad_fields_are_refused(void **state)
{
	static const struct {
		size_t at;
		uint32_t value;
	} bad[] = {
		{0, 0},
		{0, 4},
		{0, UINT32_MAX},
		{AT_KIND, 0},
		{AT_KIND, JOB_KIND_COUNT},
		{AT_KIND, UINT32_MAX},
		{AT_ID, 0},
		{AT_FLAGS, JOB_FLAGS_KNOWN + 1},
		{AT_FLAGS, UINT32_MAX},
		{AT_COUNT, 1},
		{AT_COUNT, 3},
		{AT_COUNT, UINT32_MAX},
		{AT_DIR_LEN, 0},
		{AT_DIR_LEN, 4},
		{AT_DIR_LEN, UINT32_MAX},
		{AT_TARGET_LEN, 1},
		{AT_TARGET_LEN, UINT32_MAX},
		{AT_ZERO, 1},
	};
	struct job_buffer buffer = {0};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		build(&buffer, JOB_COPY, "dir", "", "one");
		add(&buffer, "two");
		assert_int_equal(parse(&buffer), 0);
		memcpy(buffer.data + bad[i].at, &bad[i].value, sizeof(bad[i].value));
		assert_int_equal(parse(&buffer), -EBADMSG);
	}
	job_buffer_done(&buffer);
}

static void every_other_length_is_refused(void **state)
{
	struct job_buffer buffer = {0};

	(void)state;
	build(&buffer, JOB_COPY, "dir", "", "one");
	add(&buffer, "two");
	job_buffer_reserve(&buffer, 64);
	memset(buffer.data + buffer.len, 0, 64);
	for (uint32_t len = 0; len <= buffer.len + 64; len++) {
		/* A block of just that length: a read behind it is caught. */
		uint8_t *exact = malloc(len ? len : 1);
		struct job_view view;
		int err;

		assert_non_null(exact);
		memcpy(exact, buffer.data, len);
		if (len >= JOB_PREFIX)
			memcpy(exact, &len, JOB_PREFIX); /* even when the prefix agrees */
		err = job_parse(exact, len, &view);
		free(exact);
		assert_int_equal(err, len == buffer.len ? 0 : -EBADMSG);
	}
	job_buffer_done(&buffer);
}

static void alignment_does_not_matter(void **state)
{
	struct job_buffer buffer = {0};
	uint8_t shifted[512];
	struct job_entry entry;
	struct job_view view;

	(void)state;
	build(&buffer, JOB_COPY, "d", "", "one");
	add(&buffer, "three");
	for (size_t shift = 1; shift < 8; shift++) {
		memcpy(shifted + shift, buffer.data, buffer.len);
		assert_int_equal(job_parse(shifted + shift, buffer.len, &view), 0);
		assert_true(job_view_next(&view, &entry));
		assert_true(job_view_next(&view, &entry));
		assert_string_equal(entry.name, "three");
		assert_int_equal(entry.size, 1ull << 50);
	}
	job_buffer_done(&buffer);
}

static void an_entry_with_a_bit_where_there_is_none_is_refused(void **state)
{
	const size_t name_and_nul = sizeof("name");
	struct job_buffer buffer = {0};

	(void)state;
	build(&buffer, JOB_COPY, "dir", "", "name");
	assert_int_equal(parse(&buffer), 0);
	buffer.data[buffer.len - name_and_nul - 1] = 1;
	assert_int_equal(parse(&buffer), -EBADMSG);
	job_buffer_done(&buffer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_batch_comes_back),
		cmocka_unit_test(an_entry_is_found_by_number_wherever_the_iterator_is),
		cmocka_unit_test(restamping_changes_what_it_says_only),
		cmocka_unit_test(each_kind_has_its_shape),
		cmocka_unit_test(directories_stay_below_the_root),
		cmocka_unit_test(names_are_one_component),
		cmocka_unit_test(no_string_has_a_nul_inside),
		cmocka_unit_test(bad_fields_are_refused),
		cmocka_unit_test(every_other_length_is_refused),
		cmocka_unit_test(alignment_does_not_matter),
		cmocka_unit_test(an_entry_with_a_bit_where_there_is_none_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
