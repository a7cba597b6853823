/*
 * The command line: every option, every conflict, and that order counts.
 *
 * parse("-a", "x", "y") parses a fresh copy of its words; what was said is in
 * `said`. Expected values come from GNU cp 9.5's manual and from running it.
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/message.h"
#include "cli/option_table.h"
#include "cli/options.h"

static char said[4096];
static struct options opts;
static char *words[16];

static void listen(const char *line, void *arg)
{
	(void)arg;
	strncat(said, line, sizeof(said) - strlen(said) - 2);
	strcat(said, "\n");
}

static enum options_verdict parse_words(const char *const *list)
{
	int n = 0;

	options_done(&opts);
	memset(&opts, 0xff, sizeof(opts));
	said[0] = '\0';
	for (int i = 0; i < 16; i++) {
		free(words[i]);
		words[i] = NULL;
	}
	words[n++] = strdup("pcopy");
	while (*list)
		words[n++] = strdup(*list++);
	enum options_verdict verdict = options_parse(n, words, &opts);
	if (verdict != OPTIONS_RUN)
		assert_null(opts.sources);
	return verdict;
}

#define parse(...) parse_words((const char *const[]){__VA_ARGS__, NULL})
#define runs(...) assert_int_equal(parse(__VA_ARGS__), OPTIONS_RUN)
#define refuses(sentence, ...)                                                             \
	do {                                                                               \
		assert_int_equal(parse(__VA_ARGS__), OPTIONS_USAGE);                       \
		assert_string_equal(said, "pcopy: " sentence "\n"                          \
					  "pcopy: Try 'pcopy --help' for more information.\n"); \
	} while (0)

static int start(void **state)
{
	(void)state;
	message_set_sink(listen, NULL);
	unsetenv("POSIXLY_CORRECT");
	unsetenv("VERSION_CONTROL");
	unsetenv("SIMPLE_BACKUP_SUFFIX");
	memset(&opts, 0, sizeof(opts));
	return 0;
}

static int stop(void **state)
{
	(void)state;
	options_done(&opts);
	for (int i = 0; i < 16; i++) {
		free(words[i]);
		words[i] = NULL;
	}
	message_set_sink(NULL, NULL);
	return 0;
}

static void without_options_it_is_cp_a(void **state)
{
	(void)state;
	runs("x", "y");
	assert_int_equal(opts.n_sources, 1);
	assert_string_equal(opts.sources[0], "x");
	assert_null(opts.sources[1]);
	assert_string_equal(opts.dest, "y");
	assert_int_equal(opts.policy.preserve, PRESERVE_ALL);
	assert_int_equal(opts.policy.preserve_required, 0);
	assert_int_equal(opts.policy.dereference, DEREFERENCE_NEVER);
	assert_int_equal(opts.policy.sparse, SPARSE_AUTO);
	assert_int_equal(opts.policy.reflink, REFLINK_AUTO);
	assert_int_equal(opts.policy.update, UPDATE_ALL);
	assert_int_equal(opts.policy.backup, BACKUP_NONE);
	assert_int_equal(opts.policy.sync, SYNC_AUTO);
	assert_string_equal(opts.policy.backup_suffix, "~");
	assert_int_equal(opts.policy.umask, 0);
	assert_true(opts.policy.offload);
	assert_int_equal(opts.jobs, 0);
	assert_true(opts.preflight);
	assert_int_equal(opts.progress, PROGRESS_AUTO);
	assert_int_equal(opts.progress_fd, 2);
	assert_int_equal(opts.bandwidth, 0);
	assert_int_equal(opts.control_pid, 0);
	assert_null(opts.log_file);
	assert_null(opts.files_from);
	assert_string_equal(said, "");
}

/* An option that sets one bool, by each of its names. */
static void flags_set_one_thing(void **state)
{
	static const struct {
		const char *given;
		size_t where;
	} flags[] = {
#define FLAG(given, member) {given, offsetof(struct options, member)}
		FLAG("-T", no_target_directory),
		FLAG("--no-target-directory", no_target_directory),
		FLAG("--parents", parents),
		FLAG("--strip-trailing-slashes", strip_trailing_slashes),
		FLAG("-x", policy.one_file_system),
		FLAG("--one-file-system", policy.one_file_system),
		FLAG("--copy-contents", policy.copy_contents),
		FLAG("-l", policy.hard_link),
		FLAG("--link", policy.hard_link),
		FLAG("-s", policy.symbolic_link),
		FLAG("--symbolic-link", policy.symbolic_link),
		FLAG("--attributes-only", policy.attributes_only),
		FLAG("-f", policy.force),
		FLAG("--force", policy.force),
		FLAG("--remove-destination", policy.remove_destination),
		FLAG("--keep-directory-symlink", policy.keep_directory_symlink),
		FLAG("--resume", resume),
		FLAG("--atomic", policy.atomic),
		FLAG("--confine", policy.confine),
		FLAG("--idle", idle),
		FLAG("-v", verbose),
		FLAG("--verbose", verbose),
		FLAG("--debug", verbose),
		FLAG("--debug", policy.explain),
		FLAG("-q", quiet),
		FLAG("--quiet", quiet),
		FLAG("--stats", stats),
		FLAG("--title", title),
#undef FLAG
	};

	(void)state;
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		runs("x", "y");
		assert_false(*((bool *)&opts + flags[i].where));
		runs("x", flags[i].given, "y");
		assert_true(*((bool *)&opts + flags[i].where));
	}
	runs("--no-preflight", "x", "y");
	assert_false(opts.preflight);
	runs("-v", "x", "y");
	assert_false(opts.policy.explain);
}

