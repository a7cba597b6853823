/*
 * floor [-c] -j N SOURCE COPY: the least a parallel copy can cost.
 *
 * N processes make the system calls a copy of a small file needs, and nothing
 * else: no master, no jobs, no completions, no progress, no recovery.
 * Directories are dealt out by an atomic counter over a shared array; who
 * lists a directory also makes its subdirectories in the copy, so that setting
 * its times can follow at once. The copier is measured against this.
 *
 * With -c files are cloned (FICLONE) where that goes, as cp and the copier do.
 *
 * It copies contents, owner, mode and times of files, directories and
 * symlinks, and nothing of xattrs, holes, hard links or special files: it
 * ends with a failure if the source has any it cannot copy.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/futex.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define MAX_DIRS (1u << 23)
#define ARENA ((size_t)8 << 30) /* address space only: pages come as they are used */
#define BUFFER (1u << 20)

/* What the processes share. A directory is ready when its path's place in the arena is stored. */
struct shared {
	_Atomic uint32_t pushed, taken, unfinished;
	_Atomic uint32_t changes, sleepers;
	_Atomic uint64_t arena_used;
	_Atomic uint64_t path_at[MAX_DIRS];
};

struct process {
	struct shared *shared;
	char *arena;
	int src_root, dst_root;
	uid_t uid;
	gid_t gid;
	bool clones;
	int failed;
	char buffer[BUFFER], names[65536];
};

/* One directory being copied. */
struct place {
	const char *path;
	int src, dst;
};

static void complain(struct process *p, const char *dir, const char *name, const char *what)
{
	p->failed = 1;
	fprintf(stderr, "floor: %s/%s: %s: %s\n", dir, name, what, strerror(errno));
}

