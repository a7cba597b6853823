/*
 * The rows stay in the ordinary screen at the cursor. Between two draws the
 * cursor rests where the first row begins: what the user types is echoed over
 * that row and goes with the next draw, and after kill -9 the prompt comes back
 * there, on a terminal in its ordinary modes.
 *
 * curses with filter() lost (6.4 still takes the alternate screen and leaves a
 * scroll region), and so did a scroll region of our own: both outlive a kill.
 *
 * Everything of one change is put into a buffer and written at once, so that
 * no half-drawn state is ever seen and other writers fall between two draws.
 *
 * A narrower window makes most terminals re-wrap our rows, a few cut them off,
 * and over a network or in tmux all of them do so before we can know the new
 * size. To rest on the last row and count the rows up to the first lost: going
 * up too little leaves a piece behind, going up too much eats the user's text.
 * From the first row everything to clear is below, however it was wrapped, and
 * terminals that re-wrap take the cursor along with its text. What is drawn for
 * the old width meanwhile must not wrap either, so wrapping is off within the
 * write, and on again at its end.
 */
#include "ui/terminal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/display.h"
#include "base/io.h"

/* Last: it makes macros of words like "columns" and "lines". */
#include <term.h>

#define MAX_ROWS 4
#define CAPABILITY_BYTES 64

struct terminal {
	int fd;
	unsigned default_width, default_height;
	char cr[CAPABILITY_BYTES], up[CAPABILITY_BYTES], clear_down[CAPABILITY_BYTES];
	char wrap_off[CAPABILITY_BYTES], wrap_on[CAPABILITY_BYTES];
	unsigned n_rows;          /* on the screen now */
	char *shown[MAX_ROWS];    /* their text, to draw again below a message */
	char *buf;
	size_t used, size;
	bool short_of_memory;     /* the buffer is incomplete and is not written */
};

/* tputs() hands over single characters and no context. */
static struct {
	char *out;
	size_t used, size;
} putting;

static int put_character(int c)
{
	if (putting.used + 1 < putting.size)
		putting.out[putting.used++] = (char)c;
	return c;
}

/* Expands a capability, its padding included, into @out; "" when there is none. */
static void load_capability(char out[static CAPABILITY_BYTES], const char *name, const char *parametrized)
{
	char *text = tigetstr(name);

	out[0] = '\0';
	if ((!text || text == (char *)-1) && parametrized) {
		text = tigetstr(parametrized);
		if (text && text != (char *)-1)
			text = tiparm(text, 1);
	}
	if (!text || text == (char *)-1)
		return;
	putting.out = out;
	putting.used = 0;
	putting.size = CAPABILITY_BYTES;
	tputs(text, 1, put_character);
	out[putting.used] = '\0';
}

static bool term_is_usable(void)
{
	const char *term = getenv("TERM");

	return term && *term && strcmp(term, "dumb") != 0;
}

static bool in_foreground(int fd)
{
	return tcgetpgrp(fd) == getpgrp();
}

bool terminal_possible(int fd)
{
	struct terminal *terminal;

	if (!isatty(fd) || !in_foreground(fd) || terminal_new(fd, &terminal) < 0)
		return false;
	terminal_free(terminal);
	return true;
}

/* The descriptions of screen and tmux leave it out, though both have it. */
static void load_wrapping(struct terminal *terminal)
{
	load_capability(terminal->wrap_off, "rmam", NULL);
	load_capability(terminal->wrap_on, "smam", NULL);
	if ((terminal->wrap_off[0] && terminal->wrap_on[0]) || strcmp(terminal->clear_down, "\033[J") != 0)
		return;
	strcpy(terminal->wrap_off, "\033[?7l");
	strcpy(terminal->wrap_on, "\033[?7h");
}

int terminal_new(int fd, struct terminal **ret_terminal)
{
	struct terminal *terminal;
	int known = 0;

	if (!isatty(fd))
		return -ENOTTY;
	if (!term_is_usable())
		return -ENOTSUP;
	/* With a place for the error setupterm() never ends the process. */
	setupterm(NULL, fd, &known);
	if (known != 1)
		return -ENOTSUP;
	terminal = calloc(1, sizeof(*terminal));
	if (!terminal) {
		del_curterm(cur_term);
		return -ENOMEM;
	}
	terminal->fd = fd;
	load_capability(terminal->cr, "cr", NULL);
	load_capability(terminal->up, "cuu1", "cuu");
	load_capability(terminal->clear_down, "ed", NULL);
	load_wrapping(terminal);
	if (tigetnum("cols") > 0)
		terminal->default_width = (unsigned)tigetnum("cols");
	if (tigetnum("lines") > 0)
		terminal->default_height = (unsigned)tigetnum("lines");
	if (!terminal->cr[0])
		strcpy(terminal->cr, "\r");
	del_curterm(cur_term);
	*ret_terminal = terminal;
	return 0;
}

static void forget_rows(struct terminal *terminal)
{
	for (unsigned i = 0; i < MAX_ROWS; i++) {
		free(terminal->shown[i]);
		terminal->shown[i] = NULL;
	}
	terminal->n_rows = 0;
}

