/*
 * Frames through a pipe, between processes where that is the point. In every
 * test a child is started with a deadline behind it, so a side that blocks where
 * it must not is a failure, not a hang.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "../support/child.h"
#include "ipc/job.h"
#include "ipc/job_pipe.h"

/* A frame of @len bytes whose contents follow from @seed. */
static uint8_t *make_frame(size_t len, unsigned seed)
{
	uint8_t *frame = malloc(len);
	uint32_t prefix = (uint32_t)len;

	if (!frame)
		abort();
	for (size_t i = 0; i < len; i++)
		frame[i] = (uint8_t)(i * 7 + seed);
	memcpy(frame, &prefix, sizeof(prefix));
	return frame;
}

static bool is_frame(const void *bytes, size_t got, size_t len, unsigned seed)
{
	uint8_t *frame = make_frame(len, seed);
	bool same = got == len && !memcmp(bytes, frame, len);

	free(frame);
	return same;
}

static int send_frame(struct job_pipe *pipe, size_t len, unsigned seed)
{
	uint8_t *frame = make_frame(len, seed);
	int err = job_pipe_send(pipe, frame, len);

	free(frame);
	return err;
}

static bool receives(struct job_pipe *pipe, size_t expected_len, unsigned seed)
{
	const void *frame;
	size_t len;

	return job_pipe_receive(pipe, &frame, &len, NULL, NULL) == 1 && is_frame(frame, len, expected_len, seed);
}

/* Sends what waits as the reader makes room. */
static int flush_all(struct job_pipe *pipe)
{
	while (job_pipe_pending(pipe) > 0) {
		struct pollfd room = {.fd = job_pipe_fd(pipe), .events = POLLOUT};
		int err;

		if (poll(&room, 1, CHILD_DEADLINE_MS) != 1)
			return -ETIMEDOUT;
		err = job_pipe_flush(pipe);
		if (err)
			return err;
	}
	return 0;
}

/* One process holding both ends: fine as long as nothing blocks. */
static int open_pipe(void **state)
{
	struct job_pipe *pipe = NULL;

	if (job_pipe_new(&pipe))
		return -1;
	*state = pipe;
	return 0;
}

static int close_pipe(void **state)
{
	job_pipe_free(*state);
	return 0;
}

static void frames_arrive_whole_and_in_order(void **state)
{
	struct job_pipe *pipe = *state;
	const void *frame;
	size_t len;

	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(send_frame(pipe, 5 + i * 10, i), 0);
	for (unsigned i = 0; i < 20; i++) {
		/* The first read takes them all: nothing is left in the pipe. */
		assert_int_equal(job_pipe_has_frame(pipe), i > 0);
		assert_int_equal(job_pipe_receive(pipe, &frame, &len, NULL, NULL), 1);
		assert_true(is_frame(frame, len, 5 + i * 10, i));
	}
	assert_false(job_pipe_has_frame(pipe));
}

static void is_low_only_when_little_is_left_anywhere(void **state)
{
	struct job_pipe *pipe = *state;
	const void *frame;
	size_t len;

	assert_true(job_pipe_is_low(pipe, 0));
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(send_frame(pipe, 50, i), 0);
	assert_int_equal(job_pipe_send(pipe, "\100\0\0\0half", 8), 0);
	assert_false(job_pipe_is_low(pipe, 2)); /* in the pipe still */
	assert_int_equal(job_pipe_receive(pipe, &frame, &len, NULL, NULL), 1);
	assert_false(job_pipe_is_low(pipe, 2)); /* three in memory */
	assert_true(job_pipe_is_low(pipe, 3));
	assert_int_equal(job_pipe_receive(pipe, &frame, &len, NULL, NULL), 1);
	assert_true(job_pipe_is_low(pipe, 2));
	assert_int_equal(send_frame(pipe, 50, 9), 0);
	assert_false(job_pipe_is_low(pipe, 2));
}

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

/* Whether any descriptor of this process but @own is an end of the pipe @own is one of. */
static bool other_end_is_open(int own)
{
	char link[64], here[64], there[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", own);
	n = readlink(link, here, sizeof(here) - 1);
	if (n < 0)
		return true;
	here[n] = '\0';
	for (int fd = 0; fd < 256; fd++) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = fd == own ? -1 : readlink(link, there, sizeof(there) - 1);
		if (n < 0)
			continue;
		there[n] = '\0';
		if (!strcmp(here, there))
			return true;
	}
	return false;
}

