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

/* Formats the memory at @memory (64-byte aligned, zero or a lane whose producer
 * is gone) as an empty lane. */
struct lane *lane_init(void *memory, size_t capacity);

/* Producer: appends a record. Returns 0, -EAGAIN when there is no room now,
 * -EMSGSIZE when it can never fit (more than half the capacity). */
int lane_push(struct lane *lane, const void *record, size_t len);

/* Producer: waits until a record of @need bytes fits or @timeout_ns has passed
 * (UINT64_MAX: for ever). Returns 0, -ETIMEDOUT, or -EMSGSIZE as lane_push(). */
int lane_wait_room(struct lane *lane, size_t need, uint64_t timeout_ns);

/* Consumer: returns the oldest record in place (8-byte aligned, contiguous) and
 * its length, or NULL. It stays valid until lane_pop(). *@ret_err is 0, or
 * -EBADMSG when the lane holds nonsense (a bug: stop); nothing outside the lane
 * is read then. */
const void *lane_peek(struct lane *lane, size_t *ret_len, int *ret_err);

/* Consumer: gives back the room of the record the last lane_peek() returned,
 * and wakes a producer that waits for it. Returns the bytes given back, header
 * and padding included. */
size_t lane_pop(struct lane *lane);

/* Either side; exact for the caller's own side, a snapshot of the other.
 * Whether a record of @len fits now; bytes in use, headers included. */
bool lane_has_room(const struct lane *lane, size_t len);
size_t lane_used(const struct lane *lane);
bool lane_empty(const struct lane *lane);
