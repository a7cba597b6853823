/*
 * The lane in one process, between two threads (where a thread sanitizer can
 * see it) and between two processes (where it lives).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../support/child.h"
#include "base/clock.h"
#include "ipc/lane.h"

#define CAPACITY 1024u
#define HALF_RECORD (CAPACITY / 2 - 8) /* the longest record: header and bytes are half the lane */

/* A lane in a block of exactly its size, so that a read outside is caught. */
static int make_lane(void **state)
{
	*state = lane_init(aligned_alloc(64, lane_footprint(CAPACITY)), CAPACITY);
	return 0;
}

static int free_lane(void **state)
{
	free(*state);
	return 0;
}

static struct lane *shared_lane(void)
{
	void *memory = mmap(NULL, lane_footprint(CAPACITY), PROT_READ | PROT_WRITE,
	                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	assert_true(memory != MAP_FAILED);
	return lane_init(memory, CAPACITY);
}

/* Record number @n: of a length and contents that follow from the number. */
static size_t pattern(uint8_t *record, uint64_t n)
{
	size_t len = 8 + (n * 2654435761u >> 7) % (HALF_RECORD - 8);

	memcpy(record, &n, sizeof(n));
	for (size_t i = sizeof(n); i < len; i++)
		record[i] = (uint8_t)(n + i);
	return len;
}

static bool is_pattern(const void *record, size_t len, uint64_t n)
{
	uint8_t expected[CAPACITY];

	return len == pattern(expected, n) && !memcmp(record, expected, len);
}

static void pop_expecting(struct lane *lane, const char *text)
{
	size_t len = 0;
	int err = 1;
	const void *record = lane_peek(lane, &len, &err);

	assert_int_equal(err, 0);
	assert_non_null(record);
	assert_int_equal(len, strlen(text));
	assert_memory_equal(record, text, len);
	assert_int_equal((uintptr_t)record % 8, 0);
	lane_pop(lane);
}

static void records_come_out_in_order(void **state)
{
	struct lane *lane = *state;
	size_t len;
	int err = 1;

	assert_true(lane_empty(lane));
	assert_null(lane_peek(lane, &len, &err));
	assert_int_equal(err, 0);
	assert_int_equal(lane_push(lane, "first", 5), 0);
	assert_int_equal(lane_push(lane, "", 0), 0);
	assert_int_equal(lane_push(lane, "the third", 9), 0);
	assert_false(lane_empty(lane));
	pop_expecting(lane, "first");
	pop_expecting(lane, "");
	assert_false(lane_empty(lane));
	pop_expecting(lane, "the third");
	assert_true(lane_empty(lane));
	assert_int_equal(lane_used(lane), 0);
}

static void peeking_twice_shows_the_same_record(void **state)
{
	struct lane *lane = *state;
	const void *first;
	size_t len, used;
	int err;

	assert_int_equal(lane_push(lane, "one", 3), 0);
	assert_int_equal(lane_push(lane, "two", 3), 0);
	used = lane_used(lane);
	first = lane_peek(lane, &len, &err);
	assert_ptr_equal(lane_peek(lane, &len, &err), first);
	assert_int_equal(lane_pop(lane), used / 2);
	assert_int_equal(lane_used(lane), used / 2);
	pop_expecting(lane, "two");
}

static void a_full_lane_takes_no_more_and_loses_nothing(void **state)
{
	struct lane *lane = *state;
	uint64_t pushed = 0;
	uint8_t record[8] = {0};
	size_t len;
	int err = 0;

	while (err == 0) {
		memcpy(record, &pushed, sizeof(pushed));
		assert_int_equal(lane_has_room(lane, sizeof(record)), pushed < CAPACITY / 16);
		err = lane_push(lane, record, sizeof(record));
		pushed += !err;
	}
	assert_int_equal(err, -EAGAIN);
	assert_int_equal(pushed, CAPACITY / 16); /* a header and a record are 16: to the last byte */
	assert_int_equal(lane_used(lane), CAPACITY);
	for (uint64_t i = 0; i < pushed; i++) {
		const void *got = lane_peek(lane, &len, &err);

		assert_non_null(got);
		assert_int_equal(len, sizeof(i));
		assert_memory_equal(got, &i, sizeof(i));
		lane_pop(lane);
		assert_true(lane_has_room(lane, sizeof(record)));
	}
	assert_true(lane_empty(lane));
}

static void what_can_never_fit_is_said_so(void **state)
{
	struct lane *lane = *state;
	uint8_t big[CAPACITY * 2] = {0};

	assert_int_equal(lane_push(lane, big, HALF_RECORD + 1), -EMSGSIZE);
	assert_int_equal(lane_push(lane, big, sizeof(big)), -EMSGSIZE);
	assert_int_equal(lane_push(lane, big, SIZE_MAX), -EMSGSIZE);
	assert_int_equal(lane_wait_room(lane, HALF_RECORD + 1, 0), -EMSGSIZE);
	assert_false(lane_has_room(lane, HALF_RECORD + 1));
	assert_true(lane_empty(lane));
}

static void the_longest_record_fits_an_empty_lane_wherever_it_stands(void **state)
{
	struct lane *lane = *state;
	uint8_t big[HALF_RECORD];
	size_t len;
	int err;

	memset(big, 0xab, sizeof(big));
	for (size_t step = 0; step < CAPACITY / 8 + 1; step++) {
		const uint8_t *got;

		assert_true(lane_has_room(lane, sizeof(big)));
		assert_int_equal(lane_push(lane, big, sizeof(big)), 0);
		got = lane_peek(lane, &len, &err);
		assert_non_null(got);
		assert_int_equal(len, sizeof(big));
		assert_memory_equal(got, big, len);
		lane_pop(lane);
		/* The next round starts 8 bytes further. */
		assert_int_equal(lane_push(lane, "", 0), 0);
		pop_expecting(lane, "");
	}
}

static void records_survive_every_wrap(void **state)
{
	struct lane *lane = *state;
	uint8_t record[CAPACITY];
	uint64_t in = 0, out = 0;

	while (out < 20000) {
		size_t len;
		int err;
		const void *got;

		while (lane_push(lane, record, pattern(record, in)) == 0)
			in++;
		got = lane_peek(lane, &len, &err);
		assert_non_null(got);
		assert_true(is_pattern(got, len, out));
		lane_pop(lane);
		out++;
	}
}

static void *push_patterns(void *arg)
{
	struct lane *lane = arg;
	uint8_t record[CAPACITY];

	for (uint64_t n = 0; n < 20000; n++) {
		size_t len = pattern(record, n);

		while (lane_push(lane, record, len) == -EAGAIN)
			if (lane_wait_room(lane, len, 60 * NS_PER_S))
				return arg; /* a wake-up was lost */
	}
	return NULL;
}

/* Takes records until @count are there; true when each was the expected one. */
static bool take_patterns(struct lane *lane, uint64_t count)
{
	for (uint64_t n = 0; n < count;) {
		size_t len;
		int err;
		const void *got = lane_peek(lane, &len, &err);

		if (err || (got && !is_pattern(got, len, n)))
			return false;
		if (!got)
			continue;
		lane_pop(lane);
		n++;
	}
	return true;
}

static void two_threads_agree(void **state)
{
	struct lane *lane = *state;
	pthread_t producer;
	void *lost;

	assert_int_equal(pthread_create(&producer, NULL, push_patterns, lane), 0);
	assert_true(take_patterns(lane, 20000));
	assert_int_equal(pthread_join(producer, &lost), 0);
	assert_null(lost);
	assert_true(lane_empty(lane));
}

static int push_patterns_in_child(void *arg)
{
	return push_patterns(arg) != NULL;
}

static void two_processes_agree(void **state)
{
	struct lane *lane = shared_lane();
	pid_t child = child_start(push_patterns_in_child, lane);

	(void)state;
	assert_true(take_patterns(lane, 20000));
	assert_true(child_succeeded(child));
	munmap(lane, lane_footprint(CAPACITY));
}

static int push_half_a_lane_more(void *arg)
{
	uint8_t record[HALF_RECORD] = {0};

	if (lane_push(arg, record, sizeof(record)) != -EAGAIN)
		return 1;
	if (lane_wait_room(arg, sizeof(record), UINT64_MAX))
		return 2;
	return lane_push(arg, record, sizeof(record)) != 0;
}

static void a_producer_sleeps_until_there_is_room_enough(void **state)
{
	struct lane *lane = shared_lane();
	uint8_t record[8] = {0};
	size_t len;
	int err;
	pid_t child;

	(void)state;
	while (lane_push(lane, record, sizeof(record)) == 0)
		;
	child = child_start(push_half_a_lane_more, lane);
	assert_true(child_await_state(child, 'S'));
	for (unsigned freed = 0; freed < CAPACITY / 2; freed += 16) {
		assert_false(lane_has_room(lane, HALF_RECORD));
		assert_non_null(lane_peek(lane, &len, &err));
		lane_pop(lane);
	}
	assert_true(child_succeeded(child));
	munmap(lane, lane_footprint(CAPACITY));
}

static void waiting_ends_at_the_deadline(void **state)
{
	struct lane *lane = *state;
	uint8_t record[HALF_RECORD] = {0};

	/* At this hour every deadline is long past: no time goes by here. */
	clock_use_fake(0);
	assert_int_equal(lane_push(lane, record, sizeof(record)), 0);
	assert_int_equal(lane_wait_room(lane, sizeof(record), 1000), 0);
	assert_int_equal(lane_push(lane, record, sizeof(record)), 0);
	assert_int_equal(lane_wait_room(lane, sizeof(record), 1000), -ETIMEDOUT);
	assert_int_equal(lane_wait_room(lane, 0, 0), -ETIMEDOUT);
	clock_use_real();
	assert_int_equal(lane_wait_room(lane, sizeof(record), 1), -ETIMEDOUT);
}

/* Every value in the header that precedes a record. */
static void a_corrupt_length_is_caught(void **state)
{
	struct lane *lane = *state;
	uint64_t random = 88172645463325252u;
	uint8_t record[100];
	uint8_t *at;
	size_t len;
	int err;

	memset(record, 'r', sizeof(record));
	assert_int_equal(lane_push(lane, record, sizeof(record)), 0);
	at = (uint8_t *)(uintptr_t)lane_peek(lane, &len, &err);
	assert_non_null(at);
	for (unsigned i = 0; i < 100000; i++) {
		uint32_t kept, wrong;

		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		wrong = i < CAPACITY * 2 ? i : (uint32_t)random;
		memcpy(&kept, at - 8, sizeof(kept));
		if (wrong == kept)
			continue;
		memcpy(at - 8, &wrong, sizeof(wrong));
		assert_null(lane_peek(lane, &len, &err));
		assert_int_equal(err, -EBADMSG);
		memcpy(at - 8, &kept, sizeof(kept));
	}
	assert_ptr_equal(lane_peek(lane, &len, &err), at);
}

/* Whatever is written anywhere but over the capacity, no byte outside the ring
 * is handed out (or read: see the block's size). */
static void nonsense_anywhere_stays_inside(void **state)
{
	struct lane *lane = *state;
	uint8_t *bytes = (uint8_t *)lane;
	size_t size = lane_footprint(CAPACITY);
	static const uint8_t filler[200];
	uint64_t random = 1;
	unsigned caught = 0;

	for (unsigned i = 0; i < 200000; i++) {
		size_t len = 0;
		int err;
		const uint8_t *got;

		if (i % 64 == 0) {
			lane_init(lane, CAPACITY);
			lane_push(lane, "some", 4);
			lane_push(lane, filler, sizeof(filler));
		}
		random ^= random << 13;
		random ^= random >> 7;
		random ^= random << 17;
		bytes[64 + (random >> 8) % (size - 64)] = (uint8_t)random;
		got = lane_peek(lane, &len, &err);
		caught += err == -EBADMSG;
		assert_true(lane_used(lane) <= CAPACITY || err == -EBADMSG);
		assert_true(got == NULL || (got >= bytes + size - CAPACITY && len <= HALF_RECORD &&
		                            got + len <= bytes + size));
	}
	assert_true(caught > 0);
}

#define WITH_LANE(test) cmocka_unit_test_setup_teardown(test, make_lane, free_lane)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_LANE(records_come_out_in_order),
		WITH_LANE(peeking_twice_shows_the_same_record),
		WITH_LANE(a_full_lane_takes_no_more_and_loses_nothing),
		WITH_LANE(what_can_never_fit_is_said_so),
		WITH_LANE(the_longest_record_fits_an_empty_lane_wherever_it_stands),
		WITH_LANE(records_survive_every_wrap),
		cmocka_unit_test(two_processes_agree),
		cmocka_unit_test(a_producer_sleeps_until_there_is_room_enough),
		WITH_LANE(waiting_ends_at_the_deadline),
		WITH_LANE(a_corrupt_length_is_caught),
		WITH_LANE(nonsense_anywhere_stays_inside),
		WITH_LANE(two_threads_agree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
