/*
 * One data_copy() under way: what its rungs (data.c) and the writing of bytes and
 * holes (data_dest.c) share.
 *
 * Promises that the first failure leaves its stage, and that every byte is counted
 * once.
 *
 * Runs in: the worker.  Blocks: as the files do.  Allocates: no.  Owns: nothing.
 */
#pragma once

#include "copy/data.h"
#include "copy/offload.h"

#define DATA_BUFFER ((size_t)256 * 1024)

struct data {
	const struct copy_policy *policy;
	data_step_fn *step;
	void *arg;
	unsigned char *buffer;
	bool moved;
	struct device_pairs pairs;
	struct offload_trial *trial; /* or NULL */
	uint64_t step_most;          /* bytes; 0: no limit */
};

/* One data_copy() under way. */
struct run {
	struct data *data;
	const struct data_request *request;
	struct data_result *ret;
	struct device_pair *pair;
	uint64_t end;          /* of the range */
	bool to_end;           /* the range ends where the source does */
	bool end_seen;         /* the source was seen to have nothing after @end */
	bool holes_named;      /* what lseek() called a hole was believed */
	bool zeros_to_holes;
	bool offload_gave_none;/* no error and no bytes, before the end */
	uint64_t written_end;  /* where the last byte written ends */
	uint64_t longest_hole;
};

/* Counts @bytes as done and lets the caller look up. Returns what the step hook says. */
int run_step(struct run *run, uint64_t bytes, bool moved);

/* Notes where it failed. Returns @r. */
int run_fail(struct run *run, enum stage stage, int r);

void run_went_by(struct run *run, enum data_method method);

/* A hole of the source, at [@offset, +@length). All return 0 or -errno with the stage noted. */
int run_copy_hole(struct run *run, uint64_t offset, uint64_t length);

/* @len bytes of the buffer, to @offset, with blocks of zeros as holes where that is
 * wanted. @last: they end the file. */
int run_write_out(struct run *run, size_t len, uint64_t offset, bool last);

/* Gives the destination its size where writing did not. */
int run_set_size(struct run *run);

/* Finds out once per pair whether holes come out as holes; one within a block says nothing. */
void run_learn_fate(struct run *run);
