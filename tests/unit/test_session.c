/*
 * A whole copy driven without libuv: every event is a call. Real workers, a real
 * tree; poll(2) on the doorbell stands in for the loop.
 */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/message.h"
#include "copy/temp_name.h"
#include "ipc/record.h"
#include "master/session.h"
#include "master/tally.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#define DIRS 5
#define FILES 40
#define DEADLINE (60 * NS_PER_S)

struct fixture {
	char dir[64], source[96], dest[96];
	char *sources[1];
	struct options options;
	struct operands operands;
	struct storage storage;
	struct worker_pool *pool;
	struct session *session;
};

static void swallow(const char *line, void *arg)
{
	(void)line;
	(void)arg;
}

static void make_tree(const struct fixture *f)
{
	char path[128];

	assert_int_equal(mkdir(f->source, 0755), 0);
	for (int d = 0; d < DIRS; d++) {
		snprintf(path, sizeof(path), "%s/d%d", f->source, d);
		assert_int_equal(mkdir(path, 0755), 0);
		for (int i = 0; i < FILES; i++) {
			snprintf(path, sizeof(path), "%s/d%d/f%d", f->source, d, i);
			CLEANUP_FD int fd = open(path, O_WRONLY | O_CREAT, 0644);

			assert_int_equal(write(fd, path, strlen(path)), (ssize_t)strlen(path));
		}
	}
}

static int set_up(void **state)
{
	static struct fixture f;

	f = (struct fixture){ .options = { .jobs = 3, .no_target_directory = true, .preflight = true } };
	f.options.policy = (struct copy_policy){
		.preserve = PRESERVE_ALL, .offload = true, .backup_suffix = "~", .sync = SYNC_NONE,
	};
	snprintf(f.dir, sizeof(f.dir), "%s/pcopy-session.XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/var/tmp");
	assert_non_null(mkdtemp(f.dir));
	snprintf(f.source, sizeof(f.source), "%s/src", f.dir);
	snprintf(f.dest, sizeof(f.dest), "%s/dst", f.dir);
	make_tree(&f);
	f.sources[0] = f.source;
	f.options.sources = f.sources;
	f.options.n_sources = 1;
	f.options.dest = f.dest;
	assert_int_equal(operands_resolve(&f.options, &f.operands), 0);
	storage_look(f.operands.tree.dest_fd, &f.storage);
	temp_name_begin_run();
	struct pool_setup pool = { &f.options.policy, &f.operands.tree, 3, 3, { time(NULL), 0 }, false, false, false };

	assert_int_equal(pool_new(&pool, &f.pool), 0);
	struct session_setup setup = {
		.options = &f.options, .operands = &f.operands, .storage = &f.storage, .pool = f.pool,
		.jobs = 3, .most_jobs = 3,
	};

	assert_int_equal(session_new(&setup, &f.session), 0);
	message_set_sink(swallow, NULL);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char command[128];

	message_set_sink(NULL, NULL);
	session_free(f->session);
	pool_terminate(f->pool);
	pool_join(f->pool, clock_now_ns() + DEADLINE);
	pool_free(f->pool);
	operands_done(&f->operands);
	snprintf(command, sizeof(command), "rm -rf %s", f->dir);
	assert_int_equal(system(command), 0);
	return 0;
}

static unsigned copied_files(const struct fixture *f)
{
	unsigned count = 0;
	char path[128];
	struct stat st;

	for (int d = 0; d < DIRS; d++)
		for (int i = 0; i < FILES; i++) {
			snprintf(path, sizeof(path), "%s/d%d/f%d", f->dest, d, i);
			count += stat(path, &st) == 0 && st.st_size > 0;
		}
	return count;
}

/* Waits for the doorbell and hands completions over, until the session is over. */
static void run_to_the_end(struct fixture *f)
{
	uint64_t deadline = clock_now_ns() + DEADLINE;

	session_on_completions(f->session);
	while (!session_is_over(f->session) && clock_now_ns() < deadline) {
		struct pollfd bell = { .fd = completion_queue_fd(pool_queue(f->pool)), .events = POLLIN };

		poll(&bell, 1, 100);
		session_on_tick(f->session);
	}
	assert_true(session_is_over(f->session));
}

static void copies_a_tree_without_a_loop(void **state)
{
	struct fixture *f = *state;
	int by_signal = -1;

	session_begin(f->session);
	run_to_the_end(f);
	assert_int_equal(session_end(f->session, &by_signal), EXIT_COPIED);
	assert_int_equal(by_signal, 0);
	assert_int_equal(copied_files(f), DIRS * FILES);
}

static void a_death_costs_nothing(void **state)
{
	struct fixture *f = *state;
	struct worker_process *victim = pool_worker(f->pool, 1);
	int by_signal;

	/* It dies with whatever it was given and has not done. */
	kill(worker_pid(victim), SIGSTOP);
	session_begin(f->session);
	kill(worker_pid(victim), SIGKILL);
	assert_int_equal(worker_join(victim, clock_now_ns() + DEADLINE), 0);
	session_on_worker_end(f->session, 1);
	run_to_the_end(f);
	assert_int_equal(session_end(f->session, &by_signal), EXIT_COPIED);
	assert_int_equal(copied_files(f), DIRS * FILES);
}

static void a_signal_ends_it_and_says_which(void **state)
{
	struct fixture *f = *state;
	int by_signal = 0;

	session_begin(f->session);
	session_on_stop_signal(f->session, SIGTERM);
	run_to_the_end(f);
	session_end(f->session, &by_signal);
	assert_int_equal(by_signal, SIGTERM);
	assert_true(copied_files(f) < DIRS * FILES);
}

static void nonsense_stops_everything(void **state)
{
	struct fixture *f = *state;
	struct record record = { .kind = RECORD_DONE, .job = 999999 };
	uint64_t bytes[RECORD_MAX / 8];
	int by_signal;

	/* A worker that speaks of a job it does not have: here its lane is used by us. */
	completion_queue_try_put(pool_queue(f->pool), 0, bytes, record_format(bytes, &record));
	session_begin(f->session);
	session_on_completions(f->session);
	assert_true(session_is_over(f->session));
	assert_int_equal(session_end(f->session, &by_signal), EXIT_SOME_FAILED);
}

#define SESSION_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SESSION_TEST(copies_a_tree_without_a_loop),
		SESSION_TEST(a_death_costs_nothing),
		SESSION_TEST(a_signal_ends_it_and_says_which),
		SESSION_TEST(nonsense_stops_everything),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
