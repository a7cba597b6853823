/*
 * Kept as they come, without padding: a directory of a million names is listed by
 * slices of 1,024, and this is what each of those costs.
 */
#include "master/slice.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_BYTES 2048

struct slice {
	uint32_t count, used, cap; /* used and cap in bytes of data[] */
	uint8_t data[];
};

struct slice *slice_add(struct slice *slice, const struct listed_names *names)
{
	uint32_t used = slice ? slice->used : 0, cap = slice ? slice->cap : FIRST_BYTES;

	if (!slice || used + names->size > cap) {
		while (used + names->size > cap)
			cap *= 2;
		struct slice *grown = realloc(slice, sizeof(*slice) + cap);

		if (!grown)
			abort();
		if (!slice)
			grown->count = grown->used = 0;
		grown->cap = cap;
		slice = grown;
	}
	memcpy(slice->data + slice->used, names->bytes, names->size);
	slice->used += names->size;
	slice->count += names->count;
	return slice;
}

struct listed_names slice_names(const struct slice *slice)
{
	return slice ? (struct listed_names){ slice->data, slice->used, slice->count } : (struct listed_names){ 0 };
}
