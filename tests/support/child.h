/*
 * Child processes for tests: started, awaited with a deadline, looked at.
 *
 * A child leaves by _exit() with what its function returned, so that nothing of
 * the test framework runs twice. Every wait has a deadline that only a broken
 * program reaches; none depends on how long something takes.
 */
#pragma once

#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define CHILD_DEADLINE_MS 60000

static inline pid_t child_start(int (*run)(void *arg), void *arg)
{
	pid_t pid = fork();

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(run(arg));
	}
	return pid;
}

/* Returns the wait status, or -1 when the child is still there at the deadline
 * (it is killed then). */
static inline int child_wait(pid_t pid)
{
	struct pollfd gone = {.fd = (int)syscall(SYS_pidfd_open, pid, 0), .events = POLLIN};
	bool in_time = poll(&gone, 1, CHILD_DEADLINE_MS) == 1;
	int status = -1;

	close(gone.fd);
	if (!in_time)
		kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return in_time ? status : -1;
}

/* True when the child returned 0. */
static inline bool child_succeeded(pid_t pid)
{
	int status = child_wait(pid);

	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static inline void child_kill(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Waits until the child's state letter in /proc is @state: 'S' asleep, 'T' stopped. */
static inline bool child_await_state(pid_t pid, char state)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	for (int ms = 0; ms < CHILD_DEADLINE_MS; ms++) {
		FILE *file = fopen(path, "re");
		char now = 0;
		int fields = file ? fscanf(file, "%*d (%*[^)]) %c", &now) : 0;

		if (file)
			fclose(file);
		if (fields == 1 && now == state)
			return true;
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	return false;
}
