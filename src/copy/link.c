/*
 * A further name of an inode that is in the destination already.
 *
 * Mechanism: one linkat(2) where the name is free; otherwise a link under a
 * temporary name renamed over what is there. A file system that refuses links
 * gets a copy, and the loss is reported.
 *
 * What lost: remembering the first copy's inode to check it afterwards. It is
 * looked up by name in either case; the type is checked after the link was made.
 */
#include "copy/entry.h"

#include <errno.h>
#include <fcntl.h>

#include "copy/node.h"

/* Where the first copy is, or should be. */
struct first {
	int fd;
	const char *name;
};

static bool is_linked_already(const struct place *place, const struct entry *entry, const struct first *first)
{
	struct stat there, st;

	return fstatat(place->dst_fd, entry->dst_name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstatat(first->fd, first->name, &st, AT_SYMLINK_NOFOLLOW) == 0 && there.st_dev == st.st_dev &&
	       there.st_ino == st.st_ino;
}

/* ENOENT: there is no first copy (it was of a kind that cannot be held here, or somebody removed it). */
static bool refused(int err)
{
	return err == -EMLINK || err == -EPERM || err == -EOPNOTSUPP || err == -EXDEV || err == -ENOSYS ||
	       err == -ENOENT;
}

static void copy_instead(struct copier *copier, const struct place *place, const struct entry *entry,
                         struct outcome *ret)
{
	const uint32_t not_made = LOSS_BIT(LOSS_SYMLINK) | LOSS_BIT(LOSS_SPECIAL);

	if (copier->policy->preserve_required & PRESERVE_LINKS)
		return;
	entry_copy(copier, place, entry, ret);
	if (ret->status == OUTCOME_COPIED && !(ret->lost & not_made))
		ret->lost |= LOSS_BIT(LOSS_HARD_LINK);
}

void entry_link(struct copier *copier, const struct place *place, const struct entry *entry, int first_fd,
                const char *first_name, struct outcome *ret)
{
	const struct first first = { .fd = first_fd, .name = first_name };
	const struct node node = { .kind = NODE_HARD_LINK, .from_fd = first_fd, .from_name = first_name };
	struct existing existing = { .linking = true };
	struct stat src;
	int err;

	if (!entry_in_place(copier, place, entry) && is_linked_already(place, entry, &first)) {
		entry_done(ret, OUTCOME_COPIED, DATA_NONE, 0);
		return;
	}
	if (!node_begin(copier, place, entry, &src, &existing, ret))
		return;
	err = node_publish(copier, place, entry, &src, &existing, &node, ret);
	if (err < 0 && ret->stage == STAGE_LINK && refused(err))
		copy_instead(copier, place, entry, ret);
}
