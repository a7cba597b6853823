/*
 * A big file in ranges, by several workers at once: its beginning, its ranges, and
 * its commit.
 *
 *	BEGIN        the policy's say; one temporary file of full size, with a trailer
 *	             (see trailer.c) that names the state of the source; or a dead run's
 *	RANGE, any   the source is in that state; copy a piece; it still is; call it in
 *	COMMIT       the source is in that state, and all is in: metadata, rename
 *
 * So a range that is done again, by another worker or in another run, goes on where
 * the one before it was, and what was changed between two ranges shows in the last.
 *
 * What lost: comparing the source's ctime with the temporary file's birth, which are
 * two clocks, and not every file system has a birth.
 */
#include "copy/entry.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "copy/existing.h"
#include "copy/partial.h"
#include "copy/regular.h"
#include "copy/replace.h"
#include "copy/source.h"
#include "copy/temp_name.h"
#include "copy/trailer.h"

/* Copied and called in at once: a request more on top of some forty. */
#define PIECE (32 * TRAILER_PART)

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

/* Opens the shared temporary file. Returns a descriptor or -1 with *@ret filled. */
static int open_temp(const struct copier *copier, const struct place *place, const char *temp,
                     struct stat *ret_st, struct outcome *ret)
{
	CLEANUP_FD int fd = -1;

	do
		fd = openat(place->dst_fd, temp, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	while (fd < 0 && errno == EINTR);
	if (fd < 0 || fstat(fd, ret_st) < 0) {
		entry_fail(ret, STAGE_OPEN_DEST, errno);
		return -1;
	}
	if (!is_ours(copier, place->dst_fd, ret_st)) {
		entry_fail(ret, STAGE_CREATE, EEXIST);
		return -1;
	}
	return take_fd(&fd);
}

/* Opens the source, which must still be as long as the scan saw it. */
static int open_source(const struct copier *copier, const struct place *place, const struct entry *entry,
                       struct stat *ret_src, struct outcome *ret)
{
	CLEANUP_FD int fd = source_open(copier, place, entry, ret_src, ret);

	if (fd < 0)
		return -1;
	if ((uint64_t)ret_src->st_size != entry->size) {
		entry_fail(ret, STAGE_SOURCE_CHANGED, ESTALE);
		return -1;
	}
	return take_fd(&fd);
}

/* As above, and asks the policy. */
static int begin(const struct copier *copier, const struct place *place, const struct entry *entry,
                 struct stat *ret_src, struct existing *ret_existing, struct outcome *ret)
{
	CLEANUP_FD int fd = open_source(copier, place, entry, ret_src, ret);

