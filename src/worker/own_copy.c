#include "worker/own_copy.h"

#include "base/cleanup.h"

#include <stdlib.h>
#include <sys/resource.h>

/* The directories that are kept open, and the rest. */
#define OTHER_FDS 192

void own_copy_begin(struct own_copy *own, const struct job_view *scan)
{
	const struct job_view copy = {
		.id = scan->id, .kind = JOB_COPY, .flags = JOB_DIR_MADE | JOB_FINISH_TOO, .root = scan->root,
		.dir_id = scan->dir_id, .dir_dev = scan->dir_dev, .dir_ino = scan->dir_ino, .dir = scan->dir, .target = "",
	};

	own->on = true;
	own->most = scan->copy_too;
	own->count = own->next = 0;
	own->bytes = 0;
	job_begin(&own->frame, &copy);
}

void own_copy_add(struct own_copy *own, const struct listed *listed, const char *name, int *fd)
{
	if (!own->on)
		return;

	const struct job_entry entry = listed_entry(listed, name);

	own->bytes += entry.size;
	if (!listed_is_lone_file(listed) || own->count >= own->most || own->bytes >= JOB_BATCH_BYTES) {
		own_copy_end(own);
		return;
	}
	job_add(&own->frame, &entry);
	own->fd[own->count++] = fd ? take_fd(fd) : -1;
}

void own_copy_job(const struct own_copy *own, struct job_view *ret_job)
{
	if (job_parse(own->frame.data, own->frame.len, ret_job) < 0)
		abort(); /* we wrote it */
}

int *own_copy_next_file(struct own_copy *own)
{
	return own->on && own->next < own->count ? &own->fd[own->next++] : NULL;
}

void own_copy_end(struct own_copy *own)
{
	for (uint32_t i = 0; i < own->count; i++)
		close_fd(own->fd[i]);
	own->count = 0;
	own->on = false;
}

uint32_t own_copy_most_open(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur >= OTHER_FDS + JOB_BATCH_MOST ? JOB_BATCH_MOST : 0;
}

void own_copy_done(struct own_copy *own)
{
	own_copy_end(own);
	job_buffer_done(&own->frame);
}
