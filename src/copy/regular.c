/*
 * Mechanism: open, check that it is the inode of the scan, make the
 * destination, let the data ladder fill it, look at the source again, metadata
 * with the times last, close, and only then the name.
 *
 * A small file in a directory this run made gets its name first: O_EXCL makes
 * it, one write fills it, and its time, set last, says that it is whole. That
 * saves the rename, which costs 20 to 30 % on small files. Everything else is
 * filled under a temporary name, 0600, and renamed; a big one says in an xattr
 * what it is of, so that --resume can go on inside it (see partial.c). A bigger file that can be
 * cloned into such a directory has no name before it is whole (see unnamed.c).
 *
 * Of a small file in such a directory the listing's ctime serves as the first look:
 * one fstat a file less, 2.5 % of its copy.
 *
 *	source's owner                        worker
 *	                                      open, fstat (size, mtime, ctime)
 *	write, truncate
 *	                                      read
 *	                                      fstat differs, or the size was not met:
 *	                                      throw it away, once more, then say so
 *
 * What lost: writing over an existing file in place (a reader sees half of
 * each, a failure leaves neither); reading the file to the end whatever its size
 * (a file that grows faster than it is read never ends).
 */
#include "copy/regular.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "copy/partial.h"
#include "copy/replace.h"
#include "copy/scan.h"
#include "copy/source.h"
#include "copy/temp_name.h"
#include "copy/unnamed.h"

/* One write of the data ladder's buffer: a small file. */
#define ONE_WRITE (UINT64_C(256) << 10)
#define TEMP_TRIES 1000
#define NS INT64_C(1000000000)

struct attempt {
	struct copier *copier;
	const struct place *place;
	const struct entry *entry;
	struct outcome *ret;
	struct stat src;
	int src_fd, dst_fd;
	const struct existing *existing; /* what it will replace, or NULL */
	bool lies;     /* its size is not what reading it gives, though nothing changes (/proc, /sys) */
	bool again;    /* the source changed: worth another attempt */
	bool taken;    /* read already, and unchanged since it was listed */
	bool to_mark;  /* its temporary file is filled from front to back, so a later run may go on in it */
	bool marked;   /* and says what it is of */
	bool unnamed;  /* only a clone goes into it */
	uint64_t offset; /* what lies before it was copied by an earlier run */
};

static bool contents_of_special(const struct entry *entry)
{
	return !S_ISREG(entry->mode);
}

bool regular_close(const struct copier *copier, int fd, struct outcome *ret)
{
	int err = 0;

	if (copier->policy->sync == SYNC_FILE) {
		copier_activity(copier, COPY_ACTIVITY_FLUSH);
		do
			err = fsync(fd) < 0 ? errno : 0;
		while (err == EINTR);
		copier_activity(copier, COPY_ACTIVITY_METADATA);
	}
	if (err) {
		close(fd);
		return entry_fail(ret, STAGE_SYNC, err);
	}
	/* EINTR counts as a loss too: Linux has closed it, and nobody says whether it was flushed. */
	return close(fd) == 0 || entry_fail(ret, STAGE_CLOSE, errno);
}

/* What a failed data copy says. Finds out whether another attempt can help. */
static bool data_failed(struct attempt *at, int err, const struct data_result *result)
{
	if (err != -ESTALE)
		return entry_fail(at->ret, result->stage ? result->stage : STAGE_READ_SOURCE, -err);
	/* Not as long as it said, and yet the same: then its size never meant anything. */
	at->lies = source_is_unchanged(at->src_fd, &at->src);
	at->again = true;
	return entry_fail(at->ret, STAGE_SOURCE_CHANGED, ESTALE);
}

static bool is_small(const struct attempt *at);

/* Reads a small file before the one look at it, which shows that this is the inode of
 * the listing and that nothing has changed it since, so neither while it was read. What
 * is no file has no offsets to read at, or gives another number of bytes. False: it goes
 * the long way, with a look before and one behind. */
