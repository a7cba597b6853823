/*
 * The queue's verbs, in one process: what fits, what is refused, whose turn it
 * is, and when the doorbell rings, over an eventfd and over a pipe.
 */
#include "queue_messages.h"

#include <errno.h>
#include <fcntl.h>

int __real_eventfd(unsigned count, int flags);
int __wrap_eventfd(unsigned count, int flags);

static int eventfd_error; /* what eventfd() fails with; 0: it works */

int __wrap_eventfd(unsigned count, int flags)
{
	if (!eventfd_error)
		return __real_eventfd(count, flags);
	errno = eventfd_error;
	return -1;
}

static void put_messages(struct completion_queue *queue, unsigned lane, uint64_t from, uint64_t to)
{
	for (uint64_t n = from; n < to; n++) {
		struct message message;
		size_t len = make_message(&message, lane, n);

		assert_int_equal(completion_queue_try_put(queue, lane, &message, len), 0);
	}
}

static void one_process_puts_and_gets(void **state)
{
	struct completion_queue *queue = new_queue();
	unsigned lane = 99;
	char buf[16];

	(void)state;
	assert_true(completion_queue_empty(queue));
	assert_int_equal(completion_queue_size(queue), 0);
	assert_int_equal(completion_queue_get(queue, &lane, buf, sizeof(buf)), 0);

	assert_int_equal(completion_queue_try_put(queue, 2, "two", 4), 0);
	assert_int_equal(completion_queue_try_put(queue, 0, "naught", 7), 0);
	assert_false(completion_queue_empty(queue));
	assert_int_equal(completion_queue_size(queue), 2 * 16);

	assert_int_equal(completion_queue_get(queue, &lane, buf, 3), -ENOBUFS);
	assert_int_equal(completion_queue_get(queue, &lane, buf, sizeof(buf)), 7);
	assert_int_equal(lane, 0);
	assert_string_equal(buf, "naught");
	assert_int_equal(completion_queue_get(queue, &lane, buf, sizeof(buf)), 4);
	assert_int_equal(lane, 2);
	assert_string_equal(buf, "two");
	assert_true(completion_queue_empty(queue));
	assert_int_equal(completion_queue_get(queue, &lane, buf, sizeof(buf)), 0);
	completion_queue_free(queue);
	completion_queue_free(NULL);
}

static void getting_goes_round_the_lanes(void **state)
{
	struct completion_queue *queue = new_queue();
	unsigned lane;
	char buf[16];

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		for (unsigned p = 0; p < PRODUCERS; p++)
			assert_int_equal(completion_queue_try_put(queue, p, "x", 1), 0);
	for (unsigned i = 0; i < 3 * PRODUCERS; i++) {
		assert_int_equal(completion_queue_get(queue, &lane, buf, sizeof(buf)), 1);
		assert_int_equal(lane, i % PRODUCERS);
	}
	completion_queue_free(queue);
}

static void a_full_lane_is_full_and_the_others_are_not(void **state)
{
	struct completion_queue *queue = new_queue();
	uint64_t n = 0;
	unsigned lane;

	(void)state;
	while (completion_queue_try_put(queue, 1, &n, sizeof(n)) == 0)
		n++;
	assert_int_equal(n, FILLED);
	assert_true(completion_queue_full(queue, 1, 8));
	assert_int_equal(completion_queue_try_put(queue, 1, &n, sizeof(n)), -EAGAIN);
	assert_int_equal(completion_queue_size(queue), LANE_BYTES);
	assert_false(completion_queue_full(queue, 0, 8));
	assert_int_equal(completion_queue_try_put(queue, 0, &n, sizeof(n)), 0);

	assert_int_equal(completion_queue_get(queue, &lane, &n, sizeof(n)), 8);
	assert_int_equal(lane, 0);
	assert_int_equal(completion_queue_get(queue, &lane, &n, sizeof(n)), 8);
	assert_int_equal(lane, 1);
	assert_int_equal(n, 0);
	assert_false(completion_queue_full(queue, 1, 8));
	assert_true(completion_queue_full(queue, 1, 9));
	completion_queue_free(queue);
}

static void a_record_of_no_or_too_many_bytes_is_refused(void **state)
{
	struct completion_queue *queue = new_queue();
	uint8_t big[LANE_BYTES] = {0};

	(void)state;
	assert_int_equal(completion_queue_try_put(queue, 0, big, 0), -EMSGSIZE);
	assert_int_equal(completion_queue_try_put(queue, 0, big, sizeof(big)), -EMSGSIZE);
	assert_int_equal(completion_queue_put(queue, 0, big, sizeof(big), UINT64_MAX), -EMSGSIZE);
	assert_true(completion_queue_empty(queue));
	completion_queue_free(queue);
}

