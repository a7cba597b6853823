/*
 * The words for every stage, loss and method.
 *
 * Each lookup is a switch without a default, and a value without a case is an
 * error here whatever the warning flags are: that is how a new stage cannot go
 * without a sentence. A table with designated initialisers lost: forgetting one
 * in the middle leaves a NULL that no compiler sees.
 *
 * Sentences name their files as {source} and {dest} instead of %s, so that the
 * order of the names is part of the sentence (cp's "will not overwrite
 * just-created DEST with SOURCE" has it reversed) and no format string is
 * chosen at run time.
 */
#include "base/outcome.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct stage_words {
	const char *word;
	const char *sentence;
	bool errno_helps; /* append strerror(): the sentence alone does not say why */
};

#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wswitch"

/* SAYS: the sentence is enough. WHY: the errno's text says what the sentence cannot. */
#define SAYS(word, sentence) ((struct stage_words){word, sentence, false})
#define WHY(word, sentence) ((struct stage_words){word, sentence, true})

/* clang-format off */
static struct stage_words words_of(enum stage stage)
{
	switch (stage) {
	case STAGE_NONE: return WHY("none", "{source} was not copied");
	case STAGE_OPEN_SOURCE: return WHY("open-source", "cannot open {source} for reading");
	case STAGE_STAT_SOURCE: return WHY("stat-source", "cannot stat {source}");
	case STAGE_READ_SOURCE: return WHY("read-source", "error reading {source}");
	case STAGE_READ_LINK: return WHY("read-link", "cannot read symbolic link {source}");
	case STAGE_SCAN: return WHY("scan", "cannot read directory {source}");
	case STAGE_SOURCE_CHANGED:
		return SAYS("source-changed", "{source} changed while it was being copied");
	case STAGE_OPEN_DEST: return WHY("open-destination", "cannot open {dest}");
	case STAGE_CREATE: return WHY("create", "cannot create {dest}");
	case STAGE_WRITE: return WHY("write", "error writing {dest}");
	case STAGE_RENAME: return WHY("rename", "cannot give the finished copy the name {dest}");
	case STAGE_LINK: return WHY("link", "cannot create hard link {dest}");
	case STAGE_MAKE_DIRECTORY: return WHY("make-directory", "cannot create directory {dest}");
	case STAGE_BACKUP: return WHY("backup", "cannot back up {dest}");
	case STAGE_REMOVE: return WHY("remove", "cannot remove {dest}");
	case STAGE_OWNER: return WHY("owner", "failed to preserve ownership for {dest}");
	case STAGE_MODE: return WHY("mode", "failed to preserve permissions for {dest}");
	case STAGE_XATTR: return WHY("xattr", "failed to preserve extended attributes for {dest}");
	case STAGE_ACL: return WHY("acl", "failed to preserve the ACL for {dest}");
	case STAGE_TIMES: return WHY("times", "failed to preserve times for {dest}");
	case STAGE_SYNC: return WHY("sync", "cannot flush {dest} to the disk");
	case STAGE_CLOSE: return WHY("close", "failed to close {dest}");
	case STAGE_REFLINK: return WHY("reflink", "failed to clone {dest} from {source}");
	case STAGE_SAME_FILE: return SAYS("same-file", "{source} and {dest} are the same file");
	case STAGE_JUST_CREATED:
		return SAYS("just-created", "will not overwrite just-created {dest} with {source}");
	case STAGE_NOT_DIRECTORY:
		return SAYS("not-directory", "cannot overwrite non-directory {dest} with directory {source}");
	case STAGE_IS_DIRECTORY:
		return SAYS("is-directory", "cannot overwrite directory {dest} with non-directory {source}");
	case STAGE_SPECIAL_IN_THE_WAY:
		return SAYS("special-in-the-way", "not replacing {dest}: it is a device, FIFO or socket "
		                                  "(--remove-destination would replace it)");
	case STAGE_EXISTS: return SAYS("exists", "not replacing {dest}");
	case STAGE_INTO_ITSELF:
		return SAYS("into-itself", "cannot copy a directory, {source}, into itself, {dest}");
	case STAGE_CYCLE:
		return SAYS("cycle", "not following {source}: it leads back to a directory above it");
	case STAGE_WORKER_DIED: return SAYS("worker-died", "{source} was not copied: two workers died on it");
	case STAGE_DANGLING: return SAYS("dangling", "not writing through dangling symlink {dest}");
	case STAGE_INTERRUPTED: return SAYS("interrupted", "{source} was not copied: interrupted");
	case STAGE_SYMLINK: return WHY("symlink", "cannot create symbolic link {dest} to {source}");
	case STAGE_RELATIVE_LINK:
		return SAYS("relative-link", "{dest}: can make relative symbolic links only in current directory");
	case STAGE_COUNT: break;
	}
	return WHY("unknown", "{source} was not copied");
}
/* clang-format on */

const char *outcome_loss_name(enum loss class)
{
	switch (class) {
	case LOSS_OWNER:
		return "owner and group";
	case LOSS_MODE:
		return "permissions";
	case LOSS_TIMES:
		return "timestamps";
	case LOSS_XATTR:
		return "extended attributes";
	case LOSS_ACL:
		return "access control lists";
	case LOSS_HOLES:
		return "holes";
	case LOSS_HARD_LINK:
		return "hard links";
	case LOSS_SYMLINK:
		return "symbolic links";
	case LOSS_SPECIAL:
		return "special files";
	case LOSS_CONTEXT:
		return "security contexts";
	case LOSS_COUNT:
		break;
	}
	return "unknown metadata";
}

const char *outcome_method_name(enum data_method method)
{
	switch (method) {
	case DATA_NONE:
		return "no data";
	case DATA_PLAIN:
		return "plain";
	case DATA_OFFLOAD:
		return "copy offload";
	case DATA_REFLINK:
		return "reflink";
	case DATA_COUNT:
		break;
	}
	return "unknown";
}

#pragma GCC diagnostic pop

const char *outcome_stage_word(enum stage stage)
{
	return words_of(stage).word;
}

static void put(FILE *out, const char *sentence, const char *source, const char *dest)
{
	static const char source_mark[] = "{source}";
	static const char dest_mark[] = "{dest}";

	for (const char *p = sentence; *p;) {
		if (!strncmp(p, source_mark, strlen(source_mark))) {
			fputs(source, out);
			p += strlen(source_mark);
		} else if (!strncmp(p, dest_mark, strlen(dest_mark))) {
			fputs(dest, out);
			p += strlen(dest_mark);
		} else {
			fputc(*p++, out);
		}
	}
}

char *outcome_sentence(const struct outcome *outcome, const char *source, const char *dest)
{
	struct stage_words words = words_of(outcome->stage);
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		abort();
	put(out, words.sentence, source, dest);
	if (words.errno_helps && outcome->err)
		fprintf(out, ": %s", strerror(outcome->err));
	if (fclose(out) || !text)
		abort();
	return text;
}
