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
#include "copy/scan.h"
#include "copy/temp_name.h"
#include "ipc/job.h"
#include "ipc/record.h"
#include "worker/open_dirs.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#define PAUSE_NAP_NS (50 * NS_PER_MS)
#define LOW_WORK 2 /* frames in memory: time to ask for more */

struct worker {
	const struct worker_setup *setup;
	struct copier copier;
	struct scanner *scanner;
	struct open_dirs *dirs;
	struct gauge_snapshot gauge;
	uint64_t activity_since;
	uint64_t record_space[(RECORD_MAX + 7) / 8];
};

static void set_activity(struct worker *worker, enum gauge_activity activity)
{
	if (worker->setup->timing && activity != worker->gauge.activity) {
		uint64_t now = clock_now_ns();

		worker->gauge.spent_ns[worker->gauge.activity] += now - worker->activity_since;
		worker->activity_since = now;
	}
	worker->gauge.activity = activity;
}

static void publish(struct worker *worker)
{
	gauge_publish(worker->setup->board, worker->setup->slot, &worker->gauge);
}

static void on_activity(int activity, void *arg)
{
	set_activity(arg, (enum gauge_activity)activity);
}

static void put(struct worker *worker, const struct record *record, const char *name)
{
	size_t len = record_format(worker->record_space, record, name);
	enum gauge_activity before = (enum gauge_activity)worker->gauge.activity;

	if (completion_queue_try_put(worker->setup->queue, worker->setup->slot, worker->record_space, len) == 0)
		return;
	set_activity(worker, ACTIVITY_LANE);
	publish(worker);
	completion_queue_put(worker->setup->queue, worker->setup->slot, worker->record_space, len, UINT64_MAX);
	set_activity(worker, before);
}

static void nap(uint64_t ns)
{
	struct timespec time = { (time_t)(ns / NS_PER_S), (long)(ns % NS_PER_S) };

	nanosleep(&time, NULL);
}

/* Between two chunks and two entries: obeys the master's word. Returns 0 to go
 * on or -ECANCELED. */
static int obey(struct worker *worker, uint64_t bytes)
{
	struct gauge_board *board = worker->setup->board;
	enum gauge_activity before = (enum gauge_activity)worker->gauge.activity;
	uint64_t wait = bytes ? gauge_take_bandwidth(board, bytes, clock_now_ns()) : 0;

	for (;;) {
		enum gauge_order order = gauge_order(board);

		if (order == ORDER_STOP)
			return -ECANCELED;
		if (order == ORDER_RUN && wait == 0)
			break;
		uint64_t step = wait && wait < PAUSE_NAP_NS ? wait : PAUSE_NAP_NS;

		set_activity(worker, ACTIVITY_THROTTLE);
		publish(worker);
		nap(step);
		if (order == ORDER_RUN)
			wait -= step;
	}
	set_activity(worker, before);
	return 0;
}

static int on_bytes(uint64_t bytes, void *arg)
{
	struct worker *worker = arg;

	worker->gauge.job_bytes += bytes;
	worker->gauge.file_bytes += bytes;
	publish(worker);
	return obey(worker, bytes);
}

static void take_in_hand(struct worker *worker, uint32_t index)
{
	worker->gauge.index = index;
	worker->gauge.file_bytes = 0;
	worker->gauge.since_ns = clock_now_ns();
	publish(worker);
}

static void put_result(struct worker *worker, const struct job_view *job, uint32_t index,
                       const struct outcome *outcome)
{
	struct record record = { .kind = RECORD_RESULT, .job = job->id, .index = index, .result = *outcome };

	put(worker, &record, NULL);
}

static void put_done(struct worker *worker, const struct job_view *job, uint32_t copied, uint64_t bytes)
{
	struct record record = { .kind = RECORD_DONE, .job = job->id, .done = { .bytes = bytes, .copied = copied } };

	put(worker, &record, NULL);
}

/* What goes without saying is a plain copy in which nothing was lost. */
static bool worth_telling(const struct worker *worker, const struct outcome *outcome)
{
	return outcome->status != OUTCOME_COPIED || outcome->lost || outcome->method > DATA_PLAIN ||
	       worker->setup->policy->explain;
}

/* One outcome for every entry of a job that could not even begin. */
static void fail_all(struct worker *worker, const struct job_view *job, const struct outcome *outcome)
{
	for (uint32_t i = 0; i < job->count; i++)
		put_result(worker, job, i, outcome);
	put_done(worker, job, 0, 0);
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
		.redo = job->flags & JOB_REDO,
		.follow = worker->setup->policy->dereference == DEREFERENCE_ALWAYS || (operand && root->follow),
	};
}

/* Does @one for each entry of the batch and reports. */
typedef void entry_fn(struct worker *worker, const struct place *place, const struct job_view *job,
                      const struct entry *entry, struct outcome *ret);

