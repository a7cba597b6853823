/*
 * Mechanism: one openat2(2) with RESOLVE_BENEATH|RESOLVE_NO_SYMLINKS resolves a
 * whole path in the kernel, so no component can be swapped for a symlink
 * between a check and its use. A path too long for one call is cut at a '/'
 * into pieces, each resolved beneath the one before; ".." is refused in the
 * text, so beneath the piece is beneath the root.
 *
 * What lost: openat(2) of the path string, which follows whatever a component
 * has become; and the O_NOFOLLOW walk for every path, which costs a call a
 * component. The walk is kept for kernels before 5.6 and for containers whose
 * seccomp filter refuses openat2 (EPERM or ENOSYS).
 *
 *	worker                                attacker
 *	scan says "a" is a directory
 *	                                      rename a -> b, symlink a -> /etc
 *	openat2 "a/c": ELOOP at "a"
 */
#include "copy/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

/* A rename anywhere in the system makes RESOLVE_BENEATH give up now and then. */
#define EAGAIN_TRIES 64

/* A process that was refused openat2 once does not ask again. */
static bool openat2_refused;

static int open_kernel(int dir_fd, const char *piece, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(flags | O_DIRECTORY | O_CLOEXEC),
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};

	for (int tries = 0; tries < EAGAIN_TRIES; tries++) {
		long fd = syscall(SYS_openat2, dir_fd, piece, &how, sizeof how);

		if (fd >= 0)
			return (int)fd;
		if (errno != EAGAIN && errno != EINTR)
			break;
	}
	return -errno;
}

static int open_retry(int dir_fd, const char *name, int flags)
{
	int fd;

	do
		fd = openat(dir_fd, name, flags | O_DIRECTORY | O_CLOEXEC);
	while (fd < 0 && errno == EINTR);
	return fd >= 0 ? fd : -errno;
}

/* Opens @piece a component at a time, none of them a symlink. */
static int open_walk(int dir_fd, char *piece, int flags)
{
	CLEANUP_FD int held = -1;

	for (;;) {
		char *slash = strchr(piece, '/');
		int fd;

		if (slash)
			*slash = '\0';
		fd = open_retry(held >= 0 ? held : dir_fd, piece, O_NOFOLLOW | (slash ? O_PATH : flags));
		if (slash)
			*slash = '/';
		if (fd < 0 || !slash)
			return fd;
		close_fd(held);
		held = fd;
		piece = slash + 1;
	}
}

static int open_piece(int dir_fd, char *piece, int flags, bool follow)
{
	int fd;

	if (follow)
		return open_retry(dir_fd, piece, flags);
	if (openat2_refused)
		return open_walk(dir_fd, piece, flags);
	fd = open_kernel(dir_fd, piece, flags);
	if (fd == -ENOSYS || fd == -EPERM) {
		openat2_refused = true;
		return open_walk(dir_fd, piece, flags);
	}
	/* Renames all over the system: the walk makes progress where the kernel gave up. */
	return fd == -EAGAIN ? open_walk(dir_fd, piece, flags) : fd;
}

/* Copies the next components of *@path into @piece, as many as fit, without
 * empty ones and ".". Returns the length (0: nothing left), or -errno. */
static int next_piece(const char **path, char piece[static PATH_MAX])
{
	size_t len = 0;

	for (;;) {
		const char *name = *path + strspn(*path, "/");
		size_t n = strcspn(name, "/");

		if (n == 0)
			return (int)len;
		if (n == 2 && memcmp(name, "..", 2) == 0)
			return -EXDEV;
		if (n + 1 > PATH_MAX)
			return -ENAMETOOLONG;
		if (n == 1 && *name == '.') {
			*path = name + n;
			continue;
		}
		if (len > 0 && len + 1 + n + 1 > PATH_MAX)
			return (int)len;
		if (len > 0)
			piece[len++] = '/';
		memcpy(piece + len, name, n);
		len += n;
		piece[len] = '\0';
		*path = name + n;
	}
}

int resolve_directory(int root_fd, const char *path, int flags, bool follow)
{
	CLEANUP_FD int held = -1;
	char piece[2][PATH_MAX];
	int len, turn = 0;

	if (*path == '/')
		return -EXDEV;
	len = next_piece(&path, piece[0]);
	if (len < 0)
		return len;
	if (len == 0)
		return open_retry(root_fd, ".", flags);
	/* One piece is looked ahead: only the last is opened with the caller's flags. */
	for (;;) {
		int next = next_piece(&path, piece[!turn]);
		int fd;

		if (next < 0)
			return next;
		fd = open_piece(held >= 0 ? held : root_fd, piece[turn], next > 0 ? O_PATH : flags, follow);
		if (fd < 0 || next == 0)
			return fd;
		close_fd(held);
		held = fd;
		turn = !turn;
	}
}
