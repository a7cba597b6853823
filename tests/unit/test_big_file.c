/* big_file: what is split, how, and what ends it. */
#include "intake_fixture.h"

#include "copy/temp_name.h"
#include "copy/trailer.h"
#include "master/big_file.h"

#include <errno.h>

#define MIB (UINT64_C(1) << 20)
#define SIZE (100 * MIB + 5)
#define WORKERS 4

static unsigned reports;
static struct outcome reported;

void __wrap_report_outcome(struct report *report, const struct report_subject *subject, const struct outcome *outcome);

void __wrap_report_outcome(struct report *report, const struct report_subject *subject, const struct outcome *outcome)
{
	(void)report;
	assert_string_equal(subject->leaf, "big");
	assert_int_equal(subject->size, SIZE);
	reports++;
	reported = *outcome;
}

static int set_up(void **state)
{
	struct fixture *f = intake_fixture(WORKERS);

	reports = 0;
	temp_name_begin_run();
	f->root.slow = true;
	ledger_done(f->intake.ledger, f->scan);
	*state = f;
	return 0;
}

static struct job_entry big(uint64_t size)
{
	return (struct job_entry){ .name = "big", .name_len = 3, .mode = S_IFREG | 0644, .size = size };
}

static void end(struct fixture *f, struct job *job)
{
	ledger_done(f->intake.ledger, job);
}

/* Its BEGIN is done. Fills @temp, the name it gave. */
static void begin(struct fixture *f, char temp[static TEMP_NAME_SIZE])
{
	struct job_entry entry = big(SIZE);
	struct job *job;

	big_file_queue(&f->intake, f->dir, &entry);
	job = send_next(f, CLASS_BIG, JOB_BEGIN);
	snprintf(temp, TEMP_NAME_SIZE, "%s", ledger_view(job)->target);
	assert_true(temp_name_is_for_ranges(temp));
	big_file_begun(&f->intake, job);
	end(f, job);
}

static void range(struct fixture *f, const struct outcome *outcome)
{
	struct job *job = send_next(f, CLASS_BIG, JOB_RANGE);

	big_file_note(job, outcome);
	big_file_range_over(&f->intake, job);
	end(f, job);
}

static const struct outcome copied = { .status = OUTCOME_COPIED, .method = DATA_PLAIN };
static const struct outcome unreadable = { .status = OUTCOME_FAILED, .stage = STAGE_READ_SOURCE, .err = EIO };
static const struct outcome full = { .status = OUTCOME_FAILED, .stage = STAGE_WRITE, .err = ENOSPC };
static const struct outcome changed = { .status = OUTCOME_FAILED, .stage = STAGE_SOURCE_CHANGED, .err = ESTALE };
static const struct outcome too_long = { .status = OUTCOME_FAILED, .stage = STAGE_WRITE, .err = EFBIG };

static bool wants(const struct fixture *f, uint64_t size, uint64_t blocks)
{
	struct job_entry entry = big(size);

	return big_file_wants_ranges(&f->intake, f->dir, &entry, blocks);
}

static void only_where_each_request_waits(void **state)
{
	struct fixture *f = *state;

	assert_true(wants(f, SIZE, SIZE / 512 + 1));
	assert_true(wants(f, 16 * MIB, 16 * MIB / 512));
	assert_false(wants(f, 16 * MIB - 1, 16 * MIB / 512));
	assert_false(wants(f, SIZE, SIZE / 512)); /* a hole is in it */
	f->root.slow = false;
	assert_false(wants(f, SIZE, SIZE / 512 + 1));
	f->intake.slow_dest = true;
	assert_true(wants(f, SIZE, SIZE / 512 + 1));
	f->intake.jobs = 1;
	assert_false(wants(f, SIZE, SIZE / 512 + 1));
	f->intake.jobs = WORKERS;
	f->policy.sparse = SPARSE_ALWAYS;
	assert_false(wants(f, SIZE, SIZE / 512 + 1));
	f->policy.sparse = SPARSE_AUTO;
	f->policy.reflink = REFLINK_ALWAYS;
	assert_false(wants(f, SIZE, SIZE / 512 + 1));
}

static void every_worker_has_one_and_together_they_are_the_file(void **state)
{
	struct fixture *f = *state;
	char temp[TEMP_NAME_SIZE];
	uint64_t at = 0, seen[WORKERS][2];
	unsigned n = 0;

	begin(f, temp);
	while (ledger_peek(f->intake.ledger, CLASS_BIG)) {
		struct job *job = send_next(f, CLASS_BIG, JOB_RANGE);
		const struct job_view *view = ledger_view(job);

		assert_true(n < WORKERS);
		assert_string_equal(view->target, temp);
		assert_int_equal(view->offset % TRAILER_PART, 0);
		seen[n][0] = view->offset;
		seen[n++][1] = view->length;
		end(f, job);
	}
	assert_int_equal(n, WORKERS);
	for (unsigned round = 0; round < WORKERS; round++)
		for (unsigned i = 0; i < WORKERS; i++)
			if (seen[i][0] == at && at < SIZE)
				at += seen[i][1];
	assert_int_equal(at, SIZE);
}

