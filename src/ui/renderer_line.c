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
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ui/layout.h"
#include "ui/renderer_state.h"
#include "ui/terminal.h"

struct line_state {
	struct terminal *terminal;
	bool utf8, suspended;
};

bool renderer_line_possible(void)
{
	return terminal_possible(STDERR_FILENO);
}

static int line_start(struct renderer *renderer, const struct renderer_start *start)
{
	struct line_state *state = calloc(1, sizeof(*state));
	int r;

	(void)start; /* nothing of it is shown here */
	if (!state)
		return -ENOMEM;
	r = terminal_new(STDERR_FILENO, &state->terminal);
	if (r < 0) {
		free(state);
		return r;
	}
	state->utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	renderer->state = state;
	return 0;
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
