/* Names that a listing had no time for: how many a job, and that none is lost. And those
 * that its worker copies too. */
#include "intake_fixture.h"

#include "master/slice.h"

#include <errno.h>

#define JOBS 4
#define MAY 8 /* files that a listing may copy too */

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
	struct job *copy;

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
	assert_int_equal(intake_scanned(&f->intake, scan, &record, &copy), 0);
	assert_null(copy);
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

/* A listing comes back whose worker copies @files files, the last of them like @last. */
static int copy_too(struct fixture *f, uint32_t files, const struct listed *last, struct job **ret_copy)
{
	struct record record = { .kind = RECORD_LISTED, .job = f->scan->id }, parsed;
	uint64_t bytes[RECORD_MAX / 8];
	struct listed_names names;
	size_t len = record_format(bytes, &record);

	for (uint32_t i = 0; i < files; i++) {
		struct listed entry = { .ino = i + 100, .nlink = 1, .mode = S_IFREG | 0644, .size = 5, .blocks = 8, .name_len = 1 };
		char name[2] = { (char)('a' + (int)i), '\0' };

		if (i + 1 == files && last)
			entry = *last;
		len = record_add_listed(bytes, len, &entry, name);
	}
	assert_int_equal(record_parse(bytes, len, &parsed, &names), 0);
	f->scan->slice = slice_add(f->scan->slice, &names);
	record = (struct record){ .kind = RECORD_SCANNED, .job = f->scan->id };
	record.scanned.entries = files;
	record.scanned.usable = record.scanned.last = record.scanned.made = record.scanned.copies = 1;
	return intake_scanned(&f->intake, f->scan, &record, ret_copy);
}

static void what_is_copied_too_is_a_job_under_way(void **state)
{
	struct fixture *f = *state;
	struct job_entry entry;
	struct job *copy;

	f->scan->copy_too = MAY;
	assert_int_equal(copy_too(f, MAY, NULL, &copy), 0);
	assert_non_null(copy);
	assert_int_equal(copy->kind, JOB_COPY);
	assert_int_equal(copy->entries, MAY);
	assert_int_equal(copy->flags, JOB_DIR_MADE | JOB_FINISH_TOO);
	ledger_entry(copy, MAY - 1, &entry);
	assert_string_equal(entry.name, "h");
	assert_int_equal(entry.ino, 100 + MAY - 1);
	assert_int_equal(f->tally.found_files, MAY);
	assert_int_equal(f->tally.found_bytes, MAY * 5);
	assert_int_equal(f->tally.found_blocks, MAY * 8);
	/* It is the one piece that the directory has left, and in no queue. */
	assert_int_equal(f->dir->pending, 1);
	assert_int_equal(ledger_queued(f->intake.ledger, CLASS_COPY), 0);
	assert_int_equal(ledger_queued(f->intake.ledger, CLASS_FINISH), 0);
	ledger_goes_on(f->intake.ledger, f->scan, copy);
	ledger_done(f->intake.ledger, copy);
}

/* Its worker will speak of it whether we hear it or not. */
static void also_when_everything_is_to_stop(void **state)
{
	struct fixture *f = *state;
	struct job *copy;

	f->scan->copy_too = MAY;
	f->intake.stopping = true;
	assert_int_equal(copy_too(f, 3, NULL, &copy), 0);
	assert_non_null(copy);
	assert_int_equal(copy->entries, 3);
	ledger_goes_on(f->intake.ledger, f->scan, copy);
	ledger_done(f->intake.ledger, copy);
}

static void assert_nonsense(struct fixture *f, uint32_t files, const struct listed *last)
{
	struct job *copy;

	assert_int_equal(copy_too(f, files, last, &copy), -EBADMSG);
	assert_null(copy);
	assert_int_equal(f->tally.found_files, 0);
	ledger_done(f->intake.ledger, f->scan);
}

static void more_than_it_may_is_nonsense(void **state)
{
	struct fixture *f = *state;

	f->scan->copy_too = MAY;
	assert_nonsense(f, MAY + 1, NULL);
}

static void so_is_a_hard_link(void **state)
{
	struct fixture *f = *state;

	f->scan->copy_too = MAY;
	assert_nonsense(f, 2, &(struct listed){ .ino = 9, .nlink = 2, .mode = S_IFREG | 0644, .name_len = 1 });
}

/* What a listing of a directory below the operand's may copy. */
static uint32_t leave(struct fixture *f, enum dereference dereference)
{
	struct listed entry = { .ino = 7, .nlink = 2, .mode = S_IFDIR | 0755, .name_len = 1 };
	struct record record = { .kind = RECORD_LISTED, .job = f->scan->id };
	uint64_t bytes[RECORD_MAX / 8];
	struct listed_names names;
	struct job *copy;

	size_t len = record_add_listed(bytes, record_format(bytes, &record), &entry, "d");

	assert_int_equal(record_parse(bytes, len, &record, &names), 0);
	f->scan->slice = slice_add(f->scan->slice, &names);
	f->policy.dereference = dereference;
	record = (struct record){ .kind = RECORD_SCANNED, .job = f->scan->id };
	record.scanned.entries = record.scanned.usable = record.scanned.last = 1;
	assert_int_equal(intake_scanned(&f->intake, f->scan, &record, &copy), 0);
	ledger_done(f->intake.ledger, f->scan);
	return ledger_peek(f->intake.ledger, CLASS_SCAN)->copy_too;
}

static void a_directory_below_may_be_copied_by_who_lists_it(void **state)
{
	assert_int_equal(leave(*state, DEREFERENCE_NEVER), JOB_BATCH_MOST);
}

static void not_where_any_two_names_may_be_one_inode(void **state)
{
	assert_int_equal(leave(*state, DEREFERENCE_ALWAYS), 0);
}

static void nor_the_operands_own(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(f->scan->copy_too, 0);
}

static void nor_a_later_slice(void **state)
{
	struct fixture *f = *state;

	list(f, f->scan, 3, 0, 0, false);
	assert_int_equal(ledger_peek(f->intake.ledger, CLASS_SCAN)->copy_too, 0);
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
		TEST(what_is_copied_too_is_a_job_under_way),
		TEST(also_when_everything_is_to_stop),
		TEST(more_than_it_may_is_nonsense),
		TEST(so_is_a_hard_link),
		TEST(a_directory_below_may_be_copied_by_who_lists_it),
		TEST(not_where_any_two_names_may_be_one_inode),
		TEST(nor_the_operands_own),
		TEST(nor_a_later_slice),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
