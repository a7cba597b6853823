/*
 * The other end of the control socket: `pcopy --control=PID ...`.
 *
 * Promises one answer or one sentence within a few seconds, also when the
 * copy's master is stopped; and not to take the word of a socket that somebody
 * else has put there.
 *
 * Runs in: a process of its own, instead of a copy.  Blocks: up to its patience.
 * Allocates: no.  Owns: nothing.
 */
#pragma once

#include <sys/types.h>

/* Sends @words (ended by NULL) to the pcopy @pid and prints its answer. Returns
 * the exit status. */
int control_client_run(pid_t pid, const char *const *words);
