/*
 * Outcomes become counts and sentences.
 *
 * Promises that every outcome is counted once, that every failure is said once,
 * shown to the display, kept for the end and logged, and that listings (-v,
 * --debug) name what was copied.
 *
 * Runs in: the master.  Blocks: as write(2) to stderr, stdout and the log does.
 * Allocates: sentences, freed at once.  Owns: the log file.
 */
#pragma once

#include <stdint.h>

#include "base/outcome.h"
#include "cli/options.h"
#include "copy/tree.h"
#include "master/dir_node.h"
#include "master/tally.h"
#include "master/worker_process.h"
#include "ui/renderer.h"

struct report {
	const struct options *options;
	const struct tree *tree;
	struct tally *tally;
	struct renderer *renderer; /* NULL: no display */
	const char *resume_command; /* NULL: none is said */
	int log_fd;                /* -1: none */
};

/* What an outcome is about: @leaf of @dir, or @dir itself when leaf is NULL. */
struct report_subject {
	const struct dir_node *dir;
	const char *leaf;
	uint64_t size;             /* as the scan saw it; 0 for a hard link */
};

/* Opens --log-file. Returns 0 or -errno after a sentence. */
int report_open(struct report *report);
void report_done(struct report *report);

void report_outcome(struct report *report, const struct report_subject *subject, const struct outcome *outcome);

/* -v alone: an entry of a batch that went without saying, or a directory made. */
void report_listing(struct report *report, const struct report_subject *subject);

/* A worker died. */
void report_death(const struct report *report, const struct worker_process *worker);

/* The end: summary, losses, failures again, and how to go on with what was @cut_short. */
void report_end(struct report *report, bool cut_short);
