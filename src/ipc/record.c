/*
 * A record is struct record cut off after the member its kind uses, and for an
 * ENTRY the name with its NUL behind it.
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

#define ERRNO_MAX 4095 /* as the kernel's */

/* Bytes of the fixed part, or 0 for a kind that does not exist. */
static size_t fixed_size(unsigned kind)
{
	const struct record *r = NULL;

	switch (kind) {
	case RECORD_ENTRY:
		return offsetof(struct record, entry) + sizeof(r->entry);
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

static bool name_is_sane(const char *name, size_t len)
{
	if (len == 0 || len > RECORD_NAME_MAX || memchr(name, '\0', len) || memchr(name, '/', len) ||
	    name[len] != '\0')
		return false;
	return strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

int record_parse(const void *bytes, size_t len, struct record *ret_record, const char **ret_name)
{
	struct record record = {0};
	size_t fixed;

	if (len < sizeof(record.kind))
		return -EBADMSG;
	memcpy(&record.kind, bytes, sizeof(record.kind));
	fixed = fixed_size(record.kind);
	if (fixed == 0 || len < fixed)
		return -EBADMSG;
	memcpy(&record, bytes, fixed);

	if (record.job == 0)
		return -EBADMSG;
	if (record.kind == RECORD_DONE && record.done.finished > 1)
		return -EBADMSG;
	if (record.kind == RECORD_ENTRY) {
		const char *name = (const char *)bytes + fixed;

		if (len != fixed + record.name_len + 1u || !name_is_sane(name, record.name_len) ||
		    record.entry.err > ERRNO_MAX)
			return -EBADMSG;
		*ret_name = name;
		*ret_record = record;
		return 0;
	}

	if (len != fixed || record.name_len != 0)
		return -EBADMSG;
	if (record.kind == RECORD_RESULT && !outcome_is_sane(&record.result))
		return -EBADMSG;
	if (record.kind == RECORD_SCANNED &&
	    (!outcome_is_sane(&record.scanned.outcome) || record.scanned.last > 1 || record.scanned.made > 1 ||
	     record.scanned.usable > 1 || record.scanned.finished > 1))
		return -EBADMSG;
	*ret_name = NULL;
	*ret_record = record;
	return 0;
}

size_t record_format(void *bytes, const struct record *record, const char *name)
{
	size_t fixed = fixed_size(record->kind);
	uint8_t *out = bytes;

	assert(fixed > 0);
	memcpy(out, record, fixed);
	if (record->kind == RECORD_ENTRY) {
		assert(record->name_len > 0 && record->name_len <= RECORD_NAME_MAX);
		memcpy(out + fixed, name, record->name_len);
		out[fixed + record->name_len] = '\0';
		return fixed + record->name_len + 1;
	}
	return fixed;
}
