/* recovery: what a dead worker held is done again, once; what is given up leaves nothing. */
#include "intake_fixture.h"

#include "master/recovery.h"

static struct {
	unsigned failures, ranges_over;
	char names[64]; /* that failed; "." for a directory */
} seen;

void __wrap_report_outcome(struct report *report, const struct report_subject *subject, const struct outcome *outcome);
void __wrap_big_file_range_over(struct intake *intake, struct job *range);

void __wrap_report_outcome(struct report *report, const struct report_subject *subject, const struct outcome *outcome)
{
	(void)report;
	assert_int_equal(outcome->status, OUTCOME_FAILED);
	assert_int_equal(outcome->stage, STAGE_WORKER_DIED);
	strcat(seen.names, subject->leaf ? subject->leaf : ".");
	seen.failures++;
}

void __wrap_big_file_range_over(struct intake *intake, struct job *range)
{
	(void)intake;
	(void)range;
	seen.ranges_over++;
}

static int set_up(void **state)
{
	struct fixture *f = intake_fixture(2);

	memset(&seen, 0, sizeof(seen));
	ledger_done(f->intake.ledger, f->scan); /* its piece of the directory is nobody's from now on */
	*state = f;
	return 0;
}

/* A job of files a, b, c, ... */
static struct job *make(struct fixture *f, enum job_class class, enum job_kind kind, unsigned entries)
{
	bool of_ranges = kind == JOB_RANGE || kind == JOB_COMMIT;
	const struct job_view view = {
		.target = of_ranges ? ".temp" : kind == JOB_LINK ? "first" : "", .length = kind == JOB_RANGE,
	};
	struct job *job = intake_job(&f->intake, class, kind, f->dir, &view);

	for (unsigned i = 0; i < entries; i++) {
		char name[2] = { (char)('a' + (int)i), '\0' };

		ledger_add(job, &(struct job_entry){ .name = name, .name_len = 1, .mode = S_IFREG | 0644 });
	}
	ledger_queue(f->intake.ledger, job);
	return job;
}

static struct job *send(struct fixture *f, struct job *job)
{
	ledger_sent(f->intake.ledger, job, 0, 1);
	return job;
}

/* Slot 0 dies with entry @index of @job in hand (NULL: with nothing). */
static unsigned die(struct fixture *f, const struct job *job, uint32_t index)
{
	struct gauge_snapshot last = { .job = job ? job->id : 0, .index = index };

	return recovery_take_back(&f->intake, 0, &last);
}

/* The next job of the class is this one, of these names; it is sent. */
static struct job *expect(struct fixture *f, enum job_class class, enum job_kind kind, const char *names)
{
	struct job *job = ledger_peek(f->intake.ledger, class);
	char got[64] = "";

	assert_non_null(job);
	assert_int_equal(job->kind, kind);
	for (uint32_t i = 0; i < job->entries; i++) {
		struct job_entry entry;

		ledger_entry(job, i, &entry);
		strcat(got, entry.name);
	}
	assert_string_equal(got, names);
	return send(f, job);
}

static void assert_nothing_left(struct fixture *f)
{
	for (int class = 0; class < CLASS_COUNT; class++)
		assert_int_equal(ledger_queued(f->intake.ledger, class), 0);
	assert_int_equal(ledger_outstanding(f->intake.ledger, 0), 0);
}

static void what_was_confirmed_stays_done(void **state)
{
	struct fixture *f = *state;
	struct job *job = send(f, make(f, CLASS_COPY, JOB_COPY, 4));
	uint32_t pending = f->dir->pending;

	job->settled = 0x3;
	assert_int_equal(die(f, job, 2), 2);
	assert_true(f->dir->redone);
	job = expect(f, CLASS_COPY, JOB_COPY, "c");
	assert_int_equal(job->attempts, 1);
	assert_true(job->flags & JOB_REDO);
	ledger_done(f->intake.ledger, job);
	job = expect(f, CLASS_COPY, JOB_COPY, "d");
	assert_int_equal(job->attempts, 0);
	assert_true(job->flags & JOB_REDO);
	ledger_done(f->intake.ledger, job);
	assert_int_equal(f->dir->pending, pending + 1);
	assert_int_equal(seen.failures, 0);
	assert_nothing_left(f);
}

/* It had listed them, and begun none. */
static void without_an_entry_in_hand_none_is_blamed(void **state)
{
	struct fixture *f = *state;
	struct job *job = send(f, make(f, CLASS_COPY, JOB_COPY, 3));

	assert_int_equal(die(f, job, GAUGE_NO_ENTRY), 1);
	job = expect(f, CLASS_COPY, JOB_COPY, "abc");
	assert_int_equal(job->attempts, 0);
	ledger_done(f->intake.ledger, job);
	assert_nothing_left(f);
}

