/*
 * The fast rungs of the data ladder, and what is known of them per pair of devices.
 *
 * Promises that a refusal which will not change is remembered, and that one
 * which may be about a single file is not.
 *
 * Runs in: the worker.  Blocks: as the file systems do.  Allocates: no.
 * Owns: nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum holes_fate { HOLES_UNKNOWN, HOLES_KEPT, HOLES_LOST };

enum offload_verdict {
	OFFLOAD_UNKNOWN,      /* the file systems' types have not been looked at */
	OFFLOAD_ON_TRIAL,     /* it may be slower than reading and writing */
	OFFLOAD_PAYS,
	OFFLOAD_REFUSED,      /* cannot be done, or does not pay */
};

/* What a worker has learned of copying between two devices. */
struct device_pair {
	dev_t src, dst;
	bool used;
	bool no_clone;
	enum offload_verdict offload;
	bool no_punch;
	bool far;             /* one of them may have a server, or be FUSE */
	enum holes_fate fate; /* of holes made in the destination */
};

/* One trial for all workers: in memory they share, zeroed at first. For the first pair
 * of devices that needs one; of others each finds out for itself. */
struct offload_trial {
	_Atomic uint64_t pair;    /* whose; 0: nobody holds it */
	_Atomic uint32_t verdict; /* enum offload_verdict; 0: not yet */
};

#define OFFLOAD_PAIRS 16

struct device_pairs {
	struct device_pair pairs[OFFLOAD_PAIRS];
	unsigned next;
};

/* Finds or makes the entry; the oldest one goes when there are too many. */
struct device_pair *device_pair_of(struct device_pairs *pairs, dev_t src, dev_t dst);

/* Shares [@offset, @offset + @length) of @src_fd with the same range of @dst_fd.
 * A @length of 0 means to the end of the source. Returns 0 or -errno. */
int offload_clone(int src_fd, int dst_fd, uint64_t offset, uint64_t length);

/* Copies up to @length bytes at @offset of both files by copy_file_range.
 * Returns the bytes done, 0 at the end (or where it cannot), or -errno. */
ssize_t offload_copy(int src_fd, int dst_fd, uint64_t offset, uint64_t length);

/* Looks at the types of the two file systems, the first time. */
void offload_learn(struct device_pair *pair, int src_fd, int dst_fd);

/* Before a trial; @trial may be NULL. True: hold it, and say so when it is over. False:
 * another worker has held it, and the verdict is @pair's now; or does so still, and
 * @pair stays on trial. */
bool offload_trial_begin(struct offload_trial *trial, struct device_pair *pair);

/* The verdict, if there is one, is @pair's; without one another may try. */
void offload_trial_end(struct offload_trial *trial, const struct device_pair *pair);

/* A worker died: if it held the trial, another may try. So may one while the holder lives,
 * if it was not that; then what the first finds is its own. */
void offload_trial_abandon(struct offload_trial *trial);

/* Notes that a clone, or a copy's first call, failed with errno @err. */
void offload_clone_failed(struct device_pair *pair, int err);
void offload_copy_failed(struct device_pair *pair, int err);