static int reader_holds_its_own_end_only(void *arg)
{
	struct job_pipe *pipe = arg;
	int flags;

	job_pipe_be_reader(pipe);
	flags = fcntl(job_pipe_fd(pipe), F_GETFL);
	if (flags < 0 || (flags & O_ACCMODE) != O_RDONLY || (flags & O_NONBLOCK))
		return 1;
	return other_end_is_open(job_pipe_fd(pipe));
}

static void each_process_holds_its_own_end_only(void **state)
{
	struct job_pipe *pipe = *state;
	pid_t child = child_start(reader_holds_its_own_end_only, pipe);
	int flags;

	assert_true(child_succeeded(child));
	assert_int_equal(job_pipe_fd(pipe), -1); /* both are open: it is neither */
	assert_int_equal(fcntl(job_pipe_reader_fd(pipe), F_GETFL) & O_ACCMODE, O_RDONLY);
	job_pipe_be_writer(pipe);
	flags = fcntl(job_pipe_fd(pipe), F_GETFL);
	assert_true(flags >= 0);
	assert_int_equal(flags & O_ACCMODE, O_WRONLY);
	assert_true(flags & O_NONBLOCK);
	assert_true(fcntl(job_pipe_fd(pipe), F_GETFD) & FD_CLOEXEC);
	assert_false(other_end_is_open(job_pipe_fd(pipe)));
}

static void closing_and_freeing_close_for_real(void **state)
{
	struct job_pipe *pipe;
	int fd;

	(void)state;
	assert_int_equal(job_pipe_new(&pipe), 0);
	job_pipe_be_writer(pipe);
	fd = job_pipe_fd(pipe);
	assert_true(is_open(fd));
	job_pipe_close(pipe);
	assert_false(is_open(fd));
	assert_int_equal(job_pipe_fd(pipe), -1);
	assert_int_equal(send_frame(pipe, 10, 0), -EPIPE);
	job_pipe_free(pipe);

	assert_int_equal(job_pipe_new(&pipe), 0);
	job_pipe_be_reader(pipe);
	fd = job_pipe_fd(pipe);
	assert_true(is_open(fd));
	job_pipe_free(pipe);
	assert_false(is_open(fd));
	job_pipe_free(NULL);
}

static int reads_three_frames_then_the_end(void *arg)
{
	struct job_pipe *pipe = arg;
	const void *frame;
	size_t len;

	job_pipe_be_reader(pipe);
	for (unsigned i = 0; i < 3; i++)
		if (!receives(pipe, 100, i))
			return 1;
	return job_pipe_receive(pipe, &frame, &len, NULL, NULL) != 0;
}

static void the_reader_sees_the_end_when_the_writer_closes(void **state)
{
	struct job_pipe *pipe = *state;
	pid_t child = child_start(reads_three_frames_then_the_end, pipe);

	job_pipe_be_writer(pipe);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(send_frame(pipe, 100, i), 0);
	job_pipe_close(pipe);
	assert_true(child_succeeded(child));
}

static int sends_three_frames_and_hangs(void *arg)
{
	struct job_pipe *pipe = arg;

	job_pipe_be_writer(pipe);
	for (unsigned i = 0; i < 3; i++)
		if (send_frame(pipe, 100, i))
			return 1;
	for (;;)
		pause();
}

static void the_reader_sees_the_end_when_the_writer_is_killed(void **state)
{
	struct job_pipe *pipe = *state;
	pid_t writer = child_start(sends_three_frames_and_hangs, pipe);
	pid_t reader;

	assert_true(child_await_state(writer, 'S'));
	reader = child_start(reads_three_frames_then_the_end, pipe);
	job_pipe_be_writer(pipe);
	job_pipe_close(pipe);
	child_kill(writer);
	assert_true(child_succeeded(reader));
}

static void a_writer_whose_reader_is_gone_is_told(void **state)
{
	struct job_pipe *pipe = *state;

	job_pipe_be_writer(pipe); /* no one else has the reading end */
	assert_int_equal(send_frame(pipe, 100, 0), -EPIPE);
}

