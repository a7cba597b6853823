/*
 * Read a frame, do it, say what is true now.
 *
 *   master                      worker
 *   frame ── pipe ────────────> receive
 *                               effect in the destination
 *   lane <───────────────────── RESULT for each entry with something to tell
 *   lane <───────────────────── DONE (or SCANNED), published after the effect
 *   (dies here: redone) ....... nothing was confirmed, so nothing is lost
 *
 * A worker has no opinion on what comes next, prints nothing and keeps no list:
 * whatever it knew dies with it, and the ledger still has all of it.
 */
#include "worker/worker.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "copy/directory.h"
#include "copy/entry.h"
#include "copy/temp_name.h"
#include "ipc/job.h"
#include "worker/confine.h"
#include "worker/finish.h"
#include "worker/listing.h"
#include "worker/open_dirs.h"
#include "worker/state.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#define LOW_WORK 2 /* frames in memory: time to ask for more */

static void on_activity(int activity, void *arg)
{
	struct worker *worker = arg;

	tell_activity(&worker->tell, (enum gauge_activity)activity);
}

/* An eighth of a second's worth, where the bandwidth is limited. */
static void obey_bandwidth(struct worker *worker)
{
	data_set_step(worker->copier.data, gauge_bandwidth(worker->setup->board) / 8);
}

static int on_bytes(uint64_t bytes, void *arg)
{
	struct worker *worker = arg;

	obey_bandwidth(worker);
	return tell_bytes(&worker->tell, bytes);
}

static struct entry describe(const struct worker *worker, const struct job_view *job, const struct job_entry *named)
{
	const struct tree_root *root = &worker->setup->tree->roots[job->root];
	bool operand = root->leaf && !*job->dir;

	return (struct entry){
		.src_name = named->name,
		.dst_name = operand && strcmp(named->name, root->leaf) == 0 ? root->dest_leaf : named->name,
		.mode = named->mode,
		.dev = named->dev,
		.ino = named->ino,
		.size = named->size,
		.changed_ns = named->changed_ns,
		.accessed_ns = named->accessed_ns,
		.redo = job->flags & JOB_REDO,
		.follow = worker->setup->policy->dereference == DEREFERENCE_ALWAYS || (operand && root->follow),
	};
}

/* Does @one for each entry of the batch and reports. */
typedef void entry_fn(struct worker *worker, const struct place *place, const struct job_view *job,
                      const struct entry *entry, struct outcome *ret);

/* The master stops everything when it hears of this. */
static bool is_full(const struct outcome *outcome)
{
	return outcome->status == OUTCOME_FAILED && (outcome->err == ENOSPC || outcome->err == EDQUOT);
}

/* Short, and what ranges have made stays behind without it. */
static bool ends_a_file(enum job_kind kind)
{
	return kind == JOB_COMMIT || kind == JOB_DISCARD;
}

/* Nobody lists a directory for an operand that is a file: the first one sweeps it, and
 * of a file in ranges its BEGIN. */
static bool is_unswept(struct worker *worker, const struct job_view *job, const struct place *place)
{
	struct stat st;

	if (job->kind == JOB_RANGE || ends_a_file(job->kind) || !worker->setup->tree->roots[job->root].leaf ||
	    fstat(place->dst_fd, &st) < 0 ||
	    (st.st_dev == worker->swept_dev && st.st_ino == worker->swept_ino))
		return false;
	worker->swept_dev = st.st_dev;
	worker->swept_ino = st.st_ino;
	return true;
}

static void discard_one(struct worker *worker, const struct place *place, const struct job_view *job,
                        const struct entry *entry, struct outcome *ret);

/* The directory cannot be had, its source may be gone: what ranges have made goes all the same. */
static void give_up_all(struct worker *worker, const struct job_view *job, const struct outcome *outcome)
{
	struct job_view view = *job;
	struct job_entry named;
	struct place place;
	CLEANUP_FD int fd = ends_a_file(job->kind) ? open_dirs_dest_alone(worker->dirs, job, &place) : -1;

	while (fd >= 0 && job_view_next(&view, &named)) {
		struct entry entry = describe(worker, job, &named);

		discard_one(worker, &place, job, &entry, NULL);
	}
	tell_all_failed(&worker->tell, job, outcome);
}

