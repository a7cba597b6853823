/* A job is in one state; queues keep their order; a dead worker's jobs come back. */
#include "master/job_ledger.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
	struct job_ledger *ledger;
	struct dir_node *dir;
};

static int set_up(void **state)
{
	static struct fixture fixture;

	fixture.ledger = ledger_new(3);
	fixture.dir = dir_node_new(NULL, 0, "");
	fixture.dir->is_root = true;
	*state = &fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	ledger_free(f->ledger);
	assert_int_equal(f->dir->refs, 1);
	dir_node_unref(f->dir);
	return 0;
}

static struct job *make(struct fixture *f, enum job_class class, unsigned entries, uint64_t size)
{
	struct job_view view = {
		.kind = class == CLASS_SCAN ? JOB_SCAN : JOB_COPY, .dir = "some/dir", .target = "", .dir_id = 9,
		.copy_too = class == CLASS_SCAN ? 9 : 0,
	};
	struct job *job = ledger_job(f->ledger, class, &view, f->dir);

	for (unsigned i = 0; i < entries; i++) {
		char name[16];

		snprintf(name, sizeof(name), "n%u", i);
		struct job_entry entry = { .name = name, .name_len = (uint16_t)strlen(name), .mode = 0100644, .size = size };

		ledger_add(job, &entry);
	}
	return job;
}

static void copies_first_in_first_out_scans_last_in_first_out(void **state)
{
	struct fixture *f = *state;
	struct job *copy1 = make(f, CLASS_COPY, 2, 1), *copy2 = make(f, CLASS_COPY, 1, 1);
	struct job *scan1 = make(f, CLASS_SCAN, 0, 0), *scan2 = make(f, CLASS_SCAN, 0, 0);

	ledger_queue(f->ledger, copy1);
	ledger_queue(f->ledger, copy2);
	ledger_queue(f->ledger, scan1);
	ledger_queue(f->ledger, scan2);
	assert_ptr_equal(ledger_peek(f->ledger, CLASS_COPY), copy1);
	assert_ptr_equal(ledger_peek(f->ledger, CLASS_SCAN), scan2);
	assert_int_equal(ledger_queued_entries(f->ledger), 3);
	ledger_sent(f->ledger, copy1, 0, 1);
	assert_ptr_equal(ledger_peek(f->ledger, CLASS_COPY), copy2);
	assert_int_equal(ledger_queued_entries(f->ledger), 1);
}

static void biggest_first(void **state)
{
	struct fixture *f = *state;
	static const uint64_t size[] = { 5, 80, 3, 80, 41, 1000, 7 };
	uint64_t last = UINT64_MAX;

	for (size_t i = 0; i < 7; i++)
		ledger_queue(f->ledger, make(f, CLASS_BIG, 1, size[i]));
	for (size_t i = 0; i < 7; i++) {
		struct job *job = ledger_peek(f->ledger, CLASS_BIG);

		assert_true(job->bytes <= last);
		last = job->bytes;
		ledger_sent(f->ledger, job, 0, 0);
	}
	assert_null(ledger_peek(f->ledger, CLASS_BIG));
	assert_int_equal(ledger_outstanding(f->ledger, 0), 7);
	assert_int_equal(ledger_outstanding_bytes(f->ledger, 0), 1216);
}

static void prefers_who_has_the_directory_open(void **state)
{
	struct fixture *f = *state;
	struct dir_node *other = dir_node_new(f->dir, 0, "other");
	struct job *first = make(f, CLASS_COPY, 1, 1);
	struct job_view view = { .kind = JOB_COPY, .dir = "other", .target = "" };
	struct job *near = ledger_job(f->ledger, CLASS_COPY, &view, other);

	other->open_in = 2;
	ledger_queue(f->ledger, first);
	ledger_queue(f->ledger, near);
	assert_ptr_equal(ledger_peek_copy(f->ledger, 2), near);
	assert_ptr_equal(ledger_peek_copy(f->ledger, 0), first);
	dir_node_unref(other);
}

/* It opens the source's side only: copies and the finish stay with who has both. */
static void a_look_does_not_make_the_directory_its_own(void **state)
{
	struct fixture *f = *state;
	struct job *scan = make(f, CLASS_SCAN, 0, 0), *look;
	struct job_view view = { .kind = JOB_LOOK, .dir = "some/dir", .target = "", .dir_id = 9 };

	ledger_queue(f->ledger, scan);
	ledger_sent(f->ledger, scan, 1, 1);
	assert_int_equal(f->dir->open_in, 1);
	look = ledger_job(f->ledger, CLASS_SCAN, &view, f->dir);
	ledger_add(look, &(struct job_entry){ .name = "n", .name_len = 1 });
	ledger_queue(f->ledger, look);
	ledger_sent(f->ledger, look, 2, 1);
	assert_int_equal(f->dir->open_in, 1);
}