static void recursion_is_accepted_and_changes_nothing(void **state)
{
	(void)state;
	runs("-L", "-r", "-R", "--recursive", "x", "y");
	assert_int_equal(opts.policy.dereference, DEREFERENCE_ALWAYS);
	assert_int_equal(opts.policy.preserve, PRESERVE_ALL);
}

static void the_last_of_P_L_H_wins(void **state)
{
	(void)state;
	runs("-L", "x", "y");
	assert_int_equal(opts.policy.dereference, DEREFERENCE_ALWAYS);
	runs("--dereference", "x", "y");
	assert_int_equal(opts.policy.dereference, DEREFERENCE_ALWAYS);
	runs("-LH", "x", "y");
	assert_int_equal(opts.policy.dereference, DEREFERENCE_COMMAND_LINE);
	runs("-HLP", "x", "y");
	assert_int_equal(opts.policy.dereference, DEREFERENCE_NEVER);
	runs("-L", "--no-dereference", "x", "y");
	assert_int_equal(opts.policy.dereference, DEREFERENCE_NEVER);
	runs("-L", "-d", "x", "y");
	assert_int_equal(opts.policy.dereference, DEREFERENCE_NEVER);
	runs("-L", "-a", "x", "y");
	assert_int_equal(opts.policy.dereference, DEREFERENCE_NEVER);
	runs("-a", "-L", "x", "y");
	assert_int_equal(opts.policy.dereference, DEREFERENCE_ALWAYS);
}

static void preserve_acts_in_order(void **state)
{
	const unsigned usual = PRESERVE_MODE | PRESERVE_OWNERSHIP | PRESERVE_TIMESTAMPS;

	(void)state;
	runs("--no-preserve=all", "x", "y");
	assert_int_equal(opts.policy.preserve, 0);
	runs("--no-preserve=all", "-p", "x", "y");
	assert_int_equal(opts.policy.preserve, usual);
	runs("-p", "--no-preserve=all", "x", "y");
	assert_int_equal(opts.policy.preserve, 0);
	runs("--no-preserve=all", "--preserve", "x", "y");
	assert_int_equal(opts.policy.preserve, usual);
	runs("--no-preserve=all", "-d", "x", "y");
	assert_int_equal(opts.policy.preserve, PRESERVE_LINKS);
	runs("--no-preserve=all", "--archive", "x", "y");
	assert_int_equal(opts.policy.preserve, PRESERVE_ALL);
	assert_false(opts.policy.usual_mode);
	runs("--no-preserve=mode,xattr", "x", "y");
	assert_int_equal(opts.policy.preserve, PRESERVE_ALL & ~(PRESERVE_MODE | PRESERVE_XATTR));
	assert_true(opts.policy.usual_mode);
	runs("--no-preserve=mode", "--no-preserve=all", "x", "y");
	assert_false(opts.policy.usual_mode);
	runs("--no-preserve=all", "--no-preserve=mode", "--preserve=xattr", "x", "y");
	assert_true(opts.policy.usual_mode);
	runs("--no-preserve=all", "--preserve=ti,own", "x", "y");
	assert_int_equal(opts.policy.preserve, PRESERVE_TIMESTAMPS | PRESERVE_OWNERSHIP);
	runs("--no-preserve=a", "--preserve=a", "x", "y");
	assert_int_equal(opts.policy.preserve, PRESERVE_ALL);
}

