/*
 * A record is struct record cut off after the member its kind uses, and for a
 * LISTED the names behind it. One record for each name lost: its way through the
 * lane and to its job cost the master half as much again as the name itself.
 *
 * Both sides are forks of one program, so the layout in memory is the format;
 * a separate wire format would be code without a reader. What cannot be taken
 * for granted is the worker's state of mind: every value that the master will
 * use as an index, a shift or a length is checked here, once.
 */
#include "ipc/record.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>

#define ERRNO_MAX 4095 /* as the kernel's */

/* Bytes of the fixed part, or 0 for a kind that does not exist. */
static size_t fixed_size(unsigned kind)
{
	const struct record *r = NULL;

	switch (kind) {
	case RECORD_LISTED:
		return offsetof(struct record, scanned);
	case RECORD_SCANNED:
		return offsetof(struct record, scanned) + sizeof(r->scanned);
	case RECORD_RESULT:
		return offsetof(struct record, result) + sizeof(r->result);
	case RECORD_DONE:
		return offsetof(struct record, done) + sizeof(r->done);
	}
	return 0;
}

static bool outcome_is_sane(const struct outcome *o)
{
	if (o->status > OUTCOME_FAILED || o->stage >= STAGE_COUNT || o->method >= DATA_COUNT ||
	    o->holes > 1 || o->lost >= LOSS_BIT(LOSS_COUNT) || o->err < 0 || o->err > ERRNO_MAX)
		return false;
	if (o->status == OUTCOME_FAILED)
		return o->stage != STAGE_NONE;
	return o->stage == STAGE_NONE && o->err == 0;
}

static bool scanned_is_sane(const struct record *record)
{
	bool failed = record->scanned.outcome.status == OUTCOME_FAILED;
	bool whole = record->scanned.last && record->scanned.usable && record->scanned.made && !failed;
	bool untouched = !record->scanned.finished && !record->scanned.up_to_date && !record->scanned.up_to_date_bytes;

	if (!outcome_is_sane(&record->scanned.outcome) || record->scanned.last > 1 || record->scanned.made > 1 ||
	    record->scanned.usable > 1 || record->scanned.finished > 1 || record->scanned.copies > 1)
		return false;
	return !record->scanned.copies ||
	       (whole && untouched && record->scanned.entries > 0 && record->scanned.entries <= JOB_BATCH_MOST);
}

/* Takes what stands at @at off @left bytes: the bytes it takes, or 0 where it is not sane. */
static size_t check_listed(const uint8_t *at, size_t left)
{
	struct listed listed;
	const char *name = (const char *)at + sizeof(listed);

	if (left < sizeof(listed))
		return 0;
	memcpy(&listed, at, sizeof(listed));
	left -= sizeof(listed);
	if (listed.err > ERRNO_MAX || listed.name_len == 0 || listed.name_len > JOB_NAME_MAX ||
	    listed.name_len >= left || name[listed.name_len] != '\0' || memchr(name, '\0', listed.name_len) ||
	    memchr(name, '/', listed.name_len) || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return 0;
	return sizeof(listed) + listed.name_len + 1;
}

static bool names_are_sane(const struct listed_names *names)
{
	size_t at = 0, step;

	for (uint32_t i = 0; i < names->count; i++, at += step)
		if ((step = check_listed(names->bytes + at, names->size - at)) == 0)
			return false;
	return names->count > 0 && at == names->size;
}

int record_parse(const void *bytes, size_t len, struct record *ret_record, struct listed_names *ret_names)
{
	struct record record = {0};
	struct listed_names names = {0};
	size_t fixed;

	if (len < sizeof(record.kind) || len > RECORD_MAX)
		return -EBADMSG;
	memcpy(&record.kind, bytes, sizeof(record.kind));
	fixed = fixed_size(record.kind);
	if (fixed == 0 || len < fixed)
		return -EBADMSG;
	memcpy(&record, bytes, fixed);

	if (record.job == 0)
		return -EBADMSG;
	if (record.kind == RECORD_LISTED) {
		names = (struct listed_names){(const uint8_t *)bytes + fixed, (uint32_t)(len - fixed), record.names};
		if (!names_are_sane(&names))
			return -EBADMSG;
	} else if (len != fixed || record.names != 0) {
		return -EBADMSG;
	}
	if (record.kind == RECORD_DONE && record.done.finished > 1)
		return -EBADMSG;
	if (record.kind == RECORD_RESULT && !outcome_is_sane(&record.result))
		return -EBADMSG;
	if (record.kind == RECORD_SCANNED && !scanned_is_sane(&record))
		return -EBADMSG;
	*ret_names = names;
	*ret_record = record;
	return 0;
}

size_t record_format(void *bytes, const struct record *record)
{
	size_t fixed = fixed_size(record->kind);

	assert(fixed > 0);
	memcpy(bytes, record, fixed);
	return fixed;
}

size_t record_add_listed(void *bytes, size_t len, const struct listed *listed, const char *name)
{
	uint8_t *at = (uint8_t *)bytes + len;
	uint16_t names;

	assert(listed->name_len > 0 && listed->name_len <= JOB_NAME_MAX);
	if (RECORD_MAX - len < sizeof(*listed) + listed->name_len + 1)
		return 0;
	memcpy(at, listed, sizeof(*listed));
	memcpy(at + sizeof(*listed), name, listed->name_len);
	at[sizeof(*listed) + listed->name_len] = '\0';
	memcpy(&names, (uint8_t *)bytes + offsetof(struct record, names), sizeof(names));
	names++;
	memcpy((uint8_t *)bytes + offsetof(struct record, names), &names, sizeof(names));
	return len + sizeof(*listed) + listed->name_len + 1;
}

const char *listed_next(const struct listed_names *names, uint32_t *at, struct listed *ret_listed)
{
	const uint8_t *bytes;

	if (*at >= names->size)
		return NULL;
	bytes = names->bytes + *at;
	memcpy(ret_listed, bytes, sizeof(*ret_listed));
	*at += (uint32_t)(sizeof(*ret_listed) + ret_listed->name_len + 1);
	return (const char *)bytes + sizeof(*ret_listed);
}

bool listed_is_lone_file(const struct listed *listed)
{
	return !listed->err && listed->mode && !S_ISDIR(listed->mode) && listed->nlink == 1;
}

struct job_entry listed_entry(const struct listed *listed, const char *name)
{
	return (struct job_entry){
		.name = name, .name_len = (uint16_t)listed->name_len, .mode = listed->mode,
		.dev = listed->dev, .ino = listed->ino, .size = S_ISREG(listed->mode) ? listed->size : 0,
		.changed_ns = listed->changed_ns, .accessed_ns = listed->accessed_ns,
	};
}
