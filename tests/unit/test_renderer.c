/*
 * The faces: what they write and when. Plain and JSON write into a pipe; the
 * two that draw have a terminal of their own (a pty), where the bytes show
 * what a terminal would be left with.
 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/message.h"
#include "ui/json.h"
#include "ui/renderer.h"

static struct progress_worker in_hand = {.path = "dir/\xe6\xbc\xa2 bad\xff.txt"};

static struct progress_view view_at(double seconds)
{
	return (struct progress_view){
		.sample = {.now_ns = (uint64_t)(seconds * 1e9), .phase = PHASE_COPY, .files_done = 10,
			   .files_total = 40, .bytes_done = 1000, .bytes_total = 4000, .dirty_bytes = UINT64_MAX,
			   .jobs = 3, .workers = &in_hand, .n_workers = 1},
		.fraction = 0.25,
		.files_per_s = 2.5,
		.bytes_per_s = 250,
		.elapsed_ns = (uint64_t)(seconds * 1e9),
		.eta_ns = 12 * NS_PER_S,
		.current = &in_hand,
	};
}

/* All that can be read from @fd now. */
static const char *read_now(int fd)
{
	static char text[65536];
	ssize_t len = read(fd, text, sizeof(text) - 1);

	text[len > 0 ? len : 0] = '\0';
	return text;
}

static unsigned count(const char *text, const char *word)
{
	unsigned n = 0;

	for (text = strstr(text, word); text; text = strstr(text + 1, word))
		n++;
	return n;
}

static struct renderer *start_into(const struct renderer_face *face, int fd)
{
	static const char *const sources[] = {"a", "b\""};
	struct renderer_start start = {.jobs = 3, .fd = fd, .sources = sources, .n_sources = 2, .dest = "d"};
	struct renderer *renderer;

	assert_int_equal(renderer_new(face, &start, &renderer), 0);
	return renderer;
}

static void open_pipe(int fds[2])
{
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
}

static void plain_writes_a_line_every_five_seconds(void **state)
{
	struct renderer *renderer;
	const char *text;
	int fds[2];

	(void)state;
	open_pipe(fds);
	renderer = start_into(&renderer_plain, fds[1]);
	for (unsigned tenth = 1; tenth < 50; tenth++) {
		struct progress_view view = view_at(tenth / 10.0);

		renderer_draw(renderer, &view);
	}
	assert_string_equal(read_now(fds[0]), "");
	for (unsigned tenth = 50; tenth <= 160; tenth++) {
		struct progress_view view = view_at(tenth / 10.0);

		renderer_draw(renderer, &view);
	}
	text = read_now(fds[0]);
	assert_int_equal(count(text, "\n"), 3);
	assert_int_equal(count(text, "pcopy: 25%, "), 3);
	assert_int_equal(count(text, "\033"), 0);
	renderer_free(renderer);
	close(fds[0]);
	close(fds[1]);
}

static void json_tells_the_whole_run(void **state)
{
	struct renderer *renderer;
	struct summary summary = {.files = 40, .bytes = 4000, .elapsed_ns = 2 * NS_PER_S, .jobs = 3, .status = 1,
				  .failed = 1, .by_method[DATA_REFLINK] = 7, .lost[LOSS_XATTR] = 9};
	struct renderer_failure failure = {.path = "x\xfe\n", .stage = "write", .err = 28, .message = "no \"space\""};
	const char *text;
	int fds[2];

	(void)state;
	open_pipe(fds);
	clock_use_fake(100 * NS_PER_S);
	renderer = start_into(&renderer_json, fds[1]);
	assert_string_equal(read_now(fds[0]),
			    "{\"v\":1,\"event\":\"start\",\"t\":0.000,\"version\":\"" PCOPY_VERSION
			    "\",\"jobs\":3,\"sources\":[\"a\",\"b\\\"\"],\"dest\":\"d\"}\n");
	clock_use_fake(101 * NS_PER_S + 500 * NS_PER_MS);
	renderer_failure(renderer, &failure);
	assert_string_equal(read_now(fds[0]),
			    "{\"v\":1,\"event\":\"failure\",\"t\":1.500,\"path\":\"x\\ufffd\\u000a\","
			    "\"path_bytes\":\"eP4K\",\"stage\":\"write\",\"errno\":28,\"message\":\"no \\\"space\\\"\"}\n");
	for (unsigned tenth = 1; tenth <= 18; tenth++) { /* 0.1, 0.6, 1.1, 1.6; the last is held back */
		struct progress_view view = view_at(tenth / 10.0);

		renderer_draw(renderer, &view);
	}
	text = read_now(fds[0]);
	assert_int_equal(count(text, "\"event\":\"phase\""), 1);
	assert_int_equal(count(text, "\"event\":\"progress\""), 4);
	assert_int_equal(count(text, "\"files_done\":10,\"files_total\":40,\"bytes_done\":1000,\"bytes_total\":4000,"), 4);
	assert_int_equal(count(text, "\"fraction\":0.250000,\"files_per_s\":2.500,\"bytes_per_s\":250.000,\"eta_s\":12.000"), 4);
	assert_int_equal(count(text, "\"path\":\"dir/\xe6\xbc\xa2 bad\\ufffd.txt\",\"path_bytes\":\"ZGlyL+a8oiBiYWT/LnR4dA==\""), 4);
	renderer_finish(renderer, &summary);
	text = read_now(fds[0]);
	assert_int_equal(count(text, "\"event\":\"progress\""), 1);
	assert_int_equal(count(text, "\"event\":\"summary\""), 1);
	assert_int_equal(count(text, "\"reflink\":7"), 1);
	assert_int_equal(count(text, "\"xattr\":9"), 1);
	assert_int_equal(count(text, "\"status\":1}\n"), 1);
	renderer_free(renderer);
	clock_use_real();
	close(fds[0]);
	close(fds[1]);
}