static void what_kills_a_second_worker_is_given_up_by_name(void **state)
{
	struct fixture *f = *state;
	struct job *job = send(f, make(f, CLASS_COPY, JOB_COPY, 3));

	assert_int_equal(die(f, job, 1), 2);
	job = expect(f, CLASS_COPY, JOB_COPY, "b");
	assert_int_equal(die(f, job, 0), 0);
	assert_string_equal(seen.names, "b");
	/* What that left goes; and when this kills too, no third one is risked. */
	job = expect(f, CLASS_LINK, JOB_DISCARD, "b");
	assert_int_equal(die(f, job, 0), 0);
	assert_int_equal(seen.failures, 1);
	job = expect(f, CLASS_COPY, JOB_COPY, "ac");
	/* That it had not in hand does not count. */
	assert_int_equal(die(f, NULL, 0), 1);
	job = expect(f, CLASS_COPY, JOB_COPY, "ac");
	assert_int_equal(die(f, NULL, 0), 1);
	job = expect(f, CLASS_COPY, JOB_COPY, "ac");
	assert_int_equal(job->attempts, 0);
	ledger_done(f->intake.ledger, job);
	assert_int_equal(seen.failures, 1);
	assert_nothing_left(f);
}

static void a_listing_is_made_twice_at_most(void **state)
{
	struct fixture *f = *state;
	static const enum job_kind kinds[] = { JOB_SCAN, JOB_LOOK };

	for (size_t i = 0; i < 2; i++) {
		uint32_t pending = f->dir->pending;
		struct job *job = send(f, make(f, CLASS_SCAN, kinds[i], kinds[i] == JOB_LOOK ? 2 : 0));
		const char *names = kinds[i] == JOB_LOOK ? "ab" : "";

		memset(&seen, 0, sizeof(seen));
		assert_int_equal(die(f, NULL, 0), 1);
		job = expect(f, CLASS_SCAN, kinds[i], names);
		assert_int_equal(die(f, job, 0), 1);
		job = expect(f, CLASS_SCAN, kinds[i], names);
		assert_int_equal(die(f, NULL, 0), 1);
		job = expect(f, CLASS_SCAN, kinds[i], names);
		assert_int_equal(seen.failures, 0);
		assert_int_equal(die(f, job, 0), 0);
		assert_string_equal(seen.names, ".");
		assert_int_equal(f->dir->pending, pending);
		assert_nothing_left(f);
	}
}

static void a_finish_is_tried_twice_at_most(void **state)
{
	struct fixture *f = *state;
	struct job *job;

	f->dir->usable = true;
	intake_piece_done(&f->intake, f->dir); /* the last one */
	job = expect(f, CLASS_FINISH, JOB_FINISH, "");
	assert_int_equal(die(f, job, 0), 1);
	job = expect(f, CLASS_FINISH, JOB_FINISH, "");
	assert_true(job->flags & JOB_REDO);
	assert_int_equal(f->intake.directories, 1);
	assert_int_equal(die(f, job, 0), 0);
	assert_string_equal(seen.names, ".");
	assert_int_equal(f->intake.directories, 0);
	assert_nothing_left(f);
}

/* @job is dropped from the queue. */
static void leave(struct fixture *f, struct job *job)
{
	recovery_leave(&f->intake, job);
	ledger_sent(f->intake.ledger, job, 0, 1);
	ledger_done(f->intake.ledger, job);
}

static void what_is_left_undone_takes_away_what_it_may_have_made(void **state)
{
	struct fixture *f = *state;
	struct job *job;

	leave(f, make(f, CLASS_COPY, JOB_COPY, 2)); /* no worker has had it */
	leave(f, make(f, CLASS_LINK, JOB_LINK, 1));
	assert_nothing_left(f);
	leave(f, make(f, CLASS_BIG, JOB_COMMIT, 1));
	job = expect(f, CLASS_LINK, JOB_DISCARD, "a");
	assert_string_equal(ledger_view(job)->target, ".temp");
	ledger_done(f->intake.ledger, job);
	job = send(f, make(f, CLASS_COPY, JOB_COPY, 3));
	assert_int_equal(die(f, NULL, 0), 1);
	job = ledger_peek(f->intake.ledger, CLASS_COPY);
	assert_true(job->flags & JOB_REDO);
	leave(f, job);
	ledger_done(f->intake.ledger, expect(f, CLASS_LINK, JOB_DISCARD, "abc"));
	/* A look makes nothing. */
	job = send(f, make(f, CLASS_SCAN, JOB_LOOK, 2));
	assert_int_equal(die(f, NULL, 0), 1);
	leave(f, ledger_peek(f->intake.ledger, CLASS_SCAN));
	assert_nothing_left(f);
	leave(f, make(f, CLASS_COPY, JOB_RANGE, 1));
	assert_int_equal(seen.ranges_over, 1);
	assert_nothing_left(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_was_confirmed_stays_done),
		TEST(without_an_entry_in_hand_none_is_blamed),
		TEST(what_kills_a_second_worker_is_given_up_by_name),
		TEST(a_listing_is_made_twice_at_most),
		TEST(a_finish_is_tried_twice_at_most),
		TEST(what_is_left_undone_takes_away_what_it_may_have_made),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
