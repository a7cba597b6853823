/*
 * An entry is its struct and its name, one behind the other without padding: a
 * directory of a million names is listed by slices of 2,048, and this is what
 * each of those costs.
 */
#include "master/slice.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_BYTES 2048

struct slice {
	uint32_t count, used, cap; /* used and cap in bytes of data[] */
	uint8_t data[];
};

struct slice *slice_add(struct slice *slice, const struct listed *entry, const char *name)
{
	size_t size = strlen(name) + 1;
	uint32_t need = (uint32_t)(sizeof(*entry) + size);

	if (!slice || slice->used + need > slice->cap) {
		uint32_t cap = slice ? slice->cap * 2 : FIRST_BYTES;
		struct slice *grown = realloc(slice, sizeof(*slice) + cap);

		if (!grown)
			abort();
		if (!slice)
			grown->count = grown->used = 0;
		grown->cap = cap;
		slice = grown;
	}
	memcpy(slice->data + slice->used, entry, sizeof(*entry));
	memcpy(slice->data + slice->used + sizeof(*entry), name, size);
	slice->used += need;
	slice->count++;
	return slice;
}

const char *slice_next(const struct slice *slice, uint32_t *at, struct listed *ret_entry)
{
	const char *name;

	if (!slice || *at >= slice->used)
		return NULL;
	memcpy(ret_entry, slice->data + *at, sizeof(*ret_entry));
	name = (const char *)slice->data + *at + sizeof(*ret_entry);
	*at += (uint32_t)(sizeof(*ret_entry) + strlen(name) + 1);
	return name;
}

uint32_t slice_count(const struct slice *slice)
{
	return slice ? slice->count : 0;
}
