/*
 * The full-screen display as rows of text.
 *
 * Promises what layout.h promises (no row too wide, names escaped, the same
 * view gives the same bytes), at any size from 1x1; what matters most is kept
 * when rows are few: the bar, the keys, the workers.
 *
 * Runs in: the master.  Blocks: never.  Allocates: no.  Owns: nothing.
 */
#pragma once

#include "ui/layout.h"
#include "ui/progress.h"

#define DASHBOARD_ROWS 128

enum dashboard_mode {
	DASHBOARD_OVERVIEW,
	DASHBOARD_FAILURES, /* the list of them, instead of workers and graphs */
	DASHBOARD_HELP,
};

/* What the screen knows beside the view. */
struct dashboard_extra {
	enum dashboard_mode mode;
	const char *prompt;           /* a question in place of the keys; NULL none */
	const char *const *messages;  /* sentences, oldest first, printable */
	unsigned n_messages;
	const char *const *failures;  /* one line each, oldest first, printable */
	unsigned n_failures;
	unsigned scroll;              /* DASHBOARD_FAILURES: lines up from the last */
};

struct dashboard {
	char row[DASHBOARD_ROWS][LAYOUT_ROW_BYTES];
	unsigned n_rows;              /* at most the size's rows */
};

void dashboard_layout(const struct progress_view *view, const struct dashboard_extra *extra,
		      const struct layout_size *size, struct dashboard *ret);
