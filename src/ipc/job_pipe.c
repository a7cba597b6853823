/*
 * A pipe(2) with a buffer in front of each end.
 *
 * The writing end is non-blocking, because a master that blocks on a worker
 * that blocks on the master is how a copy hangs for ever. What the pipe does
 * not take waits in @overflow, which the credit window keeps small. The reading
 * end blocks: an idle worker should sleep in read(2).
 *
 * The reader takes as much as there is, up to 64 KiB a call, and serves frames
 * from memory: a call per prefix and one per body lost, since small jobs would
 * spend more time in read(2) than in their own work.
 *
 * A socketpair lost: it would keep message boundaries, but its buffer is
 * charged per message, and its end of file comes with errors of its own.
 *
 * A worker that holds half a frame and finds the pipe empty says so (@starved):
 * the rest is waiting in the master, which has no other way to learn that there
 * is room again. With no half frame in hand there is no need: whatever the
 * worker last took in whole ends in a completion, which wakes the master too.
 */
#include "ipc/job_pipe.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "ipc/job.h"

#define READ_CHUNK (64u << 10)

struct job_pipe {
	int read_fd, write_fd;

	/* Writer: bytes before @sent are in the pipe, those behind it wait. */
	struct job_buffer overflow;
	size_t sent;

	/* Reader: bytes before @served were handed out as frames. */
	struct job_buffer received;
	size_t served;
};

int job_pipe_new(struct job_pipe **ret_pipe)
{
	struct job_pipe *pipe = calloc(1, sizeof(*pipe));
	int fds[2];
	int err;

	if (!pipe)
		return -ENOMEM;
	if (pipe2(fds, O_CLOEXEC) < 0) {
		err = -errno;
		free(pipe);
		return err;
	}
	pipe->read_fd = fds[0];
	pipe->write_fd = fds[1];
	if (fcntl(pipe->write_fd, F_SETFL, O_WRONLY | O_NONBLOCK) < 0) {
		err = -errno;
		job_pipe_free(pipe);
		return err;
	}
	*ret_pipe = pipe;
	return 0;
}

void job_pipe_free(struct job_pipe *pipe)
{
	if (!pipe)
		return;
	close_fd(pipe->read_fd);
	close_fd(pipe->write_fd);
	job_buffer_done(&pipe->overflow);
	job_buffer_done(&pipe->received);
	free(pipe);
}

void job_pipe_be_reader(struct job_pipe *pipe)
{
	pipe->write_fd = close_fd(pipe->write_fd);
}

void job_pipe_be_writer(struct job_pipe *pipe)
{
	pipe->read_fd = close_fd(pipe->read_fd);
}

int job_pipe_fd(const struct job_pipe *pipe)
{
	if (pipe->read_fd >= 0 && pipe->write_fd >= 0)
		return -1;
	return pipe->read_fd >= 0 ? pipe->read_fd : pipe->write_fd;
}

int job_pipe_reader_fd(const struct job_pipe *pipe)
{
	return pipe->read_fd;
}

/* Writes what the pipe takes now. Returns the bytes taken or -EPIPE. */
static ssize_t write_some(int fd, const uint8_t *bytes, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = write(fd, bytes + done, len - done);

		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || errno == EAGAIN)
			break;
		else if (errno != EINTR)
			return -EPIPE; /* EPIPE, or EBADF after job_pipe_close() */
	}
	return (ssize_t)done;
}

int job_pipe_flush(struct job_pipe *pipe)
{
	ssize_t n;

	if (job_pipe_pending(pipe) == 0)
		return 0;
	if (pipe->write_fd < 0)
		return -EPIPE;
	n = write_some(pipe->write_fd, pipe->overflow.data + pipe->sent, job_pipe_pending(pipe));
	if (n < 0)
		return (int)n;
	pipe->sent += (size_t)n;
	if (pipe->sent == pipe->overflow.len)
		pipe->sent = pipe->overflow.len = 0;
	return 0;
}

