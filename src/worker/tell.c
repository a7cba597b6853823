/*
 * The way up is a lane and a doorbell, the way down a few words in shared
 * memory that are looked at often enough: a message for "stop" would wait
 * behind the work it is meant to stop.
 */
#include "worker/tell.h"

#include "base/clock.h"

#include <errno.h>
#include <time.h>

#define PAUSE_NAP_NS (50 * NS_PER_MS)
#define BIG_STEP (1u << 20)
#define SMALL_STEP (64u << 10)

void tell_activity(struct tell *tell, enum gauge_activity activity)
{
	if (tell->timing && activity != tell->gauge.activity) {
		uint64_t now = clock_now_ns();

		tell->gauge.spent_ns[tell->gauge.activity] += now - tell->activity_since;
		tell->activity_since = now;
	}
	tell->gauge.activity = activity;
}

static uint64_t cpu_now(const struct tell *tell)
{
	struct timespec time;

	if (!tell->cpu_time)
		return 0;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (uint64_t)time.tv_sec * NS_PER_S + (uint64_t)time.tv_nsec;
}

/* Both clocks at once, so that their ratio means something whenever it is read. */
static void take_time(struct tell *tell)
{
	uint64_t now = clock_now_ns(), cpu = cpu_now(tell);

	tell->gauge.busy_ns += now - tell->busy_since;
	tell->gauge.cpu_ns += cpu - tell->cpu_before;
	tell->busy_since = now;
	tell->cpu_before = cpu;
}

static void publish(struct tell *tell)
{
	gauge_publish(tell->board, tell->slot, &tell->gauge);
}

/* What is in record_space, of @len bytes. */
static void put(struct tell *tell, size_t len)
{
	enum gauge_activity before = (enum gauge_activity)tell->gauge.activity;

	if (completion_queue_try_put(tell->queue, tell->slot, tell->record_space, len) == 0)
		return;
	tell_activity(tell, ACTIVITY_LANE);
	publish(tell);
	completion_queue_put(tell->queue, tell->slot, tell->record_space, len, UINT64_MAX);
	tell_activity(tell, before);
}

static void put_listed(struct tell *tell)
{
	if (tell->listed_len)
		put(tell, tell->listed_len);
	tell->listed_len = 0;
}

void tell_record(struct tell *tell, const struct record *record)
{
	put_listed(tell);
	put(tell, record_format(tell->record_space, record));
}

void tell_listed(struct tell *tell, const struct listed *listed, const char *name)
{
	const struct record none = { .kind = RECORD_LISTED, .job = tell->gauge.job };
	size_t len = tell->listed_len ? record_add_listed(tell->record_space, tell->listed_len, listed, name) : 0;

	if (len == 0) { /* the first, or there is no room behind the others */
		put_listed(tell);
		len = record_add_listed(tell->record_space, record_format(tell->record_space, &none), listed, name);
	}
	tell->listed_len = len;
}

static void nap(uint64_t ns)
{
	struct timespec time = { (time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S) };

	nanosleep(&time, NULL);
}

int tell_and_obey(struct tell *tell, uint64_t bytes)
{
	struct gauge_board *board = tell->board;
	enum gauge_activity before = (enum gauge_activity)tell->gauge.activity;
	uint64_t rate = gauge_bandwidth(board);
	uint64_t wait = bytes && rate ? gauge_take_bandwidth(board, bytes, clock_now_ns()) : 0;

	for (;;) {
		enum gauge_order order = gauge_order(board);

		if (order == ORDER_STOP)
			return -ECANCELED;
		if (gauge_bandwidth(board) != rate)
			wait = 0; /* what was due at the old rate is forgiven */
		if (order == ORDER_RUN && wait == 0)
			break;
		uint64_t step = wait && wait < PAUSE_NAP_NS ? wait : PAUSE_NAP_NS;

		tell_activity(tell, ACTIVITY_THROTTLE);
		publish(tell);
		nap(step);
		if (order == ORDER_RUN)
			wait -= step;
	}
	tell_activity(tell, before);
	return 0;
}

int tell_bytes(struct tell *tell, uint64_t bytes)
{
	tell->gauge.job_bytes += bytes;
	tell->gauge.file_bytes += bytes;
	if (bytes >= BIG_STEP)
		take_time(tell); /* a long job: do not wait for its end */
	/* A small first step mostly is a whole file, and then the next one says so at once. */
	if (bytes >= SMALL_STEP || tell->gauge.file_bytes > bytes)
		publish(tell);
	return tell_and_obey(tell, bytes);
}

void tell_job(struct tell *tell, uint64_t job)
{
	if (!tell->gauge.job) {
		tell->busy_since = clock_now_ns();
		tell->cpu_before = cpu_now(tell);
	}
	tell->done = (struct record){ 0 };
	tell->gauge.job = job;
	tell->gauge.job_files = tell->gauge.job_bytes = 0;
}

void tell_idle(struct tell *tell)
{
	take_time(tell);
	tell->gauge.job = 0;
	tell_activity(tell, ACTIVITY_IDLE);
	publish(tell);
}

void tell_end(struct tell *tell)
{
	/* Time is taken at a change, and nothing comes after this one. */
	tell_activity(tell, tell->gauge.activity == ACTIVITY_IDLE ? ACTIVITY_METADATA : ACTIVITY_IDLE);
	publish(tell);
}

void tell_in_hand(struct tell *tell, uint32_t index)
{
	tell->gauge.index = index;
	tell->gauge.file_bytes = 0;
	tell->gauge.since_ns = clock_recent_ns();
	publish(tell);
}

void tell_result(struct tell *tell, const struct job_view *job, uint32_t index, const struct outcome *outcome)
{
	struct record record = { .kind = RECORD_RESULT, .job = job->id, .index = index, .result = *outcome };

	tell_record(tell, &record);
}

void tell_done(struct tell *tell, const struct job_view *job)
{
	tell->done.kind = RECORD_DONE;
	tell->done.job = job->id;
	tell_record(tell, &tell->done);
}

/* What goes without saying: a copy in which nothing was lost, and what was there
 * already. */
void tell_outcome(struct tell *tell, const struct job_view *job, uint32_t index, uint64_t size,
                  const struct outcome *outcome)
{
	if (outcome->lost || tell->every_outcome || outcome->status == OUTCOME_FAILED ||
	    outcome->status == OUTCOME_SKIPPED) {
		tell_result(tell, job, index, outcome);
	} else if (outcome->status == OUTCOME_UP_TO_DATE) {
		tell->done.done.up_to_date++;
		tell->done.done.up_to_date_bytes += size;
	} else {
		tell->done.done.copied[outcome->method]++;
		tell->done.done.bytes += outcome->bytes;
	}
	tell->gauge.job_files++;
}

void tell_all_failed(struct tell *tell, const struct job_view *job, const struct outcome *outcome)
{
	for (uint32_t i = 0; i < job->count; i++)
		tell_result(tell, job, i, outcome);
	tell_done(tell, job);
}

