/* Sentences and listings: where they go, in what pieces, and what is remembered. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/message.h"

/* One of our standard descriptors replaced by a datagram socket, so that each
 * write(2) arrives as a piece of its own. */
struct capture {
	int fd, saved, reader;
};

static void capture_start(struct capture *capture, int fd)
{
	int pair[2], room = 1 << 20;

	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair), 0);
	setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	capture->fd = fd;
	capture->saved = dup(fd);
	capture->reader = pair[0];
	dup2(pair[1], fd);
	close(pair[1]);
}

/* The next piece, "" when there is none. */
static const char *capture_piece(struct capture *capture)
{
	static char piece[100000];
	ssize_t len = recv(capture->reader, piece, sizeof(piece) - 1, MSG_DONTWAIT);

	piece[len > 0 ? len : 0] = '\0';
	return piece;
}

static void capture_stop(struct capture *capture)
{
	dup2(capture->saved, capture->fd);
	close(capture->saved);
	close(capture->reader);
}

static char sunk[4][256];
static unsigned n_sunk;

static void sink(const char *line, void *arg)
{
	assert_ptr_equal(arg, &n_sunk);
	snprintf(sunk[n_sunk++ % 4], sizeof(sunk[0]), "%s", line);
}

static void a_sentence_is_one_line_in_one_write(void **state)
{
	struct capture err;

	(void)state;
	capture_start(&err, STDERR_FILENO);
	message_say("cannot open '%s': %d", "x", 5);
	message_say("two\nlines");
	assert_string_equal(capture_piece(&err), "pcopy: cannot open 'x': 5\n");
	assert_string_equal(capture_piece(&err), "pcopy: two lines\n");
	assert_string_equal(capture_piece(&err), "");
	capture_stop(&err);
}

static void a_sentence_of_any_length_is_whole(void **state)
{
	static char name[20001];
	struct capture err;

	(void)state;
	memset(name, 'n', sizeof(name) - 1);
	capture_start(&err, STDERR_FILENO);
	message_say("long: %s.", name);
	assert_int_equal(strlen(capture_piece(&err)), strlen("pcopy: long: .\n") + sizeof(name) - 1);
	for (size_t len = 1000; len < 1040; len++) {
		char expected[1100];

		message_say("%.*s", (int)len, name);
		snprintf(expected, sizeof(expected), "pcopy: %.*s\n", (int)len, name);
		assert_string_equal(capture_piece(&err), expected);
	}
	capture_stop(&err);
}

static void a_sink_gets_the_line_instead(void **state)
{
	struct capture err;

	(void)state;
	n_sunk = 0;
	capture_start(&err, STDERR_FILENO);
	message_set_sink(sink, &n_sunk);
	message_say("drawn above");
	message_set_sink(NULL, NULL);
	message_say("plain");
	assert_int_equal(n_sunk, 1);
	assert_string_equal(sunk[0], "pcopy: drawn above");
	assert_string_equal(capture_piece(&err), "pcopy: plain\n");
	capture_stop(&err);
}

static void a_listing_is_buffered_and_in_order(void **state)
{
	struct capture out;

	(void)state;
	capture_start(&out, STDOUT_FILENO);
	message_set_sink(NULL, NULL);
	message_list("'%s' -> '%s'", "a", "b");
	message_list("with newline\n");
	assert_string_equal(capture_piece(&out), "");
	assert_int_equal(message_flush(), 0);
	assert_string_equal(capture_piece(&out), "'a' -> 'b'\nwith newline\n");
	assert_int_equal(message_flush(), 0);
	assert_string_equal(capture_piece(&out), "");
	capture_stop(&out);
}

static void a_sentence_comes_after_what_was_listed_before(void **state)
{
	struct capture both;

	(void)state;
	capture_start(&both, STDOUT_FILENO);
	fflush(stderr);
	int saved = dup(STDERR_FILENO);

	dup2(STDOUT_FILENO, STDERR_FILENO);
	message_list("first");
	message_say("second");
	assert_string_equal(capture_piece(&both), "first\n");
	assert_string_equal(capture_piece(&both), "pcopy: second\n");
	dup2(saved, STDERR_FILENO);
	close(saved);
	capture_stop(&both);
}

static void a_full_buffer_is_written_whole_lines_kept(void **state)
{
	struct capture out;
	size_t total = 0;

	(void)state;
	capture_start(&out, STDOUT_FILENO);
	for (unsigned i = 0; i < 1000; i++)
		message_list("%0100u", i);
	assert_int_equal(message_flush(), 0);
	for (const char *piece = capture_piece(&out); *piece; piece = capture_piece(&out)) {
		assert_true(strlen(piece) <= 32 * 1024);
		total += strlen(piece);
	}
	assert_int_equal(total, 1000 * 101);
	capture_stop(&out);
}

static void a_terminal_sees_each_line_at_once_and_the_sink_keeps_it_whole(void **state)
{
	struct capture out, err;
	int master = posix_openpt(O_RDWR | O_NOCTTY), slave;
	struct pollfd readable = {.fd = master, .events = POLLIN};
	char seen[64];
	ssize_t len;

	(void)state;
	if (master < 0)
		skip();
	assert_int_equal(grantpt(master), 0);
	assert_int_equal(unlockpt(master), 0);
	slave = open(ptsname(master), O_RDWR | O_NOCTTY);
	assert_true(slave >= 0);
	capture_start(&out, STDOUT_FILENO);
	capture_start(&err, STDERR_FILENO);
	dup2(slave, STDOUT_FILENO);
	dup2(slave, STDERR_FILENO);
	n_sunk = 0;
	message_set_sink(NULL, NULL);
	message_list("listed");
	len = poll(&readable, 1, 10000) == 1 ? read(master, seen, sizeof(seen) - 1) : 0;
	seen[len > 0 ? len : 0] = '\0';
	message_set_sink(sink, &n_sunk);
	message_list("through the sink\nline by line");
	message_set_sink(NULL, NULL);
	capture_stop(&err);
	capture_stop(&out);
	close(slave);
	close(master);
	assert_string_equal(seen, "listed\r\n");
	assert_int_equal(n_sunk, 2);
	assert_string_equal(sunk[0], "through the sink");
	assert_string_equal(sunk[1], "line by line");
}

/* Last: what has failed once stays known. */
static void a_lost_line_is_remembered(void **state)
{
	int full = open("/dev/full", O_WRONLY), out = dup(STDOUT_FILENO), err = dup(STDERR_FILENO);
	int listed, said;

	(void)state;
	assert_true(full >= 0);
	assert_int_equal(message_failed(), 0);
	assert_int_equal(message_flush(), 0);
	dup2(full, STDOUT_FILENO);
	dup2(full, STDERR_FILENO);
	message_list("lost");
	listed = message_flush();
	message_say("lost");
	said = message_failed();
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	close(full);
	close(out);
	close(err);
	assert_int_equal(listed, -ENOSPC);
	assert_int_equal(said, -ENOSPC);
	assert_int_equal(message_flush(), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_sentence_is_one_line_in_one_write),
		cmocka_unit_test(a_sentence_of_any_length_is_whole),
		cmocka_unit_test(a_sink_gets_the_line_instead),
		cmocka_unit_test(a_listing_is_buffered_and_in_order),
		cmocka_unit_test(a_sentence_comes_after_what_was_listed_before),
		cmocka_unit_test(a_full_buffer_is_written_whole_lines_kept),
		cmocka_unit_test(a_terminal_sees_each_line_at_once_and_the_sink_keeps_it_whole),
		cmocka_unit_test(a_lost_line_is_remembered),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
