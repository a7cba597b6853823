/*
 * Names of temporary files.
 *
 * Promises names that no other run, worker or file uses, that say which run on
 * which host made them, and that a later run recognises and removes only when
 * that run is dead. Form: ".pcopy-HHHHHHHH-PID-START-SLOT-N" (host tag, master's
 * pid, its start time in jiffies, worker slot, worker's pid and counter; all
 * hex), at most 64 bytes.
 *
 * Runs in: the worker (the run tag is made in the master before the fork).
 * Blocks: never.  Allocates: no.  Owns: nothing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TEMP_NAME_SIZE 80

/* Fixes this run's tag from host, boot and the calling process. Master, before the fork. */
void temp_name_begin_run(void);

/* This worker's names start with @slot and carry the calling process's pid:
 * call it in the worker, after the fork. */
void temp_name_set_slot(unsigned slot);

/* Writes a new name into @buf. */
void temp_name_next(char buf[static TEMP_NAME_SIZE]);

/* Writes the one name a big file's ranges share in this run, from its job number. */
void temp_name_for_ranges(char buf[static TEMP_NAME_SIZE], uint64_t number);

/* True for any name of this form, of any run. */
bool temp_name_is_ours(const char *name);

/* True for a name that temp_name_for_ranges() gave, in any run. */
bool temp_name_is_for_ranges(const char *name);

/* True for a name of this form whose run was on this host and boot (or an
 * earlier boot of this host) and is no longer alive; or of this very run, by a
 * worker that is no longer alive (ranges' names belong to no worker: they are
 * not stale while the run lives). False when in doubt. */
bool temp_name_is_stale(const char *name);
