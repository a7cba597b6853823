/*
 * Workers above the number in use are given nothing new and end what they hold:
 * no process comes or goes, so that going back up costs nothing.
 */
#include "master/steering.h"

static void give_order(struct steering *steering, enum gauge_order order, uint64_t now_ns)
{
	gauge_set_order(pool_board(steering->dispatch->pool), order);
	steering->dispatch->paused = order == ORDER_PAUSE;
	run_clock_pause(steering->clock, order == ORDER_PAUSE, now_ns);
}

void steering_pause(struct steering *steering, bool paused, uint64_t now_ns)
{
	if (!steering->stopped)
		give_order(steering, paused ? ORDER_PAUSE : ORDER_RUN, now_ns);
}

void steering_jobs(struct steering *steering, unsigned jobs)
{
	unsigned most = pool_slots(steering->dispatch->pool);

	steering->dispatch->in_use = jobs < 1 ? 1 : jobs > most ? most : jobs;
}

void steering_bandwidth(struct steering *steering, uint64_t bytes_per_s)
{
	gauge_set_bandwidth(pool_board(steering->dispatch->pool), bytes_per_s);
}

void steering_stop(struct steering *steering, uint64_t now_ns)
{
	steering->stopped = true;
	give_order(steering, ORDER_STOP, now_ns);
}

void steering_key(struct steering *steering, const struct renderer_event *event, uint64_t now_ns)
{
	switch (event->key) {
	case KEY_PAUSE:
		steering_pause(steering, !steering->dispatch->paused, now_ns);
		break;
	case KEY_MORE_JOBS:
		steering_jobs(steering, steering->dispatch->in_use + 1);
		break;
	case KEY_FEWER_JOBS:
		steering_jobs(steering, steering->dispatch->in_use - 1);
		break;
	case KEY_BANDWIDTH:
		steering_bandwidth(steering, event->bandwidth);
		break;
	case KEY_NONE_YET:
	case KEY_QUIT:
	case KEY_TO_LINE:
		break; /* the session's */
	}
}
