/*
 * The words of `--control`, obeyed.
 *
 * Promises an answer to every request, and that what is refused changes nothing.
 *
 * Runs in: the master.  Blocks: never.  Allocates: no.  Owns: nothing.
 */
#pragma once

#include <stdint.h>

#include "master/control.h"
#include "master/steering.h"

/* Answers all who ask at @control; @status is what the copy is at now. */
void command_serve(struct control *control, struct steering *steering, const char *status);

/* Obeys pause, resume, jobs N and bwlimit RATE; answers status with @status.
 * @words end with NULL; @answer has room for CONTROL_ANSWER bytes and becomes
 * "ok TEXT" or "error TEXT". */
void command_obey(struct steering *steering, const char *const *words, const char *status, char *answer);
