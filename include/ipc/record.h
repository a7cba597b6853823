/*
 * Completion records: the facts a worker sends up.
 *
 * Promises that a record says what is now true in the destination (or found in
 * the source), that it is validated before use, and that it carries no string
 * but the names in a scan record.
 *
 * Runs in: both.  Blocks: never.  Allocates: no.  Owns: nothing; decoded
 * names borrow the bytes they were decoded from.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/outcome.h"
#include "ipc/job.h"

enum record_kind {
	RECORD_LISTED = 1, /* names found by a scan, as many as fit */
	RECORD_SCANNED,   /* the slice is whole: only now do its entries count */
	RECORD_RESULT,    /* one entry of a batch that has something to tell */
	RECORD_DONE,      /* the job is done; entries without a RESULT were copied, nothing lost, or up to date */
	RECORD_KIND_COUNT,
};

/* What a listing has of one name. */
struct listed {
	uint64_t dev, ino, size, blocks; /* blocks: 512-byte units */
	uint64_t changed_ns;             /* scan_changed_ns(); 0: not known */
	int64_t accessed_ns;             /* atime, where changed_ns is known */
	uint32_t mode, nlink;            /* mode 0: not looked at, only the name counts */
	uint32_t err;                    /* positive errno: it could not be looked at; only the name counts */
	uint32_t name_len;               /* without NUL */
};

/* A struct listed and its name with a NUL, one behind the other, unaligned: so they
 * stand in a LISTED record, and so the master keeps them. */
struct listed_names {
	const uint8_t *bytes;
	uint32_t size, count;
};

struct record {
	uint16_t kind;
	uint16_t names;      /* LISTED: how many follow */
	uint32_t index;      /* RESULT: which entry of the batch; behind the last: its directory (JOB_FINISH_TOO) */
	uint64_t job;
	union {
		struct {             /* SCANNED */
			uint64_t cursor;         /* where the next slice starts */
			uint64_t dest_dev, dest_ino;
			uint32_t entries;        /* names listed in this slice */
			uint32_t up_to_date;     /* files not listed: found complete in the destination */
			uint64_t up_to_date_bytes;
			uint8_t last;            /* no further slice */
			uint8_t made;            /* this job made the destination directory */
			uint8_t usable;          /* the destination directory is there */
			uint8_t finished;        /* and has its metadata: there was nothing to copy into it */
			uint8_t copies;          /* the job goes on (.copy_too), as a COPY with JOB_FINISH_TOO of all its
			                          * entries, in their order; its RESULTs and its DONE follow */
			struct outcome outcome;  /* of the directory itself */
		} scanned;
		struct outcome result;   /* RESULT */
		struct {             /* DONE */
			uint64_t bytes;      /* of contents, sum over entries copied without a RESULT */
			uint32_t copied[DATA_COUNT]; /* entries without a RESULT, copied, by how */
			uint32_t finished;   /* 1: so is the directory (JOB_FINISH_TOO) */
			uint32_t up_to_date; /* entries without a RESULT, found complete */
			uint64_t up_to_date_bytes; /* of those, as the job said */
		} done;
	};
};

#define RECORD_MAX 8192 /* bytes; of LISTED, for the others are far shorter. The longest name fits */

/* Checks @len bytes that came out of a lane and copies the fixed part to
 * @ret_record. *@ret_names is what a RECORD_LISTED brings, at least one and in @bytes: each
 * ends in its NUL and is not "", "." or "..", nor has it a '/'. Returns 0 or -EBADMSG. */
int record_parse(const void *bytes, size_t len, struct record *ret_record, struct listed_names *ret_names);

/* Writes the record into @bytes (RECORD_MAX of them); returns the length. A LISTED has no names yet. */
size_t record_format(void *bytes, const struct record *record);

/* Adds a name to the LISTED of @len bytes; @listed->name_len bytes of it count. Returns the
 * new length, or 0 when there is no room for one more. An empty one has room for any. */
size_t record_add_listed(void *bytes, size_t len, const struct listed *listed, const char *name);

/* The one at *@at, 0 at first, which is moved on. Returns its name, which lies in @names, or
 * NULL after the last. */
const char *listed_next(const struct listed_names *names, uint32_t *at, struct listed *ret_listed);

/* A name that no other name shares its inode with, and no directory: one to copy by itself. */
bool listed_is_lone_file(const struct listed *listed);

/* It as an entry of a job. */
struct job_entry listed_entry(const struct listed *listed, const char *name);
