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

/* Makes clock_now_ns() return @ns until clock_use_real(). For tests. */
void clock_use_fake(uint64_t ns);

/* Returns to the real clock. */
void clock_use_real(void);
