/*
 * Holes through the data ladder, compared one by one: kept, made, refused and
 * lost; in whole files, in ranges and over old contents.
 */
#include "data_fixture.h"

/* The shape of the source: stretches of data, then the size. */
struct shape {
	const char *name;
	struct extent data[5];
	uint64_t size;
};

static const struct shape shapes[] = {
	{ "all hole", { { 0, 0 } }, MIB },
	{ "trailing", { { 0, 64 * KIB } }, MIB },
	{ "trailing, odd", { { 0, 64 * KIB } }, MIB + 7 },
	{ "leading", { { MIB, MIB + 64 * KIB } }, MIB + 64 * KIB },
	{ "leading, odd", { { MIB, MIB + 1 } }, MIB + 1 },
	{ "middle", { { 0, 64 * KIB }, { MIB, MIB + 64 * KIB } }, MIB + 64 * KIB },
	{ "several",
	  { { 0, 4 * KIB }, { 128 * KIB, 640 * KIB }, { MIB, 3 * MIB }, { 4 * MIB, 4 * MIB + 100 } },
	  6 * MIB + 1 },
};

static void make_shape(const struct shape *shape)
{
	close(t.src_fd);
	t.src_fd = fresh_file("s");
	for (size_t i = 0; i < 5 && shape->data[i].end != 0; i++)
		fill(shape->data[i].start, shape->data[i].end - shape->data[i].start);
	assert_int_equal(ftruncate(t.src_fd, (off_t)shape->size), 0);
	new_dest();
}

/* Data begins and ends at the same places in both. */
static void assert_same_holes(const char *name)
{
	uint64_t size = size_of(t.src_fd), at = 0;

	while (at < size) {
		struct extent src, dst;

		assert_int_equal(holes_next_data(t.src_fd, at, size, &src), 0);
		assert_int_equal(holes_next_data(t.dst_fd, at, size, &dst), 0);
		if (src.start != dst.start || src.end != dst.end)
			fail_msg("%s: data at %llu-%llu became %llu-%llu", name, (unsigned long long)src.start,
				 (unsigned long long)src.end, (unsigned long long)dst.start,
				 (unsigned long long)dst.end);
		at = src.end;
	}
}

static void keeps_every_hole(void **state)
{
	(void)state;
	for (size_t i = 0; i < 2 * sizeof(shapes) / sizeof(shapes[0]); i++) {
		const struct shape *shape = &shapes[i / 2];
		struct data_request request;
		struct data_result result;

		t.policy.offload = i % 2 == 0;
		make_shape(shape);
		request = whole();
		result = copied(&request);
		assert_true(result.holes);
		assert_false(result.lost_holes);
		assert_int_equal(result.bytes, shape->size);
		assert_int_equal(t.stepped, shape->size);
		assert_true(t.moved < shape->size);
		assert_same_bytes();
		assert_same_holes(shape->name);
	}
}

static void keeps_holes_over_old_contents(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		struct data_request request;

		make_shape(&shapes[i]);
		fill_byte(t.dst_fd, 0, shapes[i].size, 'x');
		request = whole();
		request.dst_fresh = false;
		assert_true(copied(&request).holes);
		assert_same_bytes();
		assert_same_holes(shapes[i].name);
	}
}

static void writes_zeros_where_it_cannot_punch(void **state)
{
	struct data_request request;
	struct data_result result;

	(void)state;
	bent.punch.fail_from = 1;
	bent.punch.err = EOPNOTSUPP;
	make_shape(&shapes[6]);
	fill_byte(t.dst_fd, 0, shapes[6].size + 100, 'x');
	request = whole();
	request.dst_fresh = false;
	result = copied(&request);
	assert_true(result.lost_holes);
	assert_same_bytes();
	assert_int_equal(t.stepped, shapes[6].size);
	assert_int_equal(bent.punch.calls, 1);
}

