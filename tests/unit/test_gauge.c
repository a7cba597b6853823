/* Snapshots between processes, whole whatever happens to the writer; orders and bandwidth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>

#include "../support/child.h"
#include "base/clock.h"
#include "ipc/gauge.h"

#define WORKERS 3

static int new_board(void **state)
{
	struct gauge_board *board = NULL;

	if (gauge_board_new(WORKERS, &board))
		return -1;
	*state = board;
	return 0;
}

static int free_board(void **state)
{
	gauge_board_free(*state);
	return 0;
}

/* A snapshot in which every field follows from @n. */
static struct gauge_snapshot numbered(uint64_t n)
{
	struct gauge_snapshot s = {
		.job = n,
		.index = (uint32_t)n,
		.activity = (uint32_t)(n % ACTIVITY_COUNT),
		.since_ns = n * 3,
		.job_files = n * 5,
		.job_bytes = n * 7,
		.file_bytes = n * 11,
	};

	for (unsigned i = 0; i < ACTIVITY_COUNT; i++)
		s.spent_ns[i] = n * (13 + i);
	return s;
}

static bool is_numbered(const struct gauge_snapshot *s)
{
	struct gauge_snapshot expected = numbered(s->job);

	return !memcmp(s, &expected, sizeof(expected));
}

static void each_worker_has_its_own(void **state)
{
	struct gauge_board *board = *state;
	struct gauge_snapshot got, put;

	for (unsigned slot = 0; slot < WORKERS; slot++) {
		assert_true(gauge_read(board, slot, &got));
		put = numbered(0);
		assert_memory_equal(&got, &put, sizeof(put)); /* zero at first */
	}
	for (unsigned slot = 0; slot < WORKERS; slot++) {
		put = numbered(slot + 1000);
		gauge_publish(board, slot, &put);
	}
	for (unsigned slot = 0; slot < WORKERS; slot++) {
		assert_true(gauge_read(board, slot, &got));
		put = numbered(slot + 1000);
		assert_memory_equal(&got, &put, sizeof(put));
	}
	gauge_reset(board, 1);
	assert_true(gauge_read(board, 1, &got));
	assert_int_equal(got.job, 0);
	assert_true(gauge_read(board, 2, &got));
	assert_int_equal(got.job, 1002);
}

static int publish_for_ever(void *arg)
{
	for (uint64_t n = 1; n < UINT64_MAX; n++) {
		struct gauge_snapshot s = numbered(n);

		gauge_publish(arg, 0, &s);
	}
	return 0;
}

static void no_snapshot_is_torn(void **state)
{
	struct gauge_board *board = *state;
	pid_t writer = child_start(publish_for_ever, board);
	uint64_t last = 0, changes = 0;

	while (changes < 20000) {
		struct gauge_snapshot s;

		gauge_read(board, 0, &s);
		assert_true(is_numbered(&s));
		assert_true(s.job >= last); /* and none older than one seen before */
		changes += s.job != last;
		last = s.job;
	}
	child_kill(writer);
}

static int stop_then_publish(void *arg)
{
	struct gauge_snapshot s = numbered(222);

	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		return 77;
	raise(SIGSTOP);
	gauge_publish(arg, 0, &s);
	return 0;
}

/* Steps a writer until it is in the middle of publishing, and kills it there.
 * Meanwhile (but for the first @unread steps) and after, the reader must see
 * @job. Returns the steps it took. */
static unsigned kill_a_writer_in_the_middle(struct gauge_board *board, uint64_t job, unsigned unread)
{
	pid_t writer = child_start(stop_then_publish, board);
	struct gauge_snapshot s;
	unsigned steps = 0;
	bool whole = true;
	int status = 0;

	assert_int_equal(waitpid(writer, &status, 0), writer);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
		skip(); /* no ptrace here */
	while (whole && WIFSTOPPED(status)) {
		assert_int_equal(ptrace(PTRACE_SINGLESTEP, writer, NULL, NULL), 0);
		assert_int_equal(waitpid(writer, &status, 0), writer);
		if (++steps < unread)
			continue;
		whole = gauge_read(board, 0, &s);
		assert_int_equal(s.job, job); /* never the new one before it is whole */
		assert_true(is_numbered(&s));
	}
	assert_false(whole);
	child_kill(writer);
	assert_false(gauge_read(board, 0, &s));
	assert_int_equal(s.job, job);
	assert_true(is_numbered(&s));
	return steps;
}

static void a_writer_killed_in_the_middle_leaves_the_last_good_one(void **state)
{
	struct gauge_board *board = *state;
	struct gauge_snapshot s = numbered(111);
	unsigned steps;

	gauge_publish(board, 0, &s);
	assert_true(gauge_read(board, 0, &s));
	steps = kill_a_writer_in_the_middle(board, 111, 0);

	/* A successor is not held up by what the dead one left, nor mistaken for
	 * it, even when it dies there too before anyone has read its gauge. */
	gauge_reset(board, 0);
	kill_a_writer_in_the_middle(board, 0, steps);
	gauge_reset(board, 0);
	assert_true(gauge_read(board, 0, &s));
	assert_int_equal(s.job, 0);
	s = numbered(333);
	gauge_publish(board, 0, &s);
	assert_true(gauge_read(board, 0, &s));
	assert_int_equal(s.job, 333);
}

static int await_pause(void *arg)
{
	while (gauge_order(arg) != ORDER_PAUSE)
		usleep(100);
	return 0;
}

static int await_stop(void *arg)
{
	while (gauge_order(arg) != ORDER_STOP)
		usleep(100);
	return 0;
}

