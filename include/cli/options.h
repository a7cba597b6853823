/*
 * The command line as plain data.
 *
 * Promises one immutable struct from an argument vector, with GNU cp's names
 * and meanings (9.5), options before or after operands, acting in order; every
 * refusal is one clear sentence through message_say().
 *
 * Runs in: the master, before the first fork.  Blocks: never.
 * Allocates: the operand list.  Owns: it; strings are the argument vector's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/policy.h"

enum progress_face {
	PROGRESS_AUTO, /* line on a foreground terminal, else none */
	PROGRESS_LINE,
	PROGRESS_SCREEN,
	PROGRESS_PLAIN,
	PROGRESS_JSON,
	PROGRESS_NONE,
};

struct options {
	struct copy_policy policy;

	char **sources;
	size_t n_sources;
	const char *dest;              /* DEST, or -t's DIR */
	bool dest_is_directory;        /* -t */
	bool no_target_directory;      /* -T */
	bool strip_trailing_slashes;
	bool parents;

	unsigned jobs;                 /* 1 to 256; 0 for auto */
	bool verbose, quiet;
	bool resume;
	bool preflight;                /* refuse a copy that cannot fit; on by default */
	bool stats;
	bool title;
	bool idle;                     /* idle I/O class and lowest priority */
	enum progress_face progress;
	int progress_fd;               /* where plain and json go; 2 by default */
	uint64_t bandwidth;            /* bytes per second, 0 for no limit */
	const char *log_file;
	const char *files_from;        /* a file of SOURCE names, one (escaped) a line; NULL none */

	int control_pid;               /* --control: 0, or the running pcopy to talk to */
	const char *control_words[3];  /* pause | resume | jobs N | bwlimit R | status; NULL-terminated */
};

enum options_verdict {
	OPTIONS_RUN,   /* go on with *ret */
	OPTIONS_DONE,  /* --help or --version was written: exit 0 */
	OPTIONS_USAGE, /* a sentence was said: exit 2 */
};

enum options_verdict options_parse(int argc, char **argv, struct options *ret);
void options_done(struct options *options);