static void what_preserve_names_is_required(void **state)
{
	(void)state;
	runs("-ap", "--preserve=all", "x", "y");
	assert_int_equal(opts.policy.preserve_required, 0);
	runs("--preserve=context,links", "--preserve=xattr", "x", "y");
	assert_int_equal(opts.policy.preserve_required, PRESERVE_CONTEXT | PRESERVE_LINKS | PRESERVE_XATTR);
	runs("--preserve=mode,xattr", "--no-preserve=xattr", "x", "y");
	assert_int_equal(opts.policy.preserve_required, PRESERVE_MODE);
	assert_int_equal(opts.policy.preserve, PRESERVE_ALL & ~PRESERVE_XATTR);
	refuses("invalid argument 'size' for '--preserve': it can be mode, timestamps, ownership, links, "
		"context, xattr, all",
		"--preserve=mode,size", "x", "y");
	refuses("ambiguous argument '' for '--no-preserve': it can be mode, timestamps, ownership, links, "
		"context, xattr, all",
		"--no-preserve=mode,", "x", "y");
	refuses("option '--no-preserve' requires an argument", "x", "y", "--no-preserve");
}

/* An option whose argument is a word: each word, an abbreviation, a wrong one. */
static void words_choose_a_value(void **state)
{
	static const struct {
		const char *given;
		size_t where;
		int value;
	} choices[] = {
#define WORD(given, member, value) {given, offsetof(struct options, member), value}
		WORD("--sparse=auto", policy.sparse, SPARSE_AUTO),
		WORD("--sparse=always", policy.sparse, SPARSE_ALWAYS),
		WORD("--sparse=never", policy.sparse, SPARSE_NEVER),
		WORD("--sparse=n", policy.sparse, SPARSE_NEVER),
		WORD("--reflink=auto", policy.reflink, REFLINK_AUTO),
		WORD("--reflink=always", policy.reflink, REFLINK_ALWAYS),
		WORD("--reflink", policy.reflink, REFLINK_ALWAYS),
		WORD("--reflink=never", policy.reflink, REFLINK_NEVER),
		WORD("--update=all", policy.update, UPDATE_ALL),
		WORD("--update=none", policy.update, UPDATE_NONE),
		WORD("--update=none-fail", policy.update, UPDATE_NONE_FAIL),
		WORD("--update=none-", policy.update, UPDATE_NONE_FAIL),
		WORD("--update=older", policy.update, UPDATE_OLDER),
		WORD("--update", policy.update, UPDATE_OLDER),
		WORD("-u", policy.update, UPDATE_OLDER),
		WORD("-n", policy.update, UPDATE_NONE),
		WORD("--no-clobber", policy.update, UPDATE_NONE),
		WORD("--sync=auto", policy.sync, SYNC_AUTO),
		WORD("--sync=none", policy.sync, SYNC_NONE),
		WORD("--sync=end", policy.sync, SYNC_END),
		WORD("--sync=file", policy.sync, SYNC_FILE),
		WORD("--progress=auto", progress, PROGRESS_AUTO),
		WORD("--progress=line", progress, PROGRESS_LINE),
		WORD("--progress=screen", progress, PROGRESS_SCREEN),
		WORD("--progress=plain", progress, PROGRESS_PLAIN),
		WORD("--progress=json", progress, PROGRESS_JSON),
		WORD("--progress=none", progress, PROGRESS_NONE),
#undef WORD
	};
	int value;

	(void)state;
	for (size_t i = 0; i < sizeof(choices) / sizeof(choices[0]); i++) {
		runs("x", choices[i].given, "y");
		memcpy(&value, (char *)&opts + choices[i].where, sizeof(value));
		assert_int_equal(value, choices[i].value);
	}
	runs("--offload=never", "x", "y");
	assert_false(opts.policy.offload);
	runs("--offload=never", "--offload=auto", "x", "y");
	assert_true(opts.policy.offload);
	refuses("invalid argument 'never' for '--update': it can be all, none, none-fail, older", "--update=never",
		"x", "y");
	refuses("ambiguous argument 'a' for '--sparse': it can be auto, always, never", "--sparse=a", "x", "y");
	refuses("option '--sparse' requires an argument", "x", "y", "--sparse");
	refuses("invalid argument 'never2' for '--offload': it can be auto, never", "--offload=never2", "x", "y");
}