static void orders_reach_the_workers(void **state)
{
	struct gauge_board *board = *state;
	pid_t pausing = child_start(await_pause, board);
	pid_t stopping = child_start(await_stop, board);

	assert_int_equal(gauge_order(board), ORDER_RUN);
	gauge_set_order(board, ORDER_PAUSE);
	assert_true(child_succeeded(pausing));
	assert_int_equal(gauge_order(board), ORDER_PAUSE);
	gauge_set_order(board, ORDER_STOP);
	assert_true(child_succeeded(stopping));
}

static void hunger_is_seen_until_it_is_stilled(void **state)
{
	struct gauge_board *board = *state;

	assert_true(gauge_hungry(board)); /* at first, every completion is news */
	gauge_set_hungry(board, false);
	assert_false(gauge_hungry(board));
	gauge_set_hungry(board, false);
	assert_false(gauge_hungry(board));
	gauge_set_hungry(board, true);
	assert_true(gauge_hungry(board));
	assert_int_equal(gauge_order(board), ORDER_RUN); /* and is no order */
}

#define SECOND ((uint64_t)NS_PER_S)
#define MS ((uint64_t)NS_PER_MS)

static void without_a_limit_no_one_waits(void **state)
{
	struct gauge_board *board = *state;

	assert_int_equal(gauge_bandwidth(board), 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(gauge_take_bandwidth(board, UINT64_MAX, 5), 0);
}

static void bytes_are_paid_for_in_time(void **state)
{
	struct gauge_board *board = *state;
	uint64_t now = 1000 * SECOND;

	clock_use_fake(now);
	gauge_set_bandwidth(board, 1000000);
	assert_int_equal(gauge_bandwidth(board), 1000000);
	assert_int_equal(gauge_take_bandwidth(board, 1000000, now), SECOND);
	assert_int_equal(gauge_take_bandwidth(board, 500000, now), SECOND + SECOND / 2);
	/* Who comes when all is paid for waits for his own bytes only. */
	now += SECOND + SECOND / 2;
	assert_int_equal(gauge_take_bandwidth(board, 250000, now), SECOND / 4);
	clock_use_real();
}

static void idle_time_saves_a_burst_and_no_more(void **state)
{
	struct gauge_board *board = *state;
	uint64_t now = 1000 * SECOND;

	clock_use_fake(now);
	gauge_set_bandwidth(board, 1000000);
	now += 3600 * SECOND;
	assert_int_equal(gauge_take_bandwidth(board, 60000, now), 0);
	assert_int_equal(gauge_take_bandwidth(board, 40000, now), 0);
	assert_int_equal(gauge_take_bandwidth(board, 1000, now), MS);
	now += 50 * MS;
	assert_int_equal(gauge_take_bandwidth(board, 49000, now), 0);
	assert_int_equal(gauge_take_bandwidth(board, 2000, now), 2 * MS);
	clock_use_real();
}

static void a_new_limit_counts_at_once(void **state)
{
	struct gauge_board *board = *state;
	uint64_t now = 1000 * SECOND;

	clock_use_fake(now);
	gauge_set_bandwidth(board, 1);
	assert_int_equal(gauge_take_bandwidth(board, 1000000, now), 1000000 * SECOND);
	gauge_set_bandwidth(board, 1000000);
	assert_int_equal(gauge_take_bandwidth(board, 1000, now), MS);
	gauge_set_bandwidth(board, 0);
	assert_int_equal(gauge_take_bandwidth(board, 1000000, now), 0);
	clock_use_real();
}

static void absurd_numbers_do_no_harm(void **state)
{
	struct gauge_board *board = *state;
	uint64_t longest = 0;

	clock_use_fake(0);
	gauge_set_bandwidth(board, 1);
	for (int i = 0; i < 100; i++) {
		uint64_t wait = gauge_take_bandwidth(board, UINT64_MAX, 0);

		assert_true(wait >= longest && wait >= 1000000 * SECOND);
		longest = wait;
	}
	gauge_set_bandwidth(board, UINT64_MAX);
	assert_true(gauge_take_bandwidth(board, 1, 0) <= 1);
	clock_use_real();
}

#define TAKES 20000

static int take_many(void *arg)
{
	for (int i = 0; i < TAKES; i++)
		gauge_take_bandwidth(arg, 1000, 1000 * SECOND);
	return 0;
}

static void takers_in_several_processes_pay_for_every_byte(void **state)
{
	struct gauge_board *board = *state;
	pid_t children[4];

	clock_use_fake(1000 * SECOND);
	gauge_set_bandwidth(board, 1000000);
	for (int i = 0; i < 4; i++)
		children[i] = child_start(take_many, board);
	for (int i = 0; i < 4; i++)
		assert_true(child_succeeded(children[i]));
	assert_int_equal(gauge_take_bandwidth(board, 0, 1000 * SECOND), 4ull * TAKES * MS);
	clock_use_real();
}

#define WITH_BOARD(test) cmocka_unit_test_setup_teardown(test, new_board, free_board)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_BOARD(each_worker_has_its_own),
		WITH_BOARD(no_snapshot_is_torn),
		WITH_BOARD(a_writer_killed_in_the_middle_leaves_the_last_good_one),
		WITH_BOARD(orders_reach_the_workers),
		WITH_BOARD(hunger_is_seen_until_it_is_stilled),
		WITH_BOARD(without_a_limit_no_one_waits),
		WITH_BOARD(bytes_are_paid_for_in_time),
		WITH_BOARD(idle_time_saves_a_burst_and_no_more),
		WITH_BOARD(a_new_limit_counts_at_once),
		WITH_BOARD(absurd_numbers_do_no_harm),
		WITH_BOARD(takers_in_several_processes_pay_for_every_byte),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
