/*
 * What the tests of the completion queue put into it, and how they check what
 * comes out: message @number of a producer follows from the two numbers.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "../support/child.h"
#include "base/clock.h"
#include "ipc/completion_queue.h"

#define PRODUCERS 4
#define LANE_BYTES 1024u
#define RECORDS 5000
#define LONGEST 200
#define FILLED (LANE_BYTES / 16) /* records of 8 bytes, each behind a header, that a lane holds */

static inline struct completion_queue *new_queue(void)
{
	struct completion_queue *queue = NULL;

	assert_int_equal(completion_queue_new(PRODUCERS, LANE_BYTES, &queue), 0);
	assert_non_null(queue);
	return queue;
}

static inline bool is_readable(int fd, int timeout_ms)
{
	struct pollfd readable = {.fd = fd, .events = POLLIN};

	return poll(&readable, 1, timeout_ms) == 1;
}

struct message {
	uint64_t producer, number;
	uint8_t filler[LONGEST];
};

static inline size_t make_message(struct message *message, unsigned producer, uint64_t number)
{
	size_t filler = (size_t)(number * 31 % LONGEST);

	message->producer = producer;
	message->number = number;
	memset(message->filler, (int)(number & 0xff), filler);
	return offsetof(struct message, filler) + filler;
}

/* What the consumer has seen of each lane. */
struct seen {
	uint64_t next[PRODUCERS];
	unsigned wrong;
	unsigned order[64]; /* lanes of the first records */
	size_t n_order;
	uint64_t stop_after; /* 0: never */
	uint64_t taken;
};

static inline int check_message(unsigned lane, const void *record, size_t len, void *arg)
{
	struct seen *seen = arg;
	struct message expected;
	size_t expected_len = make_message(&expected, lane, seen->next[lane]);

	if (len != expected_len || memcmp(record, &expected, len) != 0)
		seen->wrong++;
	seen->next[lane]++;
	if (seen->n_order < 64)
		seen->order[seen->n_order++] = lane;
	return ++seen->taken == seen->stop_after;
}
