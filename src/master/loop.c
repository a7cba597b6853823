/*
 * Every callback is one line into the session. What libuv's own process and
 * async handles would do is left out on purpose: uv_spawn execs, uv_async keeps
 * its pending flag in private memory, and no call here starts the thread pool.
 *
 * A dead worker's handle is closed before its pidfd is: closing a descriptor
 * that epoll still watches would leave libuv with a number that soon means
 * something else.
 */
#include "master/loop.h"

#include "base/cleanup.h"
#include "master/tally.h"

#include <signal.h>
#include <string.h>
#include <uv.h>

#define TICK_MS 100
#define REST_MS 5 /* by then the first worker has copied some small files alone */

typedef void signal_event_fn(struct session *session, int signal);

static void on_status(struct session *session, int signal)
{
	(void)signal;
	session_on_status_signal(session);
}

static void on_resize(struct session *session, int signal)
{
	(void)signal;
	session_on_resize(session);
}

/* The terminal is put in order, then we stop as if nobody had caught it; what
 * follows raise() runs after SIGCONT. Not SIGSTOP: where no shell could wake us
 * (an orphaned process group), the kernel takes SIGTSTP for nothing. */
static void on_suspend(struct session *session, int signal)
{
	struct sigaction stop = { .sa_handler = SIG_DFL }, ours;

	session_on_suspend(session);
	sigaction(signal, &stop, &ours);
	raise(signal);
	sigaction(signal, &ours, NULL);
	session_on_resume(session);
}

static const struct {
	int number;
	signal_event_fn *event;
} handled[] = {
	{ SIGINT, session_on_stop_signal },
	{ SIGTERM, session_on_stop_signal },
	{ SIGHUP, session_on_stop_signal },
	{ SIGTSTP, on_suspend },
	{ SIGWINCH, on_resize },
	{ SIGUSR1, on_status },
};
#define HANDLED (sizeof(handled) / sizeof(*handled))

struct loop {
	uv_loop_t uv;
	uv_poll_t doorbell;
	uv_timer_t tick, rest;
	uv_poll_t keys, control;
	bool control_asked;
	uv_signal_t signal[HANDLED];
	uv_poll_t *pid[POOL_MAX];
	struct session *session;
	struct worker_pool *pool;
};

static void end_if_over(struct loop *loop)
{
	if (session_is_over(loop->session))
		uv_stop(&loop->uv);
}

static void on_doorbell(uv_poll_t *handle, int status, int events)
{
	struct loop *loop = handle->data;

	(void)status;
	(void)events;
	session_on_completions(loop->session);
	end_if_over(loop);
}

static void on_control(uv_poll_t *handle, int status, int events)
{
	struct loop *loop = handle->data;

	(void)status;
	(void)events;
	session_on_control(loop->session);
	end_if_over(loop);
}

/* At the first tick: a copy that is over before it needs no socket, and making
 * one in a directory on a disk took longer than copying ten small files. What
 * cannot be watched is gone without. */
static void start_control(struct loop *loop)
{
	int fd = session_open_control(loop->session);

	loop->control_asked = true;

	if (fd < 0 || uv_poll_init(&loop->uv, &loop->control, fd) < 0)
		return;
	loop->control.data = loop;
	uv_poll_start(&loop->control, UV_READABLE, on_control);
}

static void on_tick(uv_timer_t *handle)
{
	struct loop *loop = handle->data;

	if (!loop->control_asked)
		start_control(loop);
	session_on_tick(loop->session);
	end_if_over(loop);
}

static void on_rest(uv_timer_t *handle)
{
	if (session_start_worker(((struct loop *)handle->data)->session))
		uv_timer_start(handle, on_rest, 1, 0); /* 0 would come before a look at what has come meanwhile */
}

/* A key may end the display that reads them: its descriptor is not watched
 * while it could be closed. */
static void on_keys(uv_poll_t *handle, int status, int events)
{
	struct loop *loop = handle->data;

	(void)events;
	uv_poll_stop(handle);
	if (status < 0)
		return; /* the terminal is gone */
	session_on_key(loop->session);
	if (session_input_fd(loop->session) >= 0)
		uv_poll_start(handle, UV_READABLE, on_keys);
	end_if_over(loop);
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct loop *loop = handle->data;

	for (size_t i = 0; i < HANDLED; i++)
		if (handled[i].number == number)
			handled[i].event(loop->session, number);
	end_if_over(loop);
}

static void free_handle(uv_handle_t *handle)
{
	free(handle);
}

