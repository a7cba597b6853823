/*
 * Linked into a pcopy that is to be caught by the symlink attacker: what the
 * program relies on to stay within its roots, without the checks. Every call
 * of these is replaced with --wrap.
 */
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>

#include "copy/entry.h"
#include "copy/resolve.h"

int __real_openat64(int dir_fd, const char *name, int flags, ...);
int __wrap_openat64(int dir_fd, const char *name, int flags, ...);
int __wrap_resolve_directory(int root_fd, const char *path, int flags, bool follow);
bool __wrap_entry_is_same(const struct entry *entry, const struct stat *now);

int __wrap_openat64(int dir_fd, const char *name, int flags, ...)
{
	va_list arguments;
	mode_t mode;

	va_start(arguments, flags);
	mode = va_arg(arguments, mode_t);
	va_end(arguments);
	return __real_openat64(dir_fd, name, flags & ~O_NOFOLLOW, mode);
}

int __wrap_resolve_directory(int root_fd, const char *path, int flags, bool follow)
{
	(void)follow;
	return __real_openat64(root_fd, *path ? path : ".", flags | O_DIRECTORY | O_CLOEXEC);
}

bool __wrap_entry_is_same(const struct entry *entry, const struct stat *now)
{
	return (now->st_mode & S_IFMT) == (entry->mode & S_IFMT);
}
