/*
 * NDJSON, one object a write(2): a reader on a pipe sees whole lines, and two
 * writers on one descriptor cannot mix theirs. The schema is
 * man/progress.schema.json; a member is never left out, only null.
 *
 * Redraws come ten times a second; two progress objects a second are enough
 * for a program that reads them. The last one that was held back is sent
 * before the summary, so that the stream ends on the final numbers.
 *
 * A reader that has gone (EPIPE) silences the stream and not the copy.
 */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/io.h"
#include "base/message.h"
#include "ui/json.h"
#include "ui/renderer_state.h"

#define PERIOD_NS (500 * NS_PER_MS)

struct json_state {
	int fd;                      /* -1 once nobody reads */
	uint64_t start_ns;
	enum progress_phase phase;
	bool phase_told;
	uint64_t last_ns;            /* of the last progress object, on the samples' clock */
	struct json line, held_back; /* held_back: a progress object not sent yet, empty when none */
};

static void send_line(struct json_state *state, struct json *json)
{
	int r = io_write_full(state->fd, json->text, json->used);

	if (r < 0)
		state->fd = -1;
}

/* Opens an object with the members all have. False when nobody reads. */
static bool open_event(struct json_state *state, struct json *json, const char *event)
{
	if (state->fd < 0)
		return false;
	json_open(json);
	json_number(json, "v", 1);
	json_string(json, "event", NULL, event);
	json_seconds(json, "t", (double)(clock_now_ns() - state->start_ns) / (double)NS_PER_S);
	return true;
}

static void close_event(struct json_state *state, struct json *json)
{
	if (json_close(json))
		send_line(state, json);
}

static int json_start(struct renderer *renderer, const struct renderer_start *start)
{
	struct json_state *state = calloc(1, sizeof(*state));

	if (!state)
		return -ENOMEM;
	state->fd = start->fd;
	state->start_ns = clock_now_ns();
	renderer->state = state;
	if (open_event(state, &state->line, "start")) {
		json_string(&state->line, "version", NULL, PCOPY_VERSION);
		json_number(&state->line, "jobs", start->jobs);
		json_strings(&state->line, "sources", start->sources, start->n_sources);
		json_string(&state->line, "dest", NULL, start->dest ? start->dest : "");
		close_event(state, &state->line);
	}
	return 0;
}

static const char *phase_word(enum progress_phase phase)
{
	switch (phase) {
	case PHASE_SCAN:
		return "scan";
	case PHASE_COPY:
		return "copy";
	default:
		return "flush";
	}
}

static void tell_phase(struct json_state *state, enum progress_phase phase)
{
	if (state->phase_told && state->phase == phase)
		return;
	state->phase = phase;
	state->phase_told = true;
	if (open_event(state, &state->line, "phase")) {
		json_string(&state->line, "phase", NULL, phase_word(phase));
		close_event(state, &state->line);
	}
}

static void number_or_null(struct json *json, const char *name, uint64_t value, bool known)
{
	if (known)
		json_number(json, name, value);
	else
		json_null(json, name);
}

static void add_progress(struct json *json, const struct progress_view *view, enum progress_phase phase)
{
	const struct progress_sample *s = &view->sample;
	bool known = s->phase != PHASE_SCAN;

	json_string(json, "phase", NULL, phase_word(phase));
	json_number(json, "files_done", s->files_done);
	number_or_null(json, "files_total", s->files_total, known);
	json_number(json, "bytes_done", s->bytes_done);
	number_or_null(json, "bytes_total", s->bytes_total, known);
	json_number(json, "files_found", s->files_total);
	json_number(json, "bytes_found", s->bytes_total);
	json_number(json, "directories", s->directories);
	json_number(json, "files_skipped", s->files_skipped);
	json_number(json, "files_failed", s->files_failed);
	if (view->fraction >= 0)
		json_fraction(json, "fraction", view->fraction);
	else
		json_null(json, "fraction");
	json_seconds(json, "files_per_s", view->files_per_s);
	json_seconds(json, "bytes_per_s", view->bytes_per_s);
	if (view->eta_ns != PROGRESS_UNKNOWN)
		json_seconds(json, "eta_s", (double)view->eta_ns / (double)NS_PER_S);
	else
		json_null(json, "eta_s");
	json_seconds(json, "elapsed_s", (double)view->elapsed_ns / (double)NS_PER_S);
	number_or_null(json, "dirty_bytes", s->dirty_bytes,
		       s->phase == PHASE_FLUSH && s->dirty_bytes != UINT64_MAX);
	json_bool(json, "paused", s->paused);
	json_bool(json, "stalled", view->stalled);
	json_number(json, "jobs", s->jobs);
	if (view->current && view->current->path)
		json_string(json, "path", "path_bytes", view->current->path);
	else
		json_null(json, "path");
}

