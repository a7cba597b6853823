/*
 * Mechanism: symlink(2), mknod(2) and link(2) make a whole thing or nothing, and
 * never take a name that is there. So a free name is taken directly where
 * nothing has to be set afterwards, or where this run made the directory (but by
 * no FIFO, socket or device); otherwise the thing is made under a temporary name,
 * dressed, and renamed.
 *
 * What lost: removing what has the name and making the new one (as cp does),
 * which leaves nothing when the second call fails.
 */
#include "copy/node.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "copy/permissions.h"
#include "copy/replace.h"
#include "copy/temp_name.h"

#define TEMP_TRIES 1000

static int make(const struct node *node, int dir_fd, const char *name)
{
	int r = -1;

	switch (node->kind) {
	case NODE_SYMLINK:
		r = symlinkat(node->text, dir_fd, name);
		break;
	case NODE_SPECIAL:
		r = mknodat(dir_fd, name, node->mode, node->rdev);
		break;
	case NODE_HARD_LINK:
		r = linkat(node->from_fd, node->from_name, dir_fd, name, node->from_follow ? AT_SYMLINK_FOLLOW : 0);
		break;
	}
	return r < 0 ? -errno : 0;
}

static enum stage make_stage(const struct node *node)
{
	if (node->kind == NODE_HARD_LINK)
		return STAGE_LINK;
	return node->of_source ? STAGE_SYMLINK : STAGE_CREATE;
}

/* A link was made of whatever had the name at that moment: of the source itself
 * it must be that inode, of an earlier copy at least its type. */