static void json_does_not_tell_what_it_cannot_know(void **state)
{
	struct progress_view view = view_at(1);
	struct renderer *renderer;
	const char *text;
	int fds[2];

	(void)state;
	open_pipe(fds);
	renderer = start_into(&renderer_json, fds[1]);
	view.sample.phase = PHASE_SCAN;
	view.fraction = -1;
	view.eta_ns = PROGRESS_UNKNOWN;
	view.current = NULL;
	renderer_draw(renderer, &view);
	text = read_now(fds[0]);
	assert_int_equal(count(text, "\"phase\":\"scan\""), 2);
	assert_int_equal(count(text, "\"files_total\":null"), 1);
	assert_int_equal(count(text, "\"bytes_total\":null"), 1);
	assert_int_equal(count(text, "\"fraction\":null"), 1);
	assert_int_equal(count(text, "\"eta_s\":null"), 1);
	assert_int_equal(count(text, "\"path\":null"), 1);
	renderer_free(renderer);
	close(fds[0]);
	close(fds[1]);
}

static void json_is_silent_once_its_reader_has_gone(void **state)
{
	struct progress_view view = view_at(1);
	struct renderer *renderer;
	int fds[2], other[2];

	(void)state;
	open_pipe(fds);
	renderer = start_into(&renderer_json, fds[1]);
	close(fds[0]);
	renderer_draw(renderer, &view);
	/* Something else gets the number: it is not ours to write to. */
	open_pipe(other);
	dup2(other[1], fds[1]);
	view.sample.now_ns += 10 * NS_PER_S;
	renderer_draw(renderer, &view);
	renderer_finish(renderer, NULL);
	assert_string_equal(read_now(other[0]), "");
	renderer_free(renderer);
	close(fds[1]);
	close(other[0]);
	close(other[1]);
}

static void json_strings_are_valid_whatever_the_bytes(void **state)
{
	static const struct {
		const char *bytes, *text;
	} cases[] = {
		{"plain", "\"plain\""},
		{"\xf0\x9f\x98\x80", "\"\xf0\x9f\x98\x80\""},
		{"\x7f\t", "\"\\u007f\\u0009\""},
		{"\xc0\xaf", "\"\\ufffd\\ufffd\",\"b\":\"wK8=\""},
		{"\xed\xa0\x80", "\"\\ufffd\\ufffd\\ufffd\",\"b\":\"7aCA\""},
		{"\xf4\x90\x80\x80", "\"\\ufffd\\ufffd\\ufffd\\ufffd\",\"b\":\"9JCAgA==\""},
		{"\xe6\xbc", "\"\\ufffd\\ufffd\",\"b\":\"5rw=\""},
	};
	struct json json = {0};
	char expected[128];

	(void)state;
	setlocale(LC_ALL, "C"); /* must not matter */
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_open(&json);
		json_string(&json, "s", "b", cases[i].bytes);
		assert_true(json_close(&json));
		snprintf(expected, sizeof(expected), "{\"s\":%s}\n", cases[i].text);
		assert_string_equal(json.text, expected);
	}
	json_free(&json);
	setlocale(LC_ALL, "C.UTF-8");
}

static void no_face_shows_nothing_and_lets_messages_through(void **state)
{
	struct progress_view view = view_at(1);
	struct renderer *renderer;
	int fds[2], saved = dup(STDERR_FILENO);
	const char *text;

	(void)state;
	open_pipe(fds);
	dup2(fds[1], STDERR_FILENO);
	assert_int_equal(renderer_new(NULL, NULL, &renderer), 0);
	renderer_draw(renderer, &view);
	message_say("said");
	assert_int_equal(renderer_input_fd(renderer), -1);
	assert_false(renderer_line_possible());
	renderer_finish(renderer, NULL);
	renderer_free(renderer);
	text = read_now(fds[0]);
	dup2(saved, STDERR_FILENO);
	assert_string_equal(text, "pcopy: said\n");
	close(saved);
	close(fds[0]);
	close(fds[1]);
}

