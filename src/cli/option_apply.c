/*
 * Values, checked and stored.
 *
 * A row of the table says what to store where; act() has the options that do
 * more. Values come through option_word_find(), so that they may be abbreviated
 * as cp's may, or through read_number(), which takes digits and nothing else:
 * strtoul(3) alone takes "-1" for 18446744073709551615 and " 5x" for 5.
 */
#include "cli/option_apply.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/display.h"
#include "base/human.h"
#include "base/message.h"
#include "cli/usage.h"

#define JOBS_MAX 256

void option_refuse(struct option_walk *walk, const char *sentence, const char *subject)
{
	CLEANUP_FREE char *quoted = subject ? display_quote(subject) : NULL;
	const char *place = strstr(sentence, "%s");

	if (quoted && place)
		message_say("%.*s%s%s", (int)(place - sentence), sentence, quoted, place + 2);
	else
		message_say("%s", sentence);
	message_say("Try 'pcopy --help' for more information.");
	walk->verdict = OPTIONS_USAGE;
}

bool option_read_word(struct option_walk *walk, const struct option_word *words, const char *option,
		      const char *text, int *ret_value)
{
	char valid[160] = "";
	int r = option_word_find(words, text, ret_value);

	if (r == 0)
		return true;
	for (const struct option_word *word = words; word->word; word++) {
		assert(strlen(valid) + strlen(word->word) + 3 < sizeof(valid));
		if (*valid)
			strcat(valid, ", ");
		strcat(valid, word->word);
	}
	CLEANUP_FREE char *quoted = display_quote(text);
	message_say("%s argument %s for '%s': it can be %s", r == -EEXIST ? "ambiguous" : "invalid", quoted,
		    option, valid);
	message_say("Try 'pcopy --help' for more information.");
	walk->verdict = OPTIONS_USAGE;
	return false;
}

/* Reads all of @text as a plain decimal number; signs, blanks and trailers are none. */
static bool read_number(const char *text, unsigned long max, unsigned long *ret)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*ret = strtoul(text, &end, 10);
	return !errno && !*end && *ret <= max;
}

/* --preserve=LIST and --no-preserve=LIST. */
static void set_preserve(struct option_walk *walk, const char *option, const char *list, bool keep)
{
	struct copy_policy *policy = &walk->options->policy;

	for (const char *item = list;; item++) {
		size_t length = strcspn(item, ",");
		CLEANUP_FREE char *word = strndup(item, length);
		int bits;

		if (!word)
			abort();
		if (!option_read_word(walk, option_preserve_words, option, word, &bits))
			return;
		/* cp: what is made like any new thing is what 'mode' names. 'all' names nothing. */
		if (bits & PRESERVE_MODE)
			policy->usual_mode = !keep && bits != PRESERVE_ALL;
		if (keep) {
			policy->preserve |= (unsigned)bits;
			if (bits != PRESERVE_ALL)
				policy->preserve_required |= (unsigned)bits;
		} else {
			policy->preserve &= ~(unsigned)bits;
			policy->preserve_required &= ~(unsigned)bits;
		}
		item += length;
		if (!*item)
			return;
	}
}

/* Descriptors opened later would take a number that is free now, and a
 * worker's pipe would then receive the progress: so it must be open already. */
static void set_progress_fd(struct option_walk *walk, const char *text)
{
	unsigned long fd;
	int flags;

	if (!read_number(text, INT_MAX, &fd)) {
		option_refuse(walk, "invalid descriptor %s for '--progress-fd'", text);
		return;
	}
	flags = fcntl((int)fd, F_GETFL);
	if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY || (flags & O_PATH))
		option_refuse(walk, "descriptor %s of '--progress-fd' is not open for writing", text);
	else
		walk->options->progress_fd = (int)fd;
}

bool option_read_jobs(const char *text, unsigned *ret_jobs)
{
	unsigned long jobs;

	if (!read_number(text, JOBS_MAX, &jobs) || jobs == 0)
		return false;
	*ret_jobs = (unsigned)jobs;
	return true;
}

