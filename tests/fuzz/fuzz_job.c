/*
 * Any bytes as a job frame: refused, or understood to the last one.
 *
 * What is understood must be safe to act on (names that stay in their
 * directory), and putting it together again must give the very same bytes.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/job.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool true_one)
{
	if (!true_one)
		abort();
}

static void check_entries(struct job_view *view, struct job_buffer *again)
{
	struct job_entry entry, same;

	for (uint32_t i = 0; job_view_next(view, &entry); i++) {
		require(strlen(entry.name) == entry.name_len && entry.name_len > 0 && entry.name_len <= JOB_NAME_MAX);
		require(!strchr(entry.name, '/') && strcmp(entry.name, ".") && strcmp(entry.name, ".."));
		require(job_view_entry(view, i, &same) && same.name == entry.name && same.ino == entry.ino);
		job_add(again, &entry);
	}
	require(view->seen == view->count && view->next == view->end);
	require(!job_view_entry(view, view->count, &same));
}

static void check_frame(const uint8_t *frame, size_t size)
{
	struct job_buffer again = {0};
	struct job_view view;

	if (job_parse(frame, size, &view))
		return;
	require(view.id != 0 && view.kind >= JOB_SCAN && view.kind < JOB_KIND_COUNT);
	require(view.dir[0] != '/' && view.target[0] != '/');
	require(strncmp(view.dir, "../", 3) && !strstr(view.dir, "/../") && !strstr(view.dir, "//"));
	if (view.kind == JOB_BEGIN || view.kind == JOB_RANGE || view.kind == JOB_COMMIT)
		require(view.count == 1 && view.target[0] && !strchr(view.target, '/'));
	else if (view.kind == JOB_DISCARD)
		require(!strchr(view.target, '/'));
	else
		require((view.kind == JOB_LINK) == (view.target[0] != '\0'));
	require((view.count == 0) ==
	        (view.kind == JOB_SCAN || view.kind == JOB_FINISH || view.kind == JOB_FLUSH));
	require(strncmp(view.target, "../", 3) && strcmp(view.target, ".."));
	job_begin(&again, &view);
	check_entries(&view, &again);
	require(again.len == size && !memcmp(again.data, frame, size));

	job_restamp(&again, view.id + 1 ? view.id + 1 : 1, view.flags, view.copy_too);
	require(job_parse(again.data, again.len, &view) == 0);
	job_buffer_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t prefix = (uint32_t)size;
	uint8_t *frame;

	check_frame(data, size);
	if (size < JOB_PREFIX)
		return 0;
	/* Once more with the right length in front: finding it is no merit. */
	frame = malloc(size);
	require(frame != NULL);
	memcpy(frame, data, size);
	memcpy(frame, &prefix, JOB_PREFIX);
	check_frame(frame, size);
	free(frame);
	return 0;
}
