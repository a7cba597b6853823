/*
 * A frame is a fixed header, the two paths, and the entries one behind the
 * other; every string ends in a NUL, so that a view can point into the frame.
 *
 *   job_wire | dir NUL | target NUL | entry_wire name NUL | entry_wire name NUL ...
 *
 * Nothing in it is aligned and nothing is read but by memcpy: padding every
 * name to 8 bytes would cost more on the pipe than unaligned loads cost here.
 * Native byte order and fixed-width fields: both ends are the same program.
 *
 * The whole frame is walked once in job_parse(), which is where everything can
 * fail, so that the code that acts on a job has no error path for its format. A
 * parser that checks as it goes lost: half a batch would be copied before the
 * nonsense in the other half is found.
 */
#include "ipc/job.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_GROWTH 4096 /* most frames never grow: they have no entries */

struct job_wire {
	uint32_t len;        /* of the whole frame: the JOB_PREFIX */
	uint32_t kind;
	uint64_t id;
	uint32_t flags;
	uint32_t root;
	uint64_t dir_id, dir_dev, dir_ino;
	uint64_t offset, length;
	uint32_t count;
	uint32_t dir_len;    /* without NUL */
	uint32_t target_len; /* without NUL */
	uint32_t copy_too;
};

struct entry_wire {
	uint64_t dev, ino, size, changed_ns;
	int64_t accessed_ns;
	uint32_t mode;
	uint16_t name_len; /* without NUL */
	uint16_t zero;
};

_Static_assert(sizeof(struct job_wire) == 80, "no padding: whatever is on the pipe is a field");
_Static_assert(sizeof(struct entry_wire) == 48, "no padding: whatever is on the pipe is a field");
_Static_assert(offsetof(struct job_wire, kind) == JOB_PREFIX, "the prefix comes first");

void job_buffer_reserve(struct job_buffer *buffer, size_t more)
{
	size_t cap = buffer->cap;
	uint8_t *data;

	if (cap - buffer->len >= more)
		return;
	while (cap - buffer->len < more)
		cap = cap == 0 ? more : cap < FIRST_GROWTH ? FIRST_GROWTH : cap * 2;
	data = realloc(buffer->data, cap);
	if (!data)
		abort();
	buffer->data = data;
	buffer->cap = cap;
}

void job_buffer_done(struct job_buffer *buffer)
{
	free(buffer->data);
	*buffer = (struct job_buffer){0};
}

/* There is room for it. */
static void append(struct job_buffer *buffer, const void *bytes, size_t len)
{
	memcpy(buffer->data + buffer->len, bytes, len);
	buffer->len += len;
}

static void load_wire(const struct job_buffer *buffer, struct job_wire *wire)
{
	assert(buffer->len >= sizeof(*wire));
	memcpy(wire, buffer->data, sizeof(*wire));
}

static void store_wire(struct job_buffer *buffer, const struct job_wire *wire)
{
	memcpy(buffer->data, wire, sizeof(*wire));
}

void job_begin(struct job_buffer *buffer, const struct job_view *job)
{
	struct job_wire wire = {
		.kind = job->kind,
		.id = job->id,
		.flags = job->flags,
		.root = job->root,
		.dir_id = job->dir_id,
		.dir_dev = job->dir_dev,
		.dir_ino = job->dir_ino,
		.offset = job->offset,
		.length = job->length,
		.dir_len = (uint32_t)strlen(job->dir),
		.target_len = (uint32_t)strlen(job->target),
		.copy_too = job->copy_too,
	};

	buffer->len = 0;
	job_buffer_reserve(buffer, sizeof(wire) + wire.dir_len + 1 + wire.target_len + 1);
	append(buffer, &wire, sizeof(wire));
	append(buffer, job->dir, wire.dir_len + 1);
	append(buffer, job->target, wire.target_len + 1);
	wire.len = (uint32_t)buffer->len;
	store_wire(buffer, &wire);
	assert(buffer->len <= JOB_FRAME_MAX);
}

void job_add(struct job_buffer *buffer, const struct job_entry *entry)
{
	struct entry_wire wire = {
		.dev = entry->dev,
		.ino = entry->ino,
		.size = entry->size,
		.changed_ns = entry->changed_ns,
		.accessed_ns = entry->accessed_ns,
		.mode = entry->mode,
		.name_len = entry->name_len,
	};
	struct job_wire head;

	job_buffer_reserve(buffer, sizeof(wire) + entry->name_len + 1u);
	append(buffer, &wire, sizeof(wire));
	append(buffer, entry->name, entry->name_len);
	append(buffer, "", 1);
	assert(buffer->len <= JOB_FRAME_MAX);

	load_wire(buffer, &head);
	head.len = (uint32_t)buffer->len;
	head.count++;
	store_wire(buffer, &head);
}

void job_restamp(struct job_buffer *buffer, uint64_t id, uint32_t flags, uint32_t copy_too)
{
	struct job_wire head;

	load_wire(buffer, &head);
	head.id = id;
	head.flags = flags;
	head.copy_too = copy_too;
	store_wire(buffer, &head);
}