/* A child in a session of its own whose terminal is a pty of 60x10. */
struct seat {
	int master;
	pid_t pid;
	char seen[65536];
	size_t used;
	struct termios modes; /* before the child touched it */
};

static void seat_start(struct seat *seat, const char *term, void (*act)(void))
{
	struct winsize size = {.ws_row = 10, .ws_col = 60};
	const char *name;

	memset(seat, 0, sizeof(*seat));
	seat->master = posix_openpt(O_RDWR | O_NOCTTY);
	assert_true(seat->master >= 0);
	assert_int_equal(grantpt(seat->master), 0);
	assert_int_equal(unlockpt(seat->master), 0);
	name = ptsname(seat->master);
	ioctl(seat->master, TIOCSWINSZ, &size);
	tcgetattr(seat->master, &seat->modes);
	seat->pid = fork();
	assert_true(seat->pid >= 0);
	if (seat->pid == 0) {
		int tty;

		setsid();
		tty = open(name, O_RDWR);
		ioctl(tty, TIOCSCTTY, 0);
		dup2(tty, STDERR_FILENO);
		close(tty);
		close(seat->master);
		setenv("TERM", term, 1);
		unsetenv("XTERM_VERSION");
		act();
		_exit(0);
	}
}

/* Reads on until @word was seen, or to the end with NULL; ten seconds at most. */
static bool seat_see(struct seat *seat, const char *word)
{
	struct pollfd readable = {.fd = seat->master, .events = POLLIN};

	while (!word || !strstr(seat->seen, word)) {
		ssize_t len = -1;

		if (poll(&readable, 1, 10000) == 1)
			len = read(seat->master, seat->seen + seat->used, sizeof(seat->seen) - 1 - seat->used);
		if (len <= 0)
			return !word;
		seat->used += (size_t)len;
		seat->seen[seat->used] = '\0';
	}
	return true;
}

