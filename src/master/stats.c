/*
 * Each worker keeps its own times and publishes them with its gauge; here they
 * are only added up. A profile by sampling gauges at every tick lost: most
 * files take less than a tick.
 */
#include "master/stats.h"

#include "base/human.h"
#include "base/message.h"

#include <sys/resource.h>

static const char *const kind[ACTIVITY_COUNT] = {
	[ACTIVITY_READ] = "reading",
	[ACTIVITY_WRITE] = "writing",
	[ACTIVITY_METADATA] = "metadata",
	[ACTIVITY_SCAN] = "scanning",
	[ACTIVITY_FLUSH] = "flushing",
	[ACTIVITY_THROTTLE] = "throttled or paused",
	[ACTIVITY_LANE] = "waiting for the master",
	[ACTIVITY_IDLE] = "waiting for work",
};

static const enum gauge_activity order[] = {
	ACTIVITY_READ,  ACTIVITY_WRITE,    ACTIVITY_METADATA, ACTIVITY_SCAN,
	ACTIVITY_FLUSH, ACTIVITY_THROTTLE, ACTIVITY_LANE,     ACTIVITY_IDLE,
};

void stats_add(struct stats *stats, const struct gauge_snapshot *gauge)
{
	for (int activity = 0; activity < ACTIVITY_COUNT; activity++)
		stats->spent_ns[activity] += gauge->spent_ns[activity];
}

static uint64_t processor_us(int who)
{
	struct rusage usage = { 0 };

	getrusage(who, &usage);
	return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
	       (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

/* Of workers that have ended and were waited for: at the end, all. */
static void say_processor_time(void)
{
	unsigned long long workers = processor_us(RUSAGE_CHILDREN) / 10000, master = processor_us(RUSAGE_SELF) / 10000;

	message_say("processor time: the workers' %llu.%02llu s, the master's %llu.%02llu s", workers / 100,
	            workers % 100, master / 100, master % 100);
}

void stats_say(const struct stats *stats, struct worker_pool *pool)
{
	struct stats all = *stats;
	char number[HUMAN_SIZE];
	uint64_t sum = 0;

	for (unsigned slot = 0; slot < pool_slots(pool); slot++) {
		struct gauge_snapshot gauge;

		if (!pool_has(pool, slot))
			continue;
		gauge_read(pool_board(pool), slot, &gauge);
		stats_add(&all, &gauge);
	}
	for (int activity = 0; activity < ACTIVITY_COUNT; activity++)
		sum += all.spent_ns[activity];
	message_say("the workers' time, %s in all:", human_duration(number, sum));
	for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
		/* Tenths of a percent in integers: %.1f follows the user's locale. */
		unsigned tenths = sum ? (unsigned)((double)all.spent_ns[order[i]] * 1000 / (double)sum + 0.5) : 0;

		message_say("  %3u.%u %%  %s", tenths / 10, tenths % 10, kind[order[i]]);
	}
	say_processor_time();
}