/* Who has nothing takes of one directory, from the longest queue's end, in order. */
static void the_idle_take_over_from_the_longest_queue(void **state)
{
	struct fixture *f = *state;
	struct dir_node *other = dir_node_new(f->dir, 0, "other");
	struct job_view view = { .kind = JOB_COPY, .dir = "other", .target = "" };
	struct job *job[12];

	f->dir->open_in = 1;
	other->open_in = 1;
	for (int i = 0; i < 12; i++) {
		job[i] = i < 9 ? make(f, CLASS_COPY, 1, 1) : ledger_job(f->ledger, CLASS_COPY, &view, other);
		if (i >= 9)
			ledger_add(job[i], &(struct job_entry){ .name = "f", .name_len = 1, .mode = 0100644 });
		ledger_queue(f->ledger, job[i]);
	}
	assert_ptr_equal(ledger_peek_copy(f->ledger, 2), job[9]);
	assert_int_equal(other->open_in, 2);
	assert_ptr_equal(ledger_peek_copy(f->ledger, 1), job[0]);
	/* Half of nine, and never more than a few. */
	assert_ptr_equal(ledger_peek_copy(f->ledger, 0), job[4]);
	for (int i = 4; i < 9; i++) {
		assert_ptr_equal(ledger_peek_copy(f->ledger, 0), job[i]);
		ledger_sent(f->ledger, job[i], 0, 1);
	}
	assert_int_equal(ledger_queued(f->ledger, CLASS_COPY), 7);
	/* A single one is taken over too: nobody waits while there is work. */
	for (int i = 0; i < 7; i++) {
		struct job *next = ledger_peek_copy(f->ledger, 0);

		assert_non_null(next);
		ledger_sent(f->ledger, next, 0, 1);
	}
	assert_null(ledger_peek_copy(f->ledger, 0));
	assert_int_equal(ledger_queued_entries(f->ledger), 0);
	dir_node_unref(other);
}

static void found_only_where_it_was_sent(void **state)
{
	struct fixture *f = *state;
	struct job *job = make(f, CLASS_COPY, 1, 1);
	uint64_t id = job->id;

	ledger_queue(f->ledger, job);
	assert_null(ledger_find(f->ledger, 1, id));
	ledger_sent(f->ledger, job, 1, 0);
	assert_ptr_equal(ledger_find(f->ledger, 1, id), job);
	assert_null(ledger_find(f->ledger, 0, id));
	assert_false(ledger_empty(f->ledger));
	ledger_done(f->ledger, job);
	assert_null(ledger_find(f->ledger, 1, id));
	assert_true(ledger_empty(f->ledger));
}

static void requeued_under_a_new_number_as_a_redo(void **state)
{
	struct fixture *f = *state;
	struct job *job = make(f, CLASS_COPY, 2, 1), *later = make(f, CLASS_COPY, 1, 1);
	uint64_t id = job->id;
	struct job_view view;

	ledger_queue(f->ledger, job);
	ledger_queue(f->ledger, later);
	ledger_sent(f->ledger, job, 1, 0);
	ledger_requeue(f->ledger, job);
	assert_ptr_equal(ledger_peek_copy(f->ledger, 1), job);
	assert_true(job->id > id);
	assert_null(ledger_oldest(f->ledger, 1));
	assert_int_equal(job_parse(job->frame.data, job->frame.len, &view), 0);
	assert_int_equal(view.id, job->id);
	assert_true(view.flags & JOB_REDO);
	assert_int_equal(view.count, 2);
}

static void a_listing_goes_on_as_the_copy_of_what_it_found(void **state)
{
	struct fixture *f = *state;
	struct job *scan = make(f, CLASS_SCAN, 0, 0), *next = make(f, CLASS_SCAN, 0, 0);
	struct job *copy = make(f, CLASS_COPY, 2, 5);

	ledger_queue(f->ledger, next);
	ledger_queue(f->ledger, scan);
	ledger_limit_copy_too(scan, 10);
	assert_int_equal(scan->copy_too, 9);
	ledger_limit_copy_too(scan, 7);
	assert_int_equal(scan->copy_too, 7);
	assert_int_equal(ledger_view(scan)->copy_too, 7);
	ledger_sent(f->ledger, scan, 1, 123);
	ledger_sent(f->ledger, next, 1, 124);
	uint64_t id = scan->id;

	ledger_goes_on(f->ledger, scan, copy);
	assert_ptr_equal(ledger_find(f->ledger, 1, id), copy);
	assert_ptr_equal(ledger_oldest(f->ledger, 1), copy);
	assert_int_equal(ledger_view(copy)->id, id);
	assert_int_equal(copy->sent_ns, 123);
	assert_int_equal(copy->slot, 1);
	assert_int_equal(ledger_outstanding(f->ledger, 1), 2);
	assert_int_equal(ledger_outstanding_bytes(f->ledger, 1), 10);
	assert_int_equal(ledger_sent_of(f->ledger, CLASS_SCAN), 1);
	assert_int_equal(ledger_sent_of(f->ledger, CLASS_COPY), 1);
	assert_int_equal(ledger_queued(f->ledger, CLASS_COPY), 0);
	assert_int_equal(ledger_queued_entries(f->ledger), 0);
	ledger_done(f->ledger, copy);
	ledger_done(f->ledger, next);
	assert_true(ledger_empty(f->ledger));
}