static void each_entry(struct worker *worker, const struct job_view *job, entry_fn *one)
{
	struct outcome outcome = { 0 };
	const struct place *place = open_dirs_get(worker->dirs, job, &outcome);
	struct job_view view = *job;
	struct job_entry named;

	if (!place) {
		give_up_all(worker, job, &outcome);
		return;
	}
	if ((job->flags & JOB_REDO) || is_unswept(worker, job, place))
		directory_sweep(&worker->copier, place->dst_fd); /* what the dead left half made */
	for (uint32_t i = 0; job_view_next(&view, &named); i++) {
		struct entry entry = describe(worker, job, &named);

		tell_activity(&worker->tell, ACTIVITY_METADATA);
		tell_in_hand(&worker->tell, i); /* published with it: an open may hang */
		outcome = (struct outcome){ 0 };
		if (!ends_a_file(job->kind) && (worker->full || tell_and_obey(&worker->tell, 0) < 0))
			outcome = (struct outcome){ .status = OUTCOME_FAILED, .stage = STAGE_INTERRUPTED, .err = ECANCELED };
		else
			one(worker, place, job, &entry, &outcome);
		worker->full = worker->full || is_full(&outcome);
		tell_outcome(&worker->tell, job, i, named.size, &outcome);
	}
	if ((job->flags & JOB_FINISH_TOO) && !worker->full && tell_and_obey(&worker->tell, 0) == 0) {
		tell_in_hand(&worker->tell, job->count);
		outcome = (struct outcome){ 0 };
		if (finish_place(worker, job, place, &outcome))
			tell_result(&worker->tell, job, job->count, &outcome);
		worker->tell.done.done.finished = 1;
	}
	tell_done(&worker->tell, job);
}

/* -s: the source's path as the user would write it. */
static char *link_text(const struct worker *worker, const struct job_view *job, const struct entry *entry)
{
	const struct tree_root *root = &worker->setup->tree->roots[job->root];
	bool operand = root->leaf && !*job->dir;
	const char *top = root->leaf ? root->parent : root->source;
	char *text;

	if (operand)
		text = strdup(root->source);
	else if (asprintf(&text, "%s/%s%s%s", top, job->dir, *job->dir ? "/" : "", entry->src_name) < 0)
		text = NULL;
	if (!text)
		abort();
	return text;
}

static void copy_one(struct worker *worker, const struct place *place, const struct job_view *job,
                     const struct entry *entry, struct outcome *ret)
{
	CLEANUP_FREE char *text = NULL;
	struct entry linked = *entry;

	if (worker->setup->policy->symbolic_link)
		linked.link_text = text = link_text(worker, job, entry);
	linked.open_fd = own_copy_next_file(&worker->own);
	entry_copy(&worker->copier, place, &linked, ret);
}

static void begin_one(struct worker *worker, const struct place *place, const struct job_view *job,
                      const struct entry *entry, struct outcome *ret)
{
	entry_begin(&worker->copier, place, entry, job->target, ret);
}

static void range_one(struct worker *worker, const struct place *place, const struct job_view *job,
                      const struct entry *entry, struct outcome *ret)
{
	entry_range(&worker->copier, place, entry, job->target, job->offset, job->length, ret);
}

static void commit_one(struct worker *worker, const struct place *place, const struct job_view *job,
                       const struct entry *entry, struct outcome *ret)
{
	entry_commit(&worker->copier, place, entry, job->target, ret);
}

/* A copy that is given up, or was dropped when a worker had died with it: in a
 * directory this run made, what has its name now is what that worker left. A file in
 * ranges never has its name before its COMMIT; whatever has it then is another's, or whole. */
static void discard_one(struct worker *worker, const struct place *place, const struct job_view *job,
                        const struct entry *entry, struct outcome *ret)
{
	(void)worker;
	(void)ret;
	if (*job->target)
		unlinkat(place->dst_fd, job->target, 0);
	else if (place->made)
		unlinkat(place->dst_fd, entry->dst_name, 0);
}

static void link_one(struct worker *worker, const struct place *place, const struct job_view *job,
                     const struct entry *entry, struct outcome *ret)
{
	CLEANUP_FREE char *path = strdup(job->target);
	char *leaf = path ? strrchr(path, '/') : NULL;

	if (!path)
		abort();
	if (leaf)
		*leaf = '\0';
	CLEANUP_FD int first_fd = open_dirs_dest(worker->dirs, leaf ? path : "", O_PATH);

	if (first_fd < 0) {
		*ret = (struct outcome){ .status = OUTCOME_FAILED, .stage = STAGE_OPEN_DEST, .err = -first_fd };
		return;
	}
	entry_link(&worker->copier, place, entry, first_fd, leaf ? leaf + 1 : path, ret);
}

static void scan(struct worker *worker, const struct job_view *job)
{
	struct job_view own;

	if (listing_scan(worker, job, &own))
		each_entry(worker, &own, copy_one);
	own_copy_end(&worker->own);
}

