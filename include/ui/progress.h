/*
 * The progress model: what is done, of how much, how fast, until when.
 *
 * Promises pure arithmetic on samples: no clock, no terminal, no allocation
 * after progress_new(). The fraction never goes back and is 1 only when told
 * the copy has ended; the ETA is fitted to a recent window as
 * cost = a * files + b * bytes, is never negative, and is unknown rather than
 * wrong. Skipped and failed work leaves the total, it does not join done.
 *
 * Runs in: the master.  Blocks: never.  Allocates: progress_new() only.
 * Owns: its history.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum progress_phase { PHASE_SCAN, PHASE_COPY, PHASE_FLUSH, PHASE_DONE };

/* What a worker is at: the values of enum gauge_activity, which this layer may not see. */
enum progress_activity {
	PROGRESS_IDLE,
	PROGRESS_SCANNING,
	PROGRESS_READING,
	PROGRESS_WRITING,
	PROGRESS_METADATA,
	PROGRESS_LANE,
	PROGRESS_THROTTLED,
	PROGRESS_FLUSHING,
	PROGRESS_ACTIVITIES,
};

#define PROGRESS_WORKERS 256 /* followed one by one; more are not looked at */

/* One worker, for the screen and for the file in hand. */
struct progress_worker {
	const char *path;        /* what it has in hand, unescaped; NULL when idle; valid during the call only */
	uint32_t activity;       /* enum gauge_activity's value */
	uint64_t file_bytes, file_size;
	uint64_t since_ns;       /* on the sample's clock, when it took the entry in hand */
};

/* The state of the copy at one moment, counted from the start of the run. */
struct progress_sample {
	uint64_t now_ns;
	enum progress_phase phase;       /* SCAN until everything has been listed */
	uint64_t files_done, bytes_done; /* copied by this run, the part of files in hand included in bytes */
	uint64_t files_total, bytes_total; /* found so far, less what was skipped or failed; final once not SCAN */
	uint64_t directories;
	uint64_t files_skipped, bytes_skipped; /* left alone or already there */
	uint64_t files_failed;
	uint64_t dirty_bytes;            /* FLUSH: still to reach the disk; UINT64_MAX unknown */
	bool paused;
	unsigned jobs;                   /* workers in use */
	uint64_t queued_entries, pending_directories; /* queue depths */
	uint64_t bandwidth;              /* limit in bytes per second, 0 none */
	const struct progress_worker *workers;
	unsigned n_workers;
	uint64_t spent_ns[8];            /* by enum gauge_activity, all workers */
};

#define PROGRESS_UNKNOWN UINT64_MAX
#define PROGRESS_HISTORY 512

/* What there is to show, derived. */
struct progress_view {
	struct progress_sample sample;   /* the last one; workers' paths valid only during the draw */
	double fraction;                 /* 0 to 1; negative until the total is known */
	double files_per_s, bytes_per_s; /* smoothed over the recent window */
	uint64_t elapsed_ns;             /* without pauses and suspends */
	uint64_t eta_ns;                 /* PROGRESS_UNKNOWN when it cannot be told */
	bool stalled;                    /* nothing has moved for some seconds though work is in hand */
	uint64_t stalled_ns;
	const struct progress_worker *current; /* the entry in hand to show: the one longest in hand; NULL none */
	const struct progress_worker *stuck; /* the one longest without a byte moving, past 10 s; NULL none */
	uint64_t stuck_ns;
	uint64_t still_ns[PROGRESS_WORKERS]; /* per worker: since anything of it moved; 0 when idle */
	const float *bytes_history, *files_history; /* per second, oldest first */
	unsigned n_history;
};

struct progress;

/* @start_ns: the clock at the start of the run. Aborts without memory. */
struct progress *progress_new(uint64_t start_ns);
void progress_free(struct progress *progress);

/* Takes a sample in (samples come in order of time; workers stay at their place). */
void progress_update(struct progress *progress, const struct progress_sample *sample);

/* The process was stopped (SIGTSTP) or the copy paused for @ns: that time does
 * not count. Call it before the first sample after; samples with .paused need
 * no such call, and counting them twice does no harm. */
void progress_skip_time(struct progress *progress, uint64_t ns);

/* Everything is over: fraction 1 unless something is missing. Ended before all
 * was listed, the phase stays SCAN: the totals are still none. */
void progress_finish(struct progress *progress);

/* The view after the last update; valid until the next. */
const struct progress_view *progress_view(const struct progress *progress);
