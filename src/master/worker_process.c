/*
 * Workers are forked by the master itself, before libuv starts and also later,
 * when one has died or more are wanted. A fork after libuv is sound here because
 * of what the child does before anything else:
 *
 *   master                               child
 *   block all signals
 *   fork ------------------------------> (all signals still blocked)
 *   restore the mask                     reset every handler: libuv's would
 *                                          write to a pipe that is not ours
 *                                        close_range() all but its own: the
 *                                          copied epoll descriptor goes, and
 *                                          closing takes nothing from the parent
 *                                        unblock, run, exit()
 *
 * It calls no libuv and no curses function and the master registers no atexit
 * handler. The alternative, a small process forked early that makes workers
 * with clone3(CLONE_PARENT), lost: one more process,
 * one more protocol, and workers of a run would be copies of a second parent.
 */
#include "master/worker_process.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

static void reset_signals(void)
{
	struct sigaction action = { .sa_handler = SIG_DFL };

	for (int sig = 1; sig <= SIGSYS; sig++) /* nobody here uses a real-time one */
		sigaction(sig, &action, NULL);  /* SIGKILL and SIGSTOP refuse: fine */
}

static void close_between(unsigned from, unsigned to)
{
	if (from > to)
		return;
	if (syscall(SYS_close_range, from, to, 0) == 0)
		return;

	/* Before Linux 5.9, or refused: one by one. */
	struct rlimit limit = { 0 };

	getrlimit(RLIMIT_NOFILE, &limit);
	for (unsigned fd = from; fd <= to && fd < limit.rlim_cur; fd++)
		close((int)fd);
}

static int compare_fds(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static void close_all_but(const int *keep, unsigned n_keep)
{
	int sorted[8];
	unsigned from = 3;

	if (n_keep > 8)
		abort();
	if (n_keep > 0) {
		memcpy(sorted, keep, n_keep * sizeof(*keep));
		qsort(sorted, n_keep, sizeof(*sorted), compare_fds);
	}
	for (unsigned i = 0; i < n_keep; i++) {
		if (sorted[i] < 3)
			continue;
		close_between(from, (unsigned)sorted[i] - 1);
		from = (unsigned)sorted[i] + 1;
	}
	close_between(from, ~0u);
}

int worker_start(struct worker_process *worker, const char *name, const struct worker_body *body)
{
	sigset_t all, saved;

	*worker = (struct worker_process){ .pid_fd = -1 };
	snprintf(worker->name, sizeof(worker->name), "%s", name);

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &saved);
	pid_t pid = fork();

	if (pid == 0) {
		reset_signals();
		close_all_but(body->keep, body->n_keep);
		sigemptyset(&all);
		sigprocmask(SIG_SETMASK, &all, NULL);
		exit(body->run(body->arg));
	}
	int err = errno;

	sigprocmask(SIG_SETMASK, &saved, NULL);
	if (pid < 0)
		return -err;
	worker->pid = pid;
	worker->pid_fd = (int)syscall(SYS_pidfd_open, pid, 0);
	return 0;
}

/* Reaps without or with waiting; true when it is gone. */
static bool reap(struct worker_process *worker)
{
	siginfo_t info = { 0 };
	int err;

	if (worker->reaped || worker->pid == 0)
		return true;
	do {
		err = waitid(P_PIDFD, (id_t)worker->pid_fd, &info, WEXITED | WNOHANG);
		/* P_PIDFD is Linux 5.4, one later than pidfd_open; -1 is EBADF or EINVAL. */
		if (err < 0 && errno != EINTR && errno != ECHILD)
			err = waitid(P_PID, (id_t)worker->pid, &info, WEXITED | WNOHANG);
	} while (err < 0 && errno == EINTR);
	if (err == 0 && info.si_pid == 0)
		return false;
	worker->reaped = true;
	worker->code = err == 0 ? info.si_code : CLD_EXITED;
	worker->status = err == 0 ? info.si_status : 0;
	return true;
}

bool worker_is_alive(struct worker_process *worker)
{
	return !reap(worker);
}

int worker_join(struct worker_process *worker, uint64_t deadline_ns)
{
	while (!reap(worker)) {
		uint64_t now = clock_now_ns();

		if (now >= deadline_ns)
			return -ETIMEDOUT;

		/* Rounded up, so that the last wait does not spin; without a pidfd, in steps. */
		uint64_t left = (deadline_ns - now) / NS_PER_MS + 1;
		struct pollfd wait = { .fd = worker->pid_fd, .events = POLLIN };

		if (worker->pid_fd < 0 && left > 10)
			left = 10;
		poll(&wait, 1, left > 1000 ? 1000 : (int)left);
	}
	return 0;
}

void worker_terminate(struct worker_process *worker)
{
	/* Not reaped yet, so the number cannot have been given to another process. */
	if (worker->pid > 0 && !worker->reaped)
		kill(worker->pid, SIGKILL);
}

void worker_done(struct worker_process *worker)
{
	worker->pid_fd = close_fd(worker->pid_fd);
}

const char *worker_name(const struct worker_process *worker)
{
	return worker->name;
}

pid_t worker_pid(const struct worker_process *worker)
{
	return worker->pid;
}

const char *worker_end_text(const struct worker_process *worker, char *buf, size_t size)
{
	if (!worker->reaped)
		snprintf(buf, size, "still running");
	else if (worker->code == CLD_EXITED)
		snprintf(buf, size, "exited with status %d", worker->status);
	else
		snprintf(buf, size, "killed by signal %d (%s)", worker->status, strsignal(worker->status));
	return buf;
}
