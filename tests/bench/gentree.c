/*
 * gentree [OPTION]... DIR: a tree to copy. Directories are a heap of --fanout
 * children each, files are dealt out to them evenly, contents are noise, times
 * are distinct and in the past. The same options give the same tree.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOISE (1u << 20)
#define SHIFTS 4093u /* files start at different places in the noise, so no two are alike */

struct plan {
	uint64_t n_dirs, n_files, size, fanout;
};

static char noise[NOISE + SHIFTS];

static void make_noise(void)
{
	uint64_t x = 88172645463325252u;

	for (size_t i = 0; i < sizeof(noise); i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		noise[i] = (char)x;
	}
}

static int write_noise(int fd, uint64_t number, uint64_t size)
{
	const char *from = noise + number % SHIFTS;

	while (size > 0) {
		ssize_t n = write(fd, from, size < NOISE ? size : NOISE);

		if (n < 0)
			return -errno;
		size -= (uint64_t)n;
	}
	return 0;
}

/* An empty file is a mknod, one call: a million of them must not take a minute. */
static int make_file(int dirfd, uint64_t number, uint64_t size)
{
	struct timespec times[2] = {{.tv_sec = 1600000000 + (time_t)number,
				     .tv_nsec = (long)(number % 999999937)}};
	char name[32];
	int fd, r;

	snprintf(name, sizeof(name), "f%07llu.dat", (unsigned long long)number);
	if (size == 0)
		return mknodat(dirfd, name, S_IFREG | 0644, 0) < 0 ? -errno : 0;
	times[1] = times[0];
	fd = openat(dirfd, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	r = write_noise(fd, number, size);
	if (r == 0 && futimens(fd, times) < 0)
		r = -errno;
	close(fd);
	return r;
}

/* Directory 0 is the root, the children of k are k * fanout + 1 ... (k + 1) * fanout. */
static void dir_path(const struct plan *plan, uint64_t k, char *ret, size_t size)
{
	size_t length;

	if (k == 0) {
		snprintf(ret, size, ".");
		return;
	}
	dir_path(plan, (k - 1) / plan->fanout, ret, size);
	length = strlen(ret);
	snprintf(ret + length, size - length, "/d%05llu", (unsigned long long)k);
}

static int make_dir(const struct plan *plan, int rootfd, uint64_t k)
{
	uint64_t n_places = plan->n_dirs ? plan->n_dirs : 1;
	uint64_t place = plan->n_dirs ? k - 1 : 0;
	uint64_t first = plan->n_files * place / n_places, end = plan->n_files * (place + 1) / n_places;
	char path[1024];
	int fd, r = 0;

	dir_path(plan, k, path, sizeof(path));
	if (k > 0 && mkdirat(rootfd, path, 0755) < 0)
		return -errno;
	fd = openat(rootfd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	for (uint64_t n = first; n < end && r == 0; n++)
		r = make_file(fd, n, plan->size);
	close(fd);
	return r;
}

static int make_tree(const struct plan *plan, const char *path)
{
	int rootfd, r = 0;

	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return -errno;
	rootfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (rootfd < 0)
		return -errno;
	for (uint64_t k = plan->n_dirs ? 1 : 0; k <= plan->n_dirs && r == 0; k++)
		r = make_dir(plan, rootfd, k);
	close(rootfd);
	return r;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"dirs", required_argument, NULL, 'd'},
		{"files", required_argument, NULL, 'f'},
		{"size", required_argument, NULL, 's'},
		{"fanout", required_argument, NULL, 'o'},
		{NULL, 0, NULL, 0},
	};
	struct plan plan = {.fanout = 32};
	int opt, r;

	while ((opt = getopt_long(argc, argv, "", options, NULL)) != -1) {
		uint64_t value = optarg ? strtoull(optarg, NULL, 0) : 0;

		if (opt == 'd')
			plan.n_dirs = value;
		else if (opt == 'f')
			plan.n_files = value;
		else if (opt == 's')
			plan.size = value;
		else if (opt == 'o' && value > 0)
			plan.fanout = value;
		else
			optind = argc;
	}
	if (argc - optind != 1) {
		fputs("gentree [--dirs=N] [--files=N] [--size=BYTES] [--fanout=N] DIR\n", stderr);
		return 2;
	}
	umask(022);
	make_noise();
	r = make_tree(&plan, argv[optind]);
	if (r < 0)
		fprintf(stderr, "gentree: %s: %s\n", argv[optind], strerror(-r));
	return r < 0;
}
