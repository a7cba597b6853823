/*
 * The same five verbs as the keys of the display have, checked as the command
 * line checks them: whoever writes to the socket need not be our own client.
 */
#include "master/command.h"

#include "base/clock.h"
#include "base/human.h"
#include "cli/option_apply.h"

#include <stdio.h>
#include <string.h>

struct request {
	struct steering *steering;
	const char *value; /* the second word, NULL none */
	const char *status;
	char *answer;
};

static void say(const struct request *request, const char *text)
{
	snprintf(request->answer, CONTROL_ANSWER, "%s", text);
}

static void obey_pause(const struct request *request)
{
	steering_pause(request->steering, true, clock_now_ns());
	say(request, "ok paused");
}

static void obey_resume(const struct request *request)
{
	steering_pause(request->steering, false, clock_now_ns());
	say(request, "ok running");
}

static void obey_jobs(const struct request *request)
{
	unsigned jobs, used;

	if (!option_read_jobs(request->value, &jobs)) {
		say(request, "error a number of workers is 1 to 256");
		return;
	}
	steering_jobs(request->steering, jobs);
	used = request->steering->dispatch->in_use;
	snprintf(request->answer, CONTROL_ANSWER, "ok %u %s in use%s", used, used == 1 ? "worker" : "workers",
	         used < jobs ? ", the most this copy can have" : "");
}

static void obey_bwlimit(const struct request *request)
{
	char number[HUMAN_SIZE];
	uint64_t rate;

	if (human_parse_bytes(request->value, &rate) < 0) {
		say(request, "error a rate is like 500K, 20M or 1.5G, in bytes per second");
		return;
	}
	steering_bandwidth(request->steering, rate);
	if (rate)
		snprintf(request->answer, CONTROL_ANSWER, "ok at most %s/s", human_bytes(number, rate));
	else
		say(request, "ok no limit");
}

static void obey_status(const struct request *request)
{
	snprintf(request->answer, CONTROL_ANSWER, "ok %s", request->status);
}

static const struct {
	const char *word;
	bool takes_value, steers;
	void (*obey)(const struct request *request);
} verbs[] = {
	{ "pause", false, true, obey_pause },   { "resume", false, true, obey_resume },
	{ "jobs", true, true, obey_jobs },      { "bwlimit", true, true, obey_bwlimit },
	{ "status", false, false, obey_status },
};

void command_obey(struct steering *steering, const char *const *words, const char *status, char *answer)
{
	struct request request = { steering, words[1], status, answer };

	for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
		if (strcmp(words[0], verbs[i].word) != 0)
			continue;
		if (verbs[i].takes_value != (words[1] != NULL))
			say(&request, verbs[i].takes_value ? "error its number is missing" : "error one word too many");
		else if (verbs[i].steers && steering->stopped)
			say(&request, "error the copy is ending");
		else
			verbs[i].obey(&request);
		return;
	}
	say(&request, "error the words are pause, resume, jobs N, bwlimit RATE and status");
}

struct context {
	struct steering *steering;
	const char *status;
};

static void obey(const char *const *words, char *answer, void *arg)
{
	struct context *context = arg;

	command_obey(context->steering, words, context->status, answer);
}

void command_serve(struct control *control, struct steering *steering, const char *status)
{
	struct context context = { steering, status };

	control_serve(control, obey, &context);
}
