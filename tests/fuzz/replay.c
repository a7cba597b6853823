/*
 * Runs a fuzz target over a stored corpus, as an ordinary test.
 *
 * Each argument is a directory of inputs. Every input is handed over
 * in a block of exactly its size, so that a read behind the end is caught by a
 * sanitizer. To look for new inputs, link the target with libFuzzer instead:
 *
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -D_GNU_SOURCE -Iinclude \
 *     tests/fuzz/fuzz_job.c src/ipc/job.c -o /tmp/fuzz_job && /tmp/fuzz_job tests/fuzz/corpus/job
 *
 * (record: src/ipc/record.c; options: src/cli/[a-z]*.c src/base/[a-z]*.c.)
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fail(const char *path)
{
	perror(path);
	exit(1);
}

static void replay_file(int dir_fd, const char *name)
{
	CLEANUP_FD int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC);
	CLEANUP_FREE uint8_t *data = NULL;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		fail(name);
	data = malloc(st.st_size ? (size_t)st.st_size : 1);
	if (!data || io_read_full(fd, data, (size_t)st.st_size) != st.st_size)
		fail(name);
	/* The last line shown is the input that did it. */
	fprintf(stderr, "%s (%lld bytes)\n", name, (long long)st.st_size);
	LLVMFuzzerTestOneInput(data, (size_t)st.st_size);
}

static unsigned replay_directory(const char *path)
{
	DIR *dir = opendir(path);
	unsigned n = 0;

	if (!dir)
		fail(path);
	for (struct dirent *entry; (entry = readdir(dir));) {
		if (entry->d_name[0] == '.')
			continue;
		replay_file(dirfd(dir), entry->d_name);
		n++;
	}
	closedir(dir);
	return n;
}

int main(int argc, char **argv)
{
	unsigned n = 0;

	for (int i = 1; i < argc; i++)
		n += replay_directory(argv[i]);
	fprintf(stderr, "%u inputs replayed\n", n);
	return n > 0 ? 0 : 1;
}
