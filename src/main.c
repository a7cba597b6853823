/*
 * pcopy: a parallel, faithful folder copy.
 *
 * The map. Each module's header says what it promises; who calls whom:
 *
 *   main              options -> operands -> pool -> renderer -> session in a loop; or control_client
 *   cli/              options (argv to a struct), usage (--help)
 *   master/operands   SOURCE... DEST by cp's rule     file_list --files-from   storage  what the disk is like
 *   master/loop       libuv: doorbell, pidfds, signals, tick; calls
 *   master/session    the state machine; its parts:
 *     intake          what a scan found becomes jobs  (slice, dir_node, link_table, batch, big_file)
 *     job_ledger      every job, and its one state
 *     dispatch        who gets which job next         autotune, tuner  -j auto
 *     confirm         a completion takes effect      recovery, watch  a worker died, or stopped
 *     tally, report   counts, sentences               names     what an entry is called   space  will it fit   flush  the last phase
 *     sampler         the moment, for the display
 *     steering        pause, workers in use, bandwidth: by a key, or from another terminal through
 *                     control, command    the socket, and its words     stats  where the time went
 *   master/worker_pool  N slots: worker_process, and from ipc/:
 *     job_pipe, job   frames down                     lane, completion_queue, record  facts up
 *     gauge           live numbers, and the master's word to all
 *   worker/worker     the child's loop                open_dirs  what it has open   tell  what it reports
 *     listing, finish a directory's beginning and end  confine    Landlock, before the first job
 *   copy/             resolve, scan, directory, entry, replace, data, holes,
 *                     metadata, xattr, temp_name      tree       the operand table
 *     regular, range  a file by one worker, by several  partial, mark, trailer  going on inside one
 *   ui/               progress, eta (model)  layout (rows)  renderer_* (faces)  summary
 *   base/             cleanup, clock, io, message, display, human, policy, outcome
 */
#include "base/cleanup.h"
#include "base/display.h"
#include "base/message.h"
#include "cli/options.h"
#include "copy/temp_name.h"
#include "master/control_client.h"
#include "master/loop.h"
#include "master/operands.h"
#include "master/resume_hint.h"
#include "master/session.h"
#include "master/storage.h"
#include "master/tally.h"
#include "master/worker_pool.h"
#include "ui/renderer.h"
#include "worker/confine.h"

#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>

/* With 0, 1 or 2 closed, the first files opened would take their places, and a
 * message would go into somebody's data. */
static void open_standard_descriptors(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) < 0)
			_exit(EXIT_CANNOT_START);
}

/* A pipe and a pidfd a worker; what the hard limit does not allow is not used. */
static unsigned affordable_jobs(unsigned jobs)
{
	enum { EACH = 3, OURS = 20 };
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return jobs;
	if (limit.rlim_cur < jobs * EACH + OURS && limit.rlim_cur < limit.rlim_max) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
		getrlimit(RLIMIT_NOFILE, &limit);
	}
	if (limit.rlim_cur >= jobs * EACH + OURS)
		return jobs;
	return limit.rlim_cur > OURS + EACH ? (unsigned)((limit.rlim_cur - OURS) / EACH) : 1;
}

/* -j auto begins with the processors, up to eight, and may climb to 64: beyond,
 * storage was not seen to get faster. With -j there are as many slots, for who
 * wants more workers later; an empty one costs address space only. */
#define SPARE_SLOTS 64

static unsigned most(unsigned a, unsigned b)
{
	return a > b ? a : b;
}

static void choose_jobs(const struct options *options, unsigned *ret_first, unsigned *ret_most)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	if (options->jobs) {
		*ret_first = *ret_most = affordable_jobs(options->jobs);
		return;
	}
	*ret_most = affordable_jobs(SPARE_SLOTS);
	*ret_first = cpus < 2 ? 2 : cpus > 8 ? 8 : (unsigned)cpus;
	if (*ret_first > *ret_most)
		*ret_first = *ret_most;
}

/* --idle; every worker inherits it. What is refused is gone without. */
static void give_way(void)
{
	enum { WHO_PROCESS = 1, CLASS_IDLE = 3 << 13 }; /* <linux/ioprio.h> is younger than the call */

	setpriority(PRIO_PROCESS, 0, 19);
	syscall(SYS_ioprio_set, WHO_PROCESS, 0, CLASS_IDLE);
}

static const struct renderer_face *choose_face(const struct options *options)
{
	switch (options->progress) {
	case PROGRESS_AUTO:
		return !options->quiet && renderer_line_possible() ? &renderer_line : NULL;
	case PROGRESS_LINE:
		return renderer_line_possible() ? &renderer_line : NULL;
	case PROGRESS_SCREEN:
		return &renderer_screen;
	case PROGRESS_PLAIN:
		return &renderer_plain;
	case PROGRESS_JSON:
		return &renderer_json;
	case PROGRESS_NONE:
		break;
	}
	return NULL;
}

