/*
 * A source that grows or shrinks while it is copied: never a mixture taken for a
 * file, never a loop without an end.
 */
#include "data_fixture.h"

static void shrink_at_second(unsigned call)
{
	if (call == 2)
		assert_int_equal(ftruncate(t.src_fd, (off_t)(300 * KIB)), 0);
}

static void notices_a_source_that_shrinks(void **state)
{
	(void)state;
	bent.before_read = shrink_at_second;
	t.policy.offload = false;
	fill(0, 4 * MIB);
	assert_changed();
	t.policy.offload = true;
	bent.cfr.at_most = 100 * KIB;
	fill(0, 4 * MIB);
	assert_changed();
	assert_true(bent.cfr.calls >= 2);
}

static void shrink_at_first(unsigned call)
{
	if (call == 1)
		assert_int_equal(ftruncate(t.src_fd, (off_t)MIB), 0);
}

/* Past the new end everything looks like a hole. */
static void notices_a_sparse_source_that_shrinks(void **state)
{
	(void)state;
	t.policy.offload = false;
	bent.before_read = shrink_at_first;
	fill(MIB / 2, MIB / 4);
	fill(8 * MIB, MIB);
	assert_changed();
}

static uint64_t grow_to;

static void grow_at_first(unsigned call)
{
	if (call == 1)
		assert_int_equal(ftruncate(t.src_fd, (off_t)grow_to), 0);
}

static void notices_a_source_that_grows(void **state)
{
	static const uint64_t sizes[] = { 1, 1000, BUFFER - 1, BUFFER, BUFFER + 1, 4 * BUFFER };

	(void)state;
	bent.before_read = grow_at_first;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		t.policy.offload = false;
		for (int offload = 0; offload < 2; offload++) {
			assert_int_equal(ftruncate(t.src_fd, 0), 0);
			fill(0, sizes[i]);
			grow_to = sizes[i] + 1;
			new_dest();
			bent.pread.calls = bent.cfr.calls = 0;
			assert_changed();
			t.policy.offload = true;
		}
	}
}

static void notices_a_sparse_source_that_grows(void **state)
{
	(void)state;
	t.policy.offload = false;
	bent.before_read = grow_at_first;
	fill(0, BUFFER);
	assert_int_equal(ftruncate(t.src_fd, (off_t)(4 * MIB)), 0);
	grow_to = 5 * MIB;
	assert_changed();
}

static void grow_for_ever(unsigned call)
{
	(void)call;
	fill(size_of(t.src_fd), 2 * BUFFER);
}

static void a_source_that_grows_for_ever_ends(void **state)
{
	(void)state;
	bent.before_read = grow_for_ever;
	t.policy.offload = false;
	fill(0, 2 * BUFFER);
	assert_changed();
	assert_true(bent.pread.calls <= 4);
	/* Holes ahead of data that is always further away. */
	assert_int_equal(ftruncate(t.src_fd, 0), 0);
	fill(BUFFER, BUFFER);
	assert_int_equal(ftruncate(t.src_fd, (off_t)(4 * BUFFER)), 0);
	bent.pread.calls = bent.seek.calls = 0;
	new_dest();
	assert_changed();
	assert_true(bent.pread.calls <= 8);
	assert_true(bent.seek.calls <= 16);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(notices_a_source_that_shrinks),
		TEST(notices_a_sparse_source_that_shrinks),
		TEST(notices_a_source_that_grows),
		TEST(notices_a_sparse_source_that_grows),
		TEST(a_source_that_grows_for_ever_ends),
	};

	return RUN("changing source", tests);
}
