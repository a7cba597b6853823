/*
 * The rules that hold in every state, asserted where they are cheap to see:
 *
 *  1. A job is in exactly one state, and only job_ledger moves it.
 *  2. Outstanding work per worker never exceeds its credit.
 *  3. A completion implies the effect is in the destination; its absence
 *     implies nothing.
 *  4. After a death: drain the lane, then requeue what is left, once; a second
 *     loss is reported as that file's failure.
 *  5. The master blocks only in uv_run.
 *  6. Workers never write to the terminal.
 *  7. done <= total; both only grow once the scan has ended; skipped and failed
 *     bytes leave the total, they do not join done.
 *  8. Nonsense from a worker (unknown job, wrong lane) is a bug: stop with the
 *     values.
 *
 * There is no list of what is finished: what is done is forgotten, so memory
 * does not grow with the number of files already copied.
 */
#include "master/session.h"

#include "base/clock.h"
#include "base/message.h"
#include "master/command.h"
#include "master/confirm.h"
#include "master/dispatch.h"
#include "master/flush.h"
#include "master/intake.h"
#include "master/recovery.h"
#include "master/report.h"
#include "master/run_clock.h"
#include "master/sampler.h"
#include "master/space.h"
#include "master/stats.h"
#include "master/steering.h"
#include "master/tuner.h"
#include "master/watch.h"
#include "ui/layout.h"

#include <assert.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#define DEATHS_BORNE 32                     /* of workers, however little is copied */
#define STOP_PATIENCE (1500 * NS_PER_MS)    /* an interrupt: what takes longer is killed */
#define SPACE_PATIENCE (10 * NS_PER_S)      /* a full disk: others may end their step */
#define JOIN_PATIENCE (2 * NS_PER_S)

enum session_state { RUNNING, FLUSHING, STOPPING, OVER };

struct session {
	struct session_setup setup;
	enum session_state state;
	struct tally tally;
	struct report report;
	struct intake intake;
	struct dispatch dispatch;
	struct confirm confirm;
	struct tuner tuner;
	struct sampler sampler;
	struct stats stats;
	struct space space;
	struct watch watch;
	struct run_clock clock;
	struct steering steering;
	struct progress *progress;
	struct control *control;   /* NULL: not opened yet, or refused */
	session_new_worker_fn *new_worker;
	void *new_worker_arg;
	uint64_t deadline_ns;      /* STOPPING: then workers are killed */
	uint64_t suspended_ns;     /* when ^Z stopped us */
	uint64_t deaths;           /* of workers */
	int stop_signal;
	bool broken;               /* a bug or no worker left: the status says so */
};

int session_new(const struct session_setup *setup, struct session **ret_session)
{
	struct session *session = calloc(1, sizeof(*session));

	if (!session)
		abort();
	session->setup = *setup;
	run_clock_start(&session->clock, clock_now_ns());
	session->tally.sum.jobs = setup->jobs;
	session->tally.sum.failed = setup->operands->refused;
	session->report = (struct report){
		.options = setup->options, .tree = &setup->operands->tree,
		.tally = &session->tally, .renderer = setup->renderer, .resume_command = setup->resume_command,
	};
	int err = report_open(&session->report);

	if (err < 0) {
		free(session);
		return err;
	}
	session->intake = (struct intake){
		.policy = &setup->options->policy, .operands = setup->operands,
		.ledger = ledger_new(pool_slots(setup->pool)), .links = link_table_new(),
		.tally = &session->tally, .report = &session->report,
		.jobs = setup->most_jobs, .slow_dest = setup->storage->slow,
	};
	session->dispatch = (struct dispatch){
		.pool = setup->pool, .ledger = session->intake.ledger, .space = &session->space, .in_use = setup->jobs,
		.eager_ns = session->clock.start_ns + NS_PER_S,
		/* Where every request waits a file takes longer than a batch should. */
		.batch_limit = setup->storage->slow || operands_are_slow(setup->operands) ? 1 : DISPATCH_FIRST_BATCH,
	};
	session->tuner = (struct tuner){
		.dispatch = &session->dispatch, .intake = &session->intake, .on = setup->most_jobs > setup->jobs,
	};
	autotune_init(&session->tuner.autotune, setup->jobs, setup->most_jobs, session->clock.start_ns);
	session->confirm = (struct confirm){ .intake = &session->intake, .dispatch = &session->dispatch };
	sampler_init(&session->sampler, &session->dispatch, &session->intake);
	session->steering = (struct steering){ .dispatch = &session->dispatch, .clock = &session->clock };
	session->space = (struct space){ setup->options, setup->storage, &session->tally,
	                                 setup->operands->tree.dest_base };
	watch_init(&session->watch, setup->pool);
	session->progress = progress_new(session->clock.start_ns);
	gauge_set_bandwidth(pool_board(setup->pool), setup->options->bandwidth);
	*ret_session = session;
	return 0;
}

