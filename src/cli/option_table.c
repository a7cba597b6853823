/*
 * The rows, and nothing that acts.
 *
 * Most options only store a value, so a row says where (an offset in struct
 * options) and which; the few that do more name an action of the parser. The
 * alternative, a switch with a case an option beside a getopt table beside a
 * help text, needs three edits for each option and nothing notices when one of
 * them is forgotten.
 */
#include "cli/option_table.h"

#include <errno.h>
#include <string.h>

#include "cli/options.h"

#define FLAG(member, to) .action = ACTION_FLAG, .where = offsetof(struct options, member), .value = (to)
#define ENUM(member, to) .action = ACTION_ENUM, .where = offsetof(struct options, member), .value = (to)
#define TEXT(member) .action = ACTION_TEXT, .where = offsetof(struct options, member)
#define DO(what) .action = ACTION_##what
#define TAKES(name) .argument = (name)
#define ONE_OF(name, list) .argument = (name), .words = (list)
#define MAYBE(name, list) .argument = (name), .words = (list), .optional = true

/* Stores go through memcpy of an int. */
_Static_assert(sizeof(enum sparse_mode) == sizeof(int), "enums are ints");
_Static_assert(sizeof(enum progress_face) == sizeof(int), "enums are ints");

static const struct option_word sparse_words[] = {
	{"auto", SPARSE_AUTO}, {"always", SPARSE_ALWAYS}, {"never", SPARSE_NEVER}, {NULL, 0},
};
static const struct option_word reflink_words[] = {
	{"auto", REFLINK_AUTO}, {"always", REFLINK_ALWAYS}, {"never", REFLINK_NEVER}, {NULL, 0},
};
static const struct option_word offload_words[] = {
	{"auto", true}, {"never", false}, {NULL, 0},
};
static const struct option_word update_words[] = {
	{"all", UPDATE_ALL},     {"none", UPDATE_NONE}, {"none-fail", UPDATE_NONE_FAIL},
	{"older", UPDATE_OLDER}, {NULL, 0},
};
static const struct option_word sync_words[] = {
	{"auto", SYNC_AUTO}, {"none", SYNC_NONE}, {"end", SYNC_END}, {"file", SYNC_FILE}, {NULL, 0},
};
static const struct option_word progress_words[] = {
	{"auto", PROGRESS_AUTO},   {"line", PROGRESS_LINE}, {"screen", PROGRESS_SCREEN},
	{"plain", PROGRESS_PLAIN}, {"json", PROGRESS_JSON}, {"none", PROGRESS_NONE},
	{NULL, 0},
};
const struct option_word option_backup_words[] = {
	{"none", BACKUP_NONE},         {"off", BACKUP_NONE},      {"simple", BACKUP_SIMPLE},
	{"never", BACKUP_SIMPLE},      {"existing", BACKUP_EXISTING}, {"nil", BACKUP_EXISTING},
	{"numbered", BACKUP_NUMBERED}, {"t", BACKUP_NUMBERED},    {NULL, 0},
};
const struct option_word option_preserve_words[] = {
	{"mode", PRESERVE_MODE},   {"timestamps", PRESERVE_TIMESTAMPS}, {"ownership", PRESERVE_OWNERSHIP},
	{"links", PRESERVE_LINKS}, {"context", PRESERVE_CONTEXT},       {"xattr", PRESERVE_XATTR},
	{"all", PRESERVE_ALL},     {NULL, 0},
};

