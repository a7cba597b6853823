/*
 * One option, done.
 *
 * Promises that an option with a value that makes no sense changes nothing and
 * is refused in one sentence that says what would make sense.
 *
 * Runs in: the master, before the first fork.  Blocks: never (fcntl only asks).
 * Allocates: only while it makes a sentence.  Owns: nothing.
 */
#pragma once

#include <stdbool.h>

#include "cli/option_table.h"
#include "cli/options.h"

/* How far the command line has been understood. */
struct option_walk {
	struct options *options;
	bool make_backups;            /* -b, --backup or -S was given */
	const char *backup_control;   /* --backup=CONTROL; NULL when not given */
	const char *suffix;           /* -S; NULL when not given */
	enum options_verdict verdict; /* while it is OPTIONS_RUN, go on */
};

/* Does what @row says, with @argument or NULL. */
void option_apply(struct option_walk *walk, const struct option_row *row, const char *argument);

/* Says @sentence with the quoted @subject in place of its "%s" (NULL: it has
 * none), then where the help is; the verdict is OPTIONS_USAGE from now on. */
void option_refuse(struct option_walk *walk, const char *sentence, const char *subject);

/* Finds the value @text names in @words; false when it was refused. @option is
 * what @text was given to. */
bool option_read_word(struct option_walk *walk, const struct option_word *words, const char *option,
		      const char *text, int *ret_value);

/* Reads 1 to 256; false for anything else. */
bool option_read_jobs(const char *text, unsigned *ret_jobs);
