/*
 * Any argument vector: it is understood or refused, never a crash.
 *
 * The input is the arguments, each ended by a NUL. What is understood must
 * also be sane: whoever reads struct options relies on it without looking.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/message.h"
#include "cli/options.h"

#define ARGS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Sentences must be single lines without control characters. */
static void check_line(const char *line, void *arg)
{
	(void)arg;
	for (; *line; line++)
		if ((unsigned char)*line < ' ' || *line == 0x7f)
			abort();
}

/* --help and --version go to stdout. */
static void silence_stdout(void)
{
	int fd = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (fd >= 0) {
		dup2(fd, STDOUT_FILENO);
		close(fd);
	}
}

static void check(const struct options *options)
{
	size_t n = 0;

	if (options->control_pid) {
		if (options->control_pid < 0 || !options->control_words[0] || options->control_words[2])
			abort();
		return;
	}
	if (options->jobs > 256 || options->progress_fd < 0 || !options->dest || !options->policy.backup_suffix ||
	    !*options->policy.backup_suffix || strchr(options->policy.backup_suffix, '/'))
		abort();
	if (options->policy.preserve & ~(unsigned)PRESERVE_ALL ||
	    options->policy.preserve_required & ~options->policy.preserve)
		abort();
	if (options->policy.hard_link && options->policy.symbolic_link)
		abort();
	while (options->sources[n])
		n++;
	if (n != options->n_sources || (n == 0 && !options->files_from))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *argv[ARGS_MAX + 1];
	static char program[] = "pcopy";
	static int silenced;
	struct options options;
	int argc = 0;

	if (!text)
		return 0;
	if (!silenced++)
		silence_stdout();
	memcpy(text, data, size);
	text[size] = '\0';
	message_set_sink(check_line, NULL);
	argv[argc++] = program;
	for (char *arg = text; arg < text + size && argc < ARGS_MAX; arg += strlen(arg) + 1)
		argv[argc++] = arg;
	argv[argc] = NULL;
	if (options_parse(argc, argv, &options) == OPTIONS_RUN)
		check(&options);
	options_done(&options);
	message_flush();
	message_set_sink(NULL, NULL);
	free(text);
	return 0;
}