void job_pipe_queue(struct job_pipe *pipe, const void *frame, size_t len)
{
	size_t waiting = job_pipe_pending(pipe);

	if (pipe->sent > 0)
		memmove(pipe->overflow.data, pipe->overflow.data + pipe->sent, waiting);
	pipe->sent = 0;
	pipe->overflow.len = waiting;
	job_buffer_reserve(&pipe->overflow, len);
	memcpy(pipe->overflow.data + pipe->overflow.len, frame, len);
	pipe->overflow.len += len;
}

int job_pipe_send(struct job_pipe *pipe, const void *frame, size_t len)
{
	if (pipe->write_fd < 0)
		return -EPIPE;
	job_pipe_queue(pipe, frame, len);
	return job_pipe_flush(pipe);
}

size_t job_pipe_pending(const struct job_pipe *pipe)
{
	return pipe->overflow.len - pipe->sent;
}

void job_pipe_close(struct job_pipe *pipe)
{
	pipe->write_fd = close_fd(pipe->write_fd);
	pipe->sent = pipe->overflow.len = 0;
}

/* Length of the frame that starts at @served, as far as it is known: a prefix
 * that is not there yet needs JOB_PREFIX bytes. 0 for a length that is nonsense. */
static size_t frame_length(const struct job_pipe *pipe)
{
	uint32_t len;

	if (pipe->received.len - pipe->served < JOB_PREFIX)
		return JOB_PREFIX;
	memcpy(&len, pipe->received.data + pipe->served, sizeof(len));
	return len > JOB_PREFIX && len <= JOB_FRAME_MAX ? len : 0;
}

bool job_pipe_has_frame(const struct job_pipe *pipe)
{
	size_t need = frame_length(pipe);

	return need > JOB_PREFIX && pipe->received.len - pipe->served >= need;
}

/* Reads once, with room for at least the rest of a frame of @need bytes.
 * Returns what read(2) does, or -errno. */
static ssize_t read_more(struct job_pipe *pipe, size_t need)
{
	struct job_buffer *in = &pipe->received;
	size_t kept = in->len - pipe->served;
	ssize_t n;

	if (pipe->served > 0 && kept > 0)
		memmove(in->data, in->data + pipe->served, kept);
	pipe->served = 0;
	in->len = kept;
	job_buffer_reserve(in, need - kept > READ_CHUNK ? need - kept : READ_CHUNK);

	do
		n = read(pipe->read_fd, in->data + in->len, in->cap - in->len);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	in->len += (size_t)n;
	return n;
}

static bool pipe_is_empty(const struct job_pipe *pipe)
{
	struct pollfd readable = {.fd = pipe->read_fd, .events = POLLIN};

	return poll(&readable, 1, 0) == 0;
}

static unsigned waiting(const struct job_pipe *pipe, unsigned most)
{
	size_t at = pipe->served;
	unsigned count = 0;
	uint32_t len;

	while (count < most && pipe->received.len - at >= JOB_PREFIX) {
		memcpy(&len, pipe->received.data + at, sizeof(len));
		if (len <= JOB_PREFIX || len > pipe->received.len - at)
			break;
		at += len;
		count++;
	}
	return count;
}

bool job_pipe_is_low(const struct job_pipe *pipe, unsigned low)
{
	return waiting(pipe, low + 1) <= low && pipe_is_empty(pipe);
}

int job_pipe_receive(struct job_pipe *pipe, const void **ret_frame, size_t *ret_len,
                     void (*starved)(void *arg), void *arg)
{
	while (!job_pipe_has_frame(pipe)) {
		size_t need = frame_length(pipe);
		bool in_frame = pipe->received.len > pipe->served;
		ssize_t n;

		if (need == 0)
			return -EBADMSG;
		if (in_frame && starved && pipe_is_empty(pipe))
			starved(arg);
		n = read_more(pipe, need);
		if (n < 0)
			return (int)n;
		if (n == 0)
			return in_frame ? -EBADMSG : 0;
	}

	*ret_frame = pipe->received.data + pipe->served;
	*ret_len = frame_length(pipe);
	pipe->served += *ret_len;
	return 1;
}