static void each_entry(struct worker *worker, const struct job_view *job, entry_fn *one)
{
	struct outcome outcome = { 0 };
	const struct place *place = open_dirs_get(worker->dirs, job, &outcome);
	struct job_view view = *job;
	struct job_entry named;
	uint32_t copied = 0;
	uint64_t bytes = 0;

	if (!place) {
		fail_all(worker, job, &outcome);
		return;
	}
	for (uint32_t i = 0; job_view_next(&view, &named); i++) {
		struct entry entry = describe(worker, job, &named);

		take_in_hand(worker, i);
		set_activity(worker, ACTIVITY_METADATA);
		outcome = (struct outcome){ 0 };
		if (obey(worker, 0) < 0)
			outcome = (struct outcome){ .status = OUTCOME_FAILED, .err = ECANCELED };
		else
			one(worker, place, job, &entry, &outcome);
		if (worth_telling(worker, &outcome)) {
			put_result(worker, job, i, &outcome);
		} else {
			copied++;
			bytes += outcome.bytes;
		}
		worker->gauge.job_files++;
	}
	put_done(worker, job, copied, bytes);
}

static void copy_one(struct worker *worker, const struct place *place, const struct job_view *job,
                     const struct entry *entry, struct outcome *ret)
{
	(void)job;
	entry_copy(&worker->copier, place, entry, ret);
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

static void discard_one(struct worker *worker, const struct place *place, const struct job_view *job,
                        const struct entry *entry, struct outcome *ret)
{
	(void)worker;
	(void)entry;
	(void)ret;
	unlinkat(place->dst_fd, job->target, 0);
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
	CLEANUP_FD int first_fd = open_dirs_dest(worker->dirs, leaf ? path : "");

	if (first_fd < 0) {
		*ret = (struct outcome){ .status = OUTCOME_FAILED, .stage = STAGE_OPEN_DEST, .err = -first_fd };
		return;
	}
	entry_link(&worker->copier, place, entry, first_fd, leaf ? leaf + 1 : path, ret);
}

struct scan_context {
	struct worker *worker;
	const struct job_view *job;
	uint32_t entries;
};

static int on_scan_entry(const struct scan_entry *entry, void *arg)
{
	struct scan_context *context = arg;
	struct record record = {
		.kind = RECORD_ENTRY,
		.job = context->job->id,
		.name_len = (uint16_t)strlen(entry->name),
		.entry = {
			.dev = entry->dev,
			.ino = entry->ino,
			.size = entry->size,
			.blocks = entry->blocks,
			.mode = entry->mode,
			.nlink = entry->nlink,
			.err = (uint32_t)entry->err,
		},
	};

	put(context->worker, &record, entry->name);
	context->entries++;
	return gauge_order(context->worker->setup->board) == ORDER_STOP ? -ECANCELED : 0;
}

/* The destination's side of a first slice: made or found. -1 with the outcome filled. */
static int make_destination(struct worker *worker, const struct job_view *job, int src_fd, bool *ret_made,
                            struct outcome *ret)
{
	const char *name;
	struct stat st;
	int parent_fd = open_dirs_dest_parent(worker->dirs, job, &name, ret);

	*ret_made = false;
	if (parent_fd < 0)
		return -1;
	if (fstat(src_fd, &st) < 0) {
		*ret = (struct outcome){ .status = OUTCOME_FAILED, .stage = STAGE_STAT_SOURCE, .err = errno };
		return -1;
	}
	if (*name)
		return directory_make(&worker->copier, parent_fd, name, &st, ret_made, ret);

	int fd = open_dirs_dest(worker->dirs, ""); /* the base itself: its contents merge */

	if (fd < 0)
		*ret = (struct outcome){ .status = OUTCOME_FAILED, .stage = STAGE_OPEN_DEST, .err = -fd };
	return fd;
}

static void list_slice(struct worker *worker, const struct job_view *job, int src_fd, struct record *scanned)
{
	struct scan_context context = { worker, job, 0 };
	uint64_t cursor = 0;
	bool last = true, follow = worker->setup->policy->dereference == DEREFERENCE_ALWAYS;
	int err = scan_slice(worker->scanner, src_fd, job->offset, (uint32_t)job->length, follow, on_scan_entry,
	                     &context, &cursor, &last);

	if (err < 0)
		scanned->scanned.outcome = (struct outcome){
			.status = OUTCOME_FAILED,
			.stage = err == -ECANCELED ? STAGE_NONE : STAGE_SCAN,
			.err = -err,
		};
	scanned->scanned.cursor = cursor;
	scanned->scanned.last = last || err < 0;
	scanned->scanned.entries = context.entries;
}

/* One slice; the first also makes the destination directory. */
static void scan(struct worker *worker, const struct job_view *job)
{
	struct record record = { .kind = RECORD_SCANNED, .job = job->id, .scanned = { .last = 1 } };
	struct outcome *outcome = &record.scanned.outcome;

	set_activity(worker, ACTIVITY_SCAN);
	take_in_hand(worker, 0);
	if (job->flags & JOB_FIRST_SLICE) {
		bool made = false;
		CLEANUP_FD int src_fd = open_dirs_source(worker->dirs, job, outcome);
		CLEANUP_FD int dst_fd = src_fd < 0 ? -1 : make_destination(worker, job, src_fd, &made, outcome);
		struct stat st;

		if (dst_fd >= 0) {
			if (!made)
				directory_sweep(dst_fd);
			if (!*job->dir && fstat(dst_fd, &st) == 0) {
				record.scanned.dest_dev = st.st_dev;
				record.scanned.dest_ino = st.st_ino;
			}
			record.scanned.made = made;
			record.scanned.usable = 1;
			open_dirs_keep(worker->dirs, job, take_fd(&src_fd), take_fd(&dst_fd), made);
		}
	}
	if (outcome->status != OUTCOME_FAILED && !(job->flags & JOB_NO_DESCENT)) {
		const struct place *place = open_dirs_get(worker->dirs, job, outcome);

		if (place)
			list_slice(worker, job, place->src_fd, &record);
	}
	put(worker, &record, NULL);
}

static void finish(struct worker *worker, const struct job_view *job)
{
	struct outcome outcome = { 0 };
	const struct place *place = open_dirs_get(worker->dirs, job, &outcome);

	set_activity(worker, ACTIVITY_METADATA);
	take_in_hand(worker, 0);
	if (place)
		directory_finish(&worker->copier, place->src_fd, place->dst_fd, job->flags & JOB_DIR_MADE, &outcome);
	open_dirs_drop(worker->dirs, job);
	if (outcome.status != OUTCOME_COPIED || outcome.lost)
		put_result(worker, job, 0, &outcome);
	put_done(worker, job, 0, 0);
}

static void flush_destination(struct worker *worker, const struct job_view *job)
{
	CLEANUP_FD int fd = open_dirs_dest(worker->dirs, "");

	set_activity(worker, ACTIVITY_FLUSH);
	take_in_hand(worker, 0);
	if (fd < 0 || syncfs(fd) < 0) {
		struct outcome outcome = { .status = OUTCOME_FAILED, .stage = STAGE_SYNC, .err = fd < 0 ? -fd : errno };

		put_result(worker, job, 0, &outcome);
	}
	put_done(worker, job, 0, 0);
}

/* Waking the master costs a context switch, as much as copying a small file.
 * While the queue is full it is enough to wake it before the work here runs out. */
static void ring_if_needed(struct worker *worker)
{
	if (gauge_hungry(worker->setup->board) || job_pipe_waiting(worker->setup->pipe, LOW_WORK + 1) <= LOW_WORK)
		completion_queue_ring(worker->setup->queue);
}

static void do_job(struct worker *worker, const struct job_view *job)
{
	worker->gauge.job = job->id;
	worker->gauge.job_files = worker->gauge.job_bytes = 0;
	switch (job->kind) {
	case JOB_SCAN:
		scan(worker, job);
		break;
	case JOB_COPY:
		each_entry(worker, job, copy_one);
		break;
	case JOB_RANGE:
		each_entry(worker, job, range_one);
		break;
	case JOB_COMMIT:
		each_entry(worker, job, commit_one);
		break;
	case JOB_LINK:
		each_entry(worker, job, link_one);
		break;
	case JOB_DISCARD:
		each_entry(worker, job, discard_one);
		break;
	case JOB_FINISH:
		finish(worker, job);
		break;
	case JOB_FLUSH:
		flush_destination(worker, job);
		break;
	case JOB_KIND_COUNT:
		break;
	}
	worker->gauge.job = 0;
	set_activity(worker, ACTIVITY_IDLE);
	publish(worker);
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
	static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2 };
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
		.run_start = (time_t)setup->run_start,
		.activity = setup->timing ? on_activity : NULL,
		.activity_arg = worker,
	};
	worker->activity_since = clock_now_ns();
	int err = data_new(setup->policy, on_bytes, worker, &worker->copier.data);

	if (err == 0)
		err = metadata_new(setup->policy, &worker->copier.metadata);
	if (err == 0)
		err = scanner_new(&worker->scanner);
	if (err == 0)
		err = open_dirs_new(setup->policy, setup->tree, worker->copier.metadata, &worker->dirs);
	return err;
}

static void tear_down(struct worker *worker)
{
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

	tear_down(&worker);
	return status;
}
