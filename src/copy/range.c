/*
 * A big file in ranges, by several workers at once, and its commit.
 *
 * Mechanism: one temporary file, whose name all ranges know; whoever comes first
 * creates it, and every range writes only its own bytes into it. A range checks
 * the source before and after its own reading. What falls between two ranges
 * shows at commit: the source's ctime is then later than the temporary file's
 * birth. Between two file systems these are two clocks, or one that is rounded
 * differently: a tick is allowed for, which the first range's own check covers.
 * (A server's clock may be further off. A wrong answer is possible only for a file
 * changed within that difference before its copy began, and is a reported failure,
 * not a bad copy.)
 *
 *	range 1            range 2            source's owner
 *	read, check
 *	                                      write
 *	                   read, check
 *	commit: ctime > birth
 *
 * What lost: carrying the source's times from range to commit, in the temporary
 * file's own times or xattrs; not every file system holds them.
 */
#include "copy/entry.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "copy/existing.h"
#include "copy/regular.h"
#include "copy/replace.h"
#include "copy/temp_name.h"

/* Set once data_copy() has said whose fault it was. */
static bool data_failed(struct outcome *ret, int err, const struct data_result *result)
{
	return entry_fail(ret, result->stage ? result->stage : STAGE_READ_SOURCE, -err);
}

/* Where new files do not have the owner and mode asked for (vfat, a squashing
 * NFS server), ours look as any other we make now. */
static bool looks_like_new_file(int dir_fd, const struct stat *st)
{
	char temp[TEMP_NAME_SIZE];
	CLEANUP_FD int fd = -1;
	struct stat probe;

	temp_name_next(temp);
	fd = openat(dir_fd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return false;
	unlinkat(dir_fd, temp, 0);
	return fstat(fd, &probe) == 0 && probe.st_uid == st->st_uid && probe.st_mode == st->st_mode;
}

/* The name can be guessed: a file put there by someone else must not get the contents. */
static bool is_ours(const struct copier *copier, int dir_fd, const struct stat *st)
{
	if (!S_ISREG(st->st_mode) || st->st_nlink != 1)
		return false;
	return (st->st_uid == copier->uid && (st->st_mode & 077) == 0) || looks_like_new_file(dir_fd, st);
}

/* Opens the shared temporary file, with @flags O_CREAT or 0. Returns a descriptor or -1 with *@ret filled. */
static int open_temp(const struct copier *copier, const struct place *place, const char *temp, int flags,
                     struct stat *ret_st, struct outcome *ret)
{
	CLEANUP_FD int fd = -1;

	do
		fd = openat(place->dst_fd, temp, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | flags, 0600);
	while (fd < 0 && errno == EINTR);
	if (fd < 0 || fstat(fd, ret_st) < 0) {
		entry_fail(ret, flags ? STAGE_CREATE : STAGE_OPEN_DEST, errno);
		return -1;
	}
	if (!is_ours(copier, place->dst_fd, ret_st)) {
		entry_fail(ret, STAGE_CREATE, EEXIST);
		return -1;
	}
	return take_fd(&fd);
}

/* Opens the source, which must still be as long as the scan saw it, and asks the policy. */
static int begin(const struct copier *copier, const struct place *place, const struct entry *entry,
                 struct stat *ret_src, struct existing *ret_existing, struct outcome *ret)
{
	CLEANUP_FD int fd = regular_open_source(copier, place, entry, ret_src, ret);

	if (fd < 0)
		return -1;
	if ((uint64_t)ret_src->st_size != entry->size) {
		entry_fail(ret, STAGE_SOURCE_CHANGED, ESTALE);
		return -1;
	}
	return existing_decide(copier, place, entry, ret_src, ret_existing, ret) ? take_fd(&fd) : -1;
}

void entry_range(struct copier *copier, const struct place *place, const struct entry *entry, const char *temp,
                 uint64_t offset, uint64_t length, struct outcome *ret)
{
	struct existing existing = { 0 };
	struct data_result result;
	struct stat src, st;
	CLEANUP_FD int src_fd = begin(copier, place, entry, &src, &existing, ret);
	CLEANUP_FD int dst_fd = -1;
	int err;

	if (src_fd < 0)
		return;
	dst_fd = open_temp(copier, place, temp, O_CREAT, &st, ret);
	if (dst_fd < 0)
		return;
	/* Its whole size at once: later ranges are then never taken for the end. */
	if (st.st_size < src.st_size && ftruncate(dst_fd, src.st_size) < 0) {
		entry_fail(ret, STAGE_WRITE, errno);
		return;
	}
	if (copier->activity)
		copier->activity(COPY_ACTIVITY_WRITE, copier->activity_arg);
	err = data_copy(copier->data,
	                &(struct data_request){
		                .src_fd = src_fd,
		                .dst_fd = dst_fd,
		                .src_dev = src.st_dev,
		                .dst_dev = place->dst_dev,
		                .size = entry->size,
		                .blocks = (uint64_t)src.st_blocks,
		                .offset = offset,
		                .length = length,
		                .dst_fresh = !entry->redo,
		                .activity = copier->activity,
		                .activity_arg = copier->activity_arg,
	                },
	                &result);
	if (err < 0) {
		data_failed(ret, err, &result);
		return;
	}
	if (!regular_is_unchanged(src_fd, &src)) {
		entry_fail(ret, STAGE_SOURCE_CHANGED, ESTALE);
		return;
	}
	entry_done(ret, OUTCOME_COPIED, result.method, result.bytes);
	ret->holes = result.holes;
	ret->lost = result.lost_holes ? LOSS_BIT(LOSS_HOLES) : 0;
	regular_close(copier, take_fd(&dst_fd), ret);
}

#define TICK_NS INT64_C(10000000) /* CONFIG_HZ=100 */

static bool changed_since_birth(const struct stat *src, int fd, dev_t dst_dev)
{
	struct statx stx;
	int64_t after;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &stx) < 0 || !(stx.stx_mask & STATX_BTIME))
		return false;
	if (src->st_ctim.tv_sec > stx.stx_btime.tv_sec + 1)
		return true;
	after = (src->st_ctim.tv_sec - stx.stx_btime.tv_sec) * INT64_C(1000000000) +
	        (src->st_ctim.tv_nsec - (int64_t)stx.stx_btime.tv_nsec);
	return after > (src->st_dev == dst_dev ? 0 : TICK_NS);
}

