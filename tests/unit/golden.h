/*
 * Expected rows kept in tests/unit/golden/: each file is a list of C strings,
 * one a row, so that a test needs no path at run time.
 *
 * Promises to compare all rows and to name the first that differs. With
 * PCOPY_GOLDEN=print in the environment the rows are printed as the file wants
 * them, and nothing is compared.
 *
 * Runs in: unit tests.  Blocks: never.  Allocates: no.  Owns: nothing.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct golden {
	const char *name;
	const char *const *rows;
	unsigned n_rows, next;
	unsigned wrong;
};

static inline int golden_prints(void)
{
	const char *wanted = getenv("PCOPY_GOLDEN");

	return wanted && strcmp(wanted, "print") == 0;
}

static inline void golden_row(struct golden *golden, const char *row)
{
	unsigned i = golden->next++;

	if (golden_prints()) {
		printf("GOLDEN %s \"", golden->name);
		for (; *row; row++)
			printf(*row == '"' || *row == '\\' ? "\\%c" : "%c", *row);
		printf("\",\n");
		return;
	}
	if (i < golden->n_rows && strcmp(golden->rows[i], row) == 0)
		return;
	if (golden->wrong++ == 0)
		fprintf(stderr, "%s, row %u:\n  expected: %s\n  got:      %s\n", golden->name, i + 1,
			i < golden->n_rows ? golden->rows[i] : "(none)", row);
}

/* Returns the number of differences, missing rows included. */
static inline unsigned golden_end(const struct golden *golden)
{
	if (golden_prints())
		return 0;
	if (golden->next < golden->n_rows)
		fprintf(stderr, "%s: %u rows, expected %u\n", golden->name, golden->next, golden->n_rows);
	return golden->wrong + (golden->next < golden->n_rows);
}