static void json_draw(struct renderer *renderer, const struct progress_view *view)
{
	struct json_state *state = renderer->state;
	enum progress_phase phase = view->sample.phase;

	if (phase == PHASE_DONE) /* the end of the last one */
		phase = state->phase_told && state->phase == PHASE_FLUSH ? PHASE_FLUSH : PHASE_COPY;
	bool new_phase = !state->phase_told || state->phase != phase;

	tell_phase(state, phase);
	if (!open_event(state, &state->held_back, "progress"))
		return;
	add_progress(&state->held_back, view, phase);
	if (!json_close(&state->held_back)) {
		state->held_back.used = 0;
		return;
	}
	if (!new_phase && view->sample.now_ns - state->last_ns < PERIOD_NS)
		return;
	state->last_ns = view->sample.now_ns;
	send_line(state, &state->held_back);
	state->held_back.used = 0;
}

static void json_message(struct renderer *renderer, const char *line)
{
	struct json_state *state = renderer->state;

	if (state->fd != STDERR_FILENO)
		message_write(line);
	if (open_event(state, &state->line, "message")) {
		json_string(&state->line, "message", NULL, line);
		close_event(state, &state->line);
	}
}

static void json_failure(struct renderer *renderer, const struct renderer_failure *failure)
{
	struct json_state *state = renderer->state;

	if (!open_event(state, &state->line, "failure"))
		return;
	json_string(&state->line, "path", "path_bytes", failure->path);
	json_string(&state->line, "stage", NULL, failure->stage);
	json_number(&state->line, "errno", failure->err > 0 ? (uint64_t)failure->err : 0);
	json_string(&state->line, "message", NULL, failure->message);
	close_event(state, &state->line);
}

static void add_summary(struct json *json, const struct summary *summary)
{
	static const char *const methods[DATA_COUNT] = {"none", "plain", "offload", "reflink"};
	static const char *const losses[LOSS_COUNT] = {"owner",	 "mode",  "times",     "xattr",	  "acl",
						       "holes", "hard_link", "symlink", "special", "context"};

	json_number(json, "files", summary->files);
	json_number(json, "directories", summary->directories);
	json_number(json, "bytes", summary->bytes);
	json_number(json, "links", summary->links);
	json_number(json, "skipped", summary->skipped);
	json_number(json, "up_to_date", summary->up_to_date);
	json_number(json, "failed", summary->failed);
	json_number(json, "redone", summary->redone);
	json_open_member(json, "methods");
	for (unsigned i = 0; i < DATA_COUNT; i++)
		json_number(json, methods[i], summary->by_method[i]);
	json_close_member(json);
	json_open_member(json, "lost");
	for (unsigned i = 0; i < LOSS_COUNT; i++)
		json_number(json, losses[i], summary->lost[i]);
	json_close_member(json);
	json_seconds(json, "elapsed_s", (double)summary->elapsed_ns / (double)NS_PER_S);
	json_number(json, "jobs", summary->jobs);
	json_bool(json, "interrupted", summary->interrupted);
	json_number(json, "status", (uint64_t)summary->status);
}

static void json_finish(struct renderer *renderer, const struct summary *summary)
{
	struct json_state *state = renderer->state;

	if (state->fd >= 0 && state->held_back.used)
		send_line(state, &state->held_back);
	if (summary && open_event(state, &state->line, "summary")) {
		add_summary(&state->line, summary);
		close_event(state, &state->line);
	}
	json_free(&state->line);
	json_free(&state->held_back);
	free(state);
	renderer->state = NULL;
}

const struct renderer_face renderer_json = {
	.name = "json",
	.start = json_start,
	.draw = json_draw,
	.message = json_message,
	.failure = json_failure,
	.finish = json_finish,
};
