/*
 * The shared-memory completion queue: several producers, one consumer.
 *
 * Promises the verbs of a queue over one lane per producer, so that a killed or
 * stopped producer delays only itself; anonymous shared memory, so that nothing
 * stays behind and /dev/shm is not needed; a doorbell the consumer can poll.
 *
 * Runs in: both; made in the master before any fork.
 * Blocks: completion_queue_put() up to its timeout.  Allocates: one shared
 * mapping.  Owns: the mapping and the doorbell.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct completion_queue;

/* @producers lanes of @lane_bytes (power of two) each. Returns 0 or -errno. */
int completion_queue_new(unsigned producers, size_t lane_bytes, struct completion_queue **ret_queue);
void completion_queue_free(struct completion_queue *queue);

/* Producer @lane: appends a record of at least one byte, or returns -EAGAIN at
 * once. Does not ring: completion_queue_ring() after the last of a burst. */
int completion_queue_try_put(struct completion_queue *queue, unsigned lane, const void *record, size_t len);

/* Producer @lane: appends, waiting up to @timeout_ns (UINT64_MAX: for ever) for
 * room; rings the doorbell before it waits, and again each second that it
 * waits. Returns 0, -ETIMEDOUT or -EMSGSIZE (more than half the lane, or 0). */
int completion_queue_put(struct completion_queue *queue, unsigned lane, const void *record, size_t len,
                         uint64_t timeout_ns);

/* Producer: wakes the consumer if it has armed the doorbell. */
void completion_queue_ring(struct completion_queue *queue);

/* Consumer: calls @take for each record there is, lane by lane, fairly, and
 * returns how many. @take returning non-zero stops the drain after that record.
 * What is put meanwhile may be left for the next drain. A lane that holds
 * nonsense yields one record of length 0 (record_parse() refuses it) each time:
 * its worker is broken, so kill it or stop. */
typedef int completion_take_fn(unsigned lane, const void *record, size_t len, void *arg);
size_t completion_queue_drain(struct completion_queue *queue, completion_take_fn *take, void *arg);

/* Consumer: as drain, for one lane only (after its producer died). */
size_t completion_queue_drain_lane(struct completion_queue *queue, unsigned lane, completion_take_fn *take,
                                   void *arg);

/* Consumer: empties the lane of a dead producer for its successor. */
void completion_queue_reset_lane(struct completion_queue *queue, unsigned lane);

/* Consumer: one record copied out of the next non-empty lane. Returns its
 * length, 0 when the queue is empty, -ENOBUFS when @size is too small,
 * -EBADMSG when that lane holds nonsense. */
long completion_queue_get(struct completion_queue *queue, unsigned *ret_lane, void *buf, size_t size);

/* Consumer: the descriptor that becomes readable when records may be there. */
int completion_queue_fd(const struct completion_queue *queue);

/* Producer: the descriptor it rings through (the same one with an eventfd); a
 * child that closes descriptors must keep it. */
int completion_queue_ring_fd(const struct completion_queue *queue);

/* Consumer: call when the descriptor is readable and before every drain:
 * clears it, disarms; completion_queue_arm() asks for the next ring and returns
 * true when records came in meanwhile (drain again rather than sleep). */
void completion_queue_disarm(struct completion_queue *queue);
bool completion_queue_arm(struct completion_queue *queue);

/* Bytes queued in all lanes; whether all are empty; whether @lane cannot take
 * a record of @len now. Snapshots. */
size_t completion_queue_size(const struct completion_queue *queue);
bool completion_queue_empty(const struct completion_queue *queue);
bool completion_queue_full(const struct completion_queue *queue, unsigned lane, size_t len);
