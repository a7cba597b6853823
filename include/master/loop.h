/*
 * The event loop: the only module that knows libuv.
 *
 * Promises to wait for exactly these: the doorbell, a pidfd per worker, signals,
 * a tick ten times a second and the display's keys if it has any; and to call the session's event functions.
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