void terminal_free(struct terminal *terminal)
{
	if (!terminal)
		return;
	forget_rows(terminal);
	free(terminal->buf);
	free(terminal);
}

static unsigned number_in_environment(const char *name)
{
	const char *text = getenv(name);
	unsigned long value = text ? strtoul(text, NULL, 10) : 0;

	return value < 10000 ? (unsigned)value : 0;
}

static unsigned first_known(unsigned a, unsigned b, unsigned c, unsigned d)
{
	return a ? a : b ? b : c ? c : d;
}

void terminal_size(const struct terminal *terminal, unsigned *ret_columns, unsigned *ret_rows)
{
	struct winsize size = {0};

	ioctl(terminal->fd, TIOCGWINSZ, &size);
	*ret_columns = first_known(size.ws_col, number_in_environment("COLUMNS"), terminal->default_width, 80);
	*ret_rows = first_known(size.ws_row, number_in_environment("LINES"), terminal->default_height, 24);
}

unsigned terminal_max_rows(const struct terminal *terminal)
{
	return terminal->up[0] && terminal->clear_down[0] ? MAX_ROWS : 1;
}

static void append(struct terminal *terminal, const char *text)
{
	size_t len = strlen(text);

	if (terminal->used + len > terminal->size) {
		size_t size = 2 * (terminal->used + len) + 1024;
		char *buf = realloc(terminal->buf, size);

		if (!buf) {
			terminal->short_of_memory = true;
			return;
		}
		terminal->buf = buf;
		terminal->size = size;
	}
	memcpy(terminal->buf + terminal->used, text, len);
	terminal->used += len;
}

/* A terminal that is gone (hung up) is no reason to stop copying. */
static void write_out(struct terminal *terminal)
{
	if (!terminal->short_of_memory)
		io_write_full(terminal->fd, terminal->buf, terminal->used);
	terminal->used = 0;
	terminal->short_of_memory = false;
}

/* Clears from where the first row begins. */
static void append_erase(struct terminal *terminal)
{
	append(terminal, terminal->cr);
	if (terminal->n_rows == 0)
		return;
	if (terminal->clear_down[0]) {
		/* Clearing from the top left corner would make tmux (3.3) keep what
		 * was there in its history; from the second column it does not. */
		append(terminal, " ");
		append(terminal, terminal->clear_down);
		append(terminal, terminal->cr);
		return;
	}
	for (size_t i = display_width(terminal->shown[0]); i > 0; i--) /* one row, wiped by hand */
		append(terminal, " ");
	append(terminal, terminal->cr);
}

static void append_rows(struct terminal *terminal)
{
	if (terminal->n_rows == 0)
		return;
	append(terminal, terminal->wrap_off);
	for (unsigned i = 0; i < terminal->n_rows; i++) {
		if (i > 0)
			append(terminal, "\r\n");
		append(terminal, terminal->shown[i]);
	}
	append(terminal, terminal->cr);
	for (unsigned i = 1; i < terminal->n_rows; i++)
		append(terminal, terminal->up);
	append(terminal, terminal->wrap_on);
}

void terminal_draw(struct terminal *terminal, const char *const rows[], unsigned n)
{
	if (!in_foreground(terminal->fd))
		return;
	if (n > terminal_max_rows(terminal))
		n = terminal_max_rows(terminal);
	append_erase(terminal);
	forget_rows(terminal);
	for (unsigned i = 0; i < n; i++) {
		terminal->shown[i] = strdup(rows[i]);
		if (!terminal->shown[i])
			break;
		terminal->n_rows++;
	}
	append_rows(terminal);
	write_out(terminal);
}

void terminal_erase(struct terminal *terminal)
{
	if (terminal->n_rows == 0)
		return;
	append_erase(terminal);
	forget_rows(terminal);
	write_out(terminal);
}

void terminal_print(struct terminal *terminal, const char *line)
{
	if (terminal->n_rows > 0)
		append_erase(terminal);
	append(terminal, line);
	append(terminal, "\r\n");
	append_rows(terminal);
	write_out(terminal);
}

/* True on terminals that take a title from xterm's control sequence. */
static bool has_title(int fd)
{
	static const char *const having[] = {"xterm", "screen", "tmux", "rxvt", "vte", "konsole", "kitty",
					     "foot", "alacritty"};
	const char *term = getenv("TERM");

	for (size_t i = 0; term && i < sizeof(having) / sizeof(having[0]); i++)
		if (strncmp(term, having[i], strlen(having[i])) == 0)
			return in_foreground(fd);
	return false;
}

void terminal_title(int fd, const char *title)
{
	static bool old_kept;
	char text[512];

	if (!has_title(fd))
		return;
	/* 22 and 23: put the old title on the terminal's stack, and take it back. */
	if (title)
		snprintf(text, sizeof(text), "%s\033]2;%.400s\007", old_kept ? "" : "\033[22;2t", title);
	else
		snprintf(text, sizeof(text), "\033[23;2t");
	old_kept = title;
	io_write_full(fd, text, strlen(text));
}
