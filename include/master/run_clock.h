/*
 * The time that counts: since the start, without pauses and suspends.
 *
 * Promises arithmetic on the times it is given; that a process which was
 * stopped without being told (SIGSTOP, a frozen container) notices it by the
 * ticks that did not come; and that no stretch is left out twice.
 *
 * Runs in: the master.  Blocks: never.  Allocates: no.  Owns: nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct run_clock {
	uint64_t start_ns;
	uint64_t away_ns;  /* left out so far */
	uint64_t seen_ns;  /* the last moment we are known to have run */
	uint64_t since_ns; /* paused since then */
	bool paused;
};

void run_clock_start(struct run_clock *clock, uint64_t now_ns);

/* Called often: returns how long we were stopped since the call before, 0 if
 * we were not. */
uint64_t run_clock_tick(struct run_clock *clock, uint64_t now_ns);

/* We are back from a stop that was announced, and began at @since_ns. */
void run_clock_resume(struct run_clock *clock, uint64_t since_ns, uint64_t now_ns);

void run_clock_pause(struct run_clock *clock, bool paused, uint64_t now_ns);

uint64_t run_clock_elapsed(const struct run_clock *clock, uint64_t now_ns);