static void push(struct process *p, const char *dir, const char *name)
{
	struct shared *s = p->shared;
	size_t length = strlen(dir) + strlen(name) + 2;
	uint64_t at = atomic_fetch_add(&s->arena_used, length);
	uint32_t index;

	snprintf(p->arena + at, length, "%s/%s", dir, name);
	atomic_fetch_add(&s->unfinished, 1);
	index = atomic_fetch_add(&s->pushed, 1);
	if (index >= MAX_DIRS - 4096 || at + length > ARENA) { /* 4096: takers may wait beyond the end */
		fputs("floor: too many directories\n", stderr);
		_exit(1);
	}
	atomic_store(&s->path_at[index], at);
	atomic_fetch_add(&s->changes, 1);
	if (atomic_load(&s->sleepers))
		syscall(SYS_futex, &s->changes, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* The next directory, or NULL when there will be no more. */
static const char *take(struct process *p)
{
	struct shared *s = p->shared;
	uint32_t index = atomic_fetch_add(&s->taken, 1);

	for (;;) {
		uint32_t seen = atomic_load(&s->changes);
		uint64_t at = atomic_load(&s->path_at[index]);

		if (at)
			return p->arena + at;
		if (atomic_load(&s->unfinished) == 0)
			return NULL;
		atomic_fetch_add(&s->sleepers, 1);
		syscall(SYS_futex, &s->changes, FUTEX_WAIT, seen, NULL, NULL, 0);
		atomic_fetch_sub(&s->sleepers, 1);
	}
}

static void finished(struct shared *s)
{
	if (atomic_fetch_sub(&s->unfinished, 1) == 1) {
		atomic_fetch_add(&s->changes, 1);
		syscall(SYS_futex, &s->changes, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
	}
}

/* One read with room for one byte more than the size proves the end; bigger files take more rounds. */
static int copy_bytes(struct process *p, int in, int out, uint64_t size)
{
	size_t want = size + 1 < BUFFER ? size + 1 : BUFFER;

	if (p->clones && ioctl(out, FICLONE, in) == 0)
		return 0;
	for (;;) {
		ssize_t n = read(in, p->buffer, want);

		if (n <= 0)
			return (int)n;
		for (ssize_t done = 0; done < n;) {
			ssize_t w = write(out, p->buffer + done, (size_t)(n - done));

			if (w < 0)
				return -1;
			done += w;
		}
		if ((size_t)n < want)
			return 0;
	}
}

/* Owner, mode and times onto @out; chown is left out when the new file has the owner already. */
static int set_metadata(struct process *p, int out, const struct stat *st, bool mode_is_set)
{
	struct timespec times[2] = {st->st_atim, st->st_mtim};
	bool chowns = st->st_uid != p->uid || st->st_gid != p->gid;

	if (chowns && fchown(out, st->st_uid, st->st_gid) < 0)
		return -1;
	if ((!mode_is_set || (st->st_mode & 07000)) && fchmod(out, st->st_mode & 07777) < 0)
		return -1;
	return futimens(out, times);
}

static void copy_file(struct process *p, const struct place *at, const char *name)
{
	int in = openat(at->src, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), out;
	struct stat st;

	if (in < 0 || fstat(in, &st) < 0) {
		complain(p, at->path, name, "open");
		return;
	}
	if (flistxattr(in, NULL, 0) > 0) {
		errno = EOPNOTSUPP;
		complain(p, at->path, name, "xattrs");
	}
	out = openat(at->dst, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, st.st_mode & 0777);
	if (out < 0 || (st.st_size && copy_bytes(p, in, out, (uint64_t)st.st_size) < 0) ||
	    set_metadata(p, out, &st, true) < 0)
		complain(p, at->path, name, "copy");
	if (out >= 0 && close(out) < 0)
		complain(p, at->path, name, "close");
	close(in);
}

static void copy_symlink(struct process *p, const struct place *at, const char *name, const struct stat *st)
{
	struct timespec times[2] = {st->st_atim, st->st_mtim};
	ssize_t n = readlinkat(at->src, name, p->buffer, BUFFER - 1);

	if (n < 0) {
		complain(p, at->path, name, "readlink");
		return;
	}
	p->buffer[n] = '\0';
	if (symlinkat(p->buffer, at->dst, name) < 0 ||
	    ((st->st_uid != p->uid || st->st_gid != p->gid) &&
	     fchownat(at->dst, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW) < 0) ||
	    utimensat(at->dst, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		complain(p, at->path, name, "symlink");
}

static void copy_entry(struct process *p, const struct place *at, const char *name)
{
	struct stat st;

	if (fstatat(at->src, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		complain(p, at->path, name, "stat");
	} else if (S_ISDIR(st.st_mode)) {
		if (mkdirat(at->dst, name, 0700) < 0)
			complain(p, at->path, name, "mkdir");
		else
			push(p, at->path, name);
	} else if (S_ISREG(st.st_mode)) {
		copy_file(p, at, name);
	} else if (S_ISLNK(st.st_mode)) {
		copy_symlink(p, at, name, &st);
	} else {
		errno = EOPNOTSUPP;
		complain(p, at->path, name, "special file");
	}
}

static void copy_entries(struct process *p, const struct place *at)
{
	for (;;) {
		ssize_t n = getdents64(at->src, p->names, sizeof(p->names));

		if (n < 0)
			complain(p, at->path, ".", "list");
		if (n <= 0)
			return;
		for (ssize_t i = 0; i < n;) {
			struct dirent64 *entry = (struct dirent64 *)(void *)(p->names + i);

			if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
				copy_entry(p, at, entry->d_name);
			i += entry->d_reclen;
		}
	}
}

static void copy_directory(struct process *p, const char *path)
{
	struct place at = {.path = path};
	struct stat st;

	at.src = openat(p->src_root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	at.dst = openat(p->dst_root, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (at.src < 0 || at.dst < 0) {
		complain(p, path, ".", "open");
	} else {
		copy_entries(p, &at);
		if (fstat(at.src, &st) < 0 || flistxattr(at.src, NULL, 0) > 0 ||
		    set_metadata(p, at.dst, &st, false) < 0)
			complain(p, path, ".", "metadata");
	}
	close(at.src);
	close(at.dst);
}

static void run(struct process *p)
{
	const char *path;

	while ((path = take(p))) {
		copy_directory(p, path);
		finished(p->shared);
	}
	_exit(p->failed);
}

static void *map(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE,
			-1, 0);

	if (at == MAP_FAILED) {
		perror("floor: mmap");
		exit(1);
	}
	return at;
}

int main(int argc, char **argv)
{
	static struct process process;
	int n = 2, opt, status, failed = 0;

	while ((opt = getopt(argc, argv, "cj:")) != -1) {
		if (opt == 'c')
			process.clones = true;
		else
			n = opt == 'j' ? atoi(optarg) : 0;
		if (n < 1)
			break;
	}
	if (n < 1 || argc - optind != 2) {
		fputs("floor [-c] [-j N] SOURCE COPY\n", stderr);
		return 2;
	}
	umask(0);
	if (mkdir(argv[optind + 1], 0700) < 0 ||
	    (process.src_root = open(argv[optind], O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0 ||
	    (process.dst_root = open(argv[optind + 1], O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0) {
		perror("floor");
		return 1;
	}
	process.shared = map(sizeof(*process.shared));
	process.arena = map(ARENA);
	process.uid = geteuid();
	process.gid = getegid();
	atomic_store(&process.shared->arena_used, 1); /* 0 means: not there yet */
	push(&process, ".", ".");
	for (int i = 0; i < n; i++) {
		pid_t pid = fork();

		if (pid == 0)
			run(&process);
		if (pid < 0) {
			perror("floor: fork");
			return 1;
		}
	}
	while (wait(&status) > 0)
		failed |= status != 0;
	return failed;
}
