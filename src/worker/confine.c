/*
 * Mechanism: a Landlock ruleset that handles every way to write, read and
 * execute, with rules for the destination (everything but execute) and each
 * source (reading), and landlock_restrict_self(2). Rules hold whole hierarchies
 * and there is none that forbids, so what is allowed must not have a source in it:
 *
 *   pcopy src /mnt/disk    the rule is for /mnt/disk
 *   pcopy src new          both are in ".": the rule is for "new", which is
 *                          made first, 0700 and empty, as a job would make it
 *   pcopy file copy        both are in "." and a rule cannot name what is not
 *                          there: refused
 *
 * Files made by another worker are reached by the same rule; hard links among
 * them go from directory to directory, which needs REFER (Linux 5.19), and
 * truncate(2) of a source is only covered by TRUNCATE (6.2): the oldest that is
 * taken. Less than all of it would be a promise with a hole.
 *
 * Alternatives that lost: seccomp, which sees numbers and no paths; a read-only
 * bind mount of the source in a mount namespace, which needs root or a user
 * namespace, where owners cannot be kept.
 */
#include "worker/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

/* Younger than the oldest <linux/landlock.h>. */
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (UINT64_C(1) << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (UINT64_C(1) << 14)
#endif

#define ABI_WITH_TRUNCATE 3

#define READ_FILE ((uint64_t)LANDLOCK_ACCESS_FS_READ_FILE)
#define READ_DIR ((uint64_t)LANDLOCK_ACCESS_FS_READ_DIR)
#define READ (READ_FILE | READ_DIR)
#define WRITE                                                                                     \
	((uint64_t)(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |               \
	            LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |               \
	            LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |                   \
	            LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |                 \
	            LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM |                 \
	            LANDLOCK_ACCESS_FS_REFER | LANDLOCK_ACCESS_FS_TRUNCATE))

struct ruleset {
	int fd;
	uint64_t handled;
};

static int open_source(const struct tree_root *root)
{
	return open(root->source, O_PATH | O_CLOEXEC | (root->follow ? 0 : O_NOFOLLOW));
}

/* The directory a source lies in, or is. */
static int open_source_directory(const struct tree_root *root)
{
	return root->leaf ? open(root->parent, O_PATH | O_DIRECTORY | O_CLOEXEC) : open_source(root);
}

static int open_top(const struct copy_policy *policy, const struct tree *tree, const struct tree_root *root)
{
	return openat(tree->dest_fd, root->dest_dir,
	              O_PATH | O_DIRECTORY | O_CLOEXEC | (policy->keep_directory_symlink ? 0 : O_NOFOLLOW));
}

/* True when @dir_fd is @top_fd or below it. */
static bool is_beneath(int dir_fd, int top_fd)
{
	struct stat st, last = { 0 }, top;
	CLEANUP_FD int fd = dup(dir_fd);

	if (fstat(top_fd, &top) < 0)
		return true; /* what cannot be told is not allowed */
	while (fd >= 0 && fstat(fd, &st) == 0) {
		if (st.st_dev == top.st_dev && st.st_ino == top.st_ino)
			return true;
		if (st.st_dev == last.st_dev && st.st_ino == last.st_ino)
			return false;
		last = st;

		int up = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);

		close_fd(fd);
		fd = up;
	}
	return true;
}

/* The first source that lies beneath @top_fd; n_roots for none. */
static size_t source_beneath(const struct tree *tree, int top_fd)
{
	for (size_t i = 0; i < tree->n_roots; i++) {
		CLEANUP_FD int fd = open_source_directory(&tree->roots[i]);

		if (fd >= 0 && is_beneath(fd, top_fd))
			return i;
	}
	return tree->n_roots;
}

/* A directory in the destination that is all of what this root writes. */
static bool has_top(const struct tree_root *root)
{
	return !root->leaf && !root->intermediate && *root->dest_dir && !strchr(root->dest_dir, '/');
}