void session_free(struct session *session)
{
	if (!session)
		return;
	sampler_done(&session->sampler);
	intake_done(&session->intake);
	ledger_free(session->intake.ledger);
	link_table_free(session->intake.links);
	progress_free(session->progress);
	control_free(session->control);
	report_done(&session->report);
	tally_done(&session->tally);
	free(session);
}

void session_set_new_worker(struct session *session, session_new_worker_fn *fn, void *arg)
{
	session->new_worker = fn;
	session->new_worker_arg = arg;
	session->tuner.started = fn;
	session->tuner.started_arg = arg;
}

bool session_is_over(const struct session *session)
{
	return session->state == OVER;
}

/* Listing is over when no scan is queued or under way and no operand waits. */
static bool scan_ended(const struct session *session)
{
	const struct job_ledger *ledger = session->intake.ledger;

	return ledger_queued(ledger, CLASS_SCAN) == 0 && ledger_sent_of(ledger, CLASS_SCAN) == 0 &&
	       !intake_has_more_operands(&session->intake);
}

static enum progress_phase phase_of(const struct session *session)
{
	if (session->state == FLUSHING)
		return PHASE_FLUSH;
	return scan_ended(session) ? PHASE_COPY : PHASE_SCAN;
}

static void sample(struct session *session)
{
	struct progress_sample sample;

	sampler_take(&session->sampler, phase_of(session), clock_now_ns(), &sample);
	progress_update(session->progress, &sample);
}

static void show(struct session *session)
{
	sample(session); /* also when nobody looks: who asks later gets the rate of then */
	if (session->setup.renderer)
		renderer_draw(session->setup.renderer, progress_view(session->progress));
}

/* After every event: sends what can be sent, and sees whether this is the end. */
static void step(struct session *session)
{
	struct job_ledger *ledger = session->intake.ledger;

	session->intake.batch_limit = session->dispatch.batch_limit;
	session->intake.clones = session->dispatch.clones;
	if (session->state == RUNNING) {
		tuner_step(&session->tuner, clock_now_ns());
		tuner_start_for_queued(&session->tuner);
	}
	if (session->state != OVER) /* STOPPING: what is left to discard */
		dispatch_run(&session->dispatch, clock_now_ns());
	if (!ledger_empty(ledger))
		return;
	if (session->state == RUNNING) {
		assert(session->intake.directories == 0);
		if (flush_is_wanted(&session->setup.options->policy, session->setup.storage) &&
		    session->tally.sum.files + session->tally.sum.directories > 0) {
			session->state = FLUSHING;
			flush_queue(ledger);
			dispatch_run(&session->dispatch, clock_now_ns());
			show(session); /* however short it is */
			return;
		}
	}
	session->state = OVER;
}

bool session_start_worker(struct session *session)
{
	bool started = session->state == RUNNING && tuner_start_one(&session->tuner);

	step(session);
	return started;
}

static void drop_job(struct job *job, void *arg)
{
	struct session *session = arg;

	recovery_leave(&session->intake, job);
	if (job->kind == JOB_FINISH)
		intake_finished(&session->intake, job->dir);
	else if (job->dir)
		intake_piece_done(&session->intake, job->dir);
}

/* No further work; what workers hold is given @patience_ns to end. */
static void stop(struct session *session, uint64_t patience_ns)
{
	uint64_t deadline = clock_now_ns() + patience_ns;

	if (session->state == OVER)
		return;
	if (session->state != STOPPING || deadline < session->deadline_ns)
		session->deadline_ns = deadline;
	session->state = STOPPING;
	session->intake.stopping = true;
	steering_stop(&session->steering, clock_now_ns());
	ledger_drop_queued(session->intake.ledger, drop_job, session);
}