static void what_waits_is_refused_when_the_reader_goes(void **state)
{
	struct job_pipe *pipe = *state;

	assert_int_equal(send_frame(pipe, 1 << 20, 0), 0);
	assert_true(job_pipe_pending(pipe) > 0);
	job_pipe_be_writer(pipe);
	assert_int_equal(job_pipe_flush(pipe), -EPIPE);
	assert_int_equal(send_frame(pipe, 100, 0), -EPIPE);
}

static void the_end_inside_a_frame_is_an_error(void **state)
{
	struct job_pipe *pipe;
	uint8_t *frame = make_frame(100, 1);
	const void *got;
	size_t len;

	(void)state;
	for (size_t part = 1; part < 100; part += 3) {
		assert_int_equal(job_pipe_new(&pipe), 0);
		assert_int_equal(job_pipe_send(pipe, frame, part), 0);
		job_pipe_close(pipe);
		assert_int_equal(job_pipe_receive(pipe, &got, &len, NULL, NULL), -EBADMSG);
		job_pipe_free(pipe);
	}
	free(frame);
}

static void a_length_that_is_nonsense_is_an_error(void **state)
{
	static const uint32_t bad[] = {0, 1, JOB_PREFIX, JOB_FRAME_MAX + 1, UINT32_MAX};
	struct job_pipe *pipe;
	const void *got;
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(job_pipe_new(&pipe), 0);
		assert_int_equal(job_pipe_send(pipe, &bad[i], sizeof(bad[i])), 0);
		assert_int_equal(job_pipe_receive(pipe, &got, &len, NULL, NULL), -EBADMSG);
		assert_false(job_pipe_has_frame(pipe));
		job_pipe_free(pipe);
	}
}

struct feeding {
	struct job_pipe *pipe;
	const uint8_t *frame;
	size_t sent, len;
	unsigned starved;
};

/* The reader has an incomplete frame and nothing to read: give it one byte more. */
static void feed(void *arg)
{
	struct feeding *f = arg;

	f->starved++;
	if (f->sent < f->len && job_pipe_send(f->pipe, f->frame + f->sent, 1) == 0)
		f->sent++;
}

static void a_frame_may_come_byte_by_byte(void **state)
{
	uint8_t *frame = make_frame(30, 5);
	struct feeding f = {.pipe = *state, .frame = frame, .sent = 1, .len = 30};
	const void *got;
	size_t len;

	assert_int_equal(job_pipe_send(f.pipe, frame, 1), 0);
	assert_int_equal(job_pipe_receive(f.pipe, &got, &len, feed, &f), 1);
	assert_true(is_frame(got, len, 30, 5));
	assert_int_equal(f.starved, 29);
	free(frame);
}

static void a_reader_with_whole_frames_is_not_starved(void **state)
{
	struct feeding f = {.pipe = *state};
	const void *got;
	size_t len;

	assert_int_equal(send_frame(f.pipe, 30, 1), 0);
	assert_int_equal(send_frame(f.pipe, 40, 2), 0);
	assert_int_equal(job_pipe_receive(f.pipe, &got, &len, feed, &f), 1);
	assert_int_equal(job_pipe_receive(f.pipe, &got, &len, feed, &f), 1);
	job_pipe_close(f.pipe);
	assert_int_equal(job_pipe_receive(f.pipe, &got, &len, feed, &f), 0);
	assert_int_equal(f.starved, 0);
}

#define BIG (3u << 20)
#define MANY 400

static int reads_big_frames(void *arg)
{
	struct job_pipe *pipe = arg;
	const void *frame;
	size_t len;

	job_pipe_be_reader(pipe);
	for (unsigned i = 0; i < 3; i++)
		if (!receives(pipe, BIG + i, i))
			return 1;
	for (unsigned i = 0; i < MANY; i++)
		if (!receives(pipe, 1000 + i, i))
			return 2;
	return job_pipe_receive(pipe, &frame, &len, NULL, NULL) != 0;
}

static void a_frame_may_be_bigger_than_the_pipe(void **state)
{
	struct job_pipe *pipe = *state;
	pid_t child = child_start(reads_big_frames, pipe);

	job_pipe_be_writer(pipe);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(send_frame(pipe, BIG + i, i), 0);
	for (unsigned i = 0; i < MANY; i++)
		assert_int_equal(send_frame(pipe, 1000 + i, i), 0);
	assert_int_equal(flush_all(pipe), 0);
	job_pipe_close(pipe);
	assert_true(child_succeeded(child));
}

