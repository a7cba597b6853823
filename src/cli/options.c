/*
 * argv becomes struct options.
 *
 * getopt_long(3) walks and permutes the arguments, with its lists made from
 * option_table; option_apply() does what each row says. getopt's own messages are
 * off: they go to stderr behind message_say()'s back and show names unescaped.
 * Options take effect in the order given, as cp's do, so that the last of two
 * that disagree wins; only what cp refuses as a combination is looked at after
 * the last one, in settle().
 *
 * argp(3) was the alternative: it is not in every libc and cannot say "refused,
 * use this instead".
 */
#include "cli/options.h"

#include <assert.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/display.h"
#include "base/human.h"
#include "base/message.h"
#include "cli/option_apply.h"
#include "cli/option_table.h"

#define ROWS_MAX 100     /* of the table */
#define LONG_BASE 0x1000 /* a long option's value is this and its row */

/* What getopt_long() wants, made from the table. */
struct getopt_lists {
	char letters[2 * ROWS_MAX + 2];
	struct option longs[ROWS_MAX + 1];
};

/* Only a long option may have an optional argument: cp's -b and -u take none. */
static void make_lists(struct getopt_lists *lists)
{
	char *letter = lists->letters;
	struct option *opt = lists->longs;

	assert(option_table_rows <= ROWS_MAX);
	*letter++ = ':';
	for (size_t i = 0; i < option_table_rows; i++) {
		const struct option_row *row = &option_table[i];

		for (const char *c = row->letters; *c; c++) {
			*letter++ = *c;
			if (row->argument && !row->optional)
				*letter++ = ':';
		}
		if (!row->name)
			continue;
		*opt++ = (struct option){
			.name = row->name,
			.has_arg = !row->argument   ? no_argument
				   : row->optional ? optional_argument
						   : required_argument,
			.val = LONG_BASE + (int)i,
		};
	}
	assert(letter < lists->letters + sizeof(lists->letters));
	*letter = '\0';
	*opt = (struct option){0};
}

/* Finds the row of what getopt_long() returned; NULL when there is none. */
static const struct option_row *row_of(int c)
{
	if (c >= LONG_BASE)
		return &option_table[c - LONG_BASE];
	for (size_t i = 0; c && i < option_table_rows; i++)
		if (strchr(option_table[i].letters, c))
			return &option_table[i];
	return NULL;
}

/* Says that @given (as typed, perhaps with "=value") is no option, or several. */
static void refuse_long(struct option_walk *walk, const char *given)
{
	size_t length = strcspn(given + 2, "=");
	char several[1024] = "";
	unsigned n = 0;

	for (size_t i = 0; i < option_table_rows; i++) {
		const char *name = option_table[i].name;

		if (!name || strncmp(name, given + 2, length) != 0)
			continue;
		assert(strlen(several) + strlen(name) + 6 < sizeof(several));
		strcat(several, " --");
		strcat(several, name);
		n++;
	}
	if (n < 2) {
		option_refuse(walk, "unrecognized option %s", given);
		return;
	}
	CLEANUP_FREE char *quoted = display_quote(given);
	message_say("option %s is ambiguous; it may be%s", quoted, several);
	message_say("Try 'pcopy --help' for more information.");
	walk->verdict = OPTIONS_USAGE;
}

/* Makes the sentence for getopt_long()'s '?' and ':'. */
static void refuse_getopt(struct option_walk *walk, int c, char **argv)
{
	const struct option_row *row = row_of(optopt);
	char name[40];

	if (optopt == 0) {
		refuse_long(walk, argv[optind - 1]);
		return;
	}
	if (optopt < LONG_BASE) {
		char letter[2] = {(char)optopt, '\0'};

		option_refuse(walk, c == ':' ? "option requires an argument -- %s" : "invalid option -- %s", letter);
		return;
	}
	strcpy(name, "--");
	strcat(name, row->name);
	option_refuse(walk, c == ':' ? "option %s requires an argument" : "option %s doesn't allow an argument", name);
}

/* --control: the operands are the words to send. */
static void take_control_words(struct option_walk *walk, int n, char **words)
{
	static const char *const known[] = {"pause", "resume", "status", "jobs", "bwlimit"};
	struct options *options = walk->options;
	unsigned jobs;
	uint64_t rate;
	size_t i = 0;
	int wanted;

	if (n == 0) {
		option_refuse(walk, "missing word for '--control': pause, resume, jobs N, bwlimit RATE or status", NULL);
		return;
	}
	while (i < sizeof(known) / sizeof(known[0]) && strcmp(words[0], known[i]) != 0)
		i++;
	if (i == sizeof(known) / sizeof(known[0])) {
		option_refuse(walk, "unknown word %s for '--control': it can be pause, resume, jobs N, bwlimit RATE or status",
		       words[0]);
		return;
	}
	wanted = i < 3 ? 1 : 2;
	if (n > wanted)
		option_refuse(walk, "extra operand %s", words[wanted]);
	else if (n < wanted)
		option_refuse(walk, "missing operand after %s", words[0]);
	else if (i == 3 && !option_read_jobs(words[1], &jobs))
		option_refuse(walk, "invalid number of workers %s: it can be 1 to 256", words[1]);
	else if (i == 4 && human_parse_bytes(words[1], &rate) < 0)
		option_refuse(walk, "invalid rate %s: it is like 500K, 20M or 1.5G, in bytes per second", words[1]);
	for (int w = 0; w < n && w < 2; w++)
		options->control_words[w] = words[w];
}