static int check_link(const struct node *node, const struct stat *src, int dir_fd, const char *name)
{
	struct stat st;

	if (node->kind != NODE_HARD_LINK)
		return 0;
	if (fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (node->of_source)
		return st.st_dev == src->st_dev && st.st_ino == src->st_ino ? 0 : -ESTALE;
	return (st.st_mode & S_IFMT) == (src->st_mode & S_IFMT) ? 0 : -ESTALE;
}

/* Owner, mode and times of what was just made as @name. On failure it is removed. */
static int dress(const struct copier *copier, const struct place *place, const struct entry *entry,
                 const struct stat *src, const struct node *node, const char *name, struct outcome *ret)
{
	enum stage stage = STAGE_SOURCE_CHANGED;
	uint32_t lost = 0;
	int err = check_link(node, src, place->dst_fd, name);

	if (err == 0 && node->metadata)
		err = metadata_copy_at(copier->metadata, place->src_fd, entry->src_name, src, place->dst_fd, name,
		                       &lost, &stage);
	if (err < 0) {
		unlinkat(place->dst_fd, name, 0);
		entry_fail(ret, stage, -err);
		return err;
	}
	entry_done(ret, OUTCOME_COPIED, DATA_NONE, 0);
	ret->lost = lost;
	return 0;
}

int node_publish(const struct copier *copier, const struct place *place, const struct entry *entry,
                 const struct stat *src, struct existing *existing, const struct node *node, struct outcome *ret)
{
	/* A FIFO or a device that is there is never replaced: --resume could not go on
	 * with one that was killed before it had its attributes. */
	bool in_place = entry_in_place(copier, place, entry) && node->kind != NODE_SPECIAL;
	char temp[TEMP_NAME_SIZE];
	int err = -EEXIST;

	if (!existing->present && (!node->metadata || in_place)) {
		err = make(node, place->dst_fd, entry->dst_name);
		if (err == 0)
			return dress(copier, place, entry, src, node, entry->dst_name, ret);
		if (err == -EEXIST && in_place)
			entry_fail(ret, STAGE_JUST_CREATED, EEXIST);
		else if (err != -EEXIST)
			entry_fail(ret, make_stage(node), -err);
		if (err != -EEXIST || in_place)
			return err;
	}
	for (int tries = 0; err == -EEXIST && tries < TEMP_TRIES; tries++) {
		temp_name_next(temp);
		err = make(node, place->dst_fd, temp);
	}
	if (err < 0) {
		entry_fail(ret, make_stage(node), -err);
		return err;
	}
	err = dress(copier, place, entry, src, node, temp, ret);
	if (err < 0)
		return err;
	if (!replace_publish(copier, place, entry, src, existing, temp, ret))
		return -EEXIST;
	/* Renaming a link over another name of its inode does nothing, and says it went well. */
	if (node->kind == NODE_HARD_LINK)
		unlinkat(place->dst_fd, temp, 0);
	return 0;
}

bool node_begin(const struct copier *copier, const struct place *place, const struct entry *entry,
                struct stat *ret_src, struct existing *ret_existing, struct outcome *ret)
{
	int flags = AT_NO_AUTOMOUNT | (entry->follow ? 0 : AT_SYMLINK_NOFOLLOW);

	copier_activity(copier, COPY_ACTIVITY_METADATA);
	if (fstatat(place->src_fd, entry->src_name, ret_src, flags) < 0)
		return entry_fail(ret, errno == ENOENT ? STAGE_SOURCE_CHANGED : STAGE_STAT_SOURCE, errno);
	if (!entry_is_same(entry, ret_src))
		return entry_fail(ret, STAGE_SOURCE_CHANGED, ESTALE);
	return existing_decide(copier, place, entry, ret_src, ret_existing, ret);
}

/* True when a plain file can be made here: then EPERM was about the kind of file. */
static bool can_make_files(int dir_fd)
{
	char temp[TEMP_NAME_SIZE];
	CLEANUP_FD int fd = -1;

	temp_name_next(temp);
	fd = openat(dir_fd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd >= 0)
		unlinkat(dir_fd, temp, 0);
	return fd >= 0;
}

static bool may_make_devices(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { 0 };

	return syscall(SYS_capget, &header, data) == 0 && (data[0].effective & (1u << CAP_MKNOD)) != 0;
}

/* vfat and its kin have no symlinks, FIFOs, sockets or devices, and say EPERM;
 * xfs has no room for the biggest device numbers, and says EINVAL. */
static bool cannot_be_held(const struct place *place, mode_t mode, int err)
{
	bool device = S_ISCHR(mode) || S_ISBLK(mode);

	if (err == -EOPNOTSUPP || err == -ENOSYS || (err == -EINVAL && device))
		return true;
	if (err != -EPERM || (device && !may_make_devices()))
		return false;
	return can_make_files(place->dst_fd);
}

static void publish_copy(const struct copier *copier, const struct place *place, const struct entry *entry,
                         const struct stat *src, struct existing *existing, const struct node *node,
                         struct outcome *ret)
{
	const struct copy_policy *policy = copier->policy;
	int err;

	/* As in cp: this has no contents to keep, and takes nobody else's. */
	if (policy->attributes_only && existing->present && policy->backup == BACKUP_NONE &&
	    !policy->remove_destination && !(policy->force && node->kind == NODE_SYMLINK)) {
		entry_fail(ret, STAGE_CREATE, EEXIST);
		return;
	}
	err = node_publish(copier, place, entry, src, existing, node, ret);
	if (err < 0 && ret->stage == STAGE_CREATE && cannot_be_held(place, src->st_mode, err)) {
		entry_done(ret, OUTCOME_COPIED, DATA_NONE, 0);
		ret->lost = LOSS_BIT(node->kind == NODE_SYMLINK ? LOSS_SYMLINK : LOSS_SPECIAL);
	}
}

void node_copy_symlink(struct copier *copier, const struct place *place, const struct entry *entry,
                       struct outcome *ret)
{
	char text[PATH_MAX + 1];
	struct existing existing = { 0 };
	struct stat src;
	ssize_t n;

	if (!node_begin(copier, place, entry, &src, &existing, ret))
		return;
	n = readlinkat(place->src_fd, entry->src_name, text, sizeof text);
	if (n < 0) {
		/* EINVAL: it is no symlink any more. */
		bool changed = errno == EINVAL || errno == ENOENT;

		entry_fail(ret, changed ? STAGE_SOURCE_CHANGED : STAGE_READ_LINK, errno);
		return;
	}
	/* symlink(2) takes no more than PATH_MAX, wherever the longer one came from. */
	if (n >= PATH_MAX) {
		entry_fail(ret, STAGE_READ_LINK, ENAMETOOLONG);
		return;
	}
	text[n] = '\0';
	publish_copy(copier, place, entry, &src, &existing,
	             &(struct node){ .kind = NODE_SYMLINK, .text = text, .metadata = true }, ret);
}

/* The mode to make a special file with: ours alone until its owner is right, or
 * what is left of the source's where that is not preserved (an inherited ACL then stands in
 * for the umask). */
static mode_t special_mode(const struct copier *copier, const struct place *place, const struct stat *src)
{
	const struct copy_policy *policy = copier->policy;
	mode_t masked = place->default_acl ? 0 : policy->umask;

	if (policy->preserve & PRESERVE_MODE)
		return (src->st_mode & S_IFMT) | 0600;
	return (src->st_mode & S_IFMT) | (permissions_new_mode(policy, src->st_mode) & ~masked);
}

void node_copy_special(struct copier *copier, const struct place *place, const struct entry *entry,
                       struct outcome *ret)
{
	struct node node = { .kind = NODE_SPECIAL, .metadata = true };
	struct existing existing = { 0 };
	struct stat src;

	if (!node_begin(copier, place, entry, &src, &existing, ret))
		return;
	node.mode = special_mode(copier, place, &src);
	node.rdev = src.st_rdev;
	publish_copy(copier, place, entry, &src, &existing, &node, ret);
}

/* As in cp: -l and -s do not take a name that is there, unless told to; but one
 * of several names of a file goes while links are preserved, and so does what a
 * symlink or special file that is not followed would replace. */
static bool may_replace(const struct copier *copier, const struct stat *src, const struct existing *existing,
                        struct outcome *ret)
{
	const struct copy_policy *policy = copier->policy;

	return !existing->present || policy->force || policy->remove_destination ||
	       policy->backup != BACKUP_NONE ||
	       ((policy->preserve & PRESERVE_LINKS) && existing->st.st_nlink > 1) ||
	       (policy->dereference == DEREFERENCE_NEVER && !S_ISREG(src->st_mode)) ||
	       entry_fail(ret, policy->hard_link ? STAGE_LINK : STAGE_SYMLINK, EEXIST);
}

void node_link_source(struct copier *copier, const struct place *place, const struct entry *entry,
                      struct outcome *ret)
{
	const struct node node = {
		.kind = NODE_HARD_LINK,
		.from_fd = place->src_fd,
		.from_name = entry->src_name,
		.from_follow = entry->follow,
		.of_source = true,
	};
	struct existing existing = { 0 };
	struct stat src;

	if (node_begin(copier, place, entry, &src, &existing, ret) && may_replace(copier, &src, &existing, ret))
		node_publish(copier, place, entry, &src, &existing, &node, ret);
}

/* cp: a relative link is right only where the name it holds is looked up from. */
static bool is_current_directory(int dir_fd)
{
	struct stat here, there;

	return stat(".", &here) == 0 && fstat(dir_fd, &there) == 0 && here.st_dev == there.st_dev &&
	       here.st_ino == there.st_ino;
}

void node_point_at_source(struct copier *copier, const struct place *place, const struct entry *entry,
                          struct outcome *ret)
{
	const struct node node = { .kind = NODE_SYMLINK, .text = entry->link_text, .of_source = true };
	struct existing existing = { 0 };
	struct stat src;

	if (!entry->link_text || (*entry->link_text != '/' && !is_current_directory(place->dst_fd)))
		entry_fail(ret, STAGE_RELATIVE_LINK, EINVAL);
	else if (node_begin(copier, place, entry, &src, &existing, ret) && may_replace(copier, &src, &existing, ret))
		node_publish(copier, place, entry, &src, &existing, &node, ret);
}