static bool take(struct attempt *at)
{
	const struct entry *entry = at->entry;
	const struct copier *copier = at->copier;
	struct data *data = copier->data;
	CLEANUP_FD int fd = -1;

	if (!entry->changed_ns || !S_ISREG(entry->mode) || entry->follow || copier->policy->attributes_only ||
	    !entry_in_place(copier, at->place, entry) ||
	    !data_is_plain(data, entry->dev, at->place->dst_dev, entry->size))
		return false;
	copier_activity(copier, COPY_ACTIVITY_METADATA);
	fd = source_open_unseen(at->place, entry);
	if (fd < 0)
		return false;
	copier_activity(copier, COPY_ACTIVITY_READ);
	at->taken = data_take(data, fd, entry->size) && fstat(fd, &at->src) == 0 && entry_is_same(entry, &at->src) &&
	            (uint64_t)at->src.st_size == entry->size && scan_changed_ns(&at->src) == entry->changed_ns &&
	            is_small(at);
	copier_activity(copier, COPY_ACTIVITY_METADATA);
	if (!at->taken)
		return false;
	/* As it was before our own read. */
	at->src.st_atim.tv_sec = entry->accessed_ns / NS - (entry->accessed_ns % NS < 0);
	at->src.st_atim.tv_nsec = entry->accessed_ns % NS + (entry->accessed_ns % NS < 0 ? NS : 0);
	at->src_fd = take_fd(&fd);
	return true;
}

static int moves(void *arg)
{
	struct attempt *at = arg;

	if (at->unnamed) {
		at->unnamed = false;
		return -ENOTTY;
	}
	if (at->to_mark && !at->marked)
		at->marked = partial_mark(at->copier, at->dst_fd, &at->src);
	return 0;
}

static bool copy_data(struct attempt *at, int dst_fd)
{
	const struct data_request request = {
		.src_fd = at->src_fd,
		.dst_fd = dst_fd,
		.src_dev = at->src.st_dev,
		.dst_dev = at->place->dst_dev,
		.size = (uint64_t)at->src.st_size,
		.blocks = (uint64_t)at->src.st_blocks,
		.offset = at->offset,
		.length = (uint64_t)at->src.st_size - at->offset,
		.dst_fresh = true,
		.activity = at->copier->activity,
		.activity_arg = at->copier->activity_arg,
		.moves = moves,
		.moves_arg = at,
		.unknown_size = at->lies || contents_of_special(at->entry),
	};
	struct data_result result;
	int err;

	at->dst_fd = dst_fd;
	copier_activity(at->copier, COPY_ACTIVITY_WRITE);
	err = at->taken ? data_put(at->copier->data, dst_fd, request.size, &result)
	                : data_copy(at->copier->data, &request, &result);
	copier_activity(at->copier, COPY_ACTIVITY_METADATA);
	if (err < 0)
		return data_failed(at, err, &result);
	entry_done(at->ret, OUTCOME_COPIED, result.method, result.bytes);
	at->ret->holes = result.holes;
	if (result.lost_holes)
		at->ret->lost |= LOSS_BIT(LOSS_HOLES);
	return true;
}

/* The source as the metadata of a regular file: under copy_contents the new file is one. */
static struct stat as_regular(const struct stat *src)
{
	struct stat st = *src;

	st.st_mode = (st.st_mode & ~(mode_t)S_IFMT) | S_IFREG;
	return st;
}

static bool copy_metadata(struct attempt *at, int dst_fd, mode_t mode)
{
	const struct metadata_dest dest = {
		.dev = at->place->dst_dev,
		.uid = at->copier->uid,
		.gid = at->place->new_gid,
		.mode = mode,
		.owner_known = at->place->new_gid_known,
		.mode_known = !at->place->default_acl,
		.may_have_acl = at->place->default_acl,
		.fresh = true,
	};
	struct stat src = as_regular(&at->src);
	enum stage stage = STAGE_NONE;
	uint32_t lost = 0;
	int err = metadata_copy(at->copier->metadata, at->src_fd, &src, dst_fd, &dest, &lost, &stage);

	at->ret->lost |= lost;
	if (err < 0)
		return entry_fail(at->ret, stage, -err);
	if (at->existing)
		existing_hand_down(at->copier, at->existing, dst_fd);
	return true;
}

/* The data is whole: what was for a later run only goes, before the mode may forbid it. */
static bool unmark(struct attempt *at, int dst_fd)
{
	int err = at->marked ? partial_unmark(dst_fd) : 0;

	at->marked = false;
	return err == 0 || entry_fail(at->ret, STAGE_XATTR, -err);
}

/* Fills @dst_fd, which is new, and closes it. */
static bool fill(struct attempt *at, int dst_fd, mode_t mode)
{
	bool ok = at->copier->policy->attributes_only ? entry_done(at->ret, OUTCOME_COPIED, DATA_NONE, 0)
	                                              : copy_data(at, dst_fd);

	/* A small file too: its one read(2) goes page by page, and its times are older. */
	if (ok && !at->taken && !contents_of_special(at->entry) &&
	    !source_is_unchanged(at->src_fd, &at->src)) {
		at->again = true;
		ok = entry_fail(at->ret, STAGE_SOURCE_CHANGED, ESTALE);
	}
	ok = ok && unmark(at, dst_fd) && copy_metadata(at, dst_fd, mode);
	if (!ok) {
		close(dst_fd);
		return false;
	}
	return regular_close(at->copier, dst_fd, at->ret);
}

