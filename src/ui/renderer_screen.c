/*
 * The dashboard on the alternate screen. Only this file knows curses, and curses
 * is only the painter: dashboard.c makes the rows.
 *
 * newterm() on descriptors of our own and never initscr(), which ends the
 * process when it fails. Input is /dev/tty, so that standard input stays the
 * caller's. Signals are the loop's: what curses installs at the start the loop
 * replaces, and SIGTSTP it never gets. cbreak() and not raw(): ^C and ^Z stay signals.
 *
 * Messages cannot scroll past on this screen, so they are kept and written to
 * stderr when it is left; a bound keeps a million failures from filling memory.
 */
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <curses.h>

#include "base/cleanup.h"
#include "base/display.h"
#include "base/human.h"
#include "base/message.h"
#include "ui/dashboard.h"
#include "ui/renderer_state.h"
#include "ui/terminal.h"

#define MAX_LINES 2000
#define INPUT_SIZE 20

/* The last lines said; older ones make room and are counted. */
struct lines {
	char **line;
	unsigned n;
	uint64_t dropped;
};

enum asking { ASKING_NOTHING, ASKING_QUIT, ASKING_BANDWIDTH };

struct screen_state {
	SCREEN *screen;
	FILE *out, *in;
	bool utf8, suspended;
	struct dashboard_extra extra;
	enum asking asking;
	char input[INPUT_SIZE + 1];
	char prompt[96];
	struct lines messages, failures;
	struct dashboard rows;
};

static void lines_add(struct lines *lines, const char *text)
{
	char *copy = strdup(text);

	if (!lines->line)
		lines->line = calloc(MAX_LINES, sizeof(*lines->line));
	if (!copy || !lines->line) {
		free(copy);
		lines->dropped++;
		return;
	}
	if (lines->n == MAX_LINES) {
		free(lines->line[0]);
		memmove(lines->line, lines->line + 1, (MAX_LINES - 1) * sizeof(*lines->line));
		lines->n--;
		lines->dropped++;
	}
	lines->line[lines->n++] = copy;
}

static void lines_clear(struct lines *lines)
{
	for (unsigned i = 0; i < lines->n; i++)
		free(lines->line[i]);
	free(lines->line);
	*lines = (struct lines){0};
}

static void state_free(struct screen_state *state)
{
	if (state->screen)
		delscreen(state->screen);
	if (state->in)
		fclose(state->in);
	if (state->out)
		fclose(state->out);
	lines_clear(&state->messages);
	lines_clear(&state->failures);
	free(state);
}

/* Opens @path or duplicates @fd as a stream of its own. */
static FILE *open_stream(int fd, const char *path, const char *mode)
{
	CLEANUP_FD int own_fd = path ? open(path, O_RDWR | O_CLOEXEC | O_NOCTTY) : fcntl(fd, F_DUPFD_CLOEXEC, 3);
	FILE *stream = own_fd >= 0 ? fdopen(own_fd, mode) : NULL;

	if (stream)
		take_fd(&own_fd);
	return stream;
}

static volatile sig_atomic_t stop_asked;

static void note_stop(int number)
{
	stop_asked = number;
}

/* Where curses finds SIGTSTP at its default it takes it, and ignores it within
 * every refresh() from then on (6.4): a ^Z that fell there would stop the
 * workers and not us. Where it finds a handler it keeps away for good. */
static SCREEN *open_screen(FILE *out, FILE *in)
{
	struct sigaction note = {.sa_handler = note_stop}, before;
	SCREEN *screen;

	sigaction(SIGTSTP, &note, &before);
	screen = newterm(NULL, out, in);
	sigaction(SIGTSTP, &before, NULL);
	if (stop_asked)
		raise(SIGTSTP);
	return screen;
}

