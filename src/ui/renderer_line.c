/*
 * The inline display: layout makes the rows, terminal puts them at the cursor.
 *
 * A resize draws nothing by itself: the next redraw, a tenth of a second later
 * at most, asks for the size anyhow, so that a lost SIGWINCH costs nothing. But
 * it must not come in the middle of a drag with the old width, so the rows are
 * taken away at once.
 */
#include <errno.h>
#include <langinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/human.h"
#include "base/message.h"
#include "ui/layout.h"
#include "ui/renderer_state.h"
#include "ui/terminal.h"

struct line_state {
	struct terminal *terminal;
	bool utf8, title, suspended;
	char last_title[64];
};

bool renderer_line_possible(void)
{
	return terminal_possible(STDERR_FILENO);
}

static int line_start(struct renderer *renderer, const struct renderer_start *start)
{
	struct line_state *state = calloc(1, sizeof(*state));
	int r;

	if (!state)
		return -ENOMEM;
	r = terminal_new(STDERR_FILENO, &state->terminal);
	if (r < 0) {
		free(state);
		return r;
	}
	state->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	state->title = start->title;
	if (state->title)
		terminal_title(STDERR_FILENO, "pcopy");
	renderer->state = state;
	return 0;
}

static void show_title(struct line_state *state, const struct progress_view *view)
{
	char title[sizeof(state->last_title)], number[HUMAN_SIZE];

	if (view->fraction < 0)
		snprintf(title, sizeof(title), "pcopy: scanning");
	else if (view->eta_ns == PROGRESS_UNKNOWN)
		snprintf(title, sizeof(title), "pcopy: %u%%", (unsigned)(view->fraction * 100));
	else
		snprintf(title, sizeof(title), "pcopy: %u%%, %s to go", (unsigned)(view->fraction * 100),
			 human_duration(number, view->eta_ns));
	if (strcmp(title, state->last_title) == 0)
		return;
	strcpy(state->last_title, title);
	terminal_title(STDERR_FILENO, title);
}

static void line_draw(struct renderer *renderer, const struct progress_view *view)
{
	struct line_state *state = renderer->state;
	struct layout_size size = {.utf8 = state->utf8};
	const char *rows[LAYOUT_ROWS];
	struct layout layout;

	if (state->suspended)
		return;
	terminal_size(state->terminal, &size.columns, &size.rows);
	if (terminal_max_rows(state->terminal) < 2)
		size.rows = 1;
	layout_line(view, &size, &layout);
	for (unsigned i = 0; i < layout.n_rows; i++)
		rows[i] = layout.row[i];
	terminal_draw(state->terminal, rows, layout.n_rows);
	if (state->title)
		show_title(state, view);
}

static void line_message(struct renderer *renderer, const char *line)
{
	struct line_state *state = renderer->state;

	terminal_print(state->terminal, line);
}

static void line_suspend(struct renderer *renderer)
{
	struct line_state *state = renderer->state;

	terminal_erase(state->terminal);
	state->suspended = true;
}

static void line_resume(struct renderer *renderer)
{
	struct line_state *state = renderer->state;

	state->suspended = false;
}

static void line_resize(struct renderer *renderer)
{
	struct line_state *state = renderer->state;

	terminal_erase(state->terminal);
}

static void line_finish(struct renderer *renderer, const struct summary *summary)
{
	struct line_state *state = renderer->state;

	(void)summary; /* said by the caller, as a message like any other */
	terminal_erase(state->terminal);
	if (state->title)
		terminal_title(STDERR_FILENO, NULL);
	terminal_free(state->terminal);
	free(state);
	renderer->state = NULL;
}

const struct renderer_face renderer_line = {
	.name = "line",
	.start = line_start,
	.draw = line_draw,
	.message = line_message,
	.suspend = line_suspend,
	.resume = line_resume,
	.resize = line_resize,
	.finish = line_finish,
};
