/*
 * One copy from beginning to end: a state machine without a loop.
 *
 * Promises the eight invariants at the head of session.c, whatever dies, fills
 * up or is pressed; and that every event is a function call, so that tests can
 * drive it without libuv.
 *
 *   RUNNING ──> FLUSHING ──> OVER
 *      │            │
 *      └─> STOPPING ┴──────> OVER
 *
 * Runs in: the master.  Blocks: never, but for the final join of workers that
 * have nothing left to do.  Allocates: as its parts do.  Owns: ledger, link
 * table, tally, model.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "cli/options.h"
#include "master/control.h"
#include "master/operands.h"
#include "master/storage.h"
#include "master/worker_pool.h"
#include "ui/renderer.h"

struct session;

struct session_setup {
	const struct options *options;
	const struct operands *operands;
	const struct storage *storage;
	struct worker_pool *pool;
	struct renderer *renderer;  /* NULL: none */
	const char *resume_command; /* goes on with this copy when it is cut short; NULL none */
	unsigned jobs;              /* workers to use at first */
	unsigned most_jobs;         /* with -j auto: up to so many; else as jobs */
};

/* Returns 0, or -errno after a sentence. */
int session_new(const struct session_setup *setup, struct session **ret_session);
void session_free(struct session *session);

/* Sends the first jobs. */
void session_begin(struct session *session);

/* One of the workers that are not there yet; false when they all are. They are started
 * when there is work for them, and by this at the latest: a copy that is over before does
 * not pay for them. One by one, as a fork takes as long as many messages. */
bool session_start_worker(struct session *session);

/* Events. */
void session_on_completions(struct session *session); /* the doorbell, or the tick */
void session_on_worker_end(struct session *session, unsigned slot);
void session_on_tick(struct session *session);        /* ten times a second: redraw and watch */
void session_on_stop_signal(struct session *session, int signal); /* once: tidily; SIGINT after it: now */
void session_on_status_signal(struct session *session);
void session_on_suspend(struct session *session);
void session_on_resume(struct session *session);
void session_on_resize(struct session *session);
void session_on_key(struct session *session);         /* session_input_fd() is readable */

/* Where keys for the display come from, -1 for none; a key may change it. */
int session_input_fd(const struct session *session);

/* Opens the socket for --control; returns the descriptor that tells of a client, -1 none. */
int session_open_control(struct session *session);
void session_on_control(struct session *session);      /* it is readable */

/* A slot got a new worker: its pidfd must be watched. */
typedef void session_new_worker_fn(unsigned slot, void *arg);
void session_set_new_worker(struct session *session, session_new_worker_fn *fn, void *arg);

bool session_is_over(const struct session *session);

/* The last words: summary, losses. Returns the exit status; *@ret_signal is
 * the signal to end by, 0 for none. */
int session_end(struct session *session, int *ret_signal);
