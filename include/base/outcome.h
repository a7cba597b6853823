/*
 * The vocabulary for what became of one entry.
 *
 * Promises facts, not text: a worker fills it in, the master makes the
 * sentence. Every value is documented by its master-side sentence in
 * src/base/outcome.c, so that adding one without a sentence does not compile.
 *
 * Runs in: both.  Blocks: never.  Allocates: outcome_sentence() only.  Owns: nothing.
 */
#pragma once

#include <stdint.h>

enum outcome_status {
	OUTCOME_COPIED,     /* the entry is in the destination, by this run */
	OUTCOME_SKIPPED,    /* left alone as the policy asks (-n, -u); not a failure */
	OUTCOME_UP_TO_DATE, /* already complete: same size and mtime (--resume) */
	OUTCOME_FAILED,     /* err and stage say why */
};

/* Where a failure happened: which step, on which side. */
enum stage {
	STAGE_NONE,
	STAGE_OPEN_SOURCE,
	STAGE_STAT_SOURCE,
	STAGE_READ_SOURCE,
	STAGE_READ_LINK,
	STAGE_SCAN,
	STAGE_SOURCE_CHANGED,    /* identity or size not what it was; retried once */
	STAGE_OPEN_DEST,
	STAGE_CREATE,
	STAGE_WRITE,
	STAGE_RENAME,
	STAGE_LINK,
	STAGE_MAKE_DIRECTORY,
	STAGE_BACKUP,
	STAGE_REMOVE,
	STAGE_OWNER,
	STAGE_MODE,
	STAGE_XATTR,
	STAGE_ACL,
	STAGE_TIMES,
	STAGE_SYNC,
	STAGE_CLOSE,
	STAGE_REFLINK,           /* --reflink=always and it cannot be */
	STAGE_SAME_FILE,         /* source and destination are one inode */
	STAGE_JUST_CREATED,      /* another source of this run has that name already */
	STAGE_NOT_DIRECTORY,     /* a directory would have to replace a non-directory */
	STAGE_IS_DIRECTORY,      /* a non-directory would have to replace a directory */
	STAGE_SPECIAL_IN_THE_WAY,/* a device, FIFO or socket has the name */
	STAGE_EXISTS,            /* --update=none-fail */
	STAGE_INTO_ITSELF,
	STAGE_CYCLE,             /* -L met a directory inside itself */
	STAGE_WORKER_DIED,       /* twice, on this entry */
	STAGE_DANGLING,          /* would write through a dangling symlink */
	STAGE_INTERRUPTED,       /* the master said stop before or while it was done */
	STAGE_SYMLINK,           /* -s */
	STAGE_RELATIVE_LINK,     /* -s with a relative SOURCE, and not into the current directory */
	STAGE_COUNT,
};

/* Metadata that the destination could not hold, one bit a class. */
enum loss {
	LOSS_OWNER,
	LOSS_MODE,
	LOSS_TIMES,        /* not set at all, or set coarser than the source's */
	LOSS_XATTR,
	LOSS_ACL,
	LOSS_HOLES,        /* holes became zeros */
	LOSS_HARD_LINK,    /* a further link became a copy */
	LOSS_SYMLINK,      /* a symlink could not be made */
	LOSS_SPECIAL,      /* a device, FIFO or socket could not be made */
	LOSS_CONTEXT,
	LOSS_COUNT,
};
#define LOSS_BIT(class) (UINT32_C(1) << (class))

/* How the contents went over, for --debug and the summary. */
enum data_method {
	DATA_NONE,    /* nothing to copy */
	DATA_PLAIN,   /* read and write */
	DATA_OFFLOAD, /* copy_file_range */
	DATA_REFLINK, /* FICLONE */
	DATA_COUNT,
};

struct outcome {
	uint16_t status;      /* enum outcome_status */
	uint16_t stage;       /* enum stage; STAGE_NONE unless it failed */
	int32_t err;          /* positive errno value, 0 unless it failed */
	uint32_t lost;        /* LOSS_BIT()s */
	uint16_t method;      /* enum data_method */
	uint16_t holes;       /* 1 when holes were kept or made */
	uint64_t bytes;       /* of the file's contents now in the destination by this run */
};

/* Returns the whole sentence for a failure, to be freed by the caller: the
 * stage's words with @source and @dest (already quoted) in the places where
 * that stage names them, and ": " with the text of outcome->err when the words
 * alone do not say why. Neither name may be NULL; not every stage shows both.
 * Never NULL: aborts without memory. */
char *outcome_sentence(const struct outcome *outcome, const char *source, const char *dest);

/* Returns the noun for a class of loss, "owner and group" for example. */
const char *outcome_loss_name(enum loss class);

/* Returns the name of a method as `cp --debug` has it. */
const char *outcome_method_name(enum data_method method);

/* Returns the short, stable word for a stage, for JSON and logs: "open-source". */
const char *outcome_stage_word(enum stage stage);