/* It trusts nothing, and goes step by step. */
static void a_listing_done_again_copies_nothing(void **state)
{
	struct fixture *f = *state;
	struct job *scan = make(f, CLASS_SCAN, 0, 0);

	ledger_queue(f->ledger, scan);
	ledger_sent(f->ledger, scan, 1, 123);
	ledger_requeue(f->ledger, scan);
	assert_int_equal(scan->copy_too, 0);
	assert_int_equal(ledger_view(scan)->copy_too, 0);
}

static void subset_has_the_chosen_entries(void **state)
{
	struct fixture *f = *state;
	struct job *job = make(f, CLASS_COPY, 5, 10), *subset;
	struct job_view view;
	struct job_entry entry;

	subset = ledger_subset(f->ledger, job, JOB_COPY, 1u << 1 | 1u << 4);
	assert_int_equal(subset->entries, 2);
	assert_int_equal(subset->bytes, 20);
	assert_int_equal(job_parse(subset->frame.data, subset->frame.len, &view), 0);
	assert_string_equal(view.dir, "some/dir");
	assert_int_equal(view.dir_id, 9);
	assert_true(view.flags & JOB_REDO);
	assert_true(job_view_next(&view, &entry));
	assert_string_equal(entry.name, "n1");
	assert_true(job_view_next(&view, &entry));
	assert_string_equal(entry.name, "n4");
	assert_false(job_view_next(&view, &entry));
	ledger_queue(f->ledger, job);
	ledger_queue(f->ledger, subset);
}

static void discarding_a_link_spares_the_first_name(void **state)
{
	struct fixture *f = *state;
	struct job_view view = { .kind = JOB_LINK, .dir = "d", .target = "first" };
	struct job_entry entry = { .name = "second", .name_len = 6, .mode = 0100644 };
	struct job *link = ledger_job(f->ledger, CLASS_LINK, &view, f->dir), *discard;

	ledger_add(link, &entry);
	discard = ledger_subset(f->ledger, link, JOB_DISCARD, 1);
	assert_int_equal(job_parse(discard->frame.data, discard->frame.len, &view), 0);
	assert_string_equal(view.target, "");
	ledger_queue(f->ledger, link);
	ledger_queue(f->ledger, discard);
}

static void count_job(struct job *job, void *arg)
{
	*(unsigned *)arg += job->entries;
}

/* As an interrupt does it: what is dropped may leave something to be removed. */
static void discard_it(struct job *job, void *arg)
{
	struct fixture *f = arg;

	ledger_queue(f->ledger, ledger_subset(f->ledger, job, JOB_DISCARD, 1));
}

static void what_removes_is_not_dropped(void **state)
{
	struct fixture *f = *state;

	for (int class = CLASS_LINK; class <= CLASS_COPY; class++)
		ledger_queue(f->ledger, make(f, (enum job_class)class, 2, 1));
	for (int times = 0; times < 2; times++) {
		ledger_drop_queued(f->ledger, discard_it, f);
		assert_int_equal(ledger_queued_entries(f->ledger), 3);
	}
	for (int class = CLASS_LINK; class <= CLASS_COPY; class++)
		assert_int_equal(ledger_peek(f->ledger, (enum job_class)class)->kind, JOB_DISCARD);
}

static void queued_jobs_can_be_dropped(void **state)
{
	struct fixture *f = *state;
	struct job *sent = make(f, CLASS_COPY, 1, 1);
	unsigned dropped = 0;

	ledger_queue(f->ledger, sent);
	ledger_sent(f->ledger, sent, 0, 0);
	ledger_queue(f->ledger, make(f, CLASS_COPY, 3, 1));
	ledger_queue(f->ledger, make(f, CLASS_BIG, 1, 1));
	ledger_queue(f->ledger, make(f, CLASS_BIG, 1, 2));
	ledger_drop_queued(f->ledger, count_job, &dropped);
	assert_int_equal(dropped, 5);
	assert_int_equal(ledger_queued_entries(f->ledger), 0);
	assert_false(ledger_empty(f->ledger)); /* the sent one is still out */
}

#define LEDGER_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LEDGER_TEST(copies_first_in_first_out_scans_last_in_first_out),
		LEDGER_TEST(biggest_first),
		LEDGER_TEST(prefers_who_has_the_directory_open),
		LEDGER_TEST(a_look_does_not_make_the_directory_its_own),
		LEDGER_TEST(the_idle_take_over_from_the_longest_queue),
		LEDGER_TEST(found_only_where_it_was_sent),
		LEDGER_TEST(requeued_under_a_new_number_as_a_redo),
		LEDGER_TEST(a_listing_goes_on_as_the_copy_of_what_it_found),
		LEDGER_TEST(a_listing_done_again_copies_nothing),
		LEDGER_TEST(subset_has_the_chosen_entries),
		LEDGER_TEST(discarding_a_link_spares_the_first_name),
		LEDGER_TEST(queued_jobs_can_be_dropped),
		LEDGER_TEST(what_removes_is_not_dropped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