static void flush_destination(struct worker *worker, const struct job_view *job)
{
	CLEANUP_FD int fd = open_dirs_dest(worker->dirs, "", O_RDONLY);

	tell_activity(&worker->tell, ACTIVITY_FLUSH);
	tell_in_hand(&worker->tell, 0);
	if (fd < 0 || syncfs(fd) < 0) {
		struct outcome outcome = { .status = OUTCOME_FAILED, .stage = STAGE_SYNC, .err = fd < 0 ? -fd : errno };

		tell_result(&worker->tell, job, 0, &outcome);
	}
	tell_done(&worker->tell, job);
}

/* Waking the master costs a context switch, as much as copying a small file.
 * While the queue is full it is enough to wake it before the work here runs out. */
static void ring_if_needed(struct worker *worker)
{
	if (gauge_hungry(worker->setup->board) || job_pipe_is_low(worker->setup->pipe, LOW_WORK))
		completion_queue_ring(worker->setup->queue);
}

/* What is done for each kind of job: once, or for each of its entries. */
static const struct {
	void (*once)(struct worker *worker, const struct job_view *job);
	entry_fn *each;
} deeds[JOB_KIND_COUNT] = {
	[JOB_SCAN] = { .once = scan },
	[JOB_LOOK] = { .once = listing_look },
	[JOB_COPY] = { .each = copy_one },
	[JOB_BEGIN] = { .each = begin_one },
	[JOB_RANGE] = { .each = range_one },
	[JOB_COMMIT] = { .each = commit_one },
	[JOB_LINK] = { .each = link_one },
	[JOB_DISCARD] = { .each = discard_one },
	[JOB_FINISH] = { .once = finish_job },
	[JOB_FLUSH] = { .once = flush_destination },
};

static void do_job(struct worker *worker, const struct job_view *job)
{
	tell_job(&worker->tell, job->id);
	if (deeds[job->kind].once)
		deeds[job->kind].once(worker, job);
	else
		each_entry(worker, job, deeds[job->kind].each);
	tell_idle(&worker->tell);
	ring_if_needed(worker);
}

static void on_starved(void *arg)
{
	completion_queue_ring(((struct worker *)arg)->setup->queue);
}

static int loop(struct worker *worker)
{
	const void *frame;
	size_t len;
	int more;

	while ((more = job_pipe_receive(worker->setup->pipe, &frame, &len, on_starved, worker)) > 0) {
		struct job_view job;

		if (job_parse(frame, len, &job) < 0)
			return 3; /* the master sees the death, and the job is redone elsewhere once */
		do_job(worker, &job);
	}
	return more < 0 ? 3 : 0;
}

/* The set-up list: dies with the master, takes no signal meant for it, makes
 * files with exactly the mode it asks for. */
static int set_up(struct worker *worker)
{
	/* Without SIGXFSZ, a file past `ulimit -f` is an error of write(2), by name. */
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2, SIGXFSZ };
	const struct worker_setup *setup = worker->setup;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != setup->master)
		return -ESRCH; /* it died before the line above */
	for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++)
		signal(ignored[i], SIG_IGN);
	umask(0);
	temp_name_set_slot(setup->slot);

	worker->copier = (struct copier){
		.policy = setup->policy,
		.uid = geteuid(),
		.gid = getegid(),
		.run_start = setup->run_start.tv_sec,
		.run_start_ns = setup->run_start.tv_nsec,
		.activity = setup->timing ? on_activity : NULL,
		.activity_arg = worker,
	};
	worker->tell = (struct tell){
		.queue = setup->queue, .board = setup->board, .slot = setup->slot, .timing = setup->timing,
		.cpu_time = setup->cpu_time,
		.every_outcome = setup->policy->explain || setup->every_outcome, .activity_since = clock_now_ns(),
	};
	int err = data_new(setup->policy, on_bytes, worker, &worker->copier.data);

	if (err == 0) {
		data_share_trial(worker->copier.data, setup->trial);
		obey_bandwidth(worker);
		err = metadata_new(setup->policy, &worker->copier.metadata);
	}
	worker->most_open = own_copy_most_open();
	if (err == 0)
		err = scanner_new(&worker->scanner);
	if (err == 0)
		err = open_dirs_new(setup->policy, setup->tree, worker->copier.metadata, &worker->dirs);
	if (err == 0 && setup->policy->confine)
		err = confine_enter(setup->policy, setup->tree);
	return err;
}

static void tear_down(struct worker *worker)
{
	own_copy_done(&worker->own);
	open_dirs_free(worker->dirs);
	scanner_free(worker->scanner);
	metadata_free(worker->copier.metadata);
	data_free(worker->copier.data);
	job_pipe_free(worker->setup->pipe);
}

int worker_run(const struct worker_setup *setup)
{
	struct worker worker = { .setup = setup };
	int err = set_up(&worker);
	int status = err < 0 ? 4 : loop(&worker);

	if (err == 0)
		tell_end(&worker.tell);
	tear_down(&worker);
	return status;
}
