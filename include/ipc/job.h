/*
 * Job frames: the work a master sends down a pipe.
 *
 * Promises a length-prefixed frame that is validated as a whole before any
 * field is used, and names work relative to the two root directories only.
 * One frame is one job; a COPY frame carries a batch of names of one directory.
 *
 * Runs in: both (encode in the master, decode in the worker and, for messages,
 * in the master).  Blocks: never.  Allocates: the buffer grows on encode.
 * Owns: struct job_buffer owns its bytes; a job_view borrows them.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum job_kind {
	JOB_SCAN = 1, /* list a slice of dir, make the destination one; cursor in .offset, slice size in .length */
	JOB_COPY,     /* a batch of entries of dir */
	JOB_RANGE,    /* .offset and .length of the one entry, into its temporary file */
	JOB_COMMIT,   /* metadata and rename of the one entry, once its ranges are in */
	JOB_LINK,     /* the entries become hard links of .target (path from the destination base) */
	JOB_FINISH,   /* dir's own metadata, after its last child */
	JOB_FLUSH,    /* syncfs the destination */
	JOB_DISCARD,  /* a given-up entry: remove its temporary file (.target) and what dead workers left of it */
	JOB_LOOK,     /* entries of dir that a SCAN only named: only their names count */
	JOB_BEGIN,    /* the temporary file of the one entry, before its ranges */
	JOB_KIND_COUNT,
};

enum job_flag {
	JOB_REDO = 1 << 0,      /* a worker died with this: trust nothing, replace by rename */
	JOB_DIR_MADE = 1 << 1,  /* this run made the destination directory */
	JOB_NO_DESCENT = 1 << 2,/* SCAN: make the directory, list nothing (-x) */
	JOB_FIRST_SLICE = 1 << 3,
	JOB_SHARED_NAME = 1 << 4, /* another SOURCE lands in this directory: merge, even where this run made it */
	JOB_INTERMEDIATE = 1 << 5,/* SCAN/FINISH of a directory made for --parents */
	JOB_LOOK_LATER = 1 << 6,  /* SCAN: looks that would take long are left to LOOK jobs */
	JOB_FINISH_TOO = 1 << 7,  /* COPY: nothing else is left of the directory; FINISH it in the same go */
	JOB_FLAGS_KNOWN = (1 << 8) - 1, /* all of the above: other bits are nonsense */
};

/* Bytes of the longest name, which is what a system call takes. NAME_MAX, 255, is for
 * disks of Linux's own: where 255 UTF-16 units are counted (vfat, exfat, ntfs3) a name has
 * up to 765, and FUSE servers list longer ones still. */
#define JOB_NAME_MAX (PATH_MAX - 1)

/* What a batch is at most: so many entries; and with so many bytes it takes no more of them. */
#define JOB_BATCH_MOST 64
#define JOB_BATCH_BYTES (4u << 20)

/* One name of a batch, as the scan saw it. */
struct job_entry {
	const char *name;   /* NUL-terminated, no '/'; borrowed */
	uint16_t name_len;
	uint32_t mode;      /* st_mode: type and permissions */
	uint64_t dev, ino, size;
	uint64_t changed_ns;/* its ctime then (scan_changed_ns()); 0: not known */
	int64_t accessed_ns;/* and its atime */
};

struct job_view {
	uint64_t id;         /* never 0 */
	enum job_kind kind;
	uint32_t flags;      /* enum job_flag */
	uint32_t root;       /* index into the operand table */
	uint32_t count;      /* entries */
	uint32_t copy_too;   /* SCAN: so many files or fewer, of less than JOB_BATCH_BYTES, and nothing else,
	                      * are copied in the same go (RECORD_SCANNED .copies) */
	uint64_t dir_id;     /* the master's number for dir, stable while dir is unfinished: a cache key */
	uint64_t dir_dev, dir_ino; /* the source directory as the scan saw it */
	uint64_t offset, length;
	const char *dir;     /* relative to the root; "" is the root itself; borrowed */
	const char *target;  /* LINK: path relative to the destination base; BEGIN/RANGE/COMMIT: temporary name;
	                      * DISCARD: that or ""; else "" */
	const uint8_t *next; /* iterator: job_view_next() */
	const uint8_t *end;
	uint32_t seen;
};

struct job_buffer {
	uint8_t *data;
	size_t len, cap;
};

/* Bytes of the length prefix (native-endian uint32_t, counts the whole frame). */
#define JOB_PREFIX 4
#define JOB_FRAME_MAX (64u << 20) /* a longer one is nonsense */

/* Starts a frame in @buffer (emptied first) from the scalar fields, dir and
 * target of @job; .count is ignored. Aborts without memory. */
void job_begin(struct job_buffer *buffer, const struct job_view *job);

/* Appends one entry to the frame. */
void job_add(struct job_buffer *buffer, const struct job_entry *entry);

/* Changes the id, the flags and .copy_too of a frame already built: a requeued job is
 * the same bytes under another number. */
void job_restamp(struct job_buffer *buffer, uint64_t id, uint32_t flags, uint32_t copy_too);

/* Makes room for @more bytes behind the ones there are. Aborts without memory. */
void job_buffer_reserve(struct job_buffer *buffer, size_t more);

/* Frees the bytes. Safe on a zeroed buffer. */
void job_buffer_done(struct job_buffer *buffer);

/* Reads one whole frame of @len bytes, prefix included. Returns 0, or
 * -EBADMSG when any length, count or string does not add up. Every entry is
 * checked here, so that job_view_next() cannot fail. Names are one component of
 * at most JOB_NAME_MAX bytes, not "." or ".."; dir, and LINK's target, are relative, without
 * an empty or ".." component. Only a SCAN has a .copy_too, JOB_BATCH_MOST or less.
 * COPY, LINK, DISCARD and LOOK have at least one entry,
 * BEGIN, RANGE and COMMIT exactly one, the others none. Their target is
 * a name, DISCARD's a name or "" (never a LINK's path: it would be removed);
 * the others have none. */
int job_parse(const void *frame, size_t len, struct job_view *ret_view);

/* Returns the next entry in @ret_entry, or false after the last. */
bool job_view_next(struct job_view *view, struct job_entry *ret_entry);

/* Returns entry number @index of a parsed view without moving its iterator;
 * false when there are not that many. */
bool job_view_entry(const struct job_view *view, uint32_t index, struct job_entry *ret_entry);