static void the_last_of_n_u_and_update_wins(void **state)
{
	(void)state;
	runs("-n", "-u", "x", "y");
	assert_int_equal(opts.policy.update, UPDATE_OLDER);
	runs("-u", "-n", "x", "y");
	assert_int_equal(opts.policy.update, UPDATE_NONE);
	runs("-n", "--update=all", "x", "y");
	assert_int_equal(opts.policy.update, UPDATE_ALL);
	runs("-u", "--update=none-fail", "x", "y");
	assert_int_equal(opts.policy.update, UPDATE_NONE_FAIL);
}

static void resume_replaces_what_differs(void **state)
{
	(void)state;
	runs("--resume", "x", "y");
	assert_int_equal(opts.policy.update, UPDATE_DIFFERENT);
	runs("-u", "--resume", "x", "y");
	assert_int_equal(opts.policy.update, UPDATE_OLDER);
	assert_true(opts.resume);
	runs("--resume", "-n", "x", "y");
	assert_int_equal(opts.policy.update, UPDATE_NONE);
}

static void backups_are_named_as_cp_names_them(void **state)
{
	static const struct {
		const char *word;
		enum backup_mode mode;
	} controls[] = {
		{"none", BACKUP_NONE},         {"off", BACKUP_NONE},          {"simple", BACKUP_SIMPLE},
		{"never", BACKUP_SIMPLE},      {"existing", BACKUP_EXISTING}, {"nil", BACKUP_EXISTING},
		{"numbered", BACKUP_NUMBERED}, {"t", BACKUP_NUMBERED},        {"ne", BACKUP_SIMPLE},
		{"", BACKUP_EXISTING},
	};
	char option[32];

	(void)state;
	for (size_t i = 0; i < sizeof(controls) / sizeof(controls[0]); i++) {
		snprintf(option, sizeof(option), "--backup=%s", controls[i].word);
		runs(option, "x", "y");
		assert_int_equal(opts.policy.backup, controls[i].mode);
	}
	runs("-b", "x", "y");
	assert_int_equal(opts.policy.backup, BACKUP_EXISTING);
	runs("--backup", "x", "y");
	assert_int_equal(opts.policy.backup, BACKUP_EXISTING);
	runs("--backup=t", "-b", "x", "y");
	assert_int_equal(opts.policy.backup, BACKUP_NUMBERED);
	refuses("ambiguous argument 'n' for '--backup': it can be none, off, simple, never, existing, nil, "
		"numbered, t",
		"--backup=n", "x", "y");
}

static void a_suffix_asks_for_a_backup(void **state)
{
	(void)state;
	runs("-S", ".old", "x", "y");
	assert_int_equal(opts.policy.backup, BACKUP_EXISTING);
	assert_string_equal(opts.policy.backup_suffix, ".old");
	runs("--suffix=.o", "-S.p", "x", "y");
	assert_string_equal(opts.policy.backup_suffix, ".p");
	/* cp falls back to ~ when the suffix would lead to another directory, or is none */
	runs("-S", "/etc/x", "x", "y");
	assert_string_equal(opts.policy.backup_suffix, "~");
	runs("--suffix=", "x", "y");
	assert_string_equal(opts.policy.backup_suffix, "~");
}

