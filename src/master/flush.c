/*
 * syncfs(2) of the destination, by a worker: it may take minutes, and the master
 * waits for nothing. One call for the whole file system, not an fsync a file:
 * that is what --sync=file is for.
 */
#include "master/flush.h"

#include "base/cleanup.h"
#include "base/io.h"

#include <fcntl.h>
#include <string.h>

bool flush_is_wanted(const struct copy_policy *policy, const struct storage *storage)
{
	return policy->sync == SYNC_END || policy->sync == SYNC_FILE ||
	       (policy->sync == SYNC_AUTO && storage->flush_at_end);
}

void flush_queue(struct job_ledger *ledger)
{
	struct job_view view = { .kind = JOB_FLUSH, .dir = "", .target = "" };

	ledger_queue(ledger, ledger_job(ledger, CLASS_FINISH, &view, NULL));
}

uint64_t flush_dirty_bytes(void)
{
	CLEANUP_FD int fd = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);
	char text[2048];
	ssize_t len = fd < 0 ? -1 : io_read_full(fd, text, sizeof(text) - 1);
	static const char *const line[] = { "\nDirty:", "\nWriteback:" };
	uint64_t sum = 0;

	if (len <= 0)
		return UINT64_MAX;
	text[len] = '\0';
	for (size_t i = 0; i < 2; i++) {
		const char *at = strstr(text, line[i]);

		if (!at)
			return UINT64_MAX;
		sum += strtoull(at + strlen(line[i]), NULL, 10) * 1024;
	}
	return sum;
}