enum confine_verdict confine_check(const struct copy_policy *policy, const struct tree *tree, size_t *ret_root)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	if (abi < ABI_WITH_TRUNCATE)
		return CONFINE_NO_LANDLOCK;
	*ret_root = source_beneath(tree, tree->dest_fd);
	if (*ret_root == tree->n_roots)
		return CONFINE_POSSIBLE;
	for (size_t i = 0; i < tree->n_roots; i++) {
		size_t inside = tree->n_roots;

		if (!has_top(&tree->roots[i]))
			return CONFINE_SOURCE_WRITABLE;

		CLEANUP_FD int top_fd = open_top(policy, tree, &tree->roots[i]);

		if (top_fd >= 0)
			inside = source_beneath(tree, top_fd);
		if (inside != tree->n_roots) {
			*ret_root = inside;
			return CONFINE_SOURCE_WRITABLE;
		}
	}
	return CONFINE_POSSIBLE;
}

/* Takes a descriptor that is not there (-1) for nothing to allow. */
static int allow(const struct ruleset *ruleset, int fd, uint64_t access)
{
	struct landlock_path_beneath_attr beneath = {
		.allowed_access = access & ruleset->handled,
		.parent_fd = fd,
	};

	if (fd < 0 || beneath.allowed_access == 0)
		return 0;
	return syscall(SYS_landlock_add_rule, ruleset->fd, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0) < 0 ? -errno
	                                                                                                 : 0;
}

static int allow_source(const struct ruleset *ruleset, const struct copy_policy *policy,
                        const struct tree_root *root)
{
	CLEANUP_FD int fd = open_source(root);
	CLEANUP_FD int parent_fd = root->leaf ? open_source_directory(root) : -1;
	int err;

	if (root->intermediate)
		return allow(ruleset, fd, READ_DIR);
	if (!root->leaf)
		return allow(ruleset, fd, READ);
	/* Its directory is opened to find it there; symlinks and special files are not opened. */
	err = allow(ruleset, parent_fd, READ_DIR);
	if (err == 0 && (S_ISREG(root->mode) || policy->copy_contents))
		err = allow(ruleset, fd, READ_FILE);
	return err;
}

/* The directories the sources become, and nothing beside them. */
static int allow_tops(const struct ruleset *ruleset, const struct copy_policy *policy, const struct tree *tree)
{
	int err = allow(ruleset, tree->dest_fd, READ_DIR);

	for (size_t i = 0; err == 0 && i < tree->n_roots; i++) {
		/* Whatever has the name already, a job will say what is wrong with it. */
		mkdirat(tree->dest_fd, tree->roots[i].dest_dir, 0700);

		CLEANUP_FD int fd = open_top(policy, tree, &tree->roots[i]);

		err = allow(ruleset, fd, READ | WRITE);
	}
	return err;
}

static int add_rules(const struct ruleset *ruleset, const struct copy_policy *policy, const struct tree *tree)
{
	bool apart = source_beneath(tree, tree->dest_fd) == tree->n_roots;
	CLEANUP_FD int proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
	int err = apart ? allow(ruleset, tree->dest_fd, READ | WRITE) : allow_tops(ruleset, policy, tree);

	for (size_t i = 0; err == 0 && i < tree->n_roots; i++)
		err = allow_source(ruleset, policy, &tree->roots[i]);
	/* Whether the maker of a temporary file is alive. */
	return err < 0 ? err : allow(ruleset, proc_fd, READ_FILE);
}

int confine_enter(const struct copy_policy *policy, const struct tree *tree)
{
	struct landlock_ruleset_attr attr = { .handled_access_fs = WRITE | LANDLOCK_ACCESS_FS_EXECUTE };
	size_t root;
	int err;

	/* The same answer as the master's, unless things have been moved since. */
	if (confine_check(policy, tree, &root) != CONFINE_POSSIBLE)
		return -EPERM;
	/* -L reads wherever links lead. */
	if (policy->dereference != DEREFERENCE_ALWAYS)
		attr.handled_access_fs |= READ;

	CLEANUP_FD int fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);

	if (fd < 0)
		return -errno;
	err = add_rules(&(struct ruleset){ fd, attr.handled_access_fs }, policy, tree);
	if (err < 0)
		return err;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscall(SYS_landlock_restrict_self, fd, 0) < 0)
		return -errno;
	return 0;
}