static void putting_gives_up_at_its_timeout(void **state)
{
	struct completion_queue *queue = new_queue();
	uint64_t n = 0;

	(void)state;
	/* At this hour every deadline is long past: no time goes by here. */
	clock_use_fake(0);
	for (n = 0; n < FILLED; n++)
		assert_int_equal(completion_queue_put(queue, 0, &n, sizeof(n), 0), 0);
	assert_int_equal(completion_queue_put(queue, 0, &n, sizeof(n), 0), -ETIMEDOUT);
	assert_int_equal(completion_queue_put(queue, 0, &n, sizeof(n), 1), -ETIMEDOUT);
	assert_int_equal(completion_queue_put(queue, 0, &n, sizeof(n), 3 * NS_PER_S + 1), -ETIMEDOUT);
	clock_use_real();
	assert_int_equal(completion_queue_put(queue, 0, &n, sizeof(n), 1), -ETIMEDOUT);
	assert_int_equal(completion_queue_size(queue), LANE_BYTES);
	completion_queue_free(queue);
}

static void putting_rings_before_it_waits(void **state)
{
	struct completion_queue *queue = new_queue();
	uint64_t n = 0;

	(void)state;
	assert_false(completion_queue_arm(queue));
	while (completion_queue_try_put(queue, 0, &n, sizeof(n)) == 0)
		;
	assert_false(is_readable(completion_queue_fd(queue), 0));
	assert_int_equal(completion_queue_put(queue, 0, &n, sizeof(n), 1), -ETIMEDOUT);
	assert_true(is_readable(completion_queue_fd(queue), 0));
	completion_queue_free(queue);
}

static void the_doorbell_rings_once_and_only_when_armed(void **state)
{
	struct completion_queue *queue = new_queue();
	int fd = completion_queue_fd(queue);

	(void)state;
	assert_int_equal(completion_queue_try_put(queue, 0, "x", 1), 0);
	completion_queue_ring(queue);
	assert_false(is_readable(fd, 0)); /* no one has armed it */

	assert_true(completion_queue_arm(queue)); /* there is something already */
	completion_queue_ring(queue);
	assert_true(is_readable(fd, 0));
	completion_queue_disarm(queue);
	assert_false(is_readable(fd, 0));
	completion_queue_ring(queue);
	assert_false(is_readable(fd, 0)); /* one ring for each time it is armed */
	completion_queue_free(queue);
}

static void disarming_clears_a_ring_that_came(void **state)
{
	struct completion_queue *queue = new_queue();
	struct seen seen = {0};

	(void)state;
	assert_false(completion_queue_arm(queue));
	put_messages(queue, 0, 0, 1);
	completion_queue_ring(queue);
	completion_queue_disarm(queue);
	assert_int_equal(completion_queue_drain(queue, check_message, &seen), 1);
	assert_false(completion_queue_arm(queue));
	assert_false(is_readable(completion_queue_fd(queue), 0));
	completion_queue_free(queue);
}

static void draining_takes_turns(void **state)
{
	struct completion_queue *queue = new_queue();
	struct seen seen = {.stop_after = 1};

	(void)state;
	put_messages(queue, 0, 0, 2);
	put_messages(queue, 1, 0, 2);
	put_messages(queue, 3, 0, 1);
	for (unsigned i = 0; i < 5; i++) {
		seen.taken = 0;
		assert_int_equal(completion_queue_drain(queue, check_message, &seen), 1);
	}
	assert_int_equal(completion_queue_drain(queue, check_message, &seen), 0);
	assert_int_equal(seen.wrong, 0);
	/* Stopped after each record, it goes on with the next lane all the same. */
	assert_int_equal(seen.order[0], 0);
	assert_int_equal(seen.order[1], 1);
	assert_int_equal(seen.order[2], 3);
	assert_int_equal(seen.order[3], 0);
	assert_int_equal(seen.order[4], 1);
	completion_queue_free(queue);
}

struct echo {
	struct completion_queue *queue;
	size_t taken;
};

static int put_another(unsigned lane, const void *record, size_t len, void *arg)
{
	struct echo *echo = arg;

	echo->taken++;
	completion_queue_try_put(echo->queue, lane, record, len);
	return 0;
}

static void a_producer_that_keeps_putting_does_not_keep_the_drain(void **state)
{
	struct echo echo = {.queue = new_queue()};

	(void)state;
	put_messages(echo.queue, 0, 0, 3);
	put_messages(echo.queue, 2, 0, 2);
	assert_int_equal(completion_queue_drain(echo.queue, put_another, &echo), 5);
	assert_int_equal(completion_queue_drain_lane(echo.queue, 2, put_another, &echo), 2);
	assert_int_equal(echo.taken, 7);
	assert_false(completion_queue_empty(echo.queue));
	completion_queue_free(echo.queue);
}