static void makes_holes_of_zeros_when_asked(void **state)
{
	struct data_request request;
	struct data_result result;

	(void)state;
	t.policy.sparse = SPARSE_ALWAYS;
	for (int fresh = 0; fresh < 2; fresh++) {
		close(t.src_fd);
		t.src_fd = fresh_file("s");
		fill_byte(t.src_fd, 0, 2 * MIB + 10, 0);
		fill(64 * KIB, 8 * KIB);
		fill(MIB + 100, 10);
		new_dest();
		if (fresh == 0)
			fill_byte(t.dst_fd, 0, 2 * MIB, 'x');
		request = whole();
		request.dst_fresh = fresh == 1;
		result = copied(&request);
		assert_true(result.holes);
		assert_int_equal(result.method, DATA_PLAIN);
		assert_same_bytes();
		/* Two stretches of data: what was written, in blocks of 4 KiB. */
		if (fresh == 1)
			assert_int_equal(bent.pwrite.calls, 2);
		bent.pwrite.calls = 0;
		assert_true(holes_are_named(t.dst_fd, 2 * MIB + 10));
	}
}

static void zeros_in_short_reads_are_still_right(void **state)
{
	struct data_request request;

	(void)state;
	t.policy.sparse = SPARSE_ALWAYS;
	bent.pread.at_most = 5000;
	fill_byte(t.src_fd, 0, 100 * KIB + 1, 0);
	fill(12345, 3);
	request = whole();
	copied(&request);
	assert_same_bytes();
}

static void makes_no_holes_when_told_not_to(void **state)
{
	struct data_request request;
	struct data_result result;

	(void)state;
	t.policy.sparse = SPARSE_NEVER;
	make_shape(&shapes[6]);
	request = whole();
	result = copied(&request);
	assert_false(result.holes);
	assert_false(result.lost_holes);
	assert_same_bytes();
	assert_false(holes_are_named(t.dst_fd, shapes[6].size));
}

static void keeps_holes_that_are_not_named(void **state)
{
	struct data_request request;

	(void)state;
	bent.seek.fail_from = 1;
	bent.seek.err = EINVAL;
	make_shape(&shapes[5]);
	request = whole();
	assert_true(copied(&request).holes);
	bent.seek.fail_from = 0;
	assert_same_bytes();
	assert_same_holes("not named");
}

static void a_seek_that_fails_later_loses_no_byte(void **state)
{
	struct data_request request;

	(void)state;
	bent.seek.fail_from = 4;
	bent.seek.err = EIO;
	make_shape(&shapes[6]);
	request = whole();
	copied(&request);
	assert_same_bytes();
}

static void tells_of_holes_that_are_lost(void **state)
{
	struct data_request request;
	struct data_result result;

	(void)state;
	bent.full_dest = true;
	for (int i = 0; i < 2; i++) {
		make_shape(&shapes[5]);
		request = whole();
		result = copied(&request);
		assert_true(result.lost_holes);
		assert_false(result.holes);
	}
	/* A file without holes has none to lose. */
	close(t.src_fd);
	t.src_fd = fresh_file("s");
	fill(0, MIB);
	new_dest();
	request = whole();
	assert_false(copied(&request).lost_holes);
}

static void a_terabyte_of_nothing_takes_no_time(void **state)
{
	struct data_request request;

	(void)state;
	fill(0, 4 * KIB);
	assert_int_equal(ftruncate(t.src_fd, (off_t)(KIB * KIB * MIB)), 0);
	fill(KIB * 512 * MIB, 4 * KIB);
	request = whole();
	assert_int_equal(copied(&request).bytes, KIB * KIB * MIB);
	assert_true(bent.pread.calls <= 4);
	assert_int_equal(size_of(t.dst_fd), KIB * KIB * MIB);
	assert_same_holes("terabyte");
}

/* Borders fall inside data, inside holes and inside blocks; the last range comes first. */
static void ranges_make_the_whole(void **state)
{
	(void)state;
	t.policy.offload = false;
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		struct data_request request;
		uint64_t end = shapes[i].size;

		make_shape(&shapes[i]);
		if (i == 0)
			fill(0, end);
		request = whole();
		for (int part = 2; part >= 0; part--) {
			request.offset = shapes[i].size / 3 * (unsigned)part;
			request.length = end - request.offset;
			end = request.offset;
			assert_int_equal(copied(&request).bytes, request.length);
			assert_int_equal(size_of(t.dst_fd), shapes[i].size);
		}
		assert_same_bytes();
	}
}