/* Invariant 8. */
static int nonsense(struct session *session, unsigned slot, const struct record *record)
{
	message_say("internal error: %s sent record %u for job %llu, which it does not have",
	            worker_name(pool_worker(session->setup.pool, slot)), record->kind, (unsigned long long)record->job);
	session->broken = true;
	pool_terminate(session->setup.pool);
	session->state = OVER;
	return 1;
}

/* The disk is full: nothing that is still queued has a chance. */
static void out_of_space(struct session *session)
{
	if (session->state == STOPPING)
		return;
	space_say_full(&session->space, scan_ended(session));
	stop(session, SPACE_PATIENCE);
}

static void check_space(struct session *session)
{
	if (session->state != RUNNING || !space_is_short(&session->space))
		return;
	session->tally.no_space = true;
	stop(session, SPACE_PATIENCE);
}

static int on_record(unsigned slot, const void *bytes, size_t len, void *arg)
{
	struct session *session = arg;
	struct record record = { 0 };

	if (session->broken)
		return 1;
	switch (confirm_record(&session->confirm, slot, bytes, len, &record)) {
	case CONFIRM_OK:
		break;
	case CONFIRM_SCANNED:
		check_space(session);
		break;
	case CONFIRM_FULL:
		out_of_space(session);
		break;
	case CONFIRM_NONSENSE:
		return nonsense(session, slot, &record);
	}
	return 0;
}

void session_begin(struct session *session)
{
	session->intake.batch_limit = session->dispatch.batch_limit;
	intake_begin(&session->intake);
	step(session);
}

void session_on_completions(struct session *session)
{
	struct completion_queue *queue = pool_queue(session->setup.pool);

	/* Draining until arming finds nothing: a record that comes in between is
	 * seen here or rings. */
	do {
		completion_queue_disarm(queue);
		completion_queue_drain(queue, on_record, session);
		step(session);
	} while (session->state != OVER && completion_queue_arm(queue));
}

/* A successor in the dead worker's slot, unless more die than copy. */
static void refill(struct session *session, unsigned slot)
{
	struct worker_pool *pool = session->setup.pool;
	const struct summary *sum = &session->tally.sum;

	if (session->state == STOPPING || session->state == OVER)
		return;
	if (session->deaths <= DEATHS_BORNE + (sum->files + sum->directories) / 8 && pool_start(pool, slot) == 0) {
		if (session->new_worker)
			session->new_worker(slot, session->new_worker_arg);
		return;
	}
	tuner_settle(&session->tuner); /* or the next step would start one after all */
	if (pool_alive(pool) == 0) {
		message_say("all workers have died; the copy cannot go on");
		session->broken = true;
		session->state = OVER;
	}
}

void session_on_worker_end(struct session *session, unsigned slot)
{
	struct worker_pool *pool = session->setup.pool;
	struct gauge_snapshot last = { 0 };

	if (!pool_has(pool, slot) || worker_is_alive(pool_worker(pool, slot)))
		return;
	completion_queue_drain_lane(pool_queue(pool), slot, on_record, session);
	gauge_read(pool_board(pool), slot, &last);
	if (session->state == STOPPING)
		session->intake.stopping = true;
	else if (session->state != OVER)
		report_death(&session->report, pool_worker(pool, slot));
	session->deaths++;
	stats_add(&session->stats, &last);
	session->tally.sum.redone += recovery_take_back(&session->intake, slot, &last);
	pool_bury(pool, slot);
	if (session->state == STOPPING)
		ledger_drop_queued(session->intake.ledger, drop_job, session);
	refill(session, slot);
	step(session);
}

/* We may have been stopped without a word (SIGSTOP). */
static void notice_gap(struct session *session)
{
	uint64_t now_ns = clock_now_ns(), gap_ns = run_clock_tick(&session->clock, now_ns);

	if (gap_ns == 0)
		return;
	progress_skip_time(session->progress, gap_ns);
	watch_forgive(&session->watch, now_ns);
}

