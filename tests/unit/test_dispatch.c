/* Who gets what: a real ledger, and a pool that only notes what is sent to whom. */
#include "base/clock.h"
#include "master/dispatch.h"
#include "master/intake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define SLOTS 3
#define BIG (UINT64_C(100) << 20)

struct fixture {
	struct job_ledger *ledger;
	struct dir_node *dir;
	struct options options;
	struct storage storage;
	struct tally tally;
	struct space space;
	struct dispatch dispatch;
};

static unsigned alive; /* the first so many slots */
static bool hungry;

bool __wrap_pool_has(const struct worker_pool *pool, unsigned slot);
unsigned __wrap_pool_slots(const struct worker_pool *pool);
void __wrap_pool_submit(struct worker_pool *pool, unsigned slot, const void *frame, size_t len);
void __wrap_pool_flush(struct worker_pool *pool);
struct gauge_board *__wrap_pool_board(struct worker_pool *pool);
void __wrap_gauge_set_hungry(struct gauge_board *board, bool is);

bool __wrap_pool_has(const struct worker_pool *pool, unsigned slot)
{
	(void)pool;
	return slot < alive;
}

unsigned __wrap_pool_slots(const struct worker_pool *pool)
{
	(void)pool;
	return SLOTS;
}

void __wrap_pool_submit(struct worker_pool *pool, unsigned slot, const void *frame, size_t len)
{
	(void)pool;
	assert_true(slot < alive);
	assert_non_null(frame);
	assert_true(len > 0);
}

void __wrap_pool_flush(struct worker_pool *pool)
{
	(void)pool;
}

struct gauge_board *__wrap_pool_board(struct worker_pool *pool)
{
	(void)pool;
	return NULL;
}

void __wrap_gauge_set_hungry(struct gauge_board *board, bool is)
{
	(void)board;
	hungry = is;
}

static int set_up(void **state)
{
	static struct fixture f;

	alive = SLOTS;
	f.ledger = ledger_new(SLOTS);
	f.dir = dir_node_new(NULL, 0, "");
	f.dir->is_root = true;
	f.options = (struct options){ .preflight = true };
	f.storage = (struct storage){ .free_bytes = UINT64_MAX, .free_inodes = UINT64_MAX };
	f.tally = (struct tally){ 0 };
	f.space = (struct space){ &f.options, &f.storage, &f.tally, "" };
	f.dispatch = (struct dispatch){
		.ledger = f.ledger, .space = &f.space, .in_use = SLOTS, .batch_limit = DISPATCH_FIRST_BATCH,
	};
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	ledger_free(f->ledger);
	dir_node_unref(f->dir);
	return 0;
}

static void queue(struct fixture *f, enum job_class class, enum job_kind kind, uint64_t size)
{
	struct job_view view = { .kind = kind, .dir = "d", .target = "", .dir_id = 9 };
	struct job_entry entry = { .name = "n", .name_len = 1, .mode = 0100644, .size = size };
	struct job *job = ledger_job(f->ledger, class, &view, f->dir);

	if (kind == JOB_COPY)
		ledger_add(job, &entry);
	ledger_queue(f->ledger, job);
}

static void assert_held(struct fixture *f, unsigned first, unsigned second, unsigned third)
{
	assert_int_equal(ledger_outstanding(f->ledger, 0), first);
	assert_int_equal(ledger_outstanding(f->ledger, 1), second);
	assert_int_equal(ledger_outstanding(f->ledger, 2), third);
}

static void one_each_before_a_second(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 4; i++)
		queue(f, CLASS_LINK, JOB_LINK, 0);
	dispatch_run(&f->dispatch, 1);
	assert_held(f, 2, 1, 1);
}

static void nothing_is_put_behind_a_big_file(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 5; i++)
		queue(f, CLASS_BIG, JOB_COPY, BIG);
	queue(f, CLASS_LINK, JOB_LINK, 0);
	dispatch_run(&f->dispatch, 1);
	/* The link goes first, to a worker that may then not start a big file. */
	assert_held(f, 1, 1, 1);
	assert_int_equal(ledger_sent_of(f->ledger, CLASS_BIG), 2);
	assert_int_equal(ledger_queued(f->ledger, CLASS_BIG), 3);
}