static void a_range_leaves_the_rest_alone(void **state)
{
	unsigned char byte;
	struct data_request request;

	(void)state;
	make_shape(&shapes[6]);
	fill_byte(t.dst_fd, 0, shapes[6].size, 'x');
	request = whole();
	request.offset = 100 * KIB;
	request.length = 700 * KIB;
	request.dst_fresh = false;
	copied(&request);
	assert_int_equal(size_of(t.dst_fd), shapes[6].size);
	for (uint64_t at = 0; at < shapes[6].size; at += 10007) {
		bool inside = at >= 100 * KIB && at < 800 * KIB;

		assert_int_equal(__real_pread64(t.dst_fd, &byte, 1, (off_t)at), 1);
		assert_true(inside || byte == 'x');
	}
	assert_int_equal(__real_pread64(t.dst_fd, &byte, 1, (off_t)(800 * KIB)), 1);
	assert_int_equal(byte, 'x');
	assert_int_equal(__real_pread64(t.dst_fd, &byte, 1, (off_t)(100 * KIB)), 1);
	assert_int_equal(byte, 0);
}

static void a_range_past_the_end_is_a_changed_source(void **state)
{
	struct data_request request;
	struct data_result result;

	(void)state;
	fill(0, MIB);
	request = whole();
	request.size = 2 * MIB;
	request.offset = MIB - 10;
	request.length = 100;
	assert_int_equal(copy_with(&request, &result), -ESTALE);
	assert_int_equal(result.stage, STAGE_SOURCE_CHANGED);
}

static void an_absurd_range_is_refused(void **state)
{
	struct data_request request = whole();
	struct data_result result;

	(void)state;
	request.offset = UINT64_MAX - 5;
	request.length = 10;
	assert_int_equal(copy_with(&request, &result), -EFBIG);
	request.offset = INT64_MAX;
	assert_int_equal(copy_with(&request, &result), -EFBIG);
}

static void runs_of_zeros_are_whole_blocks(void **state)
{
	static unsigned char buf[20000];
	bool zeros;

	(void)state;
	memset(buf, 0, sizeof(buf));
	buf[8192] = 1;
	assert_int_equal(holes_run(buf, sizeof(buf), 0, false, &zeros), 8192);
	assert_true(zeros);
	assert_int_equal(holes_run(buf + 8192, sizeof(buf) - 8192, 8192, false, &zeros), 4096);
	assert_false(zeros);
	/* The tail is a part of a block: zeros only at the end of the file. */
	assert_int_equal(holes_run(buf + 16384, sizeof(buf) - 16384, 16384, false, &zeros), sizeof(buf) - 16384);
	assert_false(zeros);
	assert_int_equal(holes_run(buf + 16384, sizeof(buf) - 16384, 16384, true, &zeros), sizeof(buf) - 16384);
	assert_true(zeros);
	/* So is a beginning within one. */
	assert_int_equal(holes_run(buf, 4096, 100, false, &zeros), 4096);
	assert_false(zeros);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(keeps_every_hole),
		TEST(keeps_holes_over_old_contents),
		TEST(writes_zeros_where_it_cannot_punch),
		TEST(makes_holes_of_zeros_when_asked),
		TEST(zeros_in_short_reads_are_still_right),
		TEST(makes_no_holes_when_told_not_to),
		TEST(keeps_holes_that_are_not_named),
		TEST(a_seek_that_fails_later_loses_no_byte),
		TEST(tells_of_holes_that_are_lost),
		TEST(a_terabyte_of_nothing_takes_no_time),
		TEST(ranges_make_the_whole),
		TEST(a_range_leaves_the_rest_alone),
		TEST(a_range_past_the_end_is_a_changed_source),
		TEST(an_absurd_range_is_refused),
		TEST(runs_of_zeros_are_whole_blocks),
	};

	return RUN("holes", tests);
}