static int create(int dir_fd, const char *name, mode_t mode)
{
	int fd;

	do
		fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
	while (fd < 0 && errno == EINTR);
	return fd;
}

/* One write is enough for it, or none. */
static bool is_small(const struct attempt *at)
{
	uint64_t size = (uint64_t)at->src.st_size;
	enum sparse_mode sparse = at->copier->policy->sparse;

	return S_ISREG(at->src.st_mode) && !at->lies && size < ONE_WRITE && sparse != SPARSE_ALWAYS &&
	       ((uint64_t)at->src.st_blocks * 512 >= size || sparse == SPARSE_NEVER);
}

static mode_t create_mode(const struct attempt *at)
{
	return metadata_create_mode(at->copier->metadata, &at->src, at->copier->uid, at->place->new_gid,
	                            at->place->default_acl);
}

static bool copy_in_place(struct attempt *at)
{
	struct copier *copier = at->copier;
	const struct place *place = at->place;
	mode_t mode;
	int fd;

	metadata_look(copier->metadata, at->src_fd, &at->src);
	mode = create_mode(at);
	fd = create(place->dst_fd, at->entry->dst_name, mode);

	/* The directory is ours and new: another name of the source fell on this
	 * one (no case there), or somebody put it there. */
	if (fd < 0)
		return entry_fail(at->ret, errno == EEXIST ? STAGE_JUST_CREATED : STAGE_CREATE, errno);
	if (fill(at, fd, mode))
		return true;
	unlinkat(place->dst_fd, at->entry->dst_name, 0);
	return false;
}

/* A file without a name, when it may be cloned into one; else -1. */
static int open_unnamed(struct attempt *at, mode_t *ret_mode)
{
	struct copier *copier = at->copier;
	const struct place *place = at->place;

	if (!entry_in_place(copier, place, at->entry) || copier->policy->attributes_only || contents_of_special(at->entry) ||
	    at->lies || !data_may_clone(copier->data, at->src.st_dev, place->dst_dev, (uint64_t)at->src.st_size))
		return -1;
	metadata_look(copier->metadata, at->src_fd, &at->src);
	*ret_mode = create_mode(at);
	return unnamed_create(copier, place, *ret_mode);
}

/* Copies it so that it has no name before it is whole. False: it has to go by a temporary one. */
static bool copy_unnamed(struct attempt *at, bool *ret_ok)
{
	mode_t mode;
	int first = open_unnamed(at, &mode), r;
	CLEANUP_FD int fd = first < 0 ? -1 : fcntl(first, F_DUPFD_CLOEXEC, 0);

	/* Named when its first descriptor is closed, as that may yet say that something was lost. */
	at->unnamed = fd >= 0;
	if (!at->unnamed) {
		close_fd(first);
		return false;
	}
	*ret_ok = fill(at, first, mode);
	if (!*ret_ok)
		return at->unnamed; /* not any more where it could not be cloned */
	at->unnamed = false;
	r = unnamed_publish(at->copier, at->place, fd, at->entry->dst_name);
	if (r == -EEXIST) /* as in copy_in_place() */
		*ret_ok = entry_fail(at->ret, STAGE_JUST_CREATED, EEXIST);
	return r == 0 || r == -EEXIST;
}

/* The temporary file: a new one, or what a killed run has left of this very copy. */
static int open_temp(struct attempt *at, mode_t mode, char temp[static TEMP_NAME_SIZE])
{
	const struct place *place = at->place;
	int fd = -1;

	at->to_mark = mode == 0600 && !at->lies;
	if (at->to_mark)
		fd = partial_take_over(at->copier, place, at->entry, &at->src, temp, &at->offset);
	at->marked = fd >= 0;
	for (int tries = 0; fd < 0 && tries < TEMP_TRIES; tries++) {
		temp_name_next(temp);
		fd = create(place->dst_fd, temp, mode);
		if (fd < 0 && errno != EEXIST)
			return -1;
	}
	return fd;
}

