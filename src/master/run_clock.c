/*
 * A gap between two ticks is far longer than a tick, and longer than a loaded
 * machine keeps us waiting, before it counts: what is left out wrongly makes
 * the copy look faster than it is.
 *
 * CLOCK_MONOTONIC goes on while a process is stopped, and no other clock stands
 * still then: CPU time stands still whenever we wait, too.
 */
#include "master/run_clock.h"

#include "base/clock.h"

#define STOPPED_GAP (2 * NS_PER_S)

void run_clock_start(struct run_clock *clock, uint64_t now_ns)
{
	*clock = (struct run_clock){ .start_ns = now_ns, .seen_ns = now_ns };
}

/* What happens during a pause is a part of it. */
static void leave_out(struct run_clock *clock, uint64_t ns)
{
	if (!clock->paused)
		clock->away_ns += ns;
}

uint64_t run_clock_tick(struct run_clock *clock, uint64_t now_ns)
{
	uint64_t gap = now_ns - clock->seen_ns;

	clock->seen_ns = now_ns;
	if (gap <= STOPPED_GAP)
		return 0;
	leave_out(clock, gap);
	return gap;
}

void run_clock_resume(struct run_clock *clock, uint64_t since_ns, uint64_t now_ns)
{
	clock->seen_ns = now_ns;
	leave_out(clock, now_ns - since_ns);
}

void run_clock_pause(struct run_clock *clock, bool paused, uint64_t now_ns)
{
	if (clock->paused == paused)
		return;
	clock->paused = paused;
	if (paused)
		clock->since_ns = now_ns;
	else
		clock->away_ns += now_ns - clock->since_ns;
}

uint64_t run_clock_elapsed(const struct run_clock *clock, uint64_t now_ns)
{
	uint64_t until = clock->paused ? clock->since_ns : now_ns;

	return until - clock->start_ns - clock->away_ns;
}