static void the_environment_chooses_the_backup(void **state)
{
	(void)state;
	setenv("VERSION_CONTROL", "numbered", 1);
	setenv("SIMPLE_BACKUP_SUFFIX", ".env", 1);
	runs("x", "y");
	assert_int_equal(opts.policy.backup, BACKUP_NONE);
	runs("-b", "x", "y");
	assert_int_equal(opts.policy.backup, BACKUP_NUMBERED);
	assert_string_equal(opts.policy.backup_suffix, ".env");
	runs("--backup=simple", "-S", ".opt", "x", "y");
	assert_int_equal(opts.policy.backup, BACKUP_SIMPLE);
	assert_string_equal(opts.policy.backup_suffix, ".opt");
	setenv("VERSION_CONTROL", "zz", 1);
	runs("x", "y");
	refuses("invalid argument 'zz' for '$VERSION_CONTROL': it can be none, off, simple, never, existing, nil, "
		"numbered, t",
		"-b", "x", "y");
	unsetenv("VERSION_CONTROL");
	unsetenv("SIMPLE_BACKUP_SUFFIX");
}

static void combinations_cp_refuses_are_refused(void **state)
{
	(void)state;
	refuses("cannot combine --confine and --link (-l): the source could be written through its link", "-l",
		"--confine", "x", "y");
	refuses("cannot make both hard and symbolic links", "-l", "-s", "x", "y");
	refuses("--backup is mutually exclusive with -n or --update=none-fail", "-b", "-n", "x", "y");
	refuses("--backup is mutually exclusive with -n or --update=none-fail", "--update=none-fail", "-S", ".o",
		"x", "y");
	runs("-b", "-n", "-u", "x", "y");
	refuses("--reflink can be used only with --sparse=auto", "--reflink", "--sparse=never", "x", "y");
	runs("--reflink=auto", "--sparse=never", "x", "y");
	runs("--sparse=never", "--reflink", "--sparse=auto", "x", "y");
	refuses("cannot combine --target-directory (-t) and --no-target-directory (-T)", "-T", "-t", "d", "x");
	refuses("multiple target directories specified", "-t", "d", "-t", "d", "x");
	refuses("cannot combine --files-from and --no-target-directory (-T)", "-T", "--files-from=f", "y");
	refuses("a parallel copy cannot ask: use -n or --update in place of -i", "-i", "x", "y");
	refuses("a parallel copy cannot ask: use -n or --update in place of -i", "--interactive", "x", "y");
}

static void operands_are_counted_as_cp_counts(void **state)
{
	(void)state;
	assert_int_equal(parse_words((const char *const[]){NULL}), OPTIONS_USAGE);
	assert_non_null(strstr(said, "pcopy: missing file operand\n"));
	refuses("missing file operand", "-T");
	refuses("missing file operand", "-t", "d");
	refuses("missing destination file operand after 'x'", "x");
	refuses("extra operand 'z'", "-T", "x", "y", "z");
	runs("x", "y", "z", "d");
	assert_int_equal(opts.n_sources, 3);
	assert_string_equal(opts.sources[2], "z");
	assert_string_equal(opts.dest, "d");
	assert_false(opts.dest_is_directory);
	runs("x", "y", "-t", "d");
	assert_int_equal(opts.n_sources, 2);
	assert_string_equal(opts.sources[1], "y");
	assert_string_equal(opts.dest, "d");
	assert_true(opts.dest_is_directory);
	runs("--target-directory=d", "x");
	assert_string_equal(opts.dest, "d");
	refuses("option requires an argument -- 't'", "x", "-t");
	assert_int_equal(options_parse(0, (char *[]){NULL}, &opts), OPTIONS_USAGE);
}

static void names_in_sentences_are_escaped(void **state)
{
	(void)state;
	refuses("missing destination file operand after 'a\\nb\\033'", "a\nb\033");
	refuses("unrecognized option '--\\377'", "--\377", "x", "y");
}

static void files_from_is_a_source(void **state)
{
	(void)state;
	runs("--files-from=list", "d");
	assert_string_equal(opts.files_from, "list");
	assert_int_equal(opts.n_sources, 0);
	assert_string_equal(opts.dest, "d");
	runs("--files-from", "list", "x", "d");
	assert_int_equal(opts.n_sources, 1);
	runs("--files-from=list", "-t", "d");
	assert_string_equal(opts.dest, "d");
	refuses("missing destination file operand", "--files-from=list");
	runs("--log-file=fails", "x", "y");
	assert_string_equal(opts.log_file, "fails");
}

