/*
 * The loop: requests come in, wait side by side, and are served when they are due.
 *
 * All wait equally long, so the first that came is the first that is due: one queue
 * and one timer do for any number. What takes long to serve (much data, a flush, a
 * request that hangs) gets a thread of its own, and delays nobody.
 *
 * What lost: a thread for each request, which slept there. Half of two processors
 * went to the file system under test then, and what was measured was that.
 */
#include "faultfs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NS UINT64_C(1000000000)
#define MUCH 65536 /* bytes */

struct request {
	struct request *next;
	uint64_t due_ns;
	struct fuse_buf buf; /* owns its memory */
};

static struct request *first, **last = &first;
static uint64_t waiting;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t served = PTHREAD_COND_INITIALIZER;
static int in_threads;

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS + (uint64_t)now.tv_nsec;
}

/* Moves what @in holds to a buffer of its own: a big one by giving it away. */
static int take(struct fuse_buf *in, size_t size, struct fuse_buf *ret)
{
	*ret = *in;
	ret->size = size;
	if (size > MUCH) {
		in->mem = NULL; /* the next one is made by libfuse */
		return 0;
	}
	ret->mem = malloc(size);
	if (!ret->mem)
		return -1;
	memcpy(ret->mem, in->mem, size);
	return 0;
}

/* There is no answer to wait for, or none may wait: the rest of the session depends on it. */
static bool is_due_at_once(const struct fuse_in_header *header)
{
	return header->opcode == FUSE_FORGET || header->opcode == FUSE_BATCH_FORGET || header->opcode == FUSE_INIT ||
	       header->opcode == FUSE_INTERRUPT || header->opcode == FUSE_DESTROY;
}

static void serve_now(struct fuse_buf *buf)
{
	fuse_session_process_buf(faultfs.session, buf);
	free(buf->mem);
}

static int enqueue(struct fuse_buf *in, size_t size)
{
	struct request *request;
	struct fuse_buf buf;

	if (take(in, size, &buf) < 0)
		return -ENOMEM;
	if (is_due_at_once(buf.mem)) {
		serve_now(&buf);
		return 0;
	}
	request = malloc(sizeof(*request));
	if (!request) {
		free(buf.mem);
		return -ENOMEM;
	}
	*request = (struct request){.due_ns = now_ns() + faultfs.latency_ns, .buf = buf};
	*last = request;
	last = &request->next;
	stats_waiting(++waiting);
	return 0;
}

/* Takes all that has come. Returns 0, or -errno. */
static int receive(struct fuse_buf *in)
{
	int size;

	while ((size = fuse_session_receive_buf(faultfs.session, in)) > 0) {
		int r = enqueue(in, (size_t)size);

		if (r < 0)
			return r;
	}
	return size == -EAGAIN || size == -EINTR ? 0 : size;
}

static void count_thread(int change)
{
	pthread_mutex_lock(&lock);
	in_threads += change;
	pthread_cond_signal(&served);
	pthread_mutex_unlock(&lock);
}

static void *serve_in_thread(void *arg)
{
	struct request *request = arg;

	serve_now(&request->buf);
	free(request);
	count_thread(-1);
	return NULL;
}

static bool takes_long(const struct fuse_buf *buf)
{
	const struct fuse_in_header *header = buf->mem;
	const struct fuse_read_in *read = (const void *)(header + 1);

	if (buf->size > MUCH || rules_hang())
		return true;
	switch (header->opcode) {
	case FUSE_READ:
		return read->size > MUCH;
	case FUSE_COPY_FILE_RANGE:
	case FUSE_FSYNC:
	case FUSE_FSYNCDIR:
	case FUSE_FALLOCATE:
		return true;
	default:
		return false;
	}
}

/* False: it has no thread. */
static bool serve_aside(struct request *request)
{
	pthread_attr_t detached;
	pthread_t thread;
	bool ok;

	if (!takes_long(&request->buf) || pthread_attr_init(&detached) != 0)
		return false;
	count_thread(1);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	ok = pthread_create(&thread, &detached, serve_in_thread, request) == 0;
	pthread_attr_destroy(&detached);
	if (!ok)
		count_thread(-1);
	return ok;
}

static void serve(struct request *request)
{
	if (serve_aside(request))
		return;
	serve_now(&request->buf);
	free(request);
}

/* One at a time, so that what has come meanwhile is seen, and its time taken. */
static bool serve_first(void)
{
	struct request *request = first;

	if (!request || request->due_ns > now_ns())
		return false;
	first = request->next;
	if (!first)
		last = &first;
	waiting--;
	serve(request);
	return true;
}

static void wait_for_something(int fd)
{
	struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
	struct timespec left = {0};
	uint64_t now = now_ns();

	if (first && first->due_ns > now)
		left = (struct timespec){.tv_sec = (time_t)((first->due_ns - now) / NS),
					 .tv_nsec = (long)((first->due_ns - now) % NS)};
	ppoll(&poll_fd, 1, first ? &left : NULL, NULL);
}

int queue_run(void)
{
	int fd = fuse_session_fd(faultfs.session), r = 0;
	struct fuse_buf in = {0};

	if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
		return -errno;
	while (r == 0 && !fuse_session_exited(faultfs.session)) {
		r = receive(&in);
		if (r == 0 && !serve_first() && !fuse_session_exited(faultfs.session))
			wait_for_something(fd);
	}
	free(in.mem);
	pthread_mutex_lock(&lock);
	while (in_threads > 0)
		pthread_cond_wait(&served, &lock);
	pthread_mutex_unlock(&lock);
	return r;
}
