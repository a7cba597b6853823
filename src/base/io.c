/*
 * Two loops, each used with and without a file offset.
 *
 * A short count is ordinary: pipes, signals, quotas, and the kernel's own limit
 * of 0x7ffff000 bytes a call all produce one. Only 0 from read(2) is the end.
 * 0 from write(2) for a non-zero length has no meaning on Linux; a file system
 * that returns it would return it for ever, so it is an error, not a retry.
 * EAGAIN is handed to the caller: waiting for readiness is not this file's work.
 */
#include "base/io.h"

#include <errno.h>
#include <stdint.h>
#include <unistd.h>

/* @offset NULL: at the file position. */
static ssize_t read_full(int fd, void *buf, size_t len, const off_t *offset)
{
	uint8_t *bytes = buf;
	size_t done = 0;

	while (done < len) {
		ssize_t n = offset ? pread(fd, bytes + done, len - done, *offset + (off_t)done)
		                   : read(fd, bytes + done, len - done);

		if (n == 0)
			break;
		if (n > 0)
			done += (size_t)n;
		else if (errno != EINTR)
			return -errno;
	}
	return (ssize_t)done;
}

static int write_full(int fd, const void *buf, size_t len, const off_t *offset)
{
	const uint8_t *bytes = buf;
	size_t done = 0;

	while (done < len) {
		ssize_t n = offset ? pwrite(fd, bytes + done, len - done, *offset + (off_t)done)
		                   : write(fd, bytes + done, len - done);

		if (n == 0)
			return -EIO;
		if (n > 0)
			done += (size_t)n;
		else if (errno != EINTR)
			return -errno;
	}
	return 0;
}

ssize_t io_read_full(int fd, void *buf, size_t len)
{
	return read_full(fd, buf, len, NULL);
}

ssize_t io_pread_full(int fd, void *buf, size_t len, off_t offset)
{
	return read_full(fd, buf, len, &offset);
}

int io_write_full(int fd, const void *buf, size_t len)
{
	return write_full(fd, buf, len, NULL);
}

int io_pwrite_full(int fd, const void *buf, size_t len, off_t offset)
{
	return write_full(fd, buf, len, &offset);
}
