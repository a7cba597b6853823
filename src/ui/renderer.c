/*
 * Calls the face's verbs where it has them. What a face does not do has one
 * answer here: a message goes to stderr, everything else is left out. The
 * window's title is no face's own: it is set beside any of them. So is the sink of
 * messages: whoever may have drawn on the terminal must be the one to write there.
 */
#include "ui/renderer_state.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/human.h"
#include "base/message.h"
#include "ui/terminal.h"

static void take_message(const char *line, void *arg)
{
	renderer_message(arg, line);
}

int renderer_new(const struct renderer_face *face, const struct renderer_start *start, struct renderer **ret_renderer)
{
	struct renderer *renderer = calloc(1, sizeof(*renderer));
	int r = 0;

	if (!renderer)
		return -ENOMEM;
	renderer->face = face;
	if (face && face->start)
		r = face->start(renderer, start);
	if (r < 0) {
		free(renderer);
		return r;
	}
	renderer->title = start && start->title;
	message_set_sink(take_message, renderer);
	*ret_renderer = renderer;
	return 0;
}

static void show_title(struct renderer *renderer, const struct progress_view *view)
{
	char title[sizeof(renderer->last_title)], number[HUMAN_SIZE];
	unsigned percent = view->fraction > 0 ? (unsigned)(view->fraction * 100) : 0;

	if (view->fraction < 0)
		snprintf(title, sizeof(title), "pcopy: scanning");
	else if (view->eta_ns == PROGRESS_UNKNOWN)
		snprintf(title, sizeof(title), "pcopy: %u%%", percent);
	else
		snprintf(title, sizeof(title), "pcopy: %u%%, %s to go", percent, human_duration(number, view->eta_ns));
	if (strcmp(title, renderer->last_title) == 0)
		return;
	strcpy(renderer->last_title, title);
	terminal_title(STDERR_FILENO, title);
}

void renderer_draw(struct renderer *renderer, const struct progress_view *view)
{
	if (renderer->title)
		show_title(renderer, view);
	if (renderer->face && renderer->face->draw)
		renderer->face->draw(renderer, view);
}

void renderer_message(struct renderer *renderer, const char *line)
{
	if (renderer->face && renderer->face->message)
		renderer->face->message(renderer, line);
	else
		message_write(line);
}

void renderer_failure(struct renderer *renderer, const struct renderer_failure *failure)
{
	if (renderer->face && renderer->face->failure)
		renderer->face->failure(renderer, failure);
}

void renderer_suspend(struct renderer *renderer)
{
	if (renderer->face && renderer->face->suspend)
		renderer->face->suspend(renderer);
}

void renderer_resume(struct renderer *renderer)
{
	if (renderer->face && renderer->face->resume)
		renderer->face->resume(renderer);
}

void renderer_resize(struct renderer *renderer)
{
	if (renderer->face && renderer->face->resize)
		renderer->face->resize(renderer);
}

struct renderer_event renderer_read_key(struct renderer *renderer)
{
	if (renderer->face && renderer->face->read_key)
		return renderer->face->read_key(renderer);
	return (struct renderer_event){.key = KEY_NONE_YET};
}

int renderer_input_fd(struct renderer *renderer)
{
	if (renderer->face && renderer->face->input_fd)
		return renderer->face->input_fd(renderer);
	return -1;
}

void renderer_change(struct renderer *renderer, const struct renderer_face *face)
{
	struct renderer_start start = { 0 };

	if (renderer->face && renderer->face->finish)
		renderer->face->finish(renderer, NULL);
	renderer->face = face;
	if (face && face->start && face->start(renderer, &start) < 0)
		renderer->face = NULL;
}

void renderer_finish(struct renderer *renderer, const struct summary *summary)
{
	if (renderer->face && renderer->face->finish)
		renderer->face->finish(renderer, summary);
	renderer->face = NULL;
	renderer->finished = true;
	message_set_sink(NULL, NULL);
	if (renderer->title && renderer->last_title[0])
		terminal_title(STDERR_FILENO, NULL);
	renderer->title = false;
}

void renderer_free(struct renderer *renderer)
{
	if (!renderer)
		return;
	if (!renderer->finished)
		renderer_finish(renderer, NULL);
	free(renderer);
}