/* As much waits behind the first as may turn out not to be cloned; nothing else. */
static void where_files_are_cloned_they_wait_behind_each_other(void **state)
{
	struct fixture *f = *state;
	const uint32_t cloned[DATA_COUNT] = { [DATA_REFLINK] = 1 };

	alive = f->dispatch.in_use = 1;
	for (int i = 0; i < 6; i++)
		queue(f, CLASS_COPY, JOB_COPY, BIG_CLONE / 3);
	dispatch_run(&f->dispatch, 1);
	assert_held(f, 1, 0, 0);
	dispatch_learn_way(&f->dispatch, cloned, BIG_FILE);
	f->dispatch.entry_ns = 1000; /* a clone is short: the window would take eight */
	queue(f, CLASS_LINK, JOB_LINK, 0);
	queue(f, CLASS_SCAN, JOB_SCAN, 0);
	queue(f, CLASS_BIG, JOB_BEGIN, 0);
	dispatch_run(&f->dispatch, 1);
	dispatch_run(&f->dispatch, 1);
	assert_held(f, 4, 0, 0);
	assert_int_equal(ledger_sent_of(f->ledger, CLASS_COPY), 4);
}

/* Those that were listed before it was known that they are cloned. */
static void big_ones_that_are_cloned_go_several_at_once(void **state)
{
	struct fixture *f = *state;

	f->dispatch.clones = true;
	f->dispatch.entry_ns = 1000;
	alive = 1;
	for (int i = 0; i < 30; i++)
		queue(f, CLASS_BIG, JOB_COPY, BIG_FILE);
	queue(f, CLASS_COPY, JOB_COPY, 1);
	dispatch_run(&f->dispatch, 1);
	assert_held(f, 8, 0, 0);
	alive = 3;
	dispatch_run(&f->dispatch, 1);
	assert_held(f, 8, 8, 8);
	assert_int_equal(ledger_sent_of(f->ledger, CLASS_BIG), 24);
}

static void a_very_big_one_stays_alone_where_files_are_cloned(void **state)
{
	struct fixture *f = *state;

	f->dispatch.clones = true;
	for (int i = 0; i < 9; i++) {
		queue(f, CLASS_BIG, JOB_COPY, BIG);
		queue(f, CLASS_COPY, JOB_COPY, 1);
	}
	dispatch_run(&f->dispatch, 1);
	dispatch_run(&f->dispatch, 1);
	assert_held(f, 1, 1, 1);
	assert_int_equal(ledger_sent_of(f->ledger, CLASS_BIG), 3);
}

static void and_one_worker_stays_free_of_them_for_the_scan(void **state)
{
	struct fixture *f = *state;

	f->dispatch.clones = true;
	f->dispatch.eager_ns = 100; /* it is too early to list ahead */
	for (int i = 0; i < 3; i++)
		queue(f, CLASS_BIG, i ? JOB_COPY : JOB_BEGIN, BIG);
	queue(f, CLASS_SCAN, JOB_SCAN, 0);
	dispatch_run(&f->dispatch, 1);
	assert_int_equal(ledger_sent_of(f->ledger, CLASS_BIG), 2);
	assert_int_equal(ledger_sent_of(f->ledger, CLASS_SCAN), 1);
}

static void nor_does_it_go_behind_one_that_is_not(void **state)
{
	struct fixture *f = *state;

	alive = f->dispatch.in_use = 1;
	f->dispatch.clones = true;
	queue(f, CLASS_COPY, JOB_COPY, BIG_FILE);
	dispatch_run(&f->dispatch, 1);
	queue(f, CLASS_BIG, JOB_COPY, BIG);
	queue(f, CLASS_COPY, JOB_COPY, BIG_FILE);
	dispatch_run(&f->dispatch, 1);
	assert_held(f, 2, 0, 0);
	assert_int_equal(ledger_sent_of(f->ledger, CLASS_BIG), 0);
}

