/*
 * One inode to read metadata of or to set it on, however it can be reached.
 *
 * Promises that what is set is set on the inode that was opened, not on what
 * has its name by now.
 *
 * Runs in: the worker.  Blocks: as the file system does.  Allocates: no.
 * Owns: nothing; the caller keeps the descriptors.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

/* By @fd. When @name is set, @fd is O_PATH (a symlink or special file) and was
 * opened as @name in @dir_fd. */
struct target {
	int fd;
	int dir_fd;
	const char *name;
};

/* True while @target->name is still the name of @target->fd. */
bool target_has_its_name(const struct target *target);

/* Owner, mode and times of the inode, for which only these fields of *@ret are
 * set. @answered: what the kernel has will do, without a question to the server.
 * Returns 0 or -errno. */
int target_stat(const struct target *target, bool answered, struct stat *ret);

/* Sets owner and group; -1 leaves one as it is. Returns 0 or -errno. */
int target_chown(const struct target *target, uid_t uid, gid_t gid);

/* Sets permission bits. Not for symlinks. Returns 0 or -errno (-ESTALE: the
 * name it had to go by belongs to something else now). */
int target_chmod(const struct target *target, mode_t mode);

/* Sets access and modification time. Returns 0 or -errno. */
int target_set_times(const struct target *target, const struct timespec times[static 2]);
