/*
 * One line every few seconds, for logs. Time is the samples' own, so that a
 * test needs no waiting. A short copy says nothing: the first line comes after
 * the first period.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "ui/layout.h"
#include "ui/renderer_state.h"

#define PERIOD_NS (5 * NS_PER_S)

struct plain_state {
	int fd;
	uint64_t next_ns; /* 0: nothing seen yet */
};

static int plain_start(struct renderer *renderer, const struct renderer_start *start)
{
	struct plain_state *state = calloc(1, sizeof(*state));

	if (!state)
		return -ENOMEM;
	state->fd = start->fd;
	renderer->state = state;
	return 0;
}

static void plain_draw(struct renderer *renderer, const struct progress_view *view)
{
	struct plain_state *state = renderer->state;
	char text[LAYOUT_ROW_BYTES], line[LAYOUT_ROW_BYTES + 16];
	uint64_t now_ns = view->sample.now_ns;

	if (state->next_ns == 0)
		state->next_ns = now_ns + PERIOD_NS - (view->elapsed_ns < PERIOD_NS ? view->elapsed_ns : PERIOD_NS);
	if (now_ns < state->next_ns)
		return;
	state->next_ns = now_ns + PERIOD_NS;
	layout_plain(view, text);
	snprintf(line, sizeof(line), "pcopy: %s\n", text);
	io_write_full(state->fd, line, strlen(line));
}

static void plain_finish(struct renderer *renderer, const struct summary *summary)
{
	(void)summary; /* said by the caller */
	free(renderer->state);
	renderer->state = NULL;
}

const struct renderer_face renderer_plain = {
	.name = "plain",
	.start = plain_start,
	.draw = plain_draw,
	.finish = plain_finish,
};