static void options_may_come_after_operands(void **state)
{
	(void)state;
	runs("x", "y", "-j", "5");
	assert_int_equal(opts.jobs, 5);
	assert_string_equal(opts.dest, "y");
	runs("x", "--", "-j", "y");
	assert_int_equal(opts.n_sources, 2);
	assert_string_equal(opts.sources[1], "-j");
	runs("-", "y");
	assert_string_equal(opts.sources[0], "-");
	setenv("POSIXLY_CORRECT", "1", 1);
	runs("-v", "x", "-n", "y");
	assert_int_equal(opts.n_sources, 2);
	assert_string_equal(opts.sources[1], "-n");
	assert_int_equal(opts.policy.update, UPDATE_ALL);
	unsetenv("POSIXLY_CORRECT");
}

static void long_names_may_be_abbreviated(void **state)
{
	(void)state;
	runs("--remo", "--attr", "x", "y");
	assert_true(opts.policy.remove_destination);
	assert_true(opts.policy.attributes_only);
	runs("--upd=old", "--spa=al", "x", "y");
	assert_int_equal(opts.policy.sparse, SPARSE_ALWAYS);
	refuses("option '--re' is ambiguous; it may be --recursive --remove-destination --reflink --resume", "--re",
		"x", "y");
	refuses("unrecognized option '--bogus=3'", "--bogus=3", "x", "y");
	refuses("option '--link' doesn't allow an argument", "--link=3", "x", "y");
	refuses("invalid option -- 'Z'", "-vZ", "x", "y");
	refuses("unrecognized option '--context'", "--context", "x", "y");
}

static void jobs_are_1_to_256_or_auto(void **state)
{
	static const char *const wrong[] = {"0", "x", "257", "-1", "+5", " 5", "5x", "", "99999999999999999999"};
	char sentence[120];

	(void)state;
	runs("-j1", "x", "y");
	assert_int_equal(opts.jobs, 1);
	runs("--jobs=256", "x", "y");
	assert_int_equal(opts.jobs, 256);
	runs("-j3", "-j", "auto", "x", "y");
	assert_int_equal(opts.jobs, 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(parse("-j", wrong[i], "x", "y"), OPTIONS_USAGE);
		snprintf(sentence, sizeof(sentence), "invalid number of workers '%s': it can be 1 to 256, or auto\n",
			 wrong[i]);
		assert_non_null(strstr(said, sentence));
	}
}

static void rates_are_bytes_per_second(void **state)
{
	(void)state;
	runs("--bwlimit=20M", "x", "y");
	assert_int_equal(opts.bandwidth, 20 << 20);
	runs("--bwlimit", "1.5k", "x", "y");
	assert_int_equal(opts.bandwidth, 1536);
	refuses("invalid rate '-3' for '--bwlimit': it is like 500K, 20M or 1.5G, in bytes per second",
		"--bwlimit=-3", "x", "y");
}

static void the_progress_fd_must_be_open(void **state)
{
	int fd = dup(STDERR_FILENO);
	char number[16];

	(void)state;
	assert_true(fd > 2);
	snprintf(number, sizeof(number), "%d", fd);
	runs("--progress-fd", number, "x", "y");
	assert_int_equal(opts.progress_fd, fd);
	close(fd);
	assert_int_equal(parse("--progress-fd", number, "x", "y"), OPTIONS_USAGE);
	assert_non_null(strstr(said, "is not open for writing"));
	assert_int_equal(open("/dev/null", O_RDONLY), fd);
	assert_int_equal(parse("--progress-fd", number, "x", "y"), OPTIONS_USAGE);
	close(fd);
	assert_int_equal(parse("--progress-fd=2x", "x", "y"), OPTIONS_USAGE);
	assert_non_null(strstr(said, "invalid descriptor '2x'"));
}

