/*
 * The one source of time.
 *
 * Promises monotonic nanoseconds, or whatever a test has set instead, so that
 * no test has to wait for time to pass.
 *
 * Runs in: both.  Blocks: never.  Allocates: no.  Owns: nothing.
 */
#pragma once

#include <stdint.h>

#define NS_PER_S UINT64_C(1000000000)
#define NS_PER_MS UINT64_C(1000000)

/* Returns nanoseconds of CLOCK_MONOTONIC, or the fake time when one is set. */
uint64_t clock_now_ns(void);

/* The same clock as it was at the last tick, at most 10 ms ago (CONFIG_HZ=100): at a
 * tenth of the price, for what is done for each file. */
uint64_t clock_recent_ns(void);

/* Makes both return @ns until clock_use_real(). For tests. */
void clock_use_fake(uint64_t ns);

/* Returns to the real clock. */
void clock_use_real(void);
