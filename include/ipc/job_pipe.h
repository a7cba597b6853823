/*
 * A pipe that carries job frames from the master to one worker.
 *
 * Promises that the writing side never blocks (what the pipe does not take now
 * waits in a private buffer and goes out on job_pipe_flush()), that each
 * process holds only its own end, and that the reader sees end of file when
 * the writer is gone.
 *
 * Runs in: both, one end each.  Blocks: the reader in read(2) only; the writer
 * never.  Allocates: the writer's overflow and the reader's frame buffer.
 * Owns: both descriptors until one is given up.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct job_pipe;

/* Opens a pipe, both ends CLOEXEC, the writing end non-blocking. Returns 0 or -errno. */
int job_pipe_new(struct job_pipe **ret_pipe);
void job_pipe_free(struct job_pipe *pipe);

/* After the fork: closes the end this process does not use. */
void job_pipe_be_reader(struct job_pipe *pipe);
void job_pipe_be_writer(struct job_pipe *pipe);

/* The descriptor of the end still open for this process, or -1. */
int job_pipe_fd(const struct job_pipe *pipe);

/* Before the fork: the descriptor the child must keep open. */
int job_pipe_reader_fd(const struct job_pipe *pipe);

/* Writer: keeps a whole frame for the next job_pipe_flush(), in the order of the calls. */
void job_pipe_queue(struct job_pipe *pipe, const void *frame, size_t len);

/* Writer: sends a whole frame or keeps what did not fit. Returns 0, or -EPIPE
 * when the reader is gone (SIGPIPE must be ignored). */
int job_pipe_send(struct job_pipe *pipe, const void *frame, size_t len);

/* Writer: sends more of what waits. Returns 0 or -EPIPE. */
int job_pipe_flush(struct job_pipe *pipe);

/* Writer: bytes still waiting in this process. */
size_t job_pipe_pending(const struct job_pipe *pipe);

/* Writer: closes the writing end (the reader will see end of file once
 * everything sent has been read). What still waits is dropped. */
void job_pipe_close(struct job_pipe *pipe);

/* Reader: returns 1 with a frame (valid until the next call), 0 at end of
 * file, or -errno; -EBADMSG when the stream ends inside a frame or a length is
 * nonsense. @starved is called, when not NULL, each time a frame is incomplete
 * and the pipe is empty, so that the writer can be told there is room. */
int job_pipe_receive(struct job_pipe *pipe, const void **ret_frame, size_t *ret_len,
                     void (*starved)(void *arg), void *arg);

/* Reader: true when another whole frame is already in memory. */
bool job_pipe_has_frame(const struct job_pipe *pipe);

/* Reader: true when at most @low whole frames are in memory, and none in the pipe. */
bool job_pipe_is_low(const struct job_pipe *pipe, unsigned low);