static void on_pid(uv_poll_t *handle, int status, int events)
{
	struct loop *loop = handle->data;

	(void)status;
	(void)events;
	for (unsigned slot = 0; slot < pool_slots(loop->pool); slot++)
		if (loop->pid[slot] == handle) {
			loop->pid[slot] = NULL;
			uv_poll_stop(handle);
			uv_close((uv_handle_t *)handle, free_handle);
			session_on_worker_end(loop->session, slot);
			end_if_over(loop);
			return;
		}
}

static void watch_worker(unsigned slot, void *arg)
{
	struct loop *loop = arg;
	int fd = pool_worker(loop->pool, slot)->pid_fd;

	if (fd < 0)
		return; /* the tick looks after it */
	uv_poll_t *handle = calloc(1, sizeof(*handle));

	if (!handle)
		abort();
	handle->data = loop;
	if (uv_poll_init(&loop->uv, handle, fd) < 0) {
		free(handle);
		return;
	}
	loop->pid[slot] = handle;
	uv_poll_start(handle, UV_READABLE, on_pid);
}

/* libuv aborts when epoll_ctl(2) is refused (fs.epoll.max_user_watches), we when
 * there is no memory; a program that ends owes its user a sentence. Workers end
 * with the master, and what they leave the next run removes. */
static void on_abort(int signal)
{
	static const char text[] = "pcopy: no memory or no event watches left, or an internal error: "
	                           "the copy is not complete (--resume goes on)\n";
	ssize_t ignored = write(STDERR_FILENO, text, sizeof(text) - 1);

	(void)ignored;
	(void)signal;
	_exit(EXIT_SOME_FAILED);
}

static bool is_ignored(int number)
{
	struct sigaction action;

	return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

static int start_keys(struct loop *loop)
{
	int fd = session_input_fd(loop->session);
	int err = fd >= 0 ? uv_poll_init(&loop->uv, &loop->keys, fd) : 0;

	if (fd < 0 || err < 0)
		return err;
	loop->keys.data = loop;
	return uv_poll_start(&loop->keys, UV_READABLE, on_keys);
}

static int start_sources(struct loop *loop)
{
	int err = uv_poll_init(&loop->uv, &loop->doorbell, completion_queue_fd(pool_queue(loop->pool)));

	if (err < 0)
		return err;
	loop->doorbell.data = loop->tick.data = loop->rest.data = loop;
	uv_poll_start(&loop->doorbell, UV_READABLE, on_doorbell);
	err = start_keys(loop);
	if (err < 0)
		return err;
	uv_timer_init(&loop->uv, &loop->tick);
	uv_timer_start(&loop->tick, on_tick, TICK_MS, TICK_MS);
	uv_timer_init(&loop->uv, &loop->rest);
	uv_timer_start(&loop->rest, on_rest, REST_MS, 0);
	for (size_t i = 0; i < HANDLED; i++) {
		uv_signal_init(&loop->uv, &loop->signal[i]);
		loop->signal[i].data = loop;
		if (!is_ignored(handled[i].number))
			uv_signal_start(&loop->signal[i], on_signal, handled[i].number);
	}
	for (unsigned slot = 0; slot < pool_slots(loop->pool); slot++)
		if (pool_has(loop->pool, slot))
			watch_worker(slot, loop);
	session_set_new_worker(loop->session, watch_worker, loop);
	return 0;
}

static void close_all(uv_handle_t *handle, void *arg)
{
	struct loop *loop = arg;
	bool ours = (void *)handle >= (void *)loop && (void *)handle < (void *)(loop + 1);

	if (!uv_is_closing(handle))
		uv_close(handle, ours ? NULL : free_handle);
}

int loop_run(struct session *session, struct worker_pool *pool)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	int err;

	if (!loop)
		abort();
	signal(SIGABRT, on_abort);
	loop->session = session;
	loop->pool = pool;
	err = uv_loop_init(&loop->uv);
	if (err < 0) {
		free(loop);
		return err;
	}
	err = start_sources(loop);
	if (err == 0) {
		session_begin(session);
		session_on_completions(session);
		if (!session_is_over(session))
			uv_run(&loop->uv, UV_RUN_DEFAULT);
	}
	session_set_new_worker(session, NULL, NULL);
	uv_walk(&loop->uv, close_all, loop);
	uv_run(&loop->uv, UV_RUN_DEFAULT);
	uv_loop_close(&loop->uv);
	free(loop);
	return err;
}
