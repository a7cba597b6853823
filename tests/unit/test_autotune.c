/* How many workers: simulated storage with a best number, and what is found. */
#include "base/clock.h"
#include "master/autotune.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* Storage where an entry takes `cpu` on one of two processors and `wait` beside
 * as many others as `lanes` serve; past that, more workers only wait longer, and
 * each one past it makes all slower by `harm`. */
struct storage {
	double cpu, wait, lanes, harm;
};

static double rate_of(const struct storage *s, unsigned jobs)
{
	double by_cpu = 2.0 / s->cpu;
	double useful = jobs < s->lanes ? jobs : s->lanes;
	double by_wait = useful / (s->cpu + s->wait);
	double rate = by_cpu < by_wait ? by_cpu : by_wait;

	return jobs > s->lanes ? rate / (1 + s->harm * (jobs - s->lanes)) : rate;
}

static unsigned run(struct autotune *autotune, const struct storage *s, unsigned most, double seconds)
{
	struct autotune_sample sample = { .work_waits = true };
	double entries = 0;

	autotune_init(autotune, 2, most, 0);
	for (double t = 0; t < seconds; t += 0.002) {
		double rate = rate_of(s, autotune->jobs);

		entries += rate * 0.002;
		sample.now_ns = (uint64_t)(t * 1e9);
		sample.entries = (uint64_t)entries;
		sample.busy_ns += (uint64_t)(0.002e9 * autotune->jobs);
		sample.cpu_ns += (uint64_t)(rate * 0.002 * s->cpu * 1e9);
		autotune_update(autotune, &sample);
	}
	return autotune->jobs;
}

static void a_page_cache_stays_at_the_start(void **state)
{
	struct storage cache = { .cpu = 15e-6, .wait = 1e-6, .lanes = 1000 };
	struct autotune autotune;

	(void)state;
	assert_in_range(run(&autotune, &cache, 64, 5), 1, 2);
}

static void latency_climbs_at_once(void **state)
{
	struct storage network = { .cpu = 100e-6, .wait = 10e-3, .lanes = 1000 };
	struct autotune autotune;

	(void)state;
	assert_int_equal(run(&autotune, &network, 64, 0.12), 64);
	assert_int_equal(run(&autotune, &network, 64, 9), 64);
	assert_non_null(strstr(autotune_reason(&autotune), "wait for storage"));
}

static void what_only_queues_steps_back(void **state)
{
	struct storage disk = { .cpu = 50e-6, .wait = 8e-3, .lanes = 4, .harm = 0.05 };
	struct autotune autotune;

	(void)state;
	assert_in_range(run(&autotune, &disk, 64, 9), 4, 8);
	assert_non_null(strstr(autotune_reason(&autotune), "not faster"));
}

static void without_work_waiting_nothing_is_added(void **state)
{
	struct autotune autotune;
	struct autotune_sample sample = { 0 };

	(void)state;
	autotune_init(&autotune, 2, 64, 0);
	for (unsigned i = 1; i < 100; i++) {
		sample.now_ns += 10 * NS_PER_MS;
		sample.busy_ns += 20 * NS_PER_MS;
		assert_int_equal(autotune_update(&autotune, &sample), 2);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_page_cache_stays_at_the_start),
		cmocka_unit_test(latency_climbs_at_once),
		cmocka_unit_test(what_only_queues_steps_back),
		cmocka_unit_test(without_work_waiting_nothing_is_added),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
