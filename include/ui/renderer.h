/*
 * Where progress is shown: one interface, several faces.
 *
 * Promises that the terminal is as it was found on every way out (finish,
 * suspend), that messages never tear the display, and that a face that cannot
 * work here is refused at start, not later.
 *
 * Runs in: the master, after the fork.  Blocks: as write(2) to the terminal
 * does.  Allocates: at start.  Owns: the terminal's state while started.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "ui/progress.h"
#include "ui/summary.h"

struct renderer;

/* A key the screen face was given, for the session to act on. */
enum renderer_key {
	KEY_NONE_YET, KEY_PAUSE, KEY_MORE_JOBS, KEY_FEWER_JOBS, KEY_BANDWIDTH, KEY_QUIT, KEY_TO_LINE,
};

struct renderer_event {
	enum renderer_key key;
	uint64_t bandwidth; /* KEY_BANDWIDTH: the new limit, bytes per second */
};

/* The first and last words of a run, for faces that tell them. */
struct renderer_start {
	unsigned jobs;
	int fd;                    /* plain, json: stays the caller's */
	bool title;
	const char *const *sources;
	unsigned n_sources;
	const char *dest;
};

struct renderer_failure {
	const char *path;          /* unescaped */
	const char *stage;         /* outcome_stage_word() */
	int err;
	const char *message;
};

/* The verbs of a face; any may be NULL when there is nothing to do. */
struct renderer_face {
	const char *name;
	int (*start)(struct renderer *renderer, const struct renderer_start *start);
	void (*draw)(struct renderer *renderer, const struct progress_view *view);
	void (*message)(struct renderer *renderer, const char *line);       /* a sentence for the user */
	void (*failure)(struct renderer *renderer, const struct renderer_failure *failure);
	void (*suspend)(struct renderer *renderer);                         /* before stopping ourselves */
	void (*resume)(struct renderer *renderer);
	void (*resize)(struct renderer *renderer);
	struct renderer_event (*read_key)(struct renderer *renderer);       /* input_fd is readable */
	void (*finish)(struct renderer *renderer, const struct summary *summary);
	int (*input_fd)(struct renderer *renderer);
};

extern const struct renderer_face renderer_line, renderer_plain, renderer_json, renderer_screen;

/* True when stderr is a terminal, we are in its foreground process group, TERM
 * is usable and the inline display may be drawn. */
bool renderer_line_possible(void);

/* Starts @face (NULL: show nothing) and makes it the sink of message_say() until
 * renderer_finish(); finish the old one before starting another. Returns 0 or
 * -errno with nothing drawn. */
int renderer_new(const struct renderer_face *face, const struct renderer_start *start, struct renderer **ret_renderer);
void renderer_draw(struct renderer *renderer, const struct progress_view *view);
void renderer_message(struct renderer *renderer, const char *line);
void renderer_failure(struct renderer *renderer, const struct renderer_failure *failure);
void renderer_suspend(struct renderer *renderer);
void renderer_resume(struct renderer *renderer);
void renderer_resize(struct renderer *renderer);
struct renderer_event renderer_read_key(struct renderer *renderer);
int renderer_input_fd(struct renderer *renderer); /* -1 none */
/* Goes on with another face; with nothing when that cannot work here. */
void renderer_change(struct renderer *renderer, const struct renderer_face *face);

/* Ends the display: nothing of it stays but what the user should keep. */
void renderer_finish(struct renderer *renderer, const struct summary *summary);
void renderer_free(struct renderer *renderer);