static int screen_start(struct renderer *renderer, const struct renderer_start *start)
{
	struct screen_state *state;

	(void)start; /* nothing of it is shown here */
	if (!terminal_possible(STDERR_FILENO))
		return isatty(STDERR_FILENO) ? -ENOTSUP : -ENOTTY;
	state = calloc(1, sizeof(*state));
	if (!state)
		return -ENOMEM;
	state->out = open_stream(STDERR_FILENO, NULL, "w");
	state->in = open_stream(-1, "/dev/tty", "r");
	if (state->out && state->in)
		state->screen = open_screen(state->out, state->in);
	if (!state->screen) {
		state_free(state);
		return -ENOTSUP;
	}
	set_term(state->screen);
	cbreak();
	noecho();
	nodelay(stdscr, TRUE);
	keypad(stdscr, TRUE);
	set_escdelay(25); /* getch() waits that long after an escape, whatever nodelay() says */
	state->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	renderer->state = state;
	return 0;
}

static bool in_foreground(const struct screen_state *state)
{
	return tcgetpgrp(fileno(state->out)) == getpgrp();
}

/* Takes up a new size of the window, whoever noticed it first. */
static void follow_size(struct screen_state *state)
{
	struct winsize size = {0};

	if (ioctl(fileno(state->out), TIOCGWINSZ, &size) < 0 || size.ws_col == 0 || size.ws_row == 0)
		return;
	if (is_term_resized(size.ws_row, size.ws_col))
		resizeterm(size.ws_row, size.ws_col);
}

static void compose_prompt(struct screen_state *state)
{
	if (state->asking == ASKING_QUIT)
		snprintf(state->prompt, sizeof(state->prompt), "stop copying? y n");
	else
		snprintf(state->prompt, sizeof(state->prompt), "bytes per second (K M G, 0 no limit): %s_",
			 state->input);
	state->extra.prompt = state->asking == ASKING_NOTHING ? NULL : state->prompt;
}

static void take_screen_back(struct screen_state *state)
{
	state->suspended = false;
	follow_size(state);
	clearok(stdscr, TRUE);
	refresh();
}

static void screen_draw(struct renderer *renderer, const struct progress_view *view)
{
	struct screen_state *state = renderer->state;
	struct layout_size size = {.utf8 = state->utf8};

	if (!in_foreground(state))
		return;
	if (state->suspended)
		take_screen_back(state);
	follow_size(state);
	size.columns = (unsigned)COLS;
	size.rows = (unsigned)LINES;
	state->extra.messages = (const char *const *)state->messages.line;
	state->extra.n_messages = state->messages.n;
	state->extra.failures = (const char *const *)state->failures.line;
	state->extra.n_failures = state->failures.n;
	compose_prompt(state);
	dashboard_layout(view, &state->extra, &size, &state->rows);
	erase();
	for (unsigned i = 0; i < state->rows.n_rows; i++)
		mvaddstr((int)i, 0, state->rows.row[i]);
	move(LINES - 1, 0);
	refresh();
}

static void screen_message(struct renderer *renderer, const char *line)
{
	struct screen_state *state = renderer->state;

	if (state->suspended)
		message_write(line);
	else
		lines_add(&state->messages, line);
}

static void screen_failure(struct renderer *renderer, const struct renderer_failure *failure)
{
	struct screen_state *state = renderer->state;
	CLEANUP_FREE char *name = display_quote(failure->path);
	CLEANUP_FREE char *line = NULL;

	if (asprintf(&line, "%s: %s: %s", name, failure->stage, failure->message) < 0)
		line = NULL;
	else
		lines_add(&state->failures, line);
}

/* Says on stderr what could only be read on the screen. */
static void hand_over_messages(struct screen_state *state)
{
	if (state->messages.dropped) {
		char line[96];

		snprintf(line, sizeof(line), "pcopy: %llu earlier messages were not kept",
			 (unsigned long long)state->messages.dropped);
		message_write(line);
	}
	for (unsigned i = 0; i < state->messages.n; i++)
		message_write(state->messages.line[i]);
	lines_clear(&state->messages);
}

static void screen_suspend(struct renderer *renderer)
{
	struct screen_state *state = renderer->state;

	endwin();
	state->suspended = true;
	hand_over_messages(state);
}

/* Not after "bg": to touch the terminal then would stop us again. The first
 * draw in the foreground does it. */