static bool is_name(const char *name, size_t len)
{
	if (len == 0 || len > JOB_NAME_MAX || memchr(name, '/', len))
		return false;
	return strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

/* Relative, below where it starts, and written the one way: "a/b". */
static bool is_path(const char *path)
{
	do {
		size_t len = strcspn(path, "/");

		if (len == 0 || (len == 2 && path[0] == '.' && path[1] == '.'))
			return false;
		path += len;
	} while (*path++ == '/');
	return true;
}

static bool target_fits_kind(const struct job_view *view)
{
	switch (view->kind) {
	case JOB_LINK:
		return is_path(view->target);
	case JOB_BEGIN:
	case JOB_RANGE:
	case JOB_COMMIT:
		return is_name(view->target, strlen(view->target));
	case JOB_DISCARD:
		return view->target[0] == '\0' || is_name(view->target, strlen(view->target));
	default:
		return view->target[0] == '\0';
	}
}

static bool count_fits_kind(const struct job_view *view)
{
	switch (view->kind) {
	case JOB_COPY:
	case JOB_LINK:
	case JOB_DISCARD:
	case JOB_LOOK:
		return view->count > 0;
	case JOB_BEGIN:
	case JOB_RANGE:
	case JOB_COMMIT:
		return view->count == 1;
	default:
		return view->count == 0;
	}
}

/* Returns the string of @len bytes and a NUL at *@at and moves on behind it,
 * or NULL when it does not fit before @end or has a NUL inside. */
static const char *take_string(const uint8_t **at, const uint8_t *end, size_t len)
{
	const char *text = (const char *)*at;

	if ((size_t)(end - *at) <= len || text[len] != '\0' || memchr(text, '\0', len))
		return NULL;
	*at += len + 1;
	return text;
}

/* What stands at @at, which is known to be an entry. Returns what comes behind it. */
static const uint8_t *read_entry(const uint8_t *at, struct job_entry *ret_entry)
{
	struct entry_wire wire;

	memcpy(&wire, at, sizeof(wire));
	*ret_entry = (struct job_entry){
		.name = (const char *)at + sizeof(wire),
		.name_len = wire.name_len,
		.mode = wire.mode,
		.dev = wire.dev,
		.ino = wire.ino,
		.size = wire.size,
		.changed_ns = wire.changed_ns,
		.accessed_ns = wire.accessed_ns,
	};
	return at + sizeof(wire) + wire.name_len + 1;
}

static bool check_entry(const uint8_t **at, const uint8_t *end)
{
	struct entry_wire wire;
	const char *name;

	if ((size_t)(end - *at) < sizeof(wire))
		return false;
	memcpy(&wire, *at, sizeof(wire));
	*at += sizeof(wire);
	name = take_string(at, end, wire.name_len);
	return name && is_name(name, wire.name_len) && wire.zero == 0;
}

static bool entries_add_up(const struct job_view *view)
{
	const uint8_t *at = view->next;

	for (uint32_t i = 0; i < view->count; i++)
		if (!check_entry(&at, view->end))
			return false;
	return at == view->end;
}

int job_parse(const void *frame, size_t len, struct job_view *ret_view)
{
	struct job_view view = {0};
	struct job_wire wire;

	if (len < sizeof(wire) || len > JOB_FRAME_MAX)
		return -EBADMSG;
	memcpy(&wire, frame, sizeof(wire));
	if (wire.len != len || wire.id == 0 || wire.kind < JOB_SCAN || wire.kind >= JOB_KIND_COUNT ||
	    (wire.flags & ~(uint32_t)JOB_FLAGS_KNOWN) ||
	    wire.copy_too > (wire.kind == JOB_SCAN ? JOB_BATCH_MOST : 0))
		return -EBADMSG;

	view.id = wire.id;
	view.kind = (enum job_kind)wire.kind;
	view.flags = wire.flags;
	view.root = wire.root;
	view.count = wire.count;
	view.copy_too = wire.copy_too;
	view.dir_id = wire.dir_id;
	view.dir_dev = wire.dir_dev;
	view.dir_ino = wire.dir_ino;
	view.offset = wire.offset;
	view.length = wire.length;
	view.next = (const uint8_t *)frame + sizeof(wire);
	view.end = (const uint8_t *)frame + len;

	view.dir = take_string(&view.next, view.end, wire.dir_len);
	if (!view.dir || (wire.dir_len > 0 && !is_path(view.dir)))
		return -EBADMSG;
	view.target = take_string(&view.next, view.end, wire.target_len);
	if (!view.target || !target_fits_kind(&view) || !count_fits_kind(&view) || !entries_add_up(&view))
		return -EBADMSG;
	*ret_view = view;
	return 0;
}

bool job_view_next(struct job_view *view, struct job_entry *ret_entry)
{
	if (view->seen == view->count)
		return false;
	view->seen++;
	view->next = read_entry(view->next, ret_entry);
	return true;
}

bool job_view_entry(const struct job_view *view, uint32_t index, struct job_entry *ret_entry)
{
	/* The entries start behind the target, wherever the iterator is. */
	const uint8_t *at = (const uint8_t *)view->target + strlen(view->target) + 1;

	if (index >= view->count)
		return false;
	for (uint32_t i = 0; i <= index; i++)
		at = read_entry(at, ret_entry);
	return true;
}
