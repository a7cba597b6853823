/*
 * What a copy has to do: the part of the options that a worker obeys.
 *
 * Promises plain data, complete before the first fork and never changed after,
 * so that master and workers read the same words without sharing memory.
 * Meanings are those of GNU cp 9.5 unless a line says otherwise.
 *
 * Runs in: both.  Blocks: never.  Allocates: no.  Owns: nothing (strings are
 * the argument vector's or static).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum dereference {
	DEREFERENCE_NEVER,        /* -P, the default */
	DEREFERENCE_COMMAND_LINE, /* -H */
	DEREFERENCE_ALWAYS,       /* -L */
};

enum preserve {
	PRESERVE_MODE = 1 << 0,       /* mode and ACL, as cp's */
	PRESERVE_OWNERSHIP = 1 << 1,
	PRESERVE_TIMESTAMPS = 1 << 2,
	PRESERVE_LINKS = 1 << 3,
	PRESERVE_CONTEXT = 1 << 4,    /* security.selinux */
	PRESERVE_XATTR = 1 << 5,
	PRESERVE_ALL = (1 << 6) - 1,
};

enum sparse_mode { SPARSE_AUTO, SPARSE_ALWAYS, SPARSE_NEVER };
enum reflink_mode { REFLINK_AUTO, REFLINK_ALWAYS, REFLINK_NEVER };
enum update_mode {
	UPDATE_ALL,       /* replace whatever is there */
	UPDATE_NONE,      /* -n: leave what is there, not a failure */
	UPDATE_NONE_FAIL, /* leave it and fail */
	UPDATE_OLDER,     /* -u: replace only what is older than the source */
	UPDATE_DIFFERENT, /* --resume: replace only what differs in size or mtime */
};
enum backup_mode { BACKUP_NONE, BACKUP_SIMPLE, BACKUP_NUMBERED, BACKUP_EXISTING };
enum sync_mode { SYNC_AUTO, SYNC_NONE, SYNC_END, SYNC_FILE };

struct copy_policy {
	enum dereference dereference;
	unsigned preserve;          /* bits of enum preserve */
	unsigned preserve_required; /* bits asked for by name: not keeping them is a failure, not a loss */
	enum sparse_mode sparse;
	enum reflink_mode reflink;
	enum update_mode update;
	enum backup_mode backup;
	enum sync_mode sync;
	const char *backup_suffix;  /* never NULL, "~" by default */
	mode_t umask;               /* the caller's, for what is not preserved */
	bool usual_mode;            /* --no-preserve=mode: 0666 or 0777 in place of the source's, less the umask */
	bool offload;               /* copy_file_range allowed */
	bool hard_link;             /* -l: link instead of copying */
	bool symbolic_link;         /* -s */
	bool force;                 /* -f */
	bool remove_destination;
	bool attributes_only;
	bool copy_contents;         /* read special files as if they were regular */
	bool keep_directory_symlink;
	bool one_file_system;       /* -x */
	bool atomic;                /* temporary name and rename for every file */
	bool confine;               /* Landlock */
	bool explain;               /* --debug: say how each file was copied */
};