static void the_writer_never_blocks_and_nothing_overtakes(void **state)
{
	struct job_pipe *pipe = *state;
	size_t waiting = 0;
	const void *frame;
	size_t len;

	/* No one reads: were any of these to block, it would be for ever. */
	for (unsigned i = 0; i < 300; i++) {
		assert_int_equal(send_frame(pipe, 1000, i), 0);
		assert_true(job_pipe_pending(pipe) >= waiting);
		waiting = job_pipe_pending(pipe);
	}
	assert_true(waiting > 0);
	assert_int_equal(job_pipe_flush(pipe), 0); /* nothing to gain, not an error */
	assert_int_equal(job_pipe_pending(pipe), waiting);

	for (unsigned i = 0; i < 300; i++) {
		assert_int_equal(job_pipe_receive(pipe, &frame, &len, NULL, NULL), 1);
		assert_true(is_frame(frame, len, 1000, i));
		/* A new frame must go behind the old ones that still wait. */
		if (i < 100)
			assert_int_equal(send_frame(pipe, 1000, 300 + i), 0);
		else
			assert_int_equal(job_pipe_flush(pipe), 0);
	}
	for (unsigned i = 0; i < 100; i++) {
		assert_int_equal(job_pipe_flush(pipe), 0);
		assert_int_equal(job_pipe_receive(pipe, &frame, &len, NULL, NULL), 1);
		assert_true(is_frame(frame, len, 1000, 300 + i));
	}
	assert_int_equal(job_pipe_pending(pipe), 0);
}

static void a_frame_that_would_fit_waits_for_one_that_does_not(void **state)
{
	struct job_pipe *pipe = *state;
	unsigned sent = 0;
	const void *frame;
	size_t len;

	/* The last of these is refused whole and leaves less than 1000 bytes free. */
	while (job_pipe_pending(pipe) == 0)
		assert_int_equal(send_frame(pipe, 1000, sent++), 0);
	assert_int_equal(job_pipe_pending(pipe), 1000);
	assert_int_equal(send_frame(pipe, 10, sent), 0);
	assert_int_equal(job_pipe_pending(pipe), 1010);
	for (unsigned i = 0; i < sent; i++) {
		assert_int_equal(job_pipe_receive(pipe, &frame, &len, NULL, NULL), 1);
		assert_true(is_frame(frame, len, 1000, i));
		assert_int_equal(job_pipe_flush(pipe), 0);
	}
	assert_int_equal(job_pipe_receive(pipe, &frame, &len, NULL, NULL), 1);
	assert_true(is_frame(frame, len, 10, sent));
}

static void closing_drops_what_waits(void **state)
{
	struct job_pipe *pipe = *state;

	assert_int_equal(send_frame(pipe, 1 << 20, 0), 0);
	assert_true(job_pipe_pending(pipe) > 0);
	job_pipe_close(pipe);
	assert_int_equal(job_pipe_pending(pipe), 0);
}

#define WITH_PIPE(test) cmocka_unit_test_setup_teardown(test, open_pipe, close_pipe)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PIPE(frames_arrive_whole_and_in_order),
		WITH_PIPE(is_low_only_when_little_is_left_anywhere),
		WITH_PIPE(each_process_holds_its_own_end_only),
		cmocka_unit_test(closing_and_freeing_close_for_real),
		WITH_PIPE(the_reader_sees_the_end_when_the_writer_closes),
		WITH_PIPE(the_reader_sees_the_end_when_the_writer_is_killed),
		WITH_PIPE(a_writer_whose_reader_is_gone_is_told),
		WITH_PIPE(what_waits_is_refused_when_the_reader_goes),
		cmocka_unit_test(the_end_inside_a_frame_is_an_error),
		cmocka_unit_test(a_length_that_is_nonsense_is_an_error),
		WITH_PIPE(a_frame_may_come_byte_by_byte),
		WITH_PIPE(a_reader_with_whole_frames_is_not_starved),
		WITH_PIPE(a_frame_may_be_bigger_than_the_pipe),
		WITH_PIPE(the_writer_never_blocks_and_nothing_overtakes),
		WITH_PIPE(a_frame_that_would_fit_waits_for_one_that_does_not),
		WITH_PIPE(closing_drops_what_waits),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