/* The worker that had this commit died after its rename: the name is complete. */
static bool was_committed(const struct copier *copier, const struct place *place, const struct entry *entry)
{
	struct stat st;

	return entry->redo && fstatat(place->dst_fd, entry->dst_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISREG(st.st_mode) && (uint64_t)st.st_size == entry->size &&
	       existing_is_of_this_run(copier, place->dst_fd, entry->dst_name);
}

static bool dress(struct copier *copier, const struct place *place, const struct stat *src, int src_fd,
                  int dst_fd, const struct stat *temp, struct outcome *ret)
{
	const struct metadata_dest dest = {
		.dev = place->dst_dev,
		.uid = temp->st_uid,
		.gid = temp->st_gid,
		.mode = temp->st_mode & 07777,
		.owner_known = true,
		.mode_known = !place->default_acl,
		.may_have_acl = place->default_acl,
		.fresh = true,
	};
	enum stage stage = STAGE_NONE;
	uint32_t lost = 0;
	int err = metadata_copy(copier->metadata, src_fd, src, dst_fd, &dest, &lost, &stage);

	if (err < 0)
		return entry_fail(ret, stage, -err);
	entry_done(ret, OUTCOME_COPIED, DATA_NONE, 0);
	ret->lost = lost;
	return true;
}

/* All but the rename. Returns false with *@ret filled. */
static bool complete(struct copier *copier, const struct place *place, const struct entry *entry,
                     const char *temp, struct stat *src, struct existing *existing, struct outcome *ret)
{
	CLEANUP_FD int src_fd = begin(copier, place, entry, src, existing, ret);
	CLEANUP_FD int dst_fd = -1;
	struct stat st;

	if (src_fd < 0)
		return false;
	dst_fd = open_temp(copier, place, temp, 0, &st, ret);
	if (dst_fd < 0)
		return false;
	if (st.st_size != src->st_size || changed_since_birth(src, dst_fd, st.st_dev))
		return entry_fail(ret, STAGE_SOURCE_CHANGED, ESTALE);
	if (!dress(copier, place, src, src_fd, dst_fd, &st, ret))
		return false;
	existing_hand_down(copier, existing, dst_fd);
	return regular_close(copier, take_fd(&dst_fd), ret);
}

void entry_commit(struct copier *copier, const struct place *place, const struct entry *entry, const char *temp,
                  struct outcome *ret)
{
	struct existing existing = { 0 };
	struct stat src, st;

	if (fstatat(place->dst_fd, temp, &st, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT &&
	    was_committed(copier, place, entry))
		entry_done(ret, OUTCOME_COPIED, DATA_NONE, 0);
	else if (complete(copier, place, entry, temp, &src, &existing, ret))
		replace_publish(copier, place, entry, &src, &existing, temp, ret);
	else
		unlinkat(place->dst_fd, temp, 0);
}