static void set_jobs(struct option_walk *walk, const char *text)
{
	if (strcmp(text, "auto") == 0)
		walk->options->jobs = 0;
	else if (!option_read_jobs(text, &walk->options->jobs))
		option_refuse(walk, "invalid number of workers %s: it can be 1 to 256, or auto", text);
}

static void set_control(struct option_walk *walk, const char *text)
{
	unsigned long pid;

	if (read_number(text, INT_MAX, &pid) && pid > 0)
		walk->options->control_pid = (int)pid;
	else
		option_refuse(walk, "invalid process id %s for '--control'", text);
}

/* The options that do more than to store one value. */
static void act(struct option_walk *walk, const struct option_row *row, const char *argument)
{
	struct options *options = walk->options;
	struct copy_policy *policy = &options->policy;

	switch (row->action) {
	case ACTION_ARCHIVE:
		policy->dereference = DEREFERENCE_NEVER;
		policy->preserve = PRESERVE_ALL;
		break;
	case ACTION_KEEP_LINKS:
		policy->dereference = DEREFERENCE_NEVER;
		policy->preserve |= PRESERVE_LINKS;
		break;
	case ACTION_PRESERVE:
		if (argument)
			set_preserve(walk, "--preserve", argument, true);
		else
			policy->preserve |= PRESERVE_MODE | PRESERVE_OWNERSHIP | PRESERVE_TIMESTAMPS;
		break;
	case ACTION_NO_PRESERVE:
		set_preserve(walk, "--no-preserve", argument, false);
		break;
	case ACTION_BACKUP:
		walk->make_backups = true;
		if (argument)
			walk->backup_control = argument;
		break;
	case ACTION_SUFFIX:
		walk->make_backups = true;
		walk->suffix = argument;
		break;
	case ACTION_TARGET:
		if (options->dest_is_directory)
			option_refuse(walk, "multiple target directories specified", NULL);
		options->dest_is_directory = true;
		options->dest = argument;
		break;
	case ACTION_INTERACTIVE:
		option_refuse(walk, "a parallel copy cannot ask: use -n or --update in place of -i", NULL);
		break;
	case ACTION_DEBUG:
		policy->explain = true;
		options->verbose = true;
		break;
	case ACTION_JOBS:
		set_jobs(walk, argument);
		break;
	case ACTION_BANDWIDTH:
		if (human_parse_bytes(argument, &options->bandwidth) < 0)
			option_refuse(walk, "invalid rate %s for '--bwlimit': it is like 500K, 20M or 1.5G, in bytes per second",
			       argument);
		break;
	case ACTION_PROGRESS_FD:
		set_progress_fd(walk, argument);
		break;
	case ACTION_CONTROL:
		set_control(walk, argument);
		break;
	case ACTION_HELP:
		usage_print_help();
		walk->verdict = OPTIONS_DONE;
		break;
	case ACTION_VERSION:
		usage_print_version();
		walk->verdict = OPTIONS_DONE;
		break;
	case ACTION_FLAG:
	case ACTION_ENUM:
	case ACTION_TEXT:
	case ACTION_NOTHING:
		break;
	}
}

void option_apply(struct option_walk *walk, const struct option_row *row, const char *argument)
{
	char *where = (char *)walk->options + row->where;
	int value = row->value;
	bool flag;

	if (argument && row->words && (row->action == ACTION_FLAG || row->action == ACTION_ENUM)) {
		char option[40] = "--";

		strcat(option, row->name);
		if (!option_read_word(walk, row->words, option, argument, &value))
			return;
	}
	switch (row->action) {
	case ACTION_FLAG:
		flag = value != 0;
		memcpy(where, &flag, sizeof(flag));
		break;
	case ACTION_ENUM:
		memcpy(where, &value, sizeof(value));
		break;
	case ACTION_TEXT:
		memcpy(where, &argument, sizeof(argument));
		break;
	default:
		act(walk, row, argument);
	}
}
