/* The pool: submit and the result as a record, close, join, terminate, a death. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "copy/offload.h"
#include "copy/temp_name.h"
#include "ipc/job.h"
#include "ipc/record.h"
#include "master/worker_pool.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include <cmocka.h>

#define LONG (30 * NS_PER_S)

struct fixture {
	char dir[64];
	struct copy_policy policy;
	struct tree_root root;
	struct tree tree;
	struct worker_pool *pool;
	struct record last;
};

static unsigned abandoned;

void __wrap_offload_trial_abandon(struct offload_trial *trial);

void __wrap_offload_trial_abandon(struct offload_trial *trial)
{
	assert_non_null(trial);
	abandoned++;
}

static int set_up(void **state)
{
	static struct fixture f;
	struct stat st;
	char path[128];

	f = (struct fixture){ .policy = { .preserve = PRESERVE_ALL, .offload = true, .backup_suffix = "~" } };
	snprintf(f.dir, sizeof(f.dir), "%s/pcopy-pool.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/var/tmp");
	assert_non_null(mkdtemp(f.dir));
	snprintf(path, sizeof(path), "%s/file", f.dir);
	CLEANUP_FD int fd = open(path, O_WRONLY | O_CREAT, 0644);

	assert_int_equal(write(fd, "hello", 5), 5);
	assert_int_equal(fstat(fd, &st), 0);
	f.root = (struct tree_root){
		.source = strdup(path), .parent = f.dir, .leaf = "file", .mode = st.st_mode, .dev = st.st_dev,
		.ino = st.st_ino, .size = 5, .nlink = 1, .dest_dir = "", .dest_leaf = "copy",
	};
	f.tree = (struct tree){ open(f.dir, O_PATH | O_DIRECTORY | O_CLOEXEC), f.dir, &f.root, 1 };
	temp_name_begin_run();
	struct pool_setup setup = { &f.policy, &f.tree, 3, 3, { time(NULL), 0 }, false, false, false };

	assert_int_equal(pool_new(&setup, &f.pool), 0);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char path[128];

	pool_terminate(f->pool);
	assert_int_equal(pool_join(f->pool, clock_now_ns() + LONG), 0);
	pool_free(f->pool);
	close(f->tree.dest_fd);
	snprintf(path, sizeof(path), "%s/copy", f->dir);
	unlink(path);
	unlink(f->root.source);
	free((char *)f->root.source);
	assert_int_equal(rmdir(f->dir), 0); /* nothing else was left behind */
	return 0;
}

static void submit_copy(struct fixture *f, unsigned slot, uint64_t id)
{
	struct job_view view = { .id = id, .kind = JOB_COPY, .dir_id = 1, .dir = "", .target = "" };
	struct job_entry entry = {
		.name = "file", .name_len = 4, .mode = f->root.mode, .dev = f->root.dev, .ino = f->root.ino, .size = 5,
	};
	struct job_buffer frame = { 0 };

	job_begin(&frame, &view);
	job_add(&frame, &entry);
	pool_submit(f->pool, slot, frame.data, frame.len);
	pool_flush(f->pool);
	job_buffer_done(&frame);
}

static int keep_record(unsigned lane, const void *bytes, size_t len, void *arg)
{
	struct fixture *f = arg;
	struct listed_names names;

	(void)lane;
	assert_int_equal(record_parse(bytes, len, &f->last, &names), 0);
	return 0;
}

/* Waits on the doorbell until a DONE has come. */
static void await_done(struct fixture *f)
{
	uint64_t deadline = clock_now_ns() + LONG;
	struct completion_queue *queue = pool_queue(f->pool);

	while (f->last.kind != RECORD_DONE && clock_now_ns() < deadline) {
		struct pollfd wait = { .fd = completion_queue_fd(queue), .events = POLLIN };

		completion_queue_disarm(queue);
		if (completion_queue_drain(queue, keep_record, f) == 0 && !completion_queue_arm(queue))
			poll(&wait, 1, 100);
	}
}

static void a_job_comes_back_as_a_record(void **state)
{
	struct fixture *f = *state;
	char path[128], text[8] = "";

	submit_copy(f, 1, 42);
	await_done(f);
	assert_int_equal(f->last.kind, RECORD_DONE);
	assert_int_equal(f->last.job, 42);
	assert_int_equal(f->last.done.copied[DATA_PLAIN], 1);
	assert_int_equal(f->last.done.bytes, 5);
	snprintf(path, sizeof(path), "%s/copy", f->dir);
	CLEANUP_FD int fd = open(path, O_RDONLY);

	assert_int_equal(read(fd, text, sizeof(text)), 5);
	assert_memory_equal(text, "hello", 5);
}

