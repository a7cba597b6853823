/* Names that a listing had no time for: how many a job, and that none is lost. */
#include "intake_fixture.h"

#include "master/slice.h"

#define JOBS 4

static int set_up(void **state)
{
	*state = intake_fixture(JOBS);
	return 0;
}

/* A slice comes back: so many looked at, so many more only named, so many complete already. */
static void list(struct fixture *f, struct job *scan, uint32_t looked_at, uint32_t named, uint32_t up_to_date, bool last)
{
	char name[16];
	struct record record = { .kind = RECORD_LISTED, .job = scan->id };
	uint64_t bytes[RECORD_MAX / 8];

	for (uint32_t i = 0; i < looked_at + named; i++) {
		struct listed entry = { .ino = i + 100, .nlink = 1, .mode = i < looked_at ? S_IFREG | 0644 : 0 };
		struct listed_names names;

		entry.name_len = (uint32_t)snprintf(name, sizeof(name), "n%u", i);
		size_t len = record_add_listed(bytes, record_format(bytes, &record), &entry, name);

		assert_int_equal(record_parse(bytes, len, &record, &names), 0);
		record.names = 0;
		scan->slice = slice_add(scan->slice, &names);
	}
	record = (struct record){ .kind = RECORD_SCANNED, .job = scan->id };
	record.scanned.entries = looked_at + named;
	record.scanned.up_to_date = up_to_date;
	record.scanned.usable = 1;
	record.scanned.last = last;
	assert_int_equal(intake_scanned(&f->intake, scan, &record), 0);
	ledger_done(f->intake.ledger, scan);
}

/* Takes the LOOKs out of the queue: how many jobs, of @ret_names names. */
static unsigned take_looks(struct fixture *f, unsigned *ret_names)
{
	unsigned jobs = 0;
	struct job *job;

	*ret_names = 0;
	while ((job = ledger_peek(f->intake.ledger, CLASS_SCAN)) != NULL && job->kind == JOB_LOOK) {
		jobs++;
		*ret_names += job->entries;
		ledger_sent(f->intake.ledger, job, 1, 1);
		ledger_done(f->intake.ledger, job);
	}
	return jobs;
}

static void an_operands_first_names_are_spread_in_pairs(void **state)
{
	struct fixture *f = *state;
	unsigned names;

	list(f, f->scan, 1, 9, 0, true);
	assert_int_equal(take_looks(f, &names), 5);
	assert_int_equal(names, 9);
}

static void of_a_later_slice_by_at_least_four(void **state)
{
	struct fixture *f = *state;
	unsigned names;

	list(f, f->scan, 3, 0, 0, false);
	f->scan = send_next(f, CLASS_SCAN, JOB_SCAN);
	list(f, f->scan, 1, 100, 0, true);
	assert_int_equal(take_looks(f, &names), 25);
	assert_int_equal(names, 100);
}

static void as_many_as_the_listing_had_time_for(void **state)
{
	struct fixture *f = *state;
	unsigned names;

	list(f, f->scan, 20, 200, 0, true);
	assert_int_equal(take_looks(f, &names), 10);
	assert_int_equal(names, 200);
}

/* What is complete in the destination was looked at too, though no entry came up for it. */
static void complete_ones_count_as_looked_at(void **state)
{
	struct fixture *f = *state;
	unsigned names;

	list(f, f->scan, 0, 200, 20, true);
	assert_int_equal(take_looks(f, &names), 10);
	assert_int_equal(names, 200);
}

static void but_every_worker_gets_some(void **state)
{
	struct fixture *f = *state;
	unsigned names;

	list(f, f->scan, 1000, 100, 1000, true);
	assert_int_equal(take_looks(f, &names), 4);
	assert_int_equal(names, 100);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_operands_first_names_are_spread_in_pairs),
		TEST(of_a_later_slice_by_at_least_four),
		TEST(as_many_as_the_listing_had_time_for),
		TEST(complete_ones_count_as_looked_at),
		TEST(but_every_worker_gets_some),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
