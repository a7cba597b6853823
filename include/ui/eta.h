/*
 * What work costs, learnt from what it has cost: the estimator behind the ETA.
 *
 * Promises arithmetic on intervals, no clock: a file costs as much time as some
 * number of bytes (the ratio), and both are fitted from the recent past. Says
 * "unknown" until it has seen enough.
 *
 * Runs in: the master.  Blocks: never.  Allocates: no.  Owns: nothing.
 */
#pragma once

#include <stdint.h>

#define ETA_RATIOS 31 /* candidate ratios: powers of two from 2^-1 to 2^29 bytes a file */

/* Sums over intervals, older ones fading. */
struct eta_moments {
	double weight, files, bytes;
	double files2, files_bytes, bytes2;
};

/* What went by in a fading window. */
struct eta_sums {
	double seconds, files, bytes;
};

struct eta {
	struct eta_moments moments;     /* of the speeds per interval: tells the ratio */
	double ratio;                   /* what a file is worth, in bytes */
	struct eta_sums recent;         /* tells the speed */
	struct eta_sums latest;         /* a few seconds: tells when the speed has changed */
	struct eta_sums open;           /* the interval being filled */
	double copied_entries, skipped_entries, seen_entries;
	double seen_s;                  /* time taken in since the start */
};

/* Work of one stretch of time. */
struct eta_work {
	double files, bytes;                 /* copied */
	double skipped_files; /* found to need no copy */
};

void eta_init(struct eta *eta);

/* Takes in @seconds (without pauses and stalls) in which @work was done. */
void eta_add(struct eta *eta, double seconds, const struct eta_work *work);

/* The part of what is left that will really be copied, 0 to 1: less than 1
 * while a resumed run finds things done already. */
double eta_copied_share(const struct eta *eta);

/* The cost of work in bytes: what its bytes and files are worth together. */
double eta_cost(const struct eta *eta, double files, double bytes);

/* Seconds for @files and @bytes more; negative when it cannot be told. */
double eta_seconds(const struct eta *eta, double files, double bytes);
