/*
 * One entry, end to end: regular file, symlink, FIFO, socket or device.
 *
 * Promises that after OUTCOME_COPIED the destination name is complete (contents,
 * holes, metadata), that an existing file is replaced atomically or left whole,
 * that nothing is left behind on failure, and that the result is data: no
 * message is printed here.
 *
 * Runs in: the worker.  Blocks: as the file systems do.  Allocates: no.
 * Owns: nothing beyond the call.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/outcome.h"
#include "base/policy.h"
#include "copy/data.h"
#include "copy/metadata.h"

/* A worker's tools, made once (zero what is not named). The process's umask must be 0: the modes
 * things are made with are chosen here, and never wider than the source's. */
struct copier {
	const struct copy_policy *policy;
	struct data *data;
	struct metadata *metadata;
	uid_t uid;             /* of files this process makes */
	gid_t gid;
	time_t run_start;      /* CLOCK_REALTIME seconds: what is younger was made while we ran */
	void (*activity)(int activity, void *arg); /* enum copy_activity; may be NULL */
	void *activity_arg;
	bool named_only;       /* learned: files without a name cannot be had, or not be given one (unnamed.h) */
	long run_start_ns;     /* nanoseconds part of run_start. Files are stamped by CLOCK_REALTIME_COARSE:
	                        * its first reading past the CLOCK_REALTIME of the start parts what was
	                        * there from what this run makes, exactly (a wait of one tick) */
};

static inline void copier_activity(const struct copier *copier, enum copy_activity now)
{
	if (copier->activity)
		copier->activity(now, copier->activity_arg);
}

/* The two directories of a batch, open, with what is known of the destination's. */
struct place {
	int src_fd, dst_fd;
	dev_t dst_dev;
	gid_t new_gid;         /* group a new file gets here (setgid directory) */
	bool new_gid_known;    /* false where that depends on how it is mounted */
	bool made;             /* this run made dst_fd's directory, and no other SOURCE lands in it */
	bool default_acl;      /* new files inherit an ACL here */
	bool swept;            /* no dead run's temporary file is left here */
	bool shared_name;      /* another SOURCE may land here: never overwrite what this run made */
};

/* Fills the knowledge in @place from the destination's stat and whether new files
 * inherit an ACL there. */
void place_learn(struct place *place, const struct stat *dst, bool default_acl);

struct entry {
	const char *src_name, *dst_name;
	mode_t mode;           /* as the scan saw it */
	uint64_t dev, ino, size;
	uint64_t changed_ns;   /* its ctime, as the scan saw it (scan_changed_ns()); 0: not known */
	int64_t accessed_ns;   /* and its atime, which a read may have moved since */
	int *open_fd;          /* the source, open since then, or -1: who takes it leaves that. NULL: never opened */
	bool redo;             /* a dead worker may have left something: replace by rename */
	bool follow;           /* source symlink is to be followed (-L, or -H on an operand) */
	const char *link_text; /* -s: path of the source as the user knows it; else NULL */
};

/* True when a new name may be made at once under its own name: in a directory
 * this run made, where no policy looks at what is there already. */
bool entry_in_place(const struct copier *copier, const struct place *place, const struct entry *entry);

/* Fills *@ret for a failure. @err is a positive errno. Returns false, for `return entry_fail(…)`. */
bool entry_fail(struct outcome *ret, enum stage stage, int err);

/* Fills *@ret for an entry that is in its place. Returns true. */
bool entry_done(struct outcome *ret, enum outcome_status status, enum data_method method, uint64_t bytes);

/* True when @now is the inode the scan saw: the same device, number and type. */
bool entry_is_same(const struct entry *entry, const struct stat *now);

/* Copies one non-directory. Always fills *@ret. */
void entry_copy(struct copier *copier, const struct place *place, const struct entry *entry, struct outcome *ret);

/* Makes @entry->dst_name a hard link of the destination file @first_name in
 * @first_fd; when the file system refuses links, copies and reports LOSS_HARD_LINK.
 * An existing name is replaced through a temporary link and rename. */
void entry_link(struct copier *copier, const struct place *place, const struct entry *entry, int first_fd,
                const char *first_name, struct outcome *ret);

/* Big files in ranges: one BEGIN, then ranges in any order and at once, then one
 * commit. BEGIN asks the policy, and makes the temporary file @temp, 0600, or in a
 * --resume run gives that name to what a killed run has left; only after COPIED is
 * there anything more to do. Each range writes only its own bytes, and of those what
 * is not in yet; @offset and @offset + @length are multiples of TRAILER_PART, or the
 * end. A failed range leaves @temp to be discarded; a failed commit removes it. */
void entry_begin(struct copier *copier, const struct place *place, const struct entry *entry, const char *temp,
                 struct outcome *ret);
void entry_range(struct copier *copier, const struct place *place, const struct entry *entry, const char *temp,
                 uint64_t offset, uint64_t length, struct outcome *ret);
void entry_commit(struct copier *copier, const struct place *place, const struct entry *entry, const char *temp,
                  struct outcome *ret);