static void screen_resume(struct renderer *renderer)
{
	struct screen_state *state = renderer->state;

	if (in_foreground(state))
		take_screen_back(state);
}

static void screen_resize(struct renderer *renderer)
{
	struct screen_state *state = renderer->state;

	if (!state->suspended)
		follow_size(state);
}

static struct renderer_event answer_quit(struct screen_state *state, int key)
{
	state->asking = ASKING_NOTHING;
	return (struct renderer_event){.key = key == 'y' || key == 'Y' ? KEY_QUIT : KEY_NONE_YET};
}

static struct renderer_event answer_bandwidth(struct screen_state *state, int key)
{
	struct renderer_event event = {.key = KEY_NONE_YET};
	size_t len = strlen(state->input);

	if (key == '\n' || key == '\r' || key == KEY_ENTER) {
		/* What cannot be read stays to be corrected. */
		if (human_parse_bytes(state->input, &event.bandwidth) == 0) {
			event.key = KEY_BANDWIDTH;
			state->asking = ASKING_NOTHING;
		}
	} else if (key == 27) {
		state->asking = ASKING_NOTHING;
	} else if (key == KEY_BACKSPACE || key == 127 || key == '\b') {
		if (len)
			state->input[len - 1] = '\0';
	} else if (key > ' ' && key < 127 && len < INPUT_SIZE) {
		state->input[len] = (char)key;
		state->input[len + 1] = '\0';
	}
	return event;
}

static void toggle_mode(struct screen_state *state, enum dashboard_mode mode)
{
	state->extra.mode = state->extra.mode == mode ? DASHBOARD_OVERVIEW : mode;
	state->extra.scroll = 0;
}

static struct renderer_event command(struct screen_state *state, int key)
{
	struct renderer_event event = {.key = KEY_NONE_YET};

	switch (key) {
	case 'p':
		event.key = KEY_PAUSE;
		break;
	case '+':
	case '=':
		event.key = KEY_MORE_JOBS;
		break;
	case '-':
		event.key = KEY_FEWER_JOBS;
		break;
	case 'l':
		event.key = KEY_TO_LINE;
		break;
	case 'b':
		state->asking = ASKING_BANDWIDTH;
		state->input[0] = '\0';
		break;
	case 'q':
		state->asking = ASKING_QUIT;
		break;
	case 'e':
		toggle_mode(state, DASHBOARD_FAILURES);
		break;
	case '?':
	case 'h':
		toggle_mode(state, DASHBOARD_HELP);
		break;
	case KEY_UP:
		if (state->extra.scroll < state->failures.n)
			state->extra.scroll++;
		break;
	case KEY_DOWN:
		if (state->extra.scroll)
			state->extra.scroll--;
		break;
	}
	return event;
}

/* Takes keys until one is for the session, or there are none. */
static struct renderer_event screen_read_key(struct renderer *renderer)
{
	struct screen_state *state = renderer->state;
	struct renderer_event event = {.key = KEY_NONE_YET};
	int key;

	if (state->suspended)
		return event;
	while (event.key == KEY_NONE_YET && (key = getch()) != ERR) {
		if (state->asking == ASKING_QUIT)
			event = answer_quit(state, key);
		else if (state->asking == ASKING_BANDWIDTH)
			event = answer_bandwidth(state, key);
		else
			event = command(state, key);
	}
	return event;
}

static void screen_finish(struct renderer *renderer, const struct summary *summary)
{
	struct screen_state *state = renderer->state;

	(void)summary; /* said by the caller, as a message like any other */
	if (!state->suspended)
		endwin();
	hand_over_messages(state);
	state_free(state);
	renderer->state = NULL;
}

static int screen_input_fd(struct renderer *renderer)
{
	struct screen_state *state = renderer->state;

	return fileno(state->in);
}

const struct renderer_face renderer_screen = {
	.name = "screen",
	.start = screen_start,
	.draw = screen_draw,
	.message = screen_message,
	.failure = screen_failure,
	.suspend = screen_suspend,
	.resume = screen_resume,
	.resize = screen_resize,
	.read_key = screen_read_key,
	.finish = screen_finish,
	.input_fd = screen_input_fd,
};