static void a_reset_lane_is_empty(void **state)
{
	struct completion_queue *queue = new_queue();
	struct seen seen = {0};

	(void)state;
	put_messages(queue, 0, 0, 3);
	put_messages(queue, 1, 0, 1);
	completion_queue_reset_lane(queue, 0);
	assert_int_equal(completion_queue_drain_lane(queue, 0, check_message, &seen), 0);
	put_messages(queue, 0, 0, 2);
	assert_int_equal(completion_queue_drain(queue, check_message, &seen), 3);
	assert_int_equal(seen.wrong, 0);
	completion_queue_free(queue);
}

struct spoiling {
	unsigned whole, nonsense;
};

/* On the first record, writes over the header of the one behind it. */
static int spoil_the_next(unsigned lane, const void *record, size_t len, void *arg)
{
	struct spoiling *s = arg;

	(void)lane;
	if (len == 0 && record) {
		s->nonsense++;
		return 0;
	}
	if (s->whole++ == 0)
		memset((uint8_t *)(uintptr_t)record + sizeof(uint64_t), 0xee, 4);
	return 0;
}

static void a_lane_of_nonsense_is_reported(void **state)
{
	struct completion_queue *queue = new_queue();
	struct spoiling s = {0};
	uint64_t n = 0;
	unsigned lane = 99;

	(void)state;
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(completion_queue_try_put(queue, 1, &n, sizeof(n)), 0);
	assert_int_equal(completion_queue_try_put(queue, 2, &n, sizeof(n)), 0);

	/* Lane 1's first, its nonsense, and lane 2's as if nothing had been. */
	assert_int_equal(completion_queue_drain(queue, spoil_the_next, &s), 3);
	assert_int_equal(s.whole, 2);
	assert_int_equal(s.nonsense, 1);
	assert_int_equal(completion_queue_drain(queue, spoil_the_next, &s), 1);
	assert_int_equal(s.nonsense, 2);
	assert_int_equal(completion_queue_get(queue, &lane, &n, sizeof(n)), -EBADMSG);
	assert_int_equal(lane, 1);
	completion_queue_reset_lane(queue, 1);
	assert_true(completion_queue_empty(queue));
	completion_queue_free(queue);
}

static void without_eventfd_a_pipe_does(void **state)
{
	struct completion_queue *queue;

	(void)state;
	eventfd_error = ENOSYS;
	queue = new_queue();
	completion_queue_free(queue);
	eventfd_error = EPERM;
	the_doorbell_rings_once_and_only_when_armed(state);
	disarming_clears_a_ring_that_came(state);
	eventfd_error = EMFILE;
	assert_int_equal(completion_queue_new(1, LANE_BYTES, &queue), -EMFILE);
	eventfd_error = 0;
}

static void the_doorbell_is_closed_on_exec_and_never_blocks(void **state)
{
	static const int errors[] = {0, ENOSYS};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct completion_queue *queue;
		int fd;

		eventfd_error = errors[i];
		queue = new_queue();
		fd = completion_queue_fd(queue);
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
		assert_int_equal(completion_queue_ring_fd(queue) == fd, errors[i] == 0);
		assert_true(fcntl(completion_queue_ring_fd(queue), F_GETFL) & O_NONBLOCK);
		completion_queue_disarm(queue); /* nothing to read: must return */
		completion_queue_free(queue);
		assert_int_equal(fcntl(fd, F_GETFD), -1);
	}
	eventfd_error = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_process_puts_and_gets),
		cmocka_unit_test(getting_goes_round_the_lanes),
		cmocka_unit_test(a_full_lane_is_full_and_the_others_are_not),
		cmocka_unit_test(a_record_of_no_or_too_many_bytes_is_refused),
		cmocka_unit_test(putting_gives_up_at_its_timeout),
		cmocka_unit_test(putting_rings_before_it_waits),
		cmocka_unit_test(the_doorbell_rings_once_and_only_when_armed),
		cmocka_unit_test(disarming_clears_a_ring_that_came),
		cmocka_unit_test(draining_takes_turns),
		cmocka_unit_test(a_producer_that_keeps_putting_does_not_keep_the_drain),
		cmocka_unit_test(a_reset_lane_is_empty),
		cmocka_unit_test(a_lane_of_nonsense_is_reported),
		cmocka_unit_test(without_eventfd_a_pipe_does),
		cmocka_unit_test(the_doorbell_is_closed_on_exec_and_never_blocks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