const struct option_row option_table[] = {
	{GROUP_WHAT, "a", "archive", "as -dR --preserve=all; this is the default", DO(ARCHIVE)},
	{GROUP_WHAT, "rR", "recursive", "copy directories with what is in them; always so", DO(NOTHING)},
	{GROUP_WHAT, "T", "no-target-directory", "DEST is the copy itself, even if it is a directory",
	 FLAG(no_target_directory, true)},
	{GROUP_WHAT, "t", "target-directory", "copy every SOURCE into DIR", DO(TARGET), TAKES("DIR")},
	{GROUP_WHAT, "", "parents", "use the full name of SOURCE below DEST", FLAG(parents, true)},
	{GROUP_WHAT, "", "strip-trailing-slashes", "remove trailing slashes from each SOURCE",
	 FLAG(strip_trailing_slashes, true)},
	{GROUP_WHAT, "", "files-from",
	 "read further SOURCEs from FILE, one a line, escaped as messages and --log-file show them",
	 TEXT(files_from), TAKES("FILE")},
	{GROUP_WHAT, "x", "one-file-system", "stay on the file system of each SOURCE",
	 FLAG(policy.one_file_system, true)},
	{GROUP_WHAT, "P", "no-dereference", "never follow symbolic links in SOURCE; the default",
	 ENUM(policy.dereference, DEREFERENCE_NEVER)},
	{GROUP_WHAT, "L", "dereference", "always follow symbolic links in SOURCE",
	 ENUM(policy.dereference, DEREFERENCE_ALWAYS)},
	{GROUP_WHAT, "H", NULL, "follow a symbolic link that is itself a SOURCE",
	 ENUM(policy.dereference, DEREFERENCE_COMMAND_LINE)},
	{GROUP_WHAT, "", "copy-contents", "read devices and FIFOs as if they were files",
	 FLAG(policy.copy_contents, true)},
	{GROUP_WHAT, "l", "link", "make hard links instead of copies", FLAG(policy.hard_link, true)},
	{GROUP_WHAT, "s", "symbolic-link", "make symbolic links instead of copies",
	 FLAG(policy.symbolic_link, true)},

	{GROUP_KEEP, "d", NULL, "as --no-dereference --preserve=links", DO(KEEP_LINKS)},
	{GROUP_KEEP, "p", "preserve",
	 "keep mode,ownership,timestamps or those in LIST, also: links, context, xattr, all. "
	 "Everything is kept by default; what LIST names must be kept, or the file has failed",
	 DO(PRESERVE), MAYBE("LIST", option_preserve_words)},
	{GROUP_KEEP, "", "no-preserve", "do not keep those in LIST; 'all' gives plain cp -r",
	 DO(NO_PRESERVE), ONE_OF("LIST", option_preserve_words)},
	{GROUP_KEEP, "", "attributes-only", "copy no contents, only the attributes",
	 FLAG(policy.attributes_only, true)},

	{GROUP_THERE, "n", "no-clobber", "leave what is there; as --update=none",
	 ENUM(policy.update, UPDATE_NONE)},
	{GROUP_THERE, "u", "update",
	 "replace what is there: all, none, none-fail (and fail), older (than SOURCE; what -u means)",
	 ENUM(policy.update, UPDATE_OLDER), MAYBE("WHICH", update_words)},
	{GROUP_THERE, "b", "backup", "keep what is replaced: none, simple, numbered, existing",
	 DO(BACKUP), MAYBE("CONTROL", option_backup_words)},
	{GROUP_THERE, "S", "suffix", "the end of a simple backup's name, ~ by default; implies -b",
	 DO(SUFFIX), TAKES("SUFFIX")},
	{GROUP_THERE, "f", "force", "remove what cannot be written over, and try again",
	 FLAG(policy.force, true)},
	{GROUP_THERE, "", "remove-destination", "remove each file that is there first, devices and FIFOs too",
	 FLAG(policy.remove_destination, true)},
	{GROUP_THERE, "", "keep-directory-symlink", "follow a symbolic link to a directory in DEST",
	 FLAG(policy.keep_directory_symlink, true)},
	{GROUP_THERE, "i", "interactive", "refused: a parallel copy cannot ask; use -n or --update",
	 DO(INTERACTIVE)},

	{GROUP_CONTENT, "", "sparse", "make holes: auto (as the source has them), always, never",
	 ENUM(policy.sparse, SPARSE_AUTO), ONE_OF("WHEN", sparse_words)},
	{GROUP_CONTENT, "", "reflink", "share the data's blocks: auto, always (or fail), never",
	 ENUM(policy.reflink, REFLINK_ALWAYS), MAYBE("WHEN", reflink_words)},
	{GROUP_CONTENT, "", "offload", "let the kernel or server copy: auto, never",
	 FLAG(policy.offload, true), ONE_OF("WHEN", offload_words)},

	{GROUP_TRUST, "", "resume", "go on with an interrupted copy: redo only what differs in size or time",
	 FLAG(resume, true)},
	{GROUP_TRUST, "", "atomic", "every file appears under its name only when complete",
	 FLAG(policy.atomic, true)},
	{GROUP_TRUST, "", "sync", "wait for the disk: auto (removable and network storage), none, end, file",
	 ENUM(policy.sync, SYNC_AUTO), ONE_OF("WHEN", sync_words)},
	{GROUP_TRUST, "", "no-preflight", "start even when it cannot fit", FLAG(preflight, false)},
	{GROUP_TRUST, "", "confine", "let workers write nothing but DEST, by the kernel's rule",
	 FLAG(policy.confine, true)},

	{GROUP_SPEED, "j", "jobs", "copy with N workers, 1 to 256, or 'auto'; auto by default", DO(JOBS),
	 TAKES("N")},
	{GROUP_SPEED, "", "bwlimit", "at most RATE bytes per second, K M G are powers of 1024", DO(BANDWIDTH),
	 TAKES("RATE")},
	{GROUP_SPEED, "", "idle", "give way to all other use of disk and processor", FLAG(idle, true)},

	{GROUP_SHOW, "v", "verbose", "list every name copied", FLAG(verbose, true)},
	{GROUP_SHOW, "", "debug", "also say how each file was copied; implies -v", DO(DEBUG)},
	{GROUP_SHOW, "q", "quiet", "no progress and no summary, only errors", FLAG(quiet, true)},
	{GROUP_SHOW, "", "progress", "auto (line on a terminal, else none), line, screen, plain, json, none",
	 ENUM(progress, PROGRESS_AUTO), ONE_OF("FACE", progress_words)},
	{GROUP_SHOW, "", "progress-fd", "where plain and json go; 2 by default", DO(PROGRESS_FD),
	 TAKES("FD")},
	{GROUP_SHOW, "", "stats", "say where the time went", FLAG(stats, true)},
	{GROUP_SHOW, "", "title", "show progress in the terminal's title too", FLAG(title, true)},
	{GROUP_SHOW, "", "log-file", "write every failure to FILE, which --files-from can read", TEXT(log_file),
	 TAKES("FILE")},
	{GROUP_SHOW, "", "control",
	 "tell the running pcopy PID, in place of operands: pause, resume, jobs N, bwlimit RATE or status",
	 DO(CONTROL), TAKES("PID")},

	{GROUP_OTHER, "h", "help", "show this", DO(HELP)},
	{GROUP_OTHER, "", "version", "show the version and the licence", DO(VERSION)},
};
const size_t option_table_rows = sizeof(option_table) / sizeof(option_table[0]);

const char *option_group_title(enum option_group group)
{
	static const char *const titles[GROUP_COUNT] = {
		[GROUP_WHAT] = "What is copied, and where to",
		[GROUP_KEEP] = "What is kept",
		[GROUP_THERE] = "What is there already",
		[GROUP_CONTENT] = "Contents",
		[GROUP_TRUST] = "Trust",
		[GROUP_SPEED] = "Speed",
		[GROUP_SHOW] = "What is shown",
		[GROUP_OTHER] = "Other",
	};

	return titles[group];
}

int option_word_find(const struct option_word *words, const char *text, int *ret_value)
{
	size_t length = strlen(text);
	bool found = false;
	int value = 0;

	for (const struct option_word *word = words; word->word; word++) {
		if (strcmp(word->word, text) == 0) {
			*ret_value = word->value;
			return 0;
		}
		if (strncmp(word->word, text, length) != 0)
			continue;
		if (found)
			return -EEXIST;
		found = true;
		value = word->value;
	}
	if (!found)
		return -ENOENT;
	*ret_value = value;
	return 0;
}