/* While workers are still being started: the next one shall find work, too. */
static void one_each_is_not_a_second_one(void **state)
{
	struct fixture *f = *state;

	alive = 2;
	for (int i = 0; i < 3; i++)
		queue(f, CLASS_LINK, JOB_LINK, 0);
	dispatch_one_each(&f->dispatch, 1);
	assert_held(f, 1, 1, 0);
	alive = 3;
	dispatch_one_each(&f->dispatch, 1);
	assert_held(f, 1, 1, 1);
}

static void what_was_moved_last_says_that_big_files_take_long(void **state)
{
	struct fixture *f = *state;
	const uint32_t cloned[DATA_COUNT] = { [DATA_NONE] = 3, [DATA_REFLINK] = 1 };
	const uint32_t both[DATA_COUNT] = { [DATA_PLAIN] = 1, [DATA_REFLINK] = 1 };
	const uint32_t offloaded[DATA_COUNT] = { [DATA_OFFLOAD] = 1 };
	const uint32_t nothing[DATA_COUNT] = { [DATA_NONE] = 5 };

	dispatch_learn_way(&f->dispatch, both, 100);
	assert_false(f->dispatch.clones);
	dispatch_learn_way(&f->dispatch, cloned, 100);
	assert_true(f->dispatch.clones);
	dispatch_learn_way(&f->dispatch, both, BIG_FILE - 1); /* too little to tell */
	dispatch_learn_way(&f->dispatch, nothing, 0);
	assert_true(f->dispatch.clones);
	dispatch_learn_way(&f->dispatch, offloaded, BIG_FILE);
	assert_false(f->dispatch.clones);
	dispatch_learn_way(&f->dispatch, cloned, 100);
	dispatch_learn_way(&f->dispatch, both, BIG_FILE);
	assert_false(f->dispatch.clones);
}

/* A file that hangs: what is put behind it would hang with it. */
static void nobody_at_one_job_for_long_gets_another(void **state)
{
	struct fixture *f = *state;

	alive = f->dispatch.in_use = 1;
	queue(f, CLASS_SCAN, JOB_SCAN, 0);
	dispatch_run(&f->dispatch, NS_PER_MS);
	assert_held(f, 1, 0, 0);
	queue(f, CLASS_LINK, JOB_LINK, 0);
	dispatch_run(&f->dispatch, 60 * NS_PER_MS);
	assert_held(f, 1, 0, 0);
	assert_true(hungry);
	/* Its other job came back in between: it is not stuck. */
	f->dispatch.last_done_ns[0] = 59 * NS_PER_MS;
	dispatch_run(&f->dispatch, 60 * NS_PER_MS);
	assert_held(f, 2, 0, 0);
}

/* Another would have to open the directory first. */
static void a_finish_goes_to_who_has_the_directory_open(void **state)
{
	struct fixture *f = *state;

	f->dir->open_in = 2;
	queue(f, CLASS_FINISH, JOB_FINISH, 0);
	dispatch_run(&f->dispatch, 1);
	assert_held(f, 0, 0, 1);
}

static void or_to_anybody_idle_when_that_is_stuck_or_not_in_use(void **state)
{
	struct fixture *f = *state;

	f->dir->open_in = 2;
	queue(f, CLASS_FINISH, JOB_FINISH, 0);
	dispatch_run(&f->dispatch, 1);
	assert_held(f, 0, 0, 1);
	f->dir->open_in = 2;
	queue(f, CLASS_FINISH, JOB_FINISH, 0);
	dispatch_run(&f->dispatch, 60 * NS_PER_MS);
	assert_held(f, 1, 0, 1);
	f->dispatch.in_use = 1;
	f->dir->open_in = 2;
	queue(f, CLASS_FINISH, JOB_FINISH, 0);
	dispatch_run(&f->dispatch, 60 * NS_PER_MS);
	assert_held(f, 1, 0, 1);
	f->dispatch.in_use = 2;
	dispatch_run(&f->dispatch, 60 * NS_PER_MS);
	assert_held(f, 1, 1, 1);
}

