/*
 * Mechanism: a name says who may still be writing it. The host tag hashes the
 * machine id, the host name and the pid namespace, because the pid that follows
 * means something only there; the start time tells a process from a later one
 * with the same pid, over a reboot too. What cannot be shown to be dead is left.
 *
 * What lost: a random name, which nobody may ever remove; and a lock file or a
 * journal, which is one more thing to leave behind. Without /proc there is no
 * start time: a live pid then means a live run.
 *
 * Names within a run are unique by the worker's pid and a counter. O_EXCL is
 * what holds where a pid came round again: the caller takes the next name.
 */
#include "copy/temp_name.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"

#define PREFIX ".pcopy-"
#define RANGES_SLOT 0xfffffu /* no worker has it */

struct owner {
	uint32_t host;
	uint64_t pid, start;
	uint64_t slot, number;
};

static struct owner run;   /* .slot is this worker's */
static uint32_t worker_pid;
static uint32_t counter;

/* FNV-1a: short, and good enough to tell hosts apart. */
static uint32_t hash(uint32_t h, const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	while (len--)
		h = (h ^ *p++) * 16777619u;
	return h;
}

/* Reads a small file whole. Returns the bytes, 0 when there is none. */
static size_t read_small(const char *path, char *buf, size_t size)
{
	CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : io_read_full(fd, buf, size - 1);

	if (n < 0)
		n = 0;
	buf[n] = '\0';
	return (size_t)n;
}

/* Start time of @pid (field 22 of its stat), 0 when it cannot be known. */
static uint64_t start_of(uint64_t pid)
{
	char path[40], text[1024], *p;

	snprintf(path, sizeof path, "/proc/%" PRIu64 "/stat", pid);
	if (read_small(path, text, sizeof text) == 0)
		return 0;
	/* The command in field 2 may hold anything, ')' and blanks too: count from its last ')'. */
	p = strrchr(text, ')');
	for (int field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	return p ? strtoull(p + 1, NULL, 10) : 0;
}

static uint32_t host_tag(void)
{
	char text[256] = "";
	uint32_t h = 2166136261u;
	struct stat ns;

	h = hash(h, text, read_small("/etc/machine-id", text, sizeof text));
	if (gethostname(text, sizeof text - 1) == 0)
		h = hash(h, text, strlen(text));
	if (stat("/proc/self/ns/pid", &ns) == 0)
		h = hash(h, &ns.st_ino, sizeof ns.st_ino);
	return h;
}

void temp_name_begin_run(void)
{
	uint64_t pid = (uint64_t)getpid();

	run = (struct owner){ .host = host_tag(), .pid = pid, .start = start_of(pid) };
	worker_pid = (uint32_t)pid;
	counter = 0;
}

void temp_name_set_slot(unsigned slot)
{
	run.slot = slot;
	worker_pid = (uint32_t)getpid();
	counter = 0;
}

static void format(char buf[static TEMP_NAME_SIZE], uint64_t slot, uint64_t number)
{
	snprintf(buf, TEMP_NAME_SIZE, PREFIX "%08" PRIx32 "-%" PRIx64 "-%" PRIx64 "-%" PRIx64 "-%" PRIx64,
	         run.host, run.pid, run.start, slot, number);
}

void temp_name_next(char buf[static TEMP_NAME_SIZE])
{
	format(buf, run.slot, (uint64_t)worker_pid << 32 | counter++);
}

void temp_name_for_ranges(char buf[static TEMP_NAME_SIZE], uint64_t number)
{
	format(buf, RANGES_SLOT, number);
}

/* Reads one lower-case hex number that ends at @end. Returns what follows it, or NULL. */
static const char *parse_hex(const char *p, char end, uint64_t *ret)
{
	static const char digits[] = "0123456789abcdef";
	size_t n = strspn(p, digits);

	*ret = 0;
	if (n == 0 || n > 16 || p[n] != end)
		return NULL;
	for (size_t i = 0; i < n; i++)
		*ret = *ret << 4 | (uint64_t)(strchr(digits, p[i]) - digits);
	return p + n + (end != '\0');
}

static bool parse(const char *name, struct owner *ret)
{
	uint64_t host;

	if (strncmp(name, PREFIX, strlen(PREFIX)) != 0)
		return false;
	name += strlen(PREFIX);
	if (strspn(name, "0123456789abcdef") != 8 || !(name = parse_hex(name, '-', &host)))
		return false;
	ret->host = (uint32_t)host;
	return (name = parse_hex(name, '-', &ret->pid)) && (name = parse_hex(name, '-', &ret->start)) &&
	       (name = parse_hex(name, '-', &ret->slot)) && parse_hex(name, '\0', &ret->number);
}

/* True when @pid, started at @start (0: not known), may be alive. */
static bool may_be_alive(uint64_t pid, uint64_t start)
{
	uint64_t now;

	if (pid == 0 || pid > INT32_MAX)
		return true; /* not a pid of ours: nothing to judge by */
	if (kill((pid_t)pid, 0) < 0 && errno == ESRCH)
		return false;
	now = start_of(pid);
	return start == 0 || now == 0 || now == start;
}

bool temp_name_is_ours(const char *name)
{
	struct owner owner;

	return parse(name, &owner);
}

bool temp_name_is_for_ranges(const char *name)
{
	struct owner owner;

	return parse(name, &owner) && owner.slot == RANGES_SLOT;
}

bool temp_name_is_stale(const char *name)
{
	struct owner owner;

	if (!parse(name, &owner) || owner.host != run.host)
		return false;
	if (owner.pid == run.pid && owner.start == run.start)
		return owner.slot != RANGES_SLOT && !may_be_alive(owner.number >> 32, 0);
	return !may_be_alive(owner.pid, owner.start);
}
