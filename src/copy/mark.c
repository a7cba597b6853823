/*
 * What lost: a journal beside the file, which is one more thing to leave behind
 * and to get out of step; comparing contents, which reads everything twice;
 * taking the mark into the file's name, where it does not fit.
 */
#include "copy/mark.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/io.h"

#define FORMAT 1
#define BOOT_ID_LEN 36

/* "" where it cannot be known. */
static const char *boot_id(void)
{
	static char id[BOOT_ID_LEN + 1];
	static bool asked;

	if (!asked) {
		CLEANUP_FD int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

		if (fd < 0 || io_read_full(fd, id, BOOT_ID_LEN) != BOOT_ID_LEN)
			id[0] = '\0';
		asked = true;
	}
	return id;
}

bool mark_begin(struct mark *mark, const struct stat *own)
{
	*mark = (struct mark){ .len = 0 };
	mark->own_len = mark->len = (size_t)snprintf(mark->text, MARK_SIZE, "%d %s %" PRIx64 " %" PRIx64 " ", FORMAT,
	                                             boot_id(), (uint64_t)own->st_dev, (uint64_t)own->st_ino);
	return *boot_id() != '\0';
}

bool mark_make(struct mark *mark, const struct copy_policy *policy, const struct stat *own, const struct stat *src)
{
	bool known = mark_begin(mark, own);

	mark->len += (size_t)snprintf(mark->text + mark->len, MARK_SIZE - mark->len, "%" PRIx64 " %" PRIx64 " ",
	                              (uint64_t)src->st_dev, (uint64_t)src->st_ino);
	mark->source_len = mark->len;
	mark->len += (size_t)snprintf(mark->text + mark->len, MARK_SIZE - mark->len,
	                              "%" PRIx64 " %" PRIx64 " %lx %" PRIx64 " %lx %u %u", (uint64_t)src->st_size,
	                              (uint64_t)src->st_mtim.tv_sec, (unsigned long)src->st_mtim.tv_nsec,
	                              (uint64_t)src->st_ctim.tv_sec, (unsigned long)src->st_ctim.tv_nsec,
	                              (unsigned)policy->sparse, (unsigned)policy->reflink);
	return known;
}

static bool agrees(const struct mark *mark, const char *text, size_t text_len, size_t len)
{
	return text_len >= len && memcmp(text, mark->text, len) == 0;
}

enum mark_match mark_compare(const struct mark *mark, const char *text, size_t len)
{
	if (!agrees(mark, text, len, mark->source_len))
		return MARK_NONE;
	return len == mark->len && agrees(mark, text, len, len) ? MARK_MATCHES : MARK_OTHER_STATE;
}

bool mark_is_own(const struct mark *mark, const char *text, size_t len)
{
	return agrees(mark, text, len, mark->own_len);
}