static const struct job *sent_scan(struct fixture *f, uint32_t most, uint64_t now_ns)
{
	struct job_view view = { .kind = JOB_SCAN, .copy_too = most, .dir = "d", .target = "", .dir_id = 9 };

	ledger_queue(f->ledger, ledger_job(f->ledger, CLASS_SCAN, &view, f->dir));
	alive = 1;
	dispatch_run(&f->dispatch, now_ns);
	assert_int_equal(ledger_outstanding(f->ledger, 0), 1);
	return ledger_oldest(f->ledger, 0);
}

static void a_listing_may_copy_a_batch_too(void **state)
{
	struct fixture *f = *state;

	f->dispatch.eager_ns = 100;
	f->dispatch.batch_limit = 11;
	assert_int_equal(sent_scan(f, JOB_BATCH_MOST, 1)->copy_too, 11);
}

/* It is sent so that the total is known early. */
static void but_not_one_that_runs_ahead(void **state)
{
	struct fixture *f = *state;

	f->dispatch.eager_ns = 100;
	assert_int_equal(sent_scan(f, JOB_BATCH_MOST, 100)->copy_too, 0);
}

static void nor_more_than_it_may(void **state)
{
	struct fixture *f = *state;

	f->dispatch.eager_ns = 100;
	f->dispatch.batch_limit = 11;
	assert_int_equal(sent_scan(f, 10, 1)->copy_too, 10);
}

/* What it copies is not known to fit: nor is what others, listing at the same time, do. */
static void nor_where_it_may_not_fit(void **state)
{
	struct fixture *f = *state;
	struct job_view view = { .kind = JOB_SCAN, .copy_too = 11, .dir = "d", .target = "", .dir_id = 9 };

	f->dispatch.eager_ns = 100;
	f->storage.free_inodes = 2 * JOB_BATCH_MOST;
	for (int i = 0; i < 3; i++)
		ledger_queue(f->ledger, ledger_job(f->ledger, CLASS_SCAN, &view, f->dir));
	f->dispatch.listed = 1; /* so that all of them list */
	dispatch_run(&f->dispatch, 1);
	assert_held(f, 1, 1, 1);
	assert_int_equal(ledger_oldest(f->ledger, 0)->copy_too, 11);
	assert_int_equal(ledger_oldest(f->ledger, 1)->copy_too, 11);
	assert_int_equal(ledger_oldest(f->ledger, 2)->copy_too, 0);
}

static void nothing_is_sent_in_a_pause(void **state)
{
	struct fixture *f = *state;

	queue(f, CLASS_COPY, JOB_COPY, 1);
	f->dispatch.paused = true;
	dispatch_run(&f->dispatch, 1);
	assert_held(f, 0, 0, 0);
	f->dispatch.paused = false;
	dispatch_run(&f->dispatch, 1);
	assert_held(f, 1, 0, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_each_before_a_second),
		TEST(nothing_is_put_behind_a_big_file),
		TEST(where_files_are_cloned_they_wait_behind_each_other),
		TEST(big_ones_that_are_cloned_go_several_at_once),
		TEST(a_very_big_one_stays_alone_where_files_are_cloned),
		TEST(and_one_worker_stays_free_of_them_for_the_scan),
		TEST(nor_does_it_go_behind_one_that_is_not),
		TEST(one_each_is_not_a_second_one),
		TEST(what_was_moved_last_says_that_big_files_take_long),
		TEST(nobody_at_one_job_for_long_gets_another),
		TEST(a_finish_goes_to_who_has_the_directory_open),
		TEST(or_to_anybody_idle_when_that_is_stuck_or_not_in_use),
		TEST(a_listing_may_copy_a_batch_too),
		TEST(but_not_one_that_runs_ahead),
		TEST(nor_more_than_it_may),
		TEST(nor_where_it_may_not_fit),
		TEST(nothing_is_sent_in_a_pause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
