/* The clock is the monotonic one, until a test says what time it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <time.h>

#include "base/clock.h"

static uint64_t kernel_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void real_time_is_clock_monotonic(void **state)
{
	uint64_t before = kernel_now_ns();
	uint64_t now = clock_now_ns();
	uint64_t after = kernel_now_ns();

	(void)state;
	assert_true(before <= now && now <= after);
}

static void fake_time_stands_still(void **state)
{
	(void)state;
	clock_use_fake(5 * NS_PER_S + 7);
	assert_int_equal(clock_now_ns(), 5000000007);
	assert_int_equal(clock_now_ns(), 5000000007);
	clock_use_fake(0);
	assert_int_equal(clock_now_ns(), 0);
	clock_use_real();
}

static void real_time_comes_back(void **state)
{
	uint64_t before;

	(void)state;
	clock_use_fake(1);
	clock_use_real();
	before = kernel_now_ns();
	assert_true(before > 1);
	assert_true(clock_now_ns() >= before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_time_is_clock_monotonic),
		cmocka_unit_test(fake_time_stands_still),
		cmocka_unit_test(real_time_comes_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
