/* One process: start, is_alive, join with a deadline, terminate, name, pid. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "master/worker_process.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define LONG (30 * NS_PER_S)

static int return_seven(void *arg)
{
	(void)arg;
	return 7;
}

static int wait_for_a_byte(void *arg)
{
	char byte;

	return (int)read(*(int *)arg, &byte, 1);
}

/* Reports through the kept descriptor how many of 3..63 are still open. */
static int count_open(void *arg)
{
	unsigned char count = 0;

	for (int fd = 3; fd < 64; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return write(*(int *)arg, &count, 1) == 1 ? 0 : 1;
}

static int report_signals(void *arg)
{
	struct sigaction action;
	sigset_t mask;
	unsigned char wrong = 0;

	sigaction(SIGUSR1, NULL, &action);
	wrong |= action.sa_handler != SIG_DFL;
	sigprocmask(SIG_SETMASK, NULL, &mask);
	wrong |= (sigismember(&mask, SIGTERM) == 1) << 1;
	return write(*(int *)arg, &wrong, 1) == 1 ? 0 : 1;
}

static void ends_with_its_result(void **state)
{
	struct worker_process worker;
	struct worker_body body = { .run = return_seven };
	char text[64];

	(void)state;
	assert_int_equal(worker_start(&worker, "worker 1", &body), 0);
	assert_string_equal(worker_name(&worker), "worker 1");
	assert_true(worker_pid(&worker) > 0);
	assert_int_equal(worker_join(&worker, clock_now_ns() + LONG), 0);
	assert_false(worker_is_alive(&worker));
	assert_string_equal(worker_end_text(&worker, text, sizeof(text)), "exited with status 7");
	worker_done(&worker);
}

static void join_gives_up_at_its_deadline(void **state)
{
	struct worker_process worker;
	char text[64];
	int fds[2];

	(void)state;
	assert_int_equal(pipe(fds), 0);
	struct worker_body body = { wait_for_a_byte, &fds[0], fds, 2 };

	assert_int_equal(worker_start(&worker, "w", &body), 0);
	assert_true(worker_is_alive(&worker));
	assert_int_equal(worker_join(&worker, clock_now_ns()), -ETIMEDOUT);
	assert_true(worker_is_alive(&worker));
	worker_terminate(&worker);
	assert_int_equal(worker_join(&worker, clock_now_ns() + LONG), 0);
	assert_string_equal(worker_end_text(&worker, text, sizeof(text)), "killed by signal 9 (Killed)");
	worker_done(&worker);
	close(fds[0]);
	close(fds[1]);
}

static void the_pidfd_tells_the_end(void **state)
{
	struct worker_process worker;
	struct worker_body body = { .run = return_seven };

	(void)state;
	assert_int_equal(worker_start(&worker, "w", &body), 0);
	if (worker.pid_fd < 0)
		skip(); /* pidfd_open is Linux 5.3 */
	struct pollfd wait = { .fd = worker.pid_fd, .events = POLLIN };

	assert_int_equal(poll(&wait, 1, 30000), 1);
	assert_false(worker_is_alive(&worker));
	assert_int_equal(worker_join(&worker, clock_now_ns() + LONG), 0);
	worker_done(&worker);
	assert_int_equal(worker.pid_fd, -1);
}

static void works_without_a_pidfd(void **state)
{
	struct worker_process worker;
	struct worker_body body = { .run = return_seven };

	(void)state;
	assert_int_equal(worker_start(&worker, "w", &body), 0);
	worker.pid_fd = close_fd(worker.pid_fd);
	assert_int_equal(worker_join(&worker, clock_now_ns() + LONG), 0);
	assert_int_equal(worker.status, 7);
}

static unsigned char byte_from_child(int (*run)(void *))
{
	struct worker_process worker;
	unsigned char byte = 255;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	struct worker_body body = { run, &fds[1], &fds[1], 1 };

	assert_int_equal(worker_start(&worker, "w", &body), 0);
	close(fds[1]);
	assert_int_equal(read(fds[0], &byte, 1), 1);
	assert_int_equal(worker_join(&worker, clock_now_ns() + LONG), 0);
	worker_done(&worker);
	close(fds[0]);
	return byte;
}

static void the_child_keeps_only_its_own_descriptors(void **state)
{
	int extra[5];

	(void)state;
	for (int i = 0; i < 5; i++)
		extra[i] = open("/dev/null", O_RDONLY);
	assert_int_equal(byte_from_child(count_open), 1);
	for (int i = 0; i < 5; i++)
		close(extra[i]);
}

static void ignore_me(int signal)
{
	(void)signal;
}

static void the_child_has_no_handler_and_nothing_blocked(void **state)
{
	(void)state;
	signal(SIGUSR1, ignore_me);
	assert_int_equal(byte_from_child(report_signals), 0);
	signal(SIGUSR1, SIG_DFL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ends_with_its_result),
		cmocka_unit_test(join_gives_up_at_its_deadline),
		cmocka_unit_test(the_pidfd_tells_the_end),
		cmocka_unit_test(works_without_a_pidfd),
		cmocka_unit_test(the_child_keeps_only_its_own_descriptors),
		cmocka_unit_test(the_child_has_no_handler_and_nothing_blocked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
