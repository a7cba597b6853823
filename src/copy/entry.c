/*
 * Which way an entry goes, and the few facts all ways share.
 *
 * The type the scan saw chooses the way; each way opens or looks again and
 * refuses what is no longer that inode. One function for all types (as in cp)
 * lost: the types share only what is in existing.c and replace.c.
 */
#include "copy/entry.h"

#include <errno.h>
#include <unistd.h>

#include "copy/node.h"
#include "copy/regular.h"

bool entry_in_place(const struct copier *copier, const struct place *place, const struct entry *entry)
{
	const struct copy_policy *policy = copier->policy;

	return place->made && !place->shared_name && !entry->redo && !policy->atomic &&
	       policy->update == UPDATE_ALL && policy->backup == BACKUP_NONE;
}

bool entry_fail(struct outcome *ret, enum stage stage, int err)
{
	*ret = (struct outcome){ .status = OUTCOME_FAILED, .stage = (uint16_t)stage, .err = err };
	return false;
}

bool entry_done(struct outcome *ret, enum outcome_status status, enum data_method method, uint64_t bytes)
{
	*ret = (struct outcome){ .status = (uint16_t)status, .method = (uint16_t)method, .bytes = bytes };
	return true;
}

bool entry_is_same(const struct entry *entry, const struct stat *now)
{
	return now->st_dev == entry->dev && now->st_ino == entry->ino &&
	       (now->st_mode & S_IFMT) == (entry->mode & S_IFMT);
}

void place_learn(struct place *place, const struct stat *dst, bool default_acl)
{
	place->dst_dev = dst->st_dev;
	place->new_gid = dst->st_mode & S_ISGID ? dst->st_gid : getegid();
	/* A mount with bsdgroups gives the directory's group without the bit. */
	place->new_gid_known = dst->st_mode & S_ISGID || dst->st_gid == place->new_gid;
	place->default_acl = default_acl;
}

void entry_copy(struct copier *copier, const struct place *place, const struct entry *entry, struct outcome *ret)
{
	const struct copy_policy *policy = copier->policy;

	/* -L met a link that leads nowhere: as in cp, there is nothing to copy. */
	if (entry->follow && S_ISLNK(entry->mode)) {
		struct stat st;
		int err = fstatat(place->src_fd, entry->src_name, &st, 0) < 0 ? errno : 0;

		entry_fail(ret, err ? STAGE_STAT_SOURCE : STAGE_SOURCE_CHANGED, err ? err : ESTALE);
	} else if (S_ISDIR(entry->mode)) {
		entry_fail(ret, STAGE_SOURCE_CHANGED, EISDIR);
	} else if (policy->hard_link) {
		node_link_source(copier, place, entry, ret);
	} else if (policy->symbolic_link) {
		node_point_at_source(copier, place, entry, ret);
	} else if (S_ISREG(entry->mode)) {
		regular_copy(copier, place, entry, ret);
	} else if (S_ISLNK(entry->mode)) {
		node_copy_symlink(copier, place, entry, ret);
	} else if (policy->copy_contents) {
		regular_copy(copier, place, entry, ret);
	} else {
		node_copy_special(copier, place, entry, ret);
	}
}