/* Waits for the child; its exit status, or 128 and the signal. */
static int seat_end(struct seat *seat)
{
	int status = 0;

	seat_see(seat, NULL);
	assert_int_equal(waitpid(seat->pid, &status, 0), seat->pid);
	close(seat->master);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static void act_line(void)
{
	struct renderer_start start = {.jobs = 3};
	struct progress_view view = view_at(1);
	struct renderer *renderer;

	if (!renderer_line_possible() || renderer_new(&renderer_line, &start, &renderer) < 0)
		_exit(3);
	renderer_draw(renderer, &view);
	message_say("a %s", "sentence");
	renderer_suspend(renderer);
	renderer_draw(renderer, &view);
	renderer_resume(renderer);
	renderer_draw(renderer, &view);
	renderer_finish(renderer, NULL);
	renderer_free(renderer);
}

/* Nothing that outlives a kill -9: modes, scroll regions, other screens. Only
 * wrapping is off for the length of a draw. */
static void assert_harmless(const char *seen)
{
	bool wraps = true;

	for (const char *esc = strchr(seen, '\033'); esc; esc = strchr(esc + 1, '\033')) {
		assert_int_equal(esc[1], '[');
		if (esc[2] == '?') {
			assert_memory_equal(esc, wraps ? "\033[?7l" : "\033[?7h", 5);
			wraps = !wraps;
			continue;
		}
		assert_non_null(strchr("AJK", esc[2 + strspn(esc + 2, "0123456789")]));
	}
	assert_true(wraps);
}

static void the_line_comes_and_goes_without_a_trace(void **state)
{
	struct seat seat;
	const char *sentence, *end;

	(void)state;
	seat_start(&seat, "xterm", act_line);
	assert_int_equal(seat_end(&seat), 0);
	assert_harmless(seat.seen);
	/* Drawn, drawn again under the sentence, and once after the suspend. */
	assert_int_equal(count(seat.seen, " 25%"), 3);
	sentence = strstr(seat.seen, "pcopy: a sentence\r\r\n");
	assert_non_null(sentence);
	assert_memory_equal(sentence - 4, "\033[J\r", 4); /* on a cleared place */
	end = seat.seen + seat.used;
	assert_memory_equal(end - 15, "\r\033[A\033[?7h\r \033[J\r", 15); /* up to the first row, and cleared */
}

static void a_terminal_without_movement_gets_one_row(void **state)
{
	char dir[] = "/tmp/test_renderer.XXXXXX", path[64], command[160];
	struct seat seat;
	FILE *source;
	int made;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/source", dir);
	source = fopen(path, "w");
	fprintf(source, "noup|a printing terminal,\n\tcols#60, cr=^M, ind=^J, bel=^G,\n");
	fclose(source);
	snprintf(command, sizeof(command), "tic -o %s %s", dir, path);
	made = system(command);
	if (made == 0) {
		setenv("TERMINFO", dir, 1);
		seat_start(&seat, "noup", act_line);
		made = seat_end(&seat);
		unsetenv("TERMINFO");
		assert_int_equal(made, 0);
	}
	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
	if (made != 0)
		skip(); /* no tic here */
	assert_int_equal(count(seat.seen, "\033"), 0);
	assert_int_equal(count(seat.seen, " 25%"), 3);
	assert_int_equal(count(seat.seen, "\n"), 1); /* the sentence's only */
}

static void a_dumb_terminal_gets_nothing(void **state)
{
	struct seat seat;

	(void)state;
	seat_start(&seat, "dumb", act_line);
	assert_int_equal(seat_end(&seat), 3);
	assert_string_equal(seat.seen, "");
	seat_start(&seat, "no-such-terminal", act_line);
	assert_int_equal(seat_end(&seat), 3);
	assert_string_equal(seat.seen, "");
}

static void act_screen(void)
{
	struct renderer_start start = {.jobs = 3};
	struct progress_view view = view_at(1);
	struct renderer *renderer;
	static const enum renderer_key expected[] = {KEY_PAUSE, KEY_BANDWIDTH, KEY_MORE_JOBS, KEY_FEWER_JOBS,
						     KEY_TO_LINE, KEY_QUIT};
	struct renderer_event event;

	struct sigaction stop;

	if (renderer_new(&renderer_screen, &start, &renderer) < 0)
		_exit(3);
	/* Curses must not have taken it, or it would ignore it within each draw. */
	if (sigaction(SIGTSTP, NULL, &stop) < 0 || stop.sa_handler != SIG_DFL)
		_exit(7);
	message_say("said meanwhile");
	renderer_draw(renderer, &view);
	for (unsigned next = 0; next < sizeof(expected) / sizeof(expected[0]);) {
		struct pollfd readable = {.fd = renderer_input_fd(renderer), .events = POLLIN};

		if (poll(&readable, 1, 10000) != 1)
			_exit(4);
		do {
			event = renderer_read_key(renderer);
			if (event.key == KEY_NONE_YET)
				break;
			if (event.key != expected[next++])
				_exit(5);
			if (event.key == KEY_BANDWIDTH && event.bandwidth != 3 << 20)
				_exit(6);
		} while (next < sizeof(expected) / sizeof(expected[0]));
		renderer_draw(renderer, &view);
	}
	renderer_finish(renderer, NULL);
	renderer_free(renderer);
}

static void type(struct seat *seat, const char *keys)
{
	assert_int_equal(write(seat->master, keys, strlen(keys)), strlen(keys));
}

static void the_screen_takes_keys_and_gives_the_terminal_back(void **state)
{
	struct seat seat;
	struct termios after;
	const char *left;

	(void)state;
	seat_start(&seat, "xterm", act_screen);
	assert_true(seat_see(&seat, "p + - b e l q ?"));
	type(&seat, "pb");
	assert_true(seat_see(&seat, "bytes per second"));
	/* A wrong letter taken back, a question answered with no. */
	type(&seat, "3x\bM\r" "+-?e" "qn" "l" "qy");
	assert_true(seat_see(&seat, "\033[?1049l"));
	assert_true(seat_see(&seat, "said meanwhile\r\n"));
	tcgetattr(seat.master, &after);
	assert_int_equal(seat_end(&seat), 0);
	assert_int_equal(seat.modes.c_lflag, after.c_lflag);
	left = strstr(seat.seen, "\033[?1049l");
	assert_non_null(strstr(left, "pcopy: said meanwhile\r\n"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_writes_a_line_every_five_seconds),
		cmocka_unit_test(json_tells_the_whole_run),
		cmocka_unit_test(json_does_not_tell_what_it_cannot_know),
		cmocka_unit_test(json_is_silent_once_its_reader_has_gone),
		cmocka_unit_test(json_strings_are_valid_whatever_the_bytes),
		cmocka_unit_test(no_face_shows_nothing_and_lets_messages_through),
		cmocka_unit_test(the_line_comes_and_goes_without_a_trace),
		cmocka_unit_test(a_terminal_without_movement_gets_one_row),
		cmocka_unit_test(a_dumb_terminal_gets_nothing),
		cmocka_unit_test(the_screen_takes_keys_and_gives_the_terminal_back),
	};

	signal(SIGPIPE, SIG_IGN);
	setlocale(LC_ALL, "C.UTF-8");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