	return fd >= 0 && existing_decide(copier, place, entry, ret_src, ret_existing, ret) ? take_fd(&fd) : -1;
}

/* What a worker that died beginning this very file has left: good, or removed. */
static bool was_begun(const struct copier *copier, const struct place *place, const char *temp, const struct stat *src)
{
	struct outcome unused;
	struct stat st;
	CLEANUP_FD int fd = open_temp(copier, place, temp, &st, &unused);

	if (fd < 0)
		return false;
	if (trailer_compare(fd, &st, copier->policy, src) == MARK_MATCHES)
		return true;
	unlinkat(place->dst_fd, temp, 0);
	return false;
}

static bool create_temp(const struct copier *copier, const struct place *place, const char *temp,
                        const struct stat *src, struct outcome *ret)
{
	CLEANUP_FD int fd = -1;
	int r;

	do
		fd = openat(place->dst_fd, temp, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	while (fd < 0 && errno == EINTR);
	if (fd < 0)
		return entry_fail(ret, STAGE_CREATE, errno);
	r = trailer_write(fd, copier->policy, src);
	if (r == 0)
		return true;
	unlinkat(place->dst_fd, temp, 0);
	return entry_fail(ret, STAGE_WRITE, -r);
}

void entry_begin(struct copier *copier, const struct place *place, const struct entry *entry, const char *temp,
                 struct outcome *ret)
{
	struct existing existing = { 0 };
	struct stat src;
	CLEANUP_FD int src_fd = begin(copier, place, entry, &src, &existing, ret);
	CLEANUP_FD int left_fd = -1;

	if (src_fd < 0) {
		if (ret->status == OUTCOME_COPIED) /* by a worker that died since: nothing to begin */
			ret->status = OUTCOME_UP_TO_DATE;
		return;
	}
	if (entry->redo && was_begun(copier, place, temp, &src)) {
		entry_done(ret, OUTCOME_COPIED, DATA_NONE, 0);
		return;
	}
	left_fd = partial_take_over_ranges(copier, place, entry, &src, temp);
	if (left_fd >= 0 || create_temp(copier, place, temp, &src, ret))
		entry_done(ret, OUTCOME_COPIED, DATA_NONE, 0);
}

/* One range under way. */
struct range {
	struct copier *copier;
	const struct place *place;
	const struct stat *src;
	int src_fd, dst_fd;
	struct outcome *ret; /* the sum of its pieces */
};

static bool copy_piece(const struct range *range, uint64_t start, uint64_t end)
{
	struct copier *copier = range->copier;
	const struct data_request request = {
		.src_fd = range->src_fd,
		.dst_fd = range->dst_fd,
		.src_dev = range->src->st_dev,
		.dst_dev = range->place->dst_dev,
		.size = (uint64_t)range->src->st_size,
		.blocks = (uint64_t)range->src->st_blocks,
		.offset = start,
		.length = end - start,
		/* What a dead worker wrote here is of the same state: where that has a hole,
		 * so has this. */
		.dst_fresh = true,
		.dst_longer = true,
		.activity = copier->activity,
		.activity_arg = copier->activity_arg,
	};
	struct data_result result;
	int r = data_copy(copier->data, &request, &result);

	if (r < 0)
		return data_failed(range->ret, r, &result);
	if (!source_is_unchanged(range->src_fd, range->src))
		return entry_fail(range->ret, STAGE_SOURCE_CHANGED, ESTALE);
	/* What a close after this worker's death would be told, nobody would hear. */
	if (fdatasync(range->dst_fd) < 0 && errno != EINVAL)
		return entry_fail(range->ret, STAGE_SYNC, errno);
	r = trailer_set(range->dst_fd, request.size, start, end);
	if (r < 0)
		return entry_fail(range->ret, STAGE_WRITE, -r);
	range->ret->bytes += result.bytes;
	range->ret->holes |= result.holes;
	range->ret->lost |= result.lost_holes ? LOSS_BIT(LOSS_HOLES) : 0;
	if (result.method > range->ret->method)
		range->ret->method = (uint16_t)result.method;
	return true;
}

void entry_range(struct copier *copier, const struct place *place, const struct entry *entry, const char *temp,
                 uint64_t offset, uint64_t length, struct outcome *ret)
{
	struct stat src, st;
	uint64_t start, end = offset;
	CLEANUP_FD int src_fd = open_source(copier, place, entry, &src, ret);
	CLEANUP_FD int dst_fd = src_fd < 0 ? -1 : open_temp(copier, place, temp, &st, ret);
	const struct range range = { copier, place, &src, src_fd, dst_fd, ret };
	int r;

	if (dst_fd < 0)
		return;
	if (trailer_compare(dst_fd, &st, copier->policy, &src) != MARK_MATCHES) {
		entry_fail(ret, STAGE_SOURCE_CHANGED, ESTALE);
		return;
	}
	copier_activity(copier, COPY_ACTIVITY_WRITE);
	entry_done(ret, OUTCOME_COPIED, DATA_NONE, 0);
	while ((r = trailer_next(dst_fd, entry->size, end, offset + length, PIECE, &start, &end)) > 0)
		if (!copy_piece(&range, start, end))
			return;
	if (r < 0)
		entry_fail(ret, STAGE_WRITE, -r);
	else
		regular_close(copier, take_fd(&dst_fd), ret);
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

/* Everything is in, and of the source as it is now. */
static bool is_whole(const struct copier *copier, int fd, const struct stat *temp, const struct stat *src)
{
	uint64_t size = (uint64_t)src->st_size, start, end;

	return trailer_compare(fd, temp, copier->policy, src) == MARK_MATCHES &&
	       trailer_next(fd, size, 0, size, TRAILER_PART, &start, &end) == 0;
}

/* All but the rename. Returns false with *@ret filled. */
static bool complete(struct copier *copier, const struct place *place, const struct entry *entry,
                     const char *temp, struct stat *src, struct existing *existing, struct outcome *ret)
{
	CLEANUP_FD int src_fd = begin(copier, place, entry, src, existing, ret);
	CLEANUP_FD int dst_fd = -1;
	struct stat st;
	int r;

	if (src_fd < 0)
		return false;
	dst_fd = open_temp(copier, place, temp, &st, ret);
	if (dst_fd < 0)
		return false;
	if (!is_whole(copier, dst_fd, &st, src))
		return entry_fail(ret, STAGE_SOURCE_CHANGED, ESTALE);
	/* Without a trailer its last bytes could be taken for one: from here on it is no
	 * unfinished file of ours. */
	if (fchmod(dst_fd, 0200) == 0)
		st.st_mode = (st.st_mode & S_IFMT) | 0200;
	r = trailer_cut(dst_fd, (uint64_t)src->st_size);
	if (r < 0)
		return entry_fail(ret, STAGE_WRITE, -r);
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
