/*
 * A bounded byte queue of variable-length records: one producer, one consumer,
 * in shared memory.
 *
 * Promises that a record is there whole or not at all, whenever the producer is
 * killed; that neither side takes a lock; that the consumer never waits.
 *
 * Runs in: both (producer in a worker, consumer in the master).
 * Blocks: lane_wait_room() only.  Allocates: no; the caller gives shared memory.
 * Owns: nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct lane; /* lives in shared memory */

/* Bytes of shared memory for a lane that holds @capacity bytes (a power of two). */
size_t lane_footprint(size_t capacity);

/* Formats the memory at @memory (64-byte aligned). */
struct lane *lane_init(void *memory, size_t capacity);

/* Producer: appends a record. Returns 0, -EAGAIN when there is no room now,
 * -EMSGSIZE when it can never fit (more than half the capacity). */
int lane_push(struct lane *lane, const void *record, size_t len);

/* Producer: waits until @need bytes are free or @timeout_ns has passed.
 * Returns 0 or -ETIMEDOUT. */
int lane_wait_room(struct lane *lane, size_t need, uint64_t timeout_ns);

/* Consumer: returns the oldest record in place and its length, or NULL. It
 * stays valid until lane_pop(). -EBADMSG in *@ret_err when the lane holds
 * nonsense (a bug: stop). */
const void *lane_peek(struct lane *lane, size_t *ret_len, int *ret_err);

/* Consumer: gives the room of the record lane_peek() returned back. */
void lane_pop(struct lane *lane);

/* Either side; exact for the caller's own side, a snapshot of the other. */
size_t lane_used(const struct lane *lane);
bool lane_empty(const struct lane *lane);
