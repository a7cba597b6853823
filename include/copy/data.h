/*
 * The data ladder: bytes and holes from one open file to another.
 *
 * Promises the whole of the range or an error; the cheapest way the two file
 * systems allow (FICLONE, copy_file_range, read and write), falling back only
 * before the first byte or at the right offset; holes as the policy asks;
 * never a byte that was not in the source.
 *
 * Runs in: the worker.  Blocks: as the files do, in steps of at most 8 MiB,
 * with the step hook called between them.  Allocates: one buffer per struct data.
 * Owns: its buffer and its memory of which rung failed on which pair of devices.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/outcome.h"
#include "base/policy.h"

struct data;

/* Called after each step with the bytes just done (holes count as bytes).
 * A non-zero return (negative errno) stops the copy with that value. */
typedef int data_step_fn(uint64_t bytes, void *arg);

/* @step may be NULL. Returns 0 or -ENOMEM. */
int data_new(const struct copy_policy *policy, data_step_fn *step, void *arg, struct data **ret_data);
void data_free(struct data *data);

/* Whether a server copies by itself is found out by one worker for all, by way of @trial. */
struct offload_trial;
void data_share_trial(struct data *data, struct offload_trial *trial);

/* What the kernel or a server copies goes in steps of at most @bytes, so that a limit of
 * bandwidth is met evenly; 0: as is best. */
void data_set_step(struct data *data, uint64_t bytes);

/* For the step hook: true when the bytes it was just told of were moved, false
 * for a hole or a clone, which no bandwidth limit should count. */
bool data_step_moved(const struct data *data);

/* What whoever asks for the time of things is told is going on: enum
 * gauge_activity's values (this layer does not see ipc). */
enum copy_activity {
	COPY_ACTIVITY_READ = 2,
	COPY_ACTIVITY_WRITE = 3,
	COPY_ACTIVITY_METADATA = 4,
	COPY_ACTIVITY_FLUSH = 7,
};

struct data_request {
	int src_fd, dst_fd;
	dev_t src_dev, dst_dev;
	uint64_t size;        /* st_size of the source */
	uint64_t blocks;      /* st_blocks of the source: fewer than size needs means holes */
	uint64_t offset;      /* a range (0 and size for the whole file) */
	uint64_t length;
	bool dst_fresh;       /* destination is empty: a hole need only be skipped */
	bool dst_longer;      /* what it has behind the source's end stays, and so does its size */
	void (*activity)(int activity, void *arg); /* told of each read, and of its end; may be NULL */
	void *activity_arg;
	int (*moves)(void *arg); /* called before the first byte, where it was not cloned; may be NULL.
	                          * A negative return stops the copy with that value */
	void *moves_arg;
	bool unknown_size;    /* read to the end whatever st_size says (/proc, --copy-contents) */
};

struct data_result {
	uint64_t bytes;           /* source bytes covered, holes included */
	enum data_method method;
	bool holes;
	bool lost_holes;          /* the source has holes the destination could not keep */
	enum stage stage;         /* where it failed */
};

/* Copies the range. Returns 0; -ESTALE when the source ended early or went on
 * after @size (it changed); or -errno with ret->stage set. After success on the
 * whole file the destination's size is exact (trailing hole by ftruncate). */
int data_copy(struct data *data, const struct data_request *request, struct data_result *ret);

/* True when a new whole file would first be tried to clone, and may well be. */
bool data_may_clone(struct data *data, dev_t src_dev, dev_t dst_dev, uint64_t size);

/* A small file in two halves, so that what is read can be looked at before it is written.
 * data_is_plain(): it would be read and written in one go, neither cloned nor offloaded.
 * data_take(): true when @fd gave just @size bytes. data_put() writes what was taken last;
 * returns as data_copy(). */
bool data_is_plain(struct data *data, dev_t src_dev, dev_t dst_dev, uint64_t size);
bool data_take(struct data *data, int fd, uint64_t size);
int data_put(struct data *data, int fd, uint64_t size, struct data_result *ret);

/* The buffer for callers that read a small file whole: at least 256 KiB. */
void *data_buffer(struct data *data, size_t *ret_size);
