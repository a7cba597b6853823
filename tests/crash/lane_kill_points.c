/*
 * A producer killed at every instruction of a push leaves no torn record.
 *
 * A child is stepped with ptrace from the first instruction of lane_push() to
 * the last; for each of them a fresh child is run up to there and killed, and
 * the lane it leaves must hold exactly the records it had pushed before, whole,
 * or these and the new one. Twice: for a record that fits in front of the end
 * of the ring, and for one that has to go back to its start.
 *
 * With --expect-torn the same must find torn records: the program is then built
 * from a lane.c that publishes its index before it copies the record. A test
 * that does not catch that would prove nothing.
 */
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc/lane.h"

#define CAPACITY 1024u
#define RECORD 40u        /* and 8 of header */
#define BEFORE 3u         /* whole records in the lane before the one at stake */
#define STEPS_MAX 100000u /* more than this is not a push */
#define SKIPPED 77

enum where { NOT_YET, IN_PUSH, AFTER };

struct shared {
	volatile int where; /* written by the child around its push */
	_Alignas(64) uint8_t memory[];
};

struct tally {
	unsigned kill_points, torn, absent, present;
};

static void fill(uint8_t record[RECORD], uint64_t number)
{
	for (size_t i = 0; i < RECORD; i++)
		record[i] = (uint8_t)(number * 37 + i * 11 + 1);
}

static void push(struct lane *lane, uint64_t number)
{
	uint8_t record[RECORD];

	fill(record, number);
	if (lane_push(lane, record, RECORD))
		abort();
}

/* Takes records number @from on. Returns how many there are, or -1 when one is torn. */
static int take(struct lane *lane, uint64_t from)
{
	for (int n = 0;; n++) {
		uint8_t expected[RECORD];
		size_t len;
		int err;
		const void *record = lane_peek(lane, &len, &err);

		if (!record)
			return err ? -1 : n;
		fill(expected, from + (uint64_t)n);
		if (len != RECORD || memcmp(record, expected, RECORD) != 0)
			return -1;
		lane_pop(lane);
	}
}

/* An old lane, full of what earlier records left, with @BEFORE records in it.
 * With @wrap the next one does not fit before the end of the ring: 1024 is
 * 21 times 48 and a rest of 16. Returns the number of the next record. */
static uint64_t prepare(struct shared *shared, bool wrap, struct lane **ret_lane)
{
	struct lane *lane = lane_init(shared->memory, CAPACITY);
	uint64_t number = 0;
	uint64_t laps = wrap ? 5 * 21 - BEFORE : 5 * 21;

	for (; number < laps; number++) {
		push(lane, number);
		if (take(lane, number) != 1)
			abort();
	}
	for (unsigned i = 0; i < BEFORE; i++)
		push(lane, number++);
	shared->where = NOT_YET;
	*ret_lane = lane;
	return number;
}

static void run_producer(struct shared *shared, struct lane *lane, uint64_t number)
{
	uint8_t record[RECORD];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		_exit(SKIPPED);
	fill(record, number);
	raise(SIGSTOP);
	shared->where = IN_PUSH;
	lane_push(lane, record, RECORD);
	shared->where = AFTER;
	_exit(0);
}

static void step(pid_t child)
{
	int status;

	if (ptrace(PTRACE_SINGLESTEP, child, NULL, NULL) < 0 || waitpid(child, &status, 0) != child ||
	    !WIFSTOPPED(status)) {
		fprintf(stderr, "the child cannot be stepped\n");
		exit(1);
	}
}

static pid_t start_child(struct shared *shared, struct lane *lane, uint64_t number)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		run_producer(shared, lane, number);
	if (child < 0 || waitpid(child, &status, 0) != child) {
		perror("fork");
		exit(1);
	}
	if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED) {
		printf("skipped: ptrace is refused here\n");
		exit(SKIPPED);
	}
	return child;
}

/* Kills a producer after @instructions of its push and looks at the lane.
 * Returns false when the push has fewer. */
static bool kill_at(struct shared *shared, bool wrap, unsigned instructions, struct tally *tally)
{
	struct lane *lane;
	uint64_t number = prepare(shared, wrap, &lane);
	pid_t child = start_child(shared, lane, number);
	bool inside;
	int found;

	while (shared->where == NOT_YET)
		step(child);
	for (unsigned i = 0; i < instructions && shared->where == IN_PUSH; i++)
		step(child);
	inside = shared->where == IN_PUSH;
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	if (!inside)
		return false;

	tally->kill_points++;
	found = take(lane, number - BEFORE);
	if (found == (int)BEFORE)
		tally->absent++;
	else if (found == (int)BEFORE + 1)
		tally->present++;
	else
		tally->torn++;
	return true;
}

static struct tally kill_everywhere(struct shared *shared, bool wrap)
{
	struct tally tally = {0};

	for (unsigned i = 0; i < STEPS_MAX && kill_at(shared, wrap, i, &tally); i++)
		;
	printf("%s: %u kill points, %u left the record absent, %u whole, %u torn\n",
	       wrap ? "back to the start of the ring" : "in front of the end of the ring", tally.kill_points,
	       tally.absent, tally.present, tally.torn);
	return tally;
}

int main(int argc, char **argv)
{
	bool expect_torn = argc > 1 && !strcmp(argv[1], "--expect-torn");
	size_t size = sizeof(struct shared) + lane_footprint(CAPACITY);
	struct shared *shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	bool good = true;

	if (shared == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	for (int wrap = 0; wrap < 2; wrap++) {
		struct tally tally = kill_everywhere(shared, wrap);

		/* Both outcomes must have been there: otherwise the stepping
		 * missed the store that makes the difference. */
		good = good && tally.absent > 0 && tally.present > 0 && (tally.torn > 0) == expect_torn;
	}
	printf("%s: %s\n", good ? "ok" : "FAILED",
	       expect_torn ? "a lane that publishes too early was to be caught" : "no record was to be torn");
	return good ? 0 : 1;
}
