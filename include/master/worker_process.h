/*
 * One worker process: the verbs people know.
 *
 * Promises that a worker is waited for by its own pidfd and by nothing else (no
 * SIGCHLD, no waitpid(-1)), that a start after libuv or curses is as safe as one
 * before, and that how it ended is told in words.
 *
 * Runs in: the master; the body given to worker_start() runs in the child.
 * Blocks: worker_join() up to its deadline.  Allocates: no.  Owns: the pidfd.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct worker_process {
	char name[16];     /* "worker 3" */
	pid_t pid;         /* 0 when never started */
	int pid_fd;        /* becomes readable when it ends; -1 where pidfd_open is refused (before Linux 5.3, some containers) */
	bool reaped;
	int code, status;  /* as siginfo's si_code and si_status, once reaped */
};

/* Forks; the child runs @body(@arg) with signals reset, every descriptor from 3
 * up closed but the @n_keep in @keep, and leaves by exit() with its result.
 * Returns 0 or -errno. */
struct worker_body {
	int (*run)(void *arg);
	void *arg;
	const int *keep;
	unsigned n_keep;
};
int worker_start(struct worker_process *worker, const char *name, const struct worker_body *body);

/* True until it has ended (reaps it when it has). */
bool worker_is_alive(struct worker_process *worker);

/* Waits until it has ended or the clock reaches @deadline_ns. Returns 0 or -ETIMEDOUT. */
int worker_join(struct worker_process *worker, uint64_t deadline_ns);

/* Ends it now (SIGKILL): there is nothing a worker has to tidy that a redo does not. */
void worker_terminate(struct worker_process *worker);

/* Closes the pidfd. The process must have been reaped. */
void worker_done(struct worker_process *worker);

const char *worker_name(const struct worker_process *worker);
pid_t worker_pid(const struct worker_process *worker);

/* "killed by signal 9 (Killed)", "exited with status 1", for messages. */
const char *worker_end_text(const struct worker_process *worker, char *buf, size_t size);
