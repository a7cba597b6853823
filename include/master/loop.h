/*
 * The event loop: the only module that knows libuv.
 *
 * Promises to wait for exactly these: the doorbell, a pidfd per worker, signals,
 * the display's keys and the control socket if there are any, and a tick ten
 * times a second; and to call the session's event functions.
 * Handlers are installed only for signals that were not ignored when we started.
 *
 * Runs in: the master.  Blocks: in uv_run(), nowhere else.
 * Allocates: a handle a source.  Owns: the loop and its handles.
 */
#pragma once

#include "master/session.h"

/* Runs until the session is over. Returns 0 or a negative errno when the loop
 * cannot be set up. */
int loop_run(struct session *session, struct worker_pool *pool);