static int open_renderer(const struct options *options, unsigned jobs, struct renderer **ret)
{
	const struct renderer_face *face = choose_face(options);
	struct renderer_start start = {
		.jobs = jobs, .fd = options->progress_fd, .title = options->title,
		.sources = (const char *const *)options->sources, .n_sources = (unsigned)options->n_sources,
		.dest = options->dest,
	};
	int err = face ? renderer_new(face, &start, ret) : 0;

	if (err < 0)
		message_say("cannot show progress (%s): %s", face->name, strerror(-err));
	return err;
}

static int run_session(struct session_setup *setup, int *ret_signal)
{
	struct session *session;

	if (session_new(setup, &session) < 0)
		return EXIT_CANNOT_START;
	int err = loop_run(session, setup->pool);
	int status = session_end(session, ret_signal);

	session_free(session);
	if (err < 0) {
		message_say("cannot set up the event loop: %s", strerror(-err));
		return EXIT_CANNOT_START;
	}
	return status;
}

/* Files are stamped by the coarse clock, which lags by up to a tick. Where the
 * answer matters (two sources land on one name: which files did we make?) the
 * run begins with a new tick, so that nothing older has its stamp. */
static struct timespec run_start(const struct operands *operands)
{
	struct timespec now, tick;
	bool matters = false;

	for (size_t i = 0; i < operands->tree.n_roots; i++)
		matters |= operands->tree.roots[i].shared_name;
	clock_gettime(CLOCK_REALTIME, &now);
	do
		clock_gettime(CLOCK_REALTIME_COARSE, &tick);
	while (matters && (tick.tv_sec < now.tv_sec || (tick.tv_sec == now.tv_sec && tick.tv_nsec < now.tv_nsec)));
	return tick;
}

/* --confine is kept or refused, never weakened in silence. */
static bool can_confine(const struct options *options, const struct operands *operands)
{
	const struct tree *tree = &operands->tree;
	size_t root = 0;

	switch (confine_check(&options->policy, tree, &root)) {
	case CONFINE_POSSIBLE:
		return true;
	case CONFINE_NO_LANDLOCK:
		message_say("cannot confine the workers: this kernel does not offer Landlock as of Linux 6.2");
		return false;
	case CONFINE_SOURCE_WRITABLE:
		break;
	}
	CLEANUP_FREE char *source = display_quote(tree->roots[root].source);
	CLEANUP_FREE char *base = display_quote(tree->dest_base);

	message_say("cannot confine the workers: %s is in %s, which they have to write to", source, base);
	return false;
}

static int copy(const struct options *options, const struct operands *operands, const char *resume_command,
                int *ret_signal)
{
	struct storage storage;
	struct session_setup session = {
		.options = options, .operands = operands, .storage = &storage, .resume_command = resume_command,
	};
	struct pool_setup pool = {
		.policy = &options->policy, .tree = &operands->tree,
		.every_outcome = options->verbose, .run_start = run_start(operands),
		.timing = options->stats || options->progress == PROGRESS_SCREEN, .cpu_time = !options->jobs,
	};

	if (options->policy.confine && !can_confine(options, operands))
		return EXIT_CANNOT_START;
	choose_jobs(options, &session.jobs, &session.most_jobs);
	pool.workers = 1; /* the session starts the others */
	pool.slots = most(session.most_jobs, affordable_jobs(SPARE_SLOTS));
	storage_look(operands->tree.dest_fd, &storage);
	temp_name_begin_run();
	if (options->idle)
		give_way();

	/* First of all a fork: before libuv and curses, which a worker has no use for. */
	int err = pool_new(&pool, &session.pool);

	if (err < 0) {
		message_say("cannot start a worker: %s", strerror(-err));
		return EXIT_CANNOT_START;
	}
	int status = EXIT_CANNOT_START;

	if (open_renderer(options, session.jobs, &session.renderer) == 0)
		status = run_session(&session, ret_signal);
	renderer_free(session.renderer);
	pool_terminate(session.pool);
	pool_free(session.pool);
	return status;
}

int main(int argc, char **argv)
{
	struct options options;
	struct operands operands;
	int status = EXIT_CANNOT_START, ending = 0;

	open_standard_descriptors();
	setlocale(LC_CTYPE, ""); /* for names; the rest of a locale is not read */
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* stderr may be a file, and `ulimit -f` small */

	switch (options_parse(argc, argv, &options)) {
	case OPTIONS_DONE:
		return message_flush() < 0 ? EXIT_SOME_FAILED : EXIT_COPIED;
	case OPTIONS_USAGE:
		return EXIT_CANNOT_START;
	case OPTIONS_RUN:
		break;
	}
	if (options.control_pid)
		return control_client_run(options.control_pid, options.control_words);
	options.policy.umask = umask(0);
	umask(options.policy.umask);

	if (operands_resolve(&options, &operands) == 0) {
		CLEANUP_FREE char *resume_command = resume_hint(argv, &options, &operands);

		status = operands.tree.n_roots ? copy(&options, &operands, resume_command, &ending) : EXIT_SOME_FAILED;
	}
	operands_done(&operands);
	options_done(&options);
	if (message_flush() < 0 && status == EXIT_COPIED)
		status = EXIT_SOME_FAILED;
	if (ending) {
		/* Ends by the signal, so that a shell loop stops too. */
		signal(ending, SIG_DFL);
		raise(ending);
	}
	return status;
}