/* The directory of the source is gone: what ranges have left goes all the same. */
static void without_its_source_a_file_in_ranges_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	static const enum job_kind kinds[] = { JOB_DISCARD, JOB_COMMIT };
	char path[128];

	for (size_t i = 0; i < 2; i++) {
		struct job_view view = { .id = 5 + i, .kind = kinds[i], .dir_id = 2, .dir = "gone", .target = ".temp" };
		struct job_entry entry = { .name = "file", .name_len = 4, .mode = f->root.mode, .ino = 1, .size = 5 };
		struct job_buffer frame = { 0 };

		snprintf(path, sizeof(path), "%s/gone", f->dir);
		assert_int_equal(mkdir(path, 0700), 0);
		snprintf(path, sizeof(path), "%s/gone/.temp", f->dir);
		close(open(path, O_WRONLY | O_CREAT, 0600));
		view.dir_ino = 1; /* not that one */
		job_begin(&frame, &view);
		job_add(&frame, &entry);
		pool_submit(f->pool, 1, frame.data, frame.len);
		pool_flush(f->pool);
		job_buffer_done(&frame);
		f->last.kind = 0;
		await_done(f);
		assert_int_equal(f->last.job, 5 + i);
		assert_int_equal(access(path, F_OK), -1);
		snprintf(path, sizeof(path), "%s/gone", f->dir);
		assert_int_equal(rmdir(path), 0);
	}
}

static void closed_workers_end_what_they_hold_and_exit(void **state)
{
	struct fixture *f = *state;

	submit_copy(f, 0, 1);
	pool_close(f->pool);
	assert_int_equal(pool_join(f->pool, clock_now_ns() + LONG), 0);
	for (unsigned slot = 0; slot < 3; slot++) {
		assert_int_equal(pool_worker(f->pool, slot)->code, CLD_EXITED);
		assert_int_equal(pool_worker(f->pool, slot)->status, 0);
	}
	completion_queue_drain(pool_queue(f->pool), keep_record, f);
	assert_int_equal(f->last.kind, RECORD_DONE); /* it was done before the end */
}

static void a_dead_workers_slot_is_filled_again(void **state)
{
	struct fixture *f = *state;
	struct worker_process *worker = pool_worker(f->pool, 2);
	pid_t first = worker_pid(worker);

	worker_terminate(worker);
	assert_int_equal(worker_join(worker, clock_now_ns() + LONG), 0);
	abandoned = 0;
	pool_bury(f->pool, 2);
	assert_int_equal(abandoned, 1);
	assert_false(pool_has(f->pool, 2));
	assert_int_equal(pool_alive(f->pool), 2);
	assert_int_equal(pool_start(f->pool, 2), 0);
	assert_int_not_equal(worker_pid(pool_worker(f->pool, 2)), first);
	submit_copy(f, 2, 7);
	await_done(f);
	assert_int_equal(f->last.job, 7);
}

static void what_is_sent_to_the_dead_is_lost_with_them(void **state)
{
	struct fixture *f = *state;
	struct worker_process *worker = pool_worker(f->pool, 0);
	char frame[64] = { 64 };

	worker_terminate(worker);
	assert_int_equal(worker_join(worker, clock_now_ns() + LONG), 0);
	pool_submit(f->pool, 0, frame, sizeof(frame));
	pool_flush(f->pool); /* no SIGPIPE, no abort */
	assert_false(worker_is_alive(worker));
	submit_copy(f, 1, 3);
	await_done(f);
	assert_int_equal(f->last.job, 3);
}

static void at_the_end_who_does_not_answer_is_killed_and_reaped(void **state)
{
	struct fixture *f = *state;
	siginfo_t info = { 0 };

	assert_int_equal(kill(worker_pid(pool_worker(f->pool, 1)), SIGSTOP), 0);
	assert_int_equal(waitid(P_PID, (id_t)worker_pid(pool_worker(f->pool, 1)), &info, WSTOPPED), 0);
	pool_end(f->pool, 0);
	assert_true(pool_worker(f->pool, 1)->reaped);
	assert_int_equal(pool_worker(f->pool, 1)->status, SIGKILL);
	assert_true(pool_worker(f->pool, 0)->reaped);
	assert_true(pool_worker(f->pool, 2)->reaped);
}

#define POOL_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		POOL_TEST(a_job_comes_back_as_a_record),
		POOL_TEST(without_its_source_a_file_in_ranges_leaves_nothing),
		POOL_TEST(closed_workers_end_what_they_hold_and_exit),
		POOL_TEST(a_dead_workers_slot_is_filled_again),
		POOL_TEST(what_is_sent_to_the_dead_is_lost_with_them),
		POOL_TEST(at_the_end_who_does_not_answer_is_killed_and_reaped),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