void session_on_tick(struct session *session)
{
	notice_gap(session);
	session_on_completions(session); /* a ring lost with its worker */
	for (unsigned slot = 0; slot < pool_slots(session->setup.pool); slot++)
		if (pool_has(session->setup.pool, slot) && pool_worker(session->setup.pool, slot)->pid_fd < 0)
			session_on_worker_end(session, slot);
	watch_stopped_workers(&session->watch, clock_now_ns());
	if (session->state == STOPPING && clock_now_ns() >= session->deadline_ns) {
		pool_terminate(session->setup.pool);
		session->state = OVER;
	}
	show(session);
}

/* Only ^C says more the second time: timeout(1) and a shell that loses its
 * terminal send their signal to the process and to its group. */
void session_on_stop_signal(struct session *session, int signal)
{
	bool again = session->stop_signal != 0 && signal == SIGINT;

	session->stop_signal = signal;
	stop(session, again ? 0 : STOP_PATIENCE);
	if (again && session->state != OVER) {
		pool_terminate(session->setup.pool);
		session->state = OVER;
	}
	step(session);
}

void session_on_status_signal(struct session *session)
{
	char line[LAYOUT_ROW_BYTES];

	sample(session);
	layout_plain(progress_view(session->progress), line);
	message_say("%s", line);
}

void session_on_suspend(struct session *session)
{
	session->suspended_ns = clock_now_ns();
	if (session->setup.renderer)
		renderer_suspend(session->setup.renderer);
}

void session_on_resume(struct session *session)
{
	uint64_t now_ns = clock_now_ns();

	progress_skip_time(session->progress, now_ns - session->suspended_ns);
	run_clock_resume(&session->clock, session->suspended_ns, now_ns);
	watch_forgive(&session->watch, now_ns);
	if (session->setup.renderer)
		renderer_resume(session->setup.renderer);
}

void session_on_resize(struct session *session)
{
	if (session->setup.renderer)
		renderer_resize(session->setup.renderer);
}

int session_input_fd(const struct session *session)
{
	return session->setup.renderer ? renderer_input_fd(session->setup.renderer) : -1;
}

void session_on_key(struct session *session)
{
	struct renderer_event event;

	do {
		event = renderer_read_key(session->setup.renderer);
		steering_key(&session->steering, &event, clock_now_ns());
		if (event.key == KEY_QUIT)
			session_on_stop_signal(session, SIGINT);
		else if (event.key == KEY_TO_LINE)
			renderer_change(session->setup.renderer, &renderer_line);
	} while (event.key != KEY_NONE_YET);
	step(session);
	show(session);
}

int session_open_control(struct session *session)
{
	if (!session->control && control_new(&session->control) < 0)
		session->control = NULL; /* a copy that cannot be steered is still a copy */
	return session->control ? control_fd(session->control) : -1;
}

void session_on_control(struct session *session)
{
	char status[LAYOUT_ROW_BYTES];

	sample(session);
	layout_plain(progress_view(session->progress), status);
	command_serve(session->control, &session->steering, status);
	step(session);
}

int session_end(struct session *session, int *ret_signal)
{
	struct worker_pool *pool = session->setup.pool;
	struct summary *sum = &session->tally.sum;

	sum->elapsed_ns = run_clock_elapsed(&session->clock, clock_now_ns());
	sum->interrupted = session->stop_signal != 0;
	sum->jobs = session->dispatch.in_use;
	if (session->setup.most_jobs > session->setup.jobs)
		sum->jobs_reason = tuner_reason(&session->tuner);
	sum->status = session->broken ? EXIT_SOME_FAILED : (int)tally_status(&session->tally);
	sample(session);
	progress_finish(session->progress);
	if (session->setup.renderer) { /* no signal is caught any more: the terminal first */
		renderer_draw(session->setup.renderer, progress_view(session->progress));
		renderer_finish(session->setup.renderer, sum);
	}
	pool_end(pool, session->deadline_ns ? 0 : JOIN_PATIENCE);
	report_end(&session->report, sum->interrupted || session->broken);
	if (session->setup.options->stats)
		stats_say(&session->stats, pool);
	if (message_flush() < 0 && sum->status == EXIT_COPIED)
		sum->status = EXIT_SOME_FAILED;
	*ret_signal = session->stop_signal;
	return sum->status;
}