/* SOURCE... DEST, cp's way of counting. */
static void take_operands(struct option_walk *walk, int n, char **operands)
{
	struct options *options = walk->options;
	int dests = options->dest_is_directory ? 0 : 1;
	int needed = dests + (options->files_from ? 0 : 1);

	if (n < needed) {
		if (n == 0 && !options->files_from)
			option_refuse(walk, "missing file operand", NULL);
		else if (n == 0)
			option_refuse(walk, "missing destination file operand", NULL);
		else
			option_refuse(walk, "missing destination file operand after %s", operands[0]);
		return;
	}
	if (options->no_target_directory && n > needed) {
		option_refuse(walk, "extra operand %s", operands[needed]);
		return;
	}
	if (dests)
		options->dest = operands[n - 1];
	options->n_sources = (size_t)(n - dests);
	options->sources = calloc(options->n_sources + 1, sizeof(*options->sources));
	if (!options->sources)
		abort();
	memcpy(options->sources, operands, options->n_sources * sizeof(*operands));
}

/* -b and -S: which kind and which suffix, from the options or the environment. */
static void settle_backup(struct option_walk *walk)
{
	struct copy_policy *policy = &walk->options->policy;
	const char *control = walk->backup_control, *option = "--backup";
	const char *suffix = walk->suffix;
	int mode = BACKUP_EXISTING;

	if (!suffix)
		suffix = getenv("SIMPLE_BACKUP_SUFFIX");
	if (suffix && *suffix && !strchr(suffix, '/'))
		policy->backup_suffix = suffix;
	if (!walk->make_backups)
		return;
	if (!control || !*control) {
		control = getenv("VERSION_CONTROL");
		option = "$VERSION_CONTROL";
	}
	if (control && *control && !option_read_word(walk, option_backup_words, option, control, &mode))
		return;
	policy->backup = (enum backup_mode)mode;
}

/* What is refused as a combination, and what follows from one. */
static void settle(struct option_walk *walk)
{
	struct options *options = walk->options;
	struct copy_policy *policy = &options->policy;

	if (policy->hard_link && policy->symbolic_link)
		option_refuse(walk, "cannot make both hard and symbolic links", NULL);
	else if (policy->hard_link && policy->confine)
		option_refuse(walk, "cannot combine --confine and --link (-l): the source could be written through its link", NULL);
	else if (walk->make_backups &&
		 (policy->update == UPDATE_NONE || policy->update == UPDATE_NONE_FAIL))
		option_refuse(walk, "--backup is mutually exclusive with -n or --update=none-fail", NULL);
	else if (policy->reflink == REFLINK_ALWAYS && policy->sparse != SPARSE_AUTO)
		option_refuse(walk, "--reflink can be used only with --sparse=auto", NULL);
	else if (options->dest_is_directory && options->no_target_directory)
		option_refuse(walk, "cannot combine --target-directory (-t) and --no-target-directory (-T)", NULL);
	else if (options->files_from && options->no_target_directory)
		option_refuse(walk, "cannot combine --files-from and --no-target-directory (-T)", NULL);
	else
		settle_backup(walk);
	/* Interrupted with -n or -u, the same goes on by itself; otherwise what is complete is told
	 * by its size and mtime. */
	if (options->resume && policy->update == UPDATE_ALL)
		policy->update = UPDATE_DIFFERENT;
}

enum options_verdict options_parse(int argc, char **argv, struct options *ret)
{
	struct options options = {
		.policy = {.preserve = PRESERVE_ALL, .backup_suffix = "~", .offload = true},
		.preflight = true,
		.progress_fd = STDERR_FILENO,
	};
	struct option_walk walk = {.options = &options, .verdict = OPTIONS_RUN};
	struct getopt_lists lists;
	int c;

	*ret = options;
	make_lists(&lists);
	opterr = 0;
	optind = 0; /* glibc and musl: start over, and look at POSIXLY_CORRECT again */
	while (walk.verdict == OPTIONS_RUN && argc > 0 &&
	       (c = getopt_long(argc, argv, lists.letters, lists.longs, NULL)) != -1) {
		if (c == '?' || c == ':')
			refuse_getopt(&walk, c, argv);
		else
			option_apply(&walk, row_of(c), optarg);
	}
	if (walk.verdict == OPTIONS_RUN && options.control_pid)
		take_control_words(&walk, argc - optind, argv + optind);
	else if (walk.verdict == OPTIONS_RUN)
		settle(&walk);
	if (walk.verdict == OPTIONS_RUN && !options.control_pid)
		take_operands(&walk, argc - optind, argv + optind);
	if (walk.verdict == OPTIONS_RUN)
		*ret = options;
	return walk.verdict;
}

void options_done(struct options *options)
{
	if (!options)
		return;
	free(options->sources);
	*options = (struct options){0};
}
