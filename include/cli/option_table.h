/*
 * The table of options.
 *
 * Promises one row for each option there is: the parser is driven by it, the
 * help is printed from it, and the lint compares the man page and the tests
 * with that help. An option that is not in it does not exist.
 *
 * Runs in: the master.  Blocks: never.  Allocates: no.  Owns: nothing (all of
 * it is constant).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* A value that is given by name, abbreviable as long as it is unambiguous. */
struct option_word {
	const char *word; /* NULL ends the list */
	int value;
};

/* The headings of the help, in its order. */
enum option_group {
	GROUP_WHAT,    /* which names are copied, and where to */
	GROUP_KEEP,    /* what is kept of them */
	GROUP_THERE,   /* what happens to a name that is there already */
	GROUP_CONTENT, /* how contents go over */
	GROUP_TRUST,   /* interruptions, full disks, power cuts */
	GROUP_SPEED,
	GROUP_SHOW,
	GROUP_OTHER,
	GROUP_COUNT,
};

/* What the parser does with an option. */
enum option_action {
	ACTION_FLAG, /* the bool at `where` becomes `value`, or its argument's */
	ACTION_ENUM, /* the enum at `where` becomes `value`, or its argument's */
	ACTION_TEXT, /* the string at `where` becomes the argument */
	ACTION_NOTHING,
	ACTION_ARCHIVE,
	ACTION_KEEP_LINKS,
	ACTION_PRESERVE,
	ACTION_NO_PRESERVE,
	ACTION_BACKUP,
	ACTION_SUFFIX,
	ACTION_TARGET,
	ACTION_INTERACTIVE,
	ACTION_DEBUG,
	ACTION_JOBS,
	ACTION_BANDWIDTH,
	ACTION_PROGRESS_FD,
	ACTION_CONTROL,
	ACTION_HELP,
	ACTION_VERSION,
};

struct option_row {
	enum option_group group;
	const char *letters;             /* its short names, often one; "" none */
	const char *name;                /* its long name; NULL none */
	const char *help;
	enum option_action action;
	size_t where;                    /* offset in struct options */
	int value;
	const char *argument;            /* what its argument is called; NULL takes none */
	bool optional;                   /* only as --name=ARGUMENT, and may be left out */
	const struct option_word *words; /* the values the argument may have */
};

extern const struct option_row option_table[];
extern const size_t option_table_rows;

/* For options whose argument is taken apart by the parser. */
extern const struct option_word option_preserve_words[]; /* bits of enum preserve */
extern const struct option_word option_backup_words[];   /* enum backup_mode */

/* Returns the heading of @group as the help has it. */
const char *option_group_title(enum option_group group);

/* Finds @text, or the one word it is an abbreviation of. Returns 0, -ENOENT
 * when it is none of them, or -EEXIST when it may be several. */
int option_word_find(const struct option_word *words, const char *text, int *ret_value);
