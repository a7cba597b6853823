/*
 * One reader of CLOCK_MONOTONIC and one variable to stand in for it.
 *
 * CLOCK_BOOTTIME lost: a machine that was suspended has not copied meanwhile,
 * and counting that time would spoil every rate. The fake is a plain variable
 * of this process: it is set by a test before anything that could race with it.
 */
#include "base/clock.h"

#include <stdbool.h>
#include <time.h>

static bool fake_in_use;
static uint64_t fake_ns;

static uint64_t read_clock(clockid_t clock)
{
	struct timespec now;

	if (fake_in_use)
		return fake_ns;

	/* Cannot fail: the clock exists on every Linux and the pointer is good. */
	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

uint64_t clock_now_ns(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

uint64_t clock_recent_ns(void)
{
	return read_clock(CLOCK_MONOTONIC_COARSE);
}

void clock_use_fake(uint64_t ns)
{
	fake_ns = ns;
	fake_in_use = true;
}

void clock_use_real(void)
{
	fake_in_use = false;
}
