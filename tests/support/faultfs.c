/*
 * faultfs [OPTION]... BACKING MOUNTPOINT: a directory seen through a file
 * system that is slow, weak or broken on purpose. Returns once it is mounted
 * and serves in the background; ends when it is unmounted.
 *
 * It is built on libfuse's low level, where a callback is one request of the
 * kernel: the high level would hide lookups and so could not count them.
 */
#include "faultfs.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

struct faultfs faultfs = {.time_granularity_ns = 1};

static const char usage[] =
	"faultfs [OPTION]... BACKING MOUNTPOINT\n"
	"  --latency-us=N          every request waits so long, side by side with the others\n"
	"  --cache[=SECONDS]       names and attributes may be cached (1; without it not at all)\n"
	"  --readdirplus           answer listings with attributes\n"
	"  --copy-offload          serve copy_file_range (without it: ENOSYS)\n"
	"  --writeback             let the kernel collect writes\n"
	"  --fail=OP:NAME[:ERROR[:BYTES]]  e.g. read:big.bin:EIO:65536, flush:*, create:.pcopy-*:ENOSPC\n"
	"  --short=OP:NAME:BYTES   a read or write moves at most so many bytes\n"
	"  --hang=OP:NAME          until the control file exists\n"
	"  --control=FILE          the control file; FILE.hanging is made when a request begins to hang\n"
	"  --refuse=OP,...         EPERM for chown, chmod, utimens, link, mknod ...; xattr is all four\n"
	"  --time-granularity-ns=N times are cut down to this\n"
	"  --like-vfat             no owners, modes, xattrs, links, symlinks or special files; 2 s times\n"
	"  --hide-holes            no holes are seen, nor kept\n"
	"  --long-names            a name of 200 bytes or more is listed written twice, and found so\n"
	"  --stats=FILE            requests by kind, written at the end and on SIGUSR1; SIGUSR2: to zero\n"
	"  --pid-file=FILE         the server's process id\n"
	"  --foreground            do not go to the background\n"
	"NAME is a shell pattern for the last part of the path.\n";

enum option_code {
	OPT_LATENCY = 256, OPT_CACHE, OPT_READDIRPLUS, OPT_OFFLOAD, OPT_WRITEBACK,
	OPT_FAIL, OPT_SHORT, OPT_HANG, OPT_CONTROL, OPT_REFUSE, OPT_GRANULARITY,
	OPT_VFAT, OPT_HOLES, OPT_LONG_NAMES, OPT_STATS, OPT_PID, OPT_FOREGROUND,
};

static const struct option long_options[] = {
	{"latency-us", required_argument, NULL, OPT_LATENCY},
	{"cache", optional_argument, NULL, OPT_CACHE},
	{"readdirplus", no_argument, NULL, OPT_READDIRPLUS},
	{"copy-offload", no_argument, NULL, OPT_OFFLOAD},
	{"writeback", no_argument, NULL, OPT_WRITEBACK},
	{"fail", required_argument, NULL, OPT_FAIL},
	{"short", required_argument, NULL, OPT_SHORT},
	{"hang", required_argument, NULL, OPT_HANG},
	{"control", required_argument, NULL, OPT_CONTROL},
	{"refuse", required_argument, NULL, OPT_REFUSE},
	{"time-granularity-ns", required_argument, NULL, OPT_GRANULARITY},
	{"like-vfat", no_argument, NULL, OPT_VFAT},
	{"hide-holes", no_argument, NULL, OPT_HOLES},
	{"long-names", no_argument, NULL, OPT_LONG_NAMES},
	{"stats", required_argument, NULL, OPT_STATS},
	{"pid-file", required_argument, NULL, OPT_PID},
	{"foreground", no_argument, NULL, OPT_FOREGROUND},
	{NULL, 0, NULL, 0},
};

static int take_switch(int opt)
{
	switch (opt) {
	case OPT_READDIRPLUS:
		faultfs.readdirplus = true;
		return 0;
	case OPT_OFFLOAD:
		faultfs.copy_offload = true;
		return 0;
	case OPT_WRITEBACK:
		faultfs.writeback = true;
		return 0;
	case OPT_HOLES:
		faultfs.hide_holes = true;
		return 0;
	case OPT_LONG_NAMES:
		faultfs.long_names = true;
		return 0;
	case OPT_FOREGROUND:
		faultfs.foreground = true;
		return 0;
	case OPT_VFAT:
		faultfs.like_vfat = true;
		faultfs.time_granularity_ns = 2000000000;
		return refuse_parse("xattr");
	default:
		return -1;
	}
}

/* The server leaves the working directory, so that it keeps no mount busy. */
static int absolute(const char *path, const char **ret)
{
	char cwd[PATH_MAX], *full;

	if (path[0] == '/')
		full = strdup(path);
	else if (!getcwd(cwd, sizeof(cwd)) || asprintf(&full, "%s/%s", cwd, path) < 0)
		return -1;
	*ret = full;
	return 0;
}

static int take_option(int opt, const char *value)
{
	switch (opt) {
	case OPT_LATENCY:
		faultfs.latency_ns = strtoull(value, NULL, 10) * 1000;
		return 0;
	case OPT_CACHE:
		faultfs.cache_s = value ? strtod(value, NULL) : 1;
		return 0;
	case OPT_FAIL:
		return rule_parse(RULE_FAIL, value);
	case OPT_SHORT:
		return rule_parse(RULE_SHORT, value);
	case OPT_HANG:
		return rule_parse(RULE_HANG, value);
	case OPT_CONTROL:
		return absolute(value, &faultfs.control_path);
	case OPT_REFUSE:
		return refuse_parse(value);
	case OPT_GRANULARITY:
		faultfs.time_granularity_ns = strtoull(value, NULL, 10);
		return faultfs.time_granularity_ns > 0 ? 0 : -1;
	case OPT_STATS:
		return absolute(value, &faultfs.stats_path);
	case OPT_PID:
		return absolute(value, &faultfs.pid_path);
	default:
		return take_switch(opt);
	}
}

