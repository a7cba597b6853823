/*
 * What counts as time of the run, with invented clock readings.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "master/run_clock.h"

#define START (1000 * NS_PER_S)
#define AT(seconds) (START + (uint64_t)(seconds) * NS_PER_S)

static uint64_t elapsed_s(const struct run_clock *clock, unsigned seconds)
{
	return run_clock_elapsed(clock, AT(seconds)) / NS_PER_S;
}

static void ticks_that_come_leave_nothing_out(void **state)
{
	struct run_clock clock;

	(void)state;
	run_clock_start(&clock, START);
	for (unsigned tenth = 1; tenth <= 100; tenth++)
		assert_int_equal(run_clock_tick(&clock, START + tenth * 100 * NS_PER_MS), 0);
	assert_int_equal(run_clock_tick(&clock, AT(12)), 0); /* a busy machine */
	assert_int_equal(elapsed_s(&clock, 12), 12);
}

static void a_gap_counts_as_stopped(void **state)
{
	struct run_clock clock;

	(void)state;
	run_clock_start(&clock, START);
	assert_int_equal(run_clock_tick(&clock, AT(1)), 0);
	assert_int_equal(run_clock_tick(&clock, AT(61)), 60 * NS_PER_S);
	assert_int_equal(run_clock_tick(&clock, AT(62)), 0);
	assert_int_equal(elapsed_s(&clock, 62), 2);
}

static void an_announced_stop_is_left_out_once(void **state)
{
	struct run_clock clock;

	(void)state;
	run_clock_start(&clock, START);
	run_clock_tick(&clock, AT(1));
	run_clock_resume(&clock, AT(1), AT(31));
	assert_int_equal(run_clock_tick(&clock, AT(31)), 0);
	assert_int_equal(elapsed_s(&clock, 32), 2);
}

static void a_pause_is_left_out_with_what_happens_in_it(void **state)
{
	struct run_clock clock;

	(void)state;
	run_clock_start(&clock, START);
	run_clock_pause(&clock, true, AT(5));
	assert_int_equal(elapsed_s(&clock, 9), 5);
	run_clock_resume(&clock, AT(6), AT(16));
	assert_int_equal(run_clock_tick(&clock, AT(26)), 10 * NS_PER_S);
	run_clock_pause(&clock, true, AT(30)); /* again: nothing new */
	run_clock_pause(&clock, false, AT(35));
	run_clock_pause(&clock, false, AT(37));
	assert_int_equal(elapsed_s(&clock, 40), 10);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(ticks_that_come_leave_nothing_out),
		cmocka_unit_test(a_gap_counts_as_stopped),
		cmocka_unit_test(an_announced_stop_is_left_out_once),
		cmocka_unit_test(a_pause_is_left_out_with_what_happens_in_it),
	};

	return cmocka_run_group_tests_name("run_clock", tests, NULL, NULL);
}