static void the_last_one_commits(void **state)
{
	struct fixture *f = *state;
	const struct outcome by_server = { .status = OUTCOME_COPIED, .method = DATA_OFFLOAD, .lost = LOSS_BIT(LOSS_HOLES) };
	struct outcome whole;
	char temp[TEMP_NAME_SIZE];
	struct job *job;

	begin(f, temp);
	for (int i = 0; i < WORKERS; i++) {
		assert_int_equal(ledger_queued(f->intake.ledger, CLASS_LINK), 0);
		range(f, i == 1 ? &by_server : &copied);
	}
	assert_int_equal(f->tally.range_bytes, SIZE);
	job = send_next(f, CLASS_LINK, JOB_COMMIT);
	assert_string_equal(ledger_view(job)->target, temp);
	assert_false(job->flags & JOB_REDO); /* it must not take the place of what has its name */
	whole = big_file_outcome(job, &copied);
	assert_int_equal(whole.bytes, SIZE);
	assert_int_equal(whole.lost, LOSS_BIT(LOSS_HOLES));
	assert_int_equal(whole.method, DATA_OFFLOAD > DATA_PLAIN ? DATA_OFFLOAD : DATA_PLAIN);
	end(f, job);
	assert_int_equal(reports, 0);
}

static void one_failure_ends_it_once(void **state)
{
	struct fixture *f = *state;
	char temp[TEMP_NAME_SIZE];
	struct job *job;

	begin(f, temp);
	range(f, &copied);
	range(f, &unreadable);
	range(f, &full);
	assert_int_equal(reports, 0); /* others still write to it */
	assert_int_equal(ledger_queued(f->intake.ledger, CLASS_LINK), 0);
	range(f, &copied);
	assert_int_equal(reports, 1);
	assert_int_equal(reported.err, EIO);
	assert_int_equal(f->tally.range_bytes, 0);
	job = send_next(f, CLASS_LINK, JOB_DISCARD);
	assert_string_equal(ledger_view(job)->target, temp);
	end(f, job);
	assert_null(ledger_peek(f->intake.ledger, CLASS_BIG));
}

/* The DISCARD names the temporary file: it may come before or after that copy. */
static void a_source_that_changed_is_copied_by_one_worker(void **state)
{
	struct fixture *f = *state;
	const struct outcome *why[] = { &changed, &too_long };
	char temp[TEMP_NAME_SIZE];
	struct job *job;

	for (size_t n = 0; n < 2; n++) {
		begin(f, temp);
		for (int i = 0; i < WORKERS; i++)
			range(f, i == 2 ? why[n] : &copied);
		job = send_next(f, CLASS_LINK, JOB_DISCARD);
		assert_string_equal(ledger_view(job)->target, temp);
		end(f, job);
		job = send_next(f, CLASS_BIG, JOB_COPY);
		assert_int_equal(job->entries, 1);
		assert_string_equal(ledger_view(job)->target, "");
		end(f, job);
		assert_int_equal(reports, 0);
	}
}

static void in_the_end_nothing_is_begun_and_nothing_is_left(void **state)
{
	struct fixture *f = *state;
	char temp[TEMP_NAME_SIZE];
	struct job *job;

	begin(f, temp);
	range(f, &copied);
	f->intake.stopping = true;
	for (int i = 1; i < WORKERS; i++)
		range(f, i == 1 ? &changed : &copied);
	assert_int_equal(reports, 1);
	assert_int_equal(reported.stage, STAGE_SOURCE_CHANGED);
	job = send_next(f, CLASS_LINK, JOB_DISCARD);
	end(f, job);
	assert_null(ledger_peek(f->intake.ledger, CLASS_BIG)); /* not once more */

	f->intake.stopping = false;
	begin(f, temp);
	f->intake.stopping = true;
	for (int i = 0; i < WORKERS; i++)
		range(f, &copied);
	assert_int_equal(reports, 2);
	assert_int_equal(reported.stage, STAGE_INTERRUPTED);
	end(f, send_next(f, CLASS_LINK, JOB_DISCARD));

	begin(f, temp); /* its BEGIN was on its way */
	assert_null(ledger_peek(f->intake.ledger, CLASS_BIG));
	job = send_next(f, CLASS_LINK, JOB_DISCARD);
	assert_string_equal(ledger_view(job)->target, temp);
	end(f, job);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(only_where_each_request_waits),
		TEST(every_worker_has_one_and_together_they_are_the_file),
		TEST(the_last_one_commits),
		TEST(one_failure_ends_it_once),
		TEST(a_source_that_changed_is_copied_by_one_worker),
		TEST(in_the_end_nothing_is_begun_and_nothing_is_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