static void control_takes_words(void **state)
{
	(void)state;
	runs("--control", "77", "pause");
	assert_int_equal(opts.control_pid, 77);
	assert_string_equal(opts.control_words[0], "pause");
	assert_null(opts.control_words[1]);
	assert_int_equal(opts.n_sources, 0);
	runs("--control=77", "jobs", "12");
	assert_string_equal(opts.control_words[1], "12");
	assert_null(opts.control_words[2]);
	runs("--control=77", "bwlimit", "3M");
	runs("--control=77", "resume");
	runs("--control=77", "status");
	refuses("invalid process id '0' for '--control'", "--control=0", "pause");
	refuses("missing word for '--control': pause, resume, jobs N, bwlimit RATE or status", "--control=7");
	refuses("unknown word 'stop' for '--control': it can be pause, resume, jobs N, bwlimit RATE or status",
		"--control=7", "stop");
	refuses("missing operand after 'jobs'", "--control=7", "jobs");
	refuses("extra operand 'now'", "--control=7", "pause", "now");
	refuses("invalid number of workers 'auto': it can be 1 to 256", "--control=7", "jobs", "auto");
	refuses("invalid rate 'fast': it is like 500K, 20M or 1.5G, in bytes per second", "--control=7", "bwlimit",
		"fast");
}

/* Reads what @option writes to stdout. */
static size_t capture(const char *option, char *buf, size_t size)
{
	FILE *file = tmpfile();
	int saved = dup(STDOUT_FILENO);
	size_t n;

	assert_non_null(file);
	fflush(stdout);
	assert_true(dup2(fileno(file), STDOUT_FILENO) >= 0);
	assert_int_equal(parse(option, "-i"), OPTIONS_DONE);
	assert_int_equal(message_flush(), 0);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	rewind(file);
	n = fread(buf, 1, size - 1, file);
	fclose(file);
	buf[n] = '\0';
	return n;
}

static void help_has_every_row_once_in_80_columns(void **state)
{
	static char help[16384];
	char option[64];

	(void)state;
	assert_true(capture("-h", help, sizeof(help)) > 1000);
	for (size_t i = 0; i < option_table_rows; i++) {
		const struct option_row *row = &option_table[i];
		char *found;

		if (row->name)
			snprintf(option, sizeof(option), "%s--%s%s%s", *row->letters ? ", " : "      ", row->name,
				 !row->argument ? "" : row->optional ? "[=" : "=", row->argument ? row->argument : "");
		else
			snprintf(option, sizeof(option), "\n  -%s ", row->letters);
		found = strstr(help, option);
		assert_non_null(found);
		assert_null(strstr(found + 1, option));
	}
	for (char *line = strtok(help, "\n"); line; line = strtok(NULL, "\n"))
		assert_true(strlen(line) < 80);
}

static void version_names_the_licence(void **state)
{
	static char text[512];

	(void)state;
	capture("--version", text, sizeof(text));
	assert_memory_equal(text, "pcopy " PCOPY_VERSION "\n", strlen("pcopy " PCOPY_VERSION "\n"));
	assert_non_null(strstr(text, "MIT"));
	capture("--help", text, sizeof(text));
	assert_memory_equal(text, "Usage: pcopy ", 13);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
		TEST(without_options_it_is_cp_a),
		TEST(flags_set_one_thing),
		TEST(recursion_is_accepted_and_changes_nothing),
		TEST(the_last_of_P_L_H_wins),
		TEST(preserve_acts_in_order),
		TEST(what_preserve_names_is_required),
		TEST(words_choose_a_value),
		TEST(the_last_of_n_u_and_update_wins),
		TEST(resume_replaces_what_differs),
		TEST(backups_are_named_as_cp_names_them),
		TEST(a_suffix_asks_for_a_backup),
		TEST(the_environment_chooses_the_backup),
		TEST(combinations_cp_refuses_are_refused),
		TEST(operands_are_counted_as_cp_counts),
		TEST(names_in_sentences_are_escaped),
		TEST(files_from_is_a_source),
		TEST(options_may_come_after_operands),
		TEST(long_names_may_be_abbreviated),
		TEST(jobs_are_1_to_256_or_auto),
		TEST(rates_are_bytes_per_second),
		TEST(the_progress_fd_must_be_open),
		TEST(control_takes_words),
		TEST(help_has_every_row_once_in_80_columns),
		TEST(version_names_the_licence),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