static int parse(int argc, char **argv)
{
	int opt;

	while ((opt = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (opt == '?' || take_option(opt, optarg) < 0) {
			if (opt != '?')
				fprintf(stderr, "faultfs: bad option '%s'\n", argv[optind - 1]);
			return -1;
		}
	}
	return argc - optind == 2 ? 0 : -1;
}

/*
 * libfuse before 3.16.2 asks for parallel lookups in one directory and forgets
 * to tell the kernel (libfuse #861), which then sends them one by one: with a
 * latency that would be a queue. So its first answer, the one to INIT, is
 * completed here; the library finds this function before libc's.
 */
ssize_t writev(int fd, const struct iovec *iov, int n)
{
	static _Atomic bool answered;
	struct fuse_init_out init;
	struct iovec parts[2];

	if (n == 2 && iov[1].iov_len == sizeof(init) && !atomic_exchange(&answered, true)) {
		memcpy(&init, iov[1].iov_base, sizeof(init));
		init.flags |= FUSE_PARALLEL_DIROPS;
		parts[0] = iov[0];
		parts[1] = (struct iovec){.iov_base = &init, .iov_len = sizeof(init)};
		return syscall(SYS_writev, fd, parts, 2);
	}
	return syscall(SYS_writev, fd, iov, n);
}

static void *serve_signals(void *unused)
{
	sigset_t set;
	int signal;

	(void)unused;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	while (sigwait(&set, &signal) == 0) {
		if (signal == SIGUSR2)
			stats_reset();
		else if (stats_write() < 0)
			perror("faultfs: stats");
	}
	return NULL;
}

static struct fuse_session *session_new(const char *backing)
{
	char mount_options[128], name[] = "faultfs", flag[] = "-o";
	char *argv[] = {name, flag, mount_options, NULL};
	struct fuse_args args = FUSE_ARGS_INIT(3, argv);
	struct fuse_session *session;

	snprintf(mount_options, sizeof(mount_options), "default_permissions,fsname=faultfs,subtype=faultfs%s",
		 geteuid() == 0 ? ",allow_other,dev,suid" : "");
	if (nodes_init(backing) != 0) {
		fprintf(stderr, "faultfs: %s: %s\n", backing, strerror(errno));
		return NULL;
	}
	session = fuse_session_new(&args, &faultfs_ops, sizeof(faultfs_ops), NULL);
	fuse_opt_free_args(&args);
	return session;
}

#define MANY_FILES (1u << 20)

/* Each known inode holds a descriptor; a 1 ms wait must not become 1.05 ms. */
static void prepare_process(void)
{
	struct rlimit limit;
	sigset_t set;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		struct rlimit more = {MANY_FILES, MANY_FILES};

		limit.rlim_cur = limit.rlim_max;
		if (limit.rlim_max >= MANY_FILES || setrlimit(RLIMIT_NOFILE, &more) < 0) /* more is root's */
			setrlimit(RLIMIT_NOFILE, &limit);
	}
	prctl(PR_SET_TIMERSLACK, 1000);
	umask(0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
}

static int write_pid(void)
{
	FILE *out = faultfs.pid_path ? fopen(faultfs.pid_path, "we") : NULL;

	if (!faultfs.pid_path)
		return 0;
	if (!out)
		return -1;
	fprintf(out, "%d\n", (int)getpid());
	return fclose(out);
}

/* Forks; the first process waits until the second is ready and ends. Returns the descriptor to say so on. */
static int go_background(void)
{
	int ends[2];
	char byte;
	pid_t pid;

	if (faultfs.foreground)
		return open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (pipe(ends) < 0 || (pid = fork()) < 0)
		return -1;
	if (pid > 0) {
		close(ends[1]);
		_exit(read(ends[0], &byte, 1) == 1 ? 0 : 1);
	}
	close(ends[0]);
	setsid();
	return ends[1];
}

/* Leaves the caller's terminal, pipes and directory, and lets the first process end. */
static int say_ready(int ready_fd)
{
	int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null_fd < 0 || chdir("/") < 0)
		return -1;
	for (int fd = 0; fd < 3 && !faultfs.foreground; fd++)
		dup2(null_fd, fd);
	close(null_fd);
	if (write(ready_fd, "", 1) != 1)
		return -1;
	return close(ready_fd);
}

static int serve(int ready_fd)
{
	pthread_t thread;
	int r;

	if (pthread_create(&thread, NULL, serve_signals, NULL) != 0 || write_pid() != 0 ||
	    say_ready(ready_fd) != 0)
		return 1;
	r = queue_run();
	if (stats_write() < 0)
		perror("faultfs: stats");
	return r < 0;
}

int main(int argc, char **argv)
{
	int status = 1, ready_fd;

	if (parse(argc, argv) < 0) {
		fputs(usage, stderr);
		return 2;
	}
	faultfs.uid = geteuid();
	faultfs.gid = getegid();
	prepare_process();
	faultfs.session = session_new(argv[optind]);
	if (!faultfs.session)
		return 1;
	if (fuse_set_signal_handlers(faultfs.session) == 0) {
		if (fuse_session_mount(faultfs.session, argv[optind + 1]) == 0) {
			ready_fd = go_background();
			if (ready_fd >= 0)
				status = serve(ready_fd);
			fuse_session_unmount(faultfs.session);
		}
		fuse_remove_signal_handlers(faultfs.session);
	}
	fuse_session_destroy(faultfs.session);
	return status;
}
