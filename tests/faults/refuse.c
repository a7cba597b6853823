/*
 * refuse ERROR WHAT... -- COMMAND...: runs COMMAND where the kernel answers
 * WHAT with ERROR, always: the name of a system call, or one of
 *
 *   FICLONE         both clone ioctls
 *   utimensat_fd    utimensat(2) of a symlink's own descriptor
 *
 * By a seccomp filter, as containers do it, and so without a tracer.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452
#endif

static const struct {
	const char *name;
	int value;
} errors[] = {
	{"ENOSYS", ENOSYS}, {"EPERM", EPERM}, {"EXDEV", EXDEV}, {"EOPNOTSUPP", EOPNOTSUPP},
	{"EINVAL", EINVAL}, {"EIO", EIO},     {"ENOTTY", ENOTTY}, {"EACCES", EACCES},
};

static const struct {
	const char *name;
	unsigned number;
} calls[] = {
	{"copy_file_range", SYS_copy_file_range}, {"openat2", SYS_openat2},         {"statx", SYS_statx},
	{"pidfd_open", SYS_pidfd_open},           {"eventfd2", SYS_eventfd2},       {"close_range", SYS_close_range},
	{"renameat2", SYS_renameat2},             {"fchmodat2", SYS_fchmodat2},     {"getrandom", SYS_getrandom},
	{"fadvise64", SYS_fadvise64},             {"fallocate", SYS_fallocate},     {"prctl", SYS_prctl},
	{"epoll_create1", SYS_epoll_create1},     {"fstatfs", SYS_fstatfs},         {"syncfs", SYS_syncfs},
	{"listxattr", SYS_listxattr},             {"flistxattr", SYS_flistxattr},   {"prlimit64", SYS_prlimit64},
	{"ioprio_set", SYS_ioprio_set},           {"waitid", SYS_waitid},           {"linkat", SYS_linkat},
	{"landlock_create_ruleset", SYS_landlock_create_ruleset},
};

static struct sock_filter program[256];
static unsigned length;

static void add(struct sock_filter line)
{
	if (length == sizeof(program) / sizeof(program[0]))
		exit(2);
	program[length++] = line;
}

static void load(size_t offset)
{
	add((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offset));
}

static void answer(int error)
{
	add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error));
}

/* The low half of an argument: all that is looked at here fits into it. */
static size_t argument(unsigned n)
{
	return offsetof(struct seccomp_data, args[0]) + n * sizeof(uint64_t);
}

static void refuse_call(unsigned number, int error)
{
	load(offsetof(struct seccomp_data, nr));
	add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1));
	answer(error);
}

/* Where argument @n is @value, or has the bit @value. */
static void refuse_where(unsigned number, unsigned n, unsigned how, unsigned value, int error)
{
	load(offsetof(struct seccomp_data, nr));
	add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 3));
	load(argument(n));
	add((struct sock_filter)BPF_JUMP(BPF_JMP | how | BPF_K, value, 0, 1));
	answer(error);
}

static int refuse(const char *what, int error)
{
	if (strcmp(what, "FICLONE") == 0) {
		refuse_where(SYS_ioctl, 1, BPF_JEQ, FICLONE, error);
		refuse_where(SYS_ioctl, 1, BPF_JEQ, FICLONERANGE, error);
		return 0;
	}
	if (strcmp(what, "utimensat_fd") == 0) {
		refuse_where(SYS_utimensat, 3, BPF_JSET, AT_EMPTY_PATH, error);
		return 0;
	}
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (strcmp(calls[i].name, what) == 0) {
			refuse_call(calls[i].number, error);
			return 0;
		}
	}
	fprintf(stderr, "refuse: %s is not in the table\n", what);
	return -1;
}

static int error_of(const char *name)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
		if (strcmp(errors[i].name, name) == 0)
			return errors[i].value;
	fprintf(stderr, "refuse: %s is not in the table\n", name);
	exit(2);
}

int main(int argc, char **argv)
{
	struct sock_fprog filter = {.filter = program};
	int error, i = 2;

	if (argc < 4) {
		fprintf(stderr, "usage: refuse ERROR WHAT... -- COMMAND...\n");
		return 2;
	}
	error = error_of(argv[1]);
	for (; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (refuse(argv[i], error) < 0)
			return 2;
	add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
	filter.len = (unsigned short)length;
	if (i + 1 >= argc || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) < 0) {
		perror("refuse");
		return 77;
	}
	execvp(argv[i + 1], argv + i + 1);
	perror(argv[i + 1]);
	return 127;
}
