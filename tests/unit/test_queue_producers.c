/*
 * The queue with producers that are processes of their own, some of which are
 * stopped or killed on the way. The consumer sleeps in poll(2) with no tick
 * behind it, so a doorbell that is not rung ends at the deadline.
 */
#include "queue_messages.h"

/* What every consumer does, until @count is @until: drain, say that it will
 * sleep, sleep. False when nothing came until the deadline. */
static bool drain_until(struct completion_queue *queue, struct seen *seen, const uint64_t *count, uint64_t until)
{
	for (;;) {
		completion_queue_disarm(queue);
		completion_queue_drain(queue, check_message, seen);
		if (*count >= until)
			return true;
		if (!completion_queue_arm(queue) && !is_readable(completion_queue_fd(queue), CHILD_DEADLINE_MS))
			return false;
	}
}

struct producer {
	struct completion_queue *queue;
	unsigned lane;
	uint64_t count; /* UINT64_MAX: until killed */
};

static int produce(void *arg)
{
	struct producer *p = arg;

	for (uint64_t n = 0; n < p->count; n++) {
		struct message message;
		size_t len = make_message(&message, p->lane, n);

		if (completion_queue_put(p->queue, p->lane, &message, len, UINT64_MAX))
			return 1;
		completion_queue_ring(p->queue);
	}
	return 0;
}

static pid_t start_producer(struct completion_queue *queue, unsigned lane, uint64_t count)
{
	struct producer producer = {queue, lane, count};

	return child_start(produce, &producer);
}

static int put_one_more(void *arg)
{
	uint64_t n = FILLED;

	return completion_queue_put(arg, 0, &n, sizeof(n), UINT64_MAX) != 0;
}

static void putting_without_a_timeout_waits_for_room(void **state)
{
	struct completion_queue *queue = new_queue();
	uint64_t n = 0, got;
	unsigned lane;
	pid_t child;

	(void)state;
	while (completion_queue_try_put(queue, 0, &n, sizeof(n)) == 0)
		n++;
	child = child_start(put_one_more, queue);
	assert_true(child_await_state(child, 'S'));
	assert_int_equal(completion_queue_get(queue, &lane, &got, sizeof(got)), 8);
	assert_true(child_succeeded(child));
	for (uint64_t i = 1; i <= FILLED; i++) {
		assert_int_equal(completion_queue_get(queue, &lane, &got, sizeof(got)), 8);
		assert_int_equal(got, i);
	}
	completion_queue_free(queue);
}

static void several_producers_lose_nothing(void **state)
{
	struct completion_queue *queue = new_queue();
	pid_t children[PRODUCERS];
	struct seen seen = {0};

	(void)state;
	for (unsigned i = 0; i < PRODUCERS; i++)
		children[i] = start_producer(queue, i, RECORDS);
	assert_true(drain_until(queue, &seen, &seen.taken, (uint64_t)PRODUCERS * RECORDS));
	for (unsigned i = 0; i < PRODUCERS; i++) {
		assert_true(child_succeeded(children[i]));
		assert_int_equal(seen.next[i], RECORDS);
	}
	assert_int_equal(seen.wrong, 0);
	assert_true(completion_queue_empty(queue));
	completion_queue_free(queue);
}

static void a_stopped_producer_delays_no_other(void **state)
{
	struct completion_queue *queue = new_queue();
	pid_t stopped = start_producer(queue, 0, UINT64_MAX);
	struct seen seen = {0};
	pid_t child;

	(void)state;
	/* Wherever in its put it is by now. */
	assert_true(drain_until(queue, &seen, &seen.next[0], 100));
	kill(stopped, SIGSTOP);
	assert_true(child_await_state(stopped, 'T'));

	child = start_producer(queue, 1, RECORDS);
	assert_true(drain_until(queue, &seen, &seen.next[1], RECORDS));
	assert_true(child_succeeded(child));

	/* And it goes on where it was. */
	completion_queue_drain(queue, check_message, &seen);
	kill(stopped, SIGCONT);
	assert_true(drain_until(queue, &seen, &seen.next[0], seen.next[0] + 1000));
	assert_int_equal(seen.wrong, 0);
	child_kill(stopped);
	completion_queue_free(queue);
}

static void a_killed_producer_leaves_whole_records_and_a_usable_lane(void **state)
{
	struct completion_queue *queue = new_queue();
	struct seen seen = {0};
	pid_t other = start_producer(queue, 3, UINT64_MAX);

	(void)state;
	for (unsigned round = 0; round < 50; round++) {
		pid_t victim = start_producer(queue, 0, UINT64_MAX);

		seen.next[0] = 0;
		assert_true(drain_until(queue, &seen, &seen.next[0], 20 + round));
		child_kill(victim);
		completion_queue_drain_lane(queue, 0, check_message, &seen);
		assert_int_equal(seen.wrong, 0);
		assert_false(completion_queue_full(queue, 0, LONGEST));
		completion_queue_reset_lane(queue, 0);
	}
	/* Whoever died, the other goes on. */
	assert_true(drain_until(queue, &seen, &seen.next[3], seen.next[3] + 1000));
	assert_int_equal(seen.wrong, 0);
	child_kill(other);
	completion_queue_free(queue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(several_producers_lose_nothing),
		cmocka_unit_test(a_stopped_producer_delays_no_other),
		cmocka_unit_test(a_killed_producer_leaves_whole_records_and_a_usable_lane),
		cmocka_unit_test(putting_without_a_timeout_waits_for_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
