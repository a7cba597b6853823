/*
 * Mechanism: one look at the name (not through a symlink), then cp's questions
 * in cp's order; the dear ones (is it of this run, what does the link lead to)
 * are asked only where the answer matters.
 *
 * Where this differs from cp (checked against 9.1), it does less: a symlink in
 * the destination is replaced, not written through, because a link somebody
 * else planted there would lead the copy out of its root; a file with several
 * links is replaced too, as cp does while links are preserved; and a device, FIFO or
 * socket is left alone, and is an error, unless --remove-destination says so.
 * Alike: a dangling symlink is an error, not a place to write to.
 */
#include "copy/existing.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/io.h"
#include "copy/replace.h"

#define NS 1000000000L

struct question {
	const struct copier *copier;
	const struct place *place;
	const struct entry *entry;
	const struct stat *src;
	struct stat dst;       /* the name itself */
	struct stat target;    /* what it leads to; the same unless it is a symlink */
	int target_err;        /* positive errno when it leads nowhere */
	bool of_this_run;
	bool linking;
	struct outcome *ret;
};

static bool same_inode(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool is_special(mode_t mode)
{
	return S_ISFIFO(mode) || S_ISSOCK(mode) || S_ISCHR(mode) || S_ISBLK(mode);
}

/* The unit the file system keeps times in, as far as an inode shows it: zeros
 * at the end of its ctime, which nobody can set, and of its mtime. No file system
 * is known with a unit between 1 and 100 ns; two zeros by chance, twice, are rare,
 * and would then hide a difference of less than 100 ns. */
static long time_unit(const struct stat *dst)
{
	long unit = 1;

	while (unit < NS && dst->st_ctim.tv_nsec % (unit * 10) == 0 && dst->st_mtim.tv_nsec % (unit * 10) == 0)
		unit *= 10;
	return unit < 100 ? 1 : unit;
}

int existing_compare_mtime(const struct stat *dst, const struct stat *src)
{
	long nsec = src->st_mtim.tv_nsec - src->st_mtim.tv_nsec % time_unit(dst);

	if (dst->st_mtim.tv_sec != src->st_mtim.tv_sec)
		return dst->st_mtim.tv_sec < src->st_mtim.tv_sec ? -1 : 1;
	return (dst->st_mtim.tv_nsec > nsec) - (dst->st_mtim.tv_nsec < nsec);
}

/* As above; FAT keeps even seconds only. */
static int compare_mtime(const struct question *q, const struct stat *dst)
{
	int order = existing_compare_mtime(dst, q->src);
	struct statfs fs;

	if (order < 0 && dst->st_mtim.tv_nsec == 0 && dst->st_mtim.tv_sec % 2 == 0 &&
	    dst->st_mtim.tv_sec + 1 == q->src->st_mtim.tv_sec && fstatfs(q->place->dst_fd, &fs) == 0 &&
	    fs.f_type == MSDOS_SUPER_MAGIC)
		return 0;
	return order;
}

static bool not_before(const struct copier *copier, int64_t sec, long nsec)
{
	return sec > copier->run_start || (sec == copier->run_start && nsec >= copier->run_start_ns);
}

bool existing_is_of_this_run(const struct copier *copier, int dir_fd, const char *name)
{
	struct statx stx;
	struct stat st;

	if (statx(dir_fd, name, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, STATX_BTIME, &stx) == 0 &&
	    (stx.stx_mask & STATX_BTIME))
		return not_before(copier, stx.stx_btime.tv_sec, stx.stx_btime.tv_nsec);
	return fstatat(dir_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       not_before(copier, st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
}

static bool fail(const struct question *q, enum stage stage, int err)
{
	return entry_fail(q->ret, stage, err);
}

/* The answer is: nothing to do. Returns false, as existing_decide() does then. */
static bool settle(const struct question *q, enum outcome_status status)
{
	return !entry_done(q->ret, status, DATA_NONE, 0);
}

static bool same_size_and_mtime(const struct question *q)
{
	return S_ISREG(q->src->st_mode) && S_ISREG(q->dst.st_mode) && q->dst.st_size == q->src->st_size &&
	       compare_mtime(q, &q->dst) == 0;
}

static bool same_link_text(const struct question *q)
{
	char a[4096], b[4096];
	ssize_t n = readlinkat(q->place->src_fd, q->entry->src_name, a, sizeof a);

	return n >= 0 && n < (ssize_t)sizeof a &&
	       readlinkat(q->place->dst_fd, q->entry->dst_name, b, sizeof b) == n && memcmp(a, b, (size_t)n) == 0;
}

static bool same_special(const struct question *q)
{
	return is_special(q->src->st_mode) && (q->src->st_mode & S_IFMT) == (q->dst.st_mode & S_IFMT) &&
	       q->src->st_rdev == q->dst.st_rdev;
}

/* A special file with its source's time is a copy of it: nothing is left to do. */
static bool special_is_done(const struct question *q)
{
	return same_special(q) && compare_mtime(q, &q->dst) == 0;
}

static bool is_up_to_date(const struct question *q)
{
	if (S_ISLNK(q->src->st_mode))
		return S_ISLNK(q->dst.st_mode) && compare_mtime(q, &q->dst) == 0 && same_link_text(q);
	return same_size_and_mtime(q) || special_is_done(q);
}

static bool same_contents(const struct question *q)
{
	CLEANUP_FD int src_fd = openat(q->place->src_fd, q->entry->src_name,
	                               O_RDONLY | O_NONBLOCK | O_CLOEXEC | (q->entry->follow ? 0 : O_NOFOLLOW));
	CLEANUP_FD int dst_fd = openat(q->place->dst_fd, q->entry->dst_name,
	                               O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW);
	char a[16384], b[16384];
	ssize_t n;

	if (src_fd < 0 || dst_fd < 0)
		return false;
	do {
		n = io_read_full(src_fd, a, sizeof a);
		if (n < 0 || io_read_full(dst_fd, b, sizeof b) != n || memcmp(a, b, (size_t)n) != 0)
			return false;
	} while (n == (ssize_t)sizeof a);
	return true;
}

/* A dead worker's own finished work: redoing it would back it up, or refuse to
 * overwrite it. Its times were set last. Where another SOURCE may have made the
 * name, and where times are not kept, the contents decide; in a directory made by
 * this run they do not, since what is made in place may still lack its mode. */
static bool is_own_finished_work(const struct question *q)
{
	const struct copy_policy *policy = q->copier->policy;

	if (!q->entry->redo || !q->of_this_run || q->linking)
		return false;
	if (!q->place->shared_name && is_up_to_date(q))
		return true;
	if (q->place->made || (!q->place->shared_name && policy->backup == BACKUP_NONE))
		return false;
	if (S_ISLNK(q->src->st_mode))
		return S_ISLNK(q->dst.st_mode) && same_link_text(q);
	return same_special(q) || (S_ISREG(q->src->st_mode) && S_ISREG(q->dst.st_mode) &&
	                           q->src->st_size == q->dst.st_size && same_contents(q));
}

static bool same_directory_entry(const struct question *q)
{
	struct stat src_dir, dst_dir;

	return strcmp(q->entry->src_name, q->entry->dst_name) == 0 && fstat(q->place->src_fd, &src_dir) == 0 &&
	       fstat(q->place->dst_fd, &dst_dir) == 0 && same_inode(&src_dir, &dst_dir);
}

/* The one inode under two names. */
static bool ask_same_inode(const struct question *q)
{
	const struct copy_policy *policy = q->copier->policy;

	if (same_directory_entry(q))
		return fail(q, STAGE_SAME_FILE, EEXIST);
	if (policy->hard_link || (S_ISLNK(q->src->st_mode) && policy->backup == BACKUP_NONE))
		return settle(q, OUTCOME_COPIED);
	return policy->remove_destination || policy->backup != BACKUP_NONE || fail(q, STAGE_SAME_FILE, EEXIST);
}

static bool ask_same_file(const struct question *q)
{
	const struct copy_policy *policy = q->copier->policy;
	struct stat through;

	if (same_inode(q->src, &q->dst))
		return ask_same_inode(q);
	/* The destination is a link to the source (-l and -s do not look through it). */
	if (S_ISLNK(q->dst.st_mode) && !S_ISLNK(q->src->st_mode) && !q->target_err &&
	    !policy->hard_link && !policy->symbolic_link && same_inode(q->src, &q->target))
		return policy->remove_destination || policy->backup != BACKUP_NONE ||
		       fail(q, STAGE_SAME_FILE, EEXIST);
	/* The source is a link to the destination: replacing it would leave a link to
	 * itself, and nothing of the file. cp -l says it is done. */
	if (S_ISLNK(q->src->st_mode) && S_ISREG(q->dst.st_mode) && policy->backup == BACKUP_NONE &&
	    fstatat(q->place->src_fd, q->entry->src_name, &through, 0) == 0 && same_inode(&through, &q->dst))
		return policy->hard_link ? settle(q, OUTCOME_COPIED) : fail(q, STAGE_SAME_FILE, EEXIST);
	return true;
}

static bool ask_update(const struct question *q)
{
	/* A dangling link is not a newer file. */
	bool there = !S_ISLNK(q->dst.st_mode) || S_ISLNK(q->src->st_mode) || !q->target_err;
	int order;

	switch (q->copier->policy->update) {
	case UPDATE_ALL:
		return true;
	case UPDATE_NONE:
		return settle(q, OUTCOME_SKIPPED);
	case UPDATE_NONE_FAIL:
		return fail(q, STAGE_EXISTS, EEXIST);
	case UPDATE_OLDER:
		order = there ? compare_mtime(q, S_ISLNK(q->src->st_mode) ? &q->dst : &q->target) : -1;
		/* A further name joins its group where it is as old as the source; cp
		 * lets it take the place of a newer file too, and the newer one is lost. */
		if (order > 0 || (order == 0 && !q->linking))
			return settle(q, OUTCOME_SKIPPED);
		return true;
	case UPDATE_DIFFERENT:
		return q->linking || !is_up_to_date(q) || settle(q, OUTCOME_UP_TO_DATE);
	}
	return true;
}

/* Things no rename may ever take the place of. */
static bool ask_type(const struct question *q)
{
	const struct copy_policy *policy = q->copier->policy;
	bool aside = policy->remove_destination || policy->backup != BACKUP_NONE;

	if (S_ISDIR(q->dst.st_mode))
		return fail(q, STAGE_IS_DIRECTORY, EISDIR);
	if (is_special(q->dst.st_mode) && !policy->remove_destination) {
		/* What a dead worker of this run left half made is ours to replace, and
		 * a copy that is to be another name of one made before. */
		if ((q->entry->redo && q->of_this_run && same_special(q)) || (q->linking && special_is_done(q)))
			return true;
		return special_is_done(q) ? settle(q, OUTCOME_UP_TO_DATE)
		                          : fail(q, STAGE_SPECIAL_IN_THE_WAY, EEXIST);
	}
	if (!S_ISLNK(q->dst.st_mode) || !S_ISREG(q->src->st_mode) || aside || policy->hard_link ||
	    policy->symbolic_link)
		return true;
	if (q->target_err)
		return (q->target_err == ELOOP && policy->force) || fail(q, STAGE_DANGLING, q->target_err);
	return !S_ISDIR(q->target.st_mode) || fail(q, STAGE_IS_DIRECTORY, EISDIR);
}

/* cp: `echo A > a~; cp --backup=simple a~ a` would leave two copies of a and none of a~. */
static bool ask_backup(const struct question *q)
{
	enum backup_mode mode = q->copier->policy->backup;
	char name[PATH_MAX];
	struct stat st;

	if (mode == BACKUP_NONE || mode == BACKUP_NUMBERED ||
	    replace_backup_name(q->copier, q->entry->dst_name, name, sizeof name) < 0 ||
	    fstatat(q->place->dst_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || !same_inode(&st, q->src))
		return true;
	if (st.st_nlink > 1 && strcmp(name, q->entry->src_name) != 0)
		return true;
	return fail(q, STAGE_BACKUP, EINVAL);
}

static bool ask_all(const struct question *q)
{
	if (is_own_finished_work(q)) {
		entry_done(q->ret, OUTCOME_COPIED, DATA_NONE,
		           S_ISREG(q->src->st_mode) ? (uint64_t)q->src->st_size : 0);
		return false;
	}
	/* In a directory this run made, what a dead worker left is nobody else's. */
	if (q->entry->redo && q->place->made && !q->place->shared_name && q->of_this_run &&
	    !S_ISDIR(q->dst.st_mode))
		return true;
	if (q->copier->policy->update != UPDATE_NONE && !ask_same_file(q))
		return false;
	if (!ask_update(q))
		return false;
	if (q->of_this_run && q->place->shared_name && !S_ISDIR(q->dst.st_mode) &&
	    q->copier->policy->backup != BACKUP_NUMBERED)
		return fail(q, STAGE_JUST_CREATED, EEXIST);
	return ask_type(q) && ask_backup(q);
}

/* Asked of names that are too long for most: before a big file is copied, not after. */
static bool can_be_named(const struct place *place, const char *name)
{
	struct stat st;

	return strlen(name) <= NAME_MAX || fstatat(place->dst_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ||
	       errno != ENAMETOOLONG;
}

bool existing_decide(const struct copier *copier, const struct place *place, const struct entry *entry,
                     const struct stat *src, struct existing *ret, struct outcome *ret_outcome)
{
	struct stat contents = *src;
	struct question q = {
		.copier = copier,
		.place = place,
		.entry = entry,
		.src = &contents,
		.linking = ret->linking,
		.ret = ret_outcome,
	};

	/* What is read like a file becomes one. */
	if (copier->policy->copy_contents && is_special(src->st_mode))
		contents.st_mode = (src->st_mode & ~(mode_t)S_IFMT) | S_IFREG;
	*ret = (struct existing){ .linking = ret->linking };
	/* In a directory this run made there is nothing; renaming will see if there is. */
	if (place->made && !entry->redo && !place->shared_name)
		return can_be_named(place, entry->dst_name) || entry_fail(ret_outcome, STAGE_OPEN_DEST, ENAMETOOLONG);
	if (fstatat(place->dst_fd, entry->dst_name, &q.dst, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0)
		return errno == ENOENT || entry_fail(ret_outcome, STAGE_OPEN_DEST, errno);
	q.target = q.dst;
	if (S_ISLNK(q.dst.st_mode) && fstatat(place->dst_fd, entry->dst_name, &q.target, AT_NO_AUTOMOUNT) < 0)
		q.target_err = errno;
	if (entry->redo || place->shared_name)
		q.of_this_run = existing_is_of_this_run(copier, place->dst_fd, entry->dst_name);
	ret->present = true;
	ret->st = q.dst;
	return ask_all(&q);
}

void existing_hand_down(const struct copier *copier, const struct existing *existing, int fd)
{
	const struct copy_policy *policy = copier->policy;
	const struct stat *old = &existing->st;

	/* Where cp, too, makes a new file. */
	if (!existing->present || !S_ISREG(old->st_mode) || policy->remove_destination ||
	    policy->backup != BACKUP_NONE || ((policy->preserve & PRESERVE_LINKS) && old->st_nlink > 1))
		return;
	/* Not allowed: it stays what a new file is. The mode is for the old owner only. */
	if (!(policy->preserve & PRESERVE_OWNERSHIP) && fchown(fd, old->st_uid, old->st_gid) < 0)
		return;
	if (!(policy->preserve & PRESERVE_MODE))
		fchmod(fd, old->st_mode & 0777);
}