static bool copy_by_rename(struct attempt *at, struct existing *existing)
{
	const struct place *place = at->place;
	char temp[TEMP_NAME_SIZE];
	mode_t mode = 0600;
	int fd;

	at->existing = existing;
	/* What an inherited ACL leaves of the mode shows only in a file made with it. */
	if (place->default_acl && !(at->copier->policy->preserve & PRESERVE_MODE))
		mode = create_mode(at);
	fd = open_temp(at, mode, temp);
	if (fd < 0)
		return entry_fail(at->ret, STAGE_CREATE, errno);
	if (!fill(at, fd, mode)) {
		unlinkat(place->dst_fd, temp, 0);
		return false;
	}
	return replace_publish(at->copier, place, at->entry, &at->src, existing, temp, at->ret);
}

/* --attributes-only on a file that is there: its contents stay. */
static bool dress_existing(struct attempt *at, const struct existing *existing)
{
	struct metadata_dest dest = { .may_have_acl = true };
	enum stage stage = STAGE_NONE;
	uint32_t lost = 0;
	struct stat st, src = as_regular(&at->src);
	const int how = O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
	CLEANUP_FD int fd = openat(at->place->dst_fd, at->entry->dst_name, O_RDONLY | how);
	int err;

	if (fd < 0 && errno == EACCES)
		fd = openat(at->place->dst_fd, at->entry->dst_name, O_WRONLY | how);
	if (fd < 0 || fstat(fd, &st) < 0)
		return entry_fail(at->ret, STAGE_OPEN_DEST, errno);
	if (!S_ISREG(st.st_mode) || st.st_dev != existing->st.st_dev || st.st_ino != existing->st.st_ino)
		return entry_fail(at->ret, STAGE_OPEN_DEST, ESTALE);
	dest.dev = st.st_dev;
	dest.uid = st.st_uid;
	dest.gid = st.st_gid;
	dest.mode = st.st_mode & 07777;
	dest.owner_known = dest.mode_known = true;
	err = metadata_copy(at->copier->metadata, at->src_fd, &src, fd, &dest, &lost, &stage);
	if (err < 0)
		return entry_fail(at->ret, stage, -err);
	entry_done(at->ret, OUTCOME_COPIED, DATA_NONE, 0);
	at->ret->lost = lost;
	return true;
}

/* --attributes-only: true when there is a file to dress, or the answer is in *@at->ret already. */
static bool keeps_contents(struct attempt *at, const struct existing *existing)
{
	const struct copy_policy *policy = at->copier->policy;

	if (!policy->attributes_only || !existing->present || policy->backup != BACKUP_NONE ||
	    policy->remove_destination)
		return false;
	if (S_ISREG(existing->st.st_mode))
		dress_existing(at, existing);
	else /* a symlink: what it leads to is not ours, and an empty file is not what it was */
		entry_fail(at->ret, STAGE_OPEN_DEST, ELOOP);
	return true;
}

/* Asks the policy before the source is opened, where it may well say no: a
 * second run over a finished tree costs two looks a file. */
static bool refused_early(struct attempt *at, struct existing *existing)
{
	if (at->copier->policy->update == UPDATE_ALL)
		return false;
	if (fstatat(at->place->src_fd, at->entry->src_name, &at->src, at->entry->follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
		return !entry_fail(at->ret, errno == ENOENT ? STAGE_SOURCE_CHANGED : STAGE_STAT_SOURCE, errno);
	return !existing_decide(at->copier, at->place, at->entry, &at->src, existing, at->ret);
}

static bool attempt(struct attempt *at)
{
	struct existing existing = { 0 };
	CLEANUP_FD int src_fd = -1;
	bool ok;

	at->again = at->to_mark = at->marked = at->taken = at->unnamed = false;
	at->offset = 0;
	at->existing = NULL;
	if (refused_early(at, &existing))
		return false;
	src_fd = take(at) ? at->src_fd : source_open(at->copier, at->place, at->entry, &at->src, at->ret);
	if (src_fd < 0) {
		at->again = at->ret->stage == STAGE_SOURCE_CHANGED;
		return false;
	}
	at->src_fd = src_fd;
	if (entry_in_place(at->copier, at->place, at->entry) && is_small(at))
		return copy_in_place(at);
	if (copy_unnamed(at, &ok))
		return ok;
	if (at->copier->policy->update == UPDATE_ALL &&
	    !existing_decide(at->copier, at->place, at->entry, &at->src, &existing, at->ret))
		return false;
	if (keeps_contents(at, &existing))
		return at->ret->status != OUTCOME_FAILED;
	return copy_by_rename(at, &existing);
}

void regular_copy(struct copier *copier, const struct place *place, const struct entry *entry, struct outcome *ret)
{
	struct attempt at = { .copier = copier, .place = place, .entry = entry, .ret = ret };

	if (!attempt(&at) && at.again)
		attempt(&at);
}
