/*
 * The words the user gave come back as they were, with what settles the meaning
 * of DEST before them. Rebuilding the command from struct options lost: it has
 * forgotten which of two spellings was used, and a wrong one is worse than a
 * long one.
 *
 *   pcopy src new           made "new"          pcopy --resume -T src new
 *   pcopy src there         made "there/src"    pcopy --resume -t there src
 *
 * getopt_long(3) has permuted argv by now: options first, then "--" if there was
 * one, then the operands. That order means the same.
 */
#include "master/resume_hint.h"

#include "base/cleanup.h"
#include "base/display.h"

#include <stdio.h>

static void add(FILE *out, const char *word)
{
	CLEANUP_FREE char *quoted = display_shell_quote(word);

	fprintf(out, " %s", quoted);
}

char *resume_hint(char *const *argv, const struct options *options, const struct operands *operands)
{
	CLEANUP_FREE char *program = display_shell_quote(argv[0] ? argv[0] : "pcopy");
	bool moves_dest = operands->into && !options->dest_is_directory;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		abort();
	fputs(program, out);
	if (!options->resume)
		add(out, "--resume");
	if (moves_dest) {
		add(out, "-t");
		add(out, options->dest);
	} else if (!operands->into && !options->no_target_directory) {
		add(out, "-T");
	}
	for (char *const *word = argv[0] ? argv + 1 : argv; *word; word++)
		if (!moves_dest || *word != options->dest)
			add(out, *word);
	if (fclose(out) != 0)
		abort();
	return text;
}
