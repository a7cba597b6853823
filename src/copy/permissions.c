/*
 * Owner, mode and ACL.
 *
 * Owner first, because a setuid bit must never meet the wrong owner. An inherited
 * ACL goes while the mode still denies everyone: the mode's group bits are then
 * the ACL's mask, and taking the ACL away turns the mask into the group's own
 * permissions. The source's ACL comes in place of a chmod, not after one: setting
 * it sets the mode as well, while a chmod to the source's mode would for a moment
 * give the group what the ACL denies it.
 *
 * The final mode first and the owner after it lost (systemd's copy.c does that):
 * between the two calls a setuid program belongs to whoever runs the copy.
 */
#include "copy/permissions.h"

#include <errno.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fs_magic.h"

struct permissions_traits permissions_traits(int fd)
{
	struct permissions_traits traits = { 0 };
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return traits;
	switch ((unsigned long)fs.f_type) {
	case EXT4_SUPER_MAGIC: /* ext2 and ext3 too */
	case XFS_SUPER_MAGIC:
	case BTRFS_SUPER_MAGIC:
	case TMPFS_MAGIC:
	case RAMFS_MAGIC:
	case OVERLAYFS_SUPER_MAGIC:
	case F2FS_SUPER_MAGIC:
	case ZFS_SUPER_MAGIC:
	case BCACHEFS_SUPER_MAGIC:
		traits.kept = true;
		break;
	case FUSE_SUPER_MAGIC:
		traits.answered = true;
		break;
	default:
		break;
	}
	return traits;
}

bool preserves(const struct metadata_work *work, enum preserve what)
{
	return (work->policy->preserve & what) != 0;
}

/* Notes a loss. Returns 0, or -@err when this was asked for by name. */
int permissions_lose(struct metadata_work *work, enum loss class, enum preserve what, enum stage stage, int err)
{
	work->lost |= LOSS_BIT(class);
	if ((work->policy->preserve_required & what) == 0)
		return 0;
	work->stage = stage;
	return -err;
}

static int fail(struct metadata_work *work, enum stage stage, int r)
{
	work->stage = stage;
	return r;
}

/* True when an error says "not for you" or "not here" rather than that something broke. */
static bool is_refusal(int r)
{
	switch (-r) {
	case EPERM:
	case EACCES:
	case EINVAL: /* an id that this user namespace or file system has no number for */
	case EOVERFLOW:
	case EOPNOTSUPP:
	case ENOSYS:
		return true;
	default:
		return false;
	}
}

int permissions_refresh(struct metadata_work *work, bool answered)
{
	struct stat st;

	if (target_stat(&work->to, answered, &st) < 0)
		return -errno;
	work->dst.uid = st.st_uid;
	work->dst.gid = st.st_gid;
	work->dst.mode = st.st_mode & MODE_BITS;
	work->dst.owner_known = work->dst.mode_known = true;
	return 0;
}

int permissions_change_mode(struct metadata_work *work, mode_t mode)
{
	int r;

	if (work->dst.mode_known && work->dst.mode == mode)
		return 0;
	r = target_chmod(&work->to, mode);
	if (r == 0) {
		work->dst.mode = mode;
		work->dst.mode_known = true;
		return 0;
	}
	if (!is_refusal(r))
		return fail(work, STAGE_MODE, r);
	return permissions_lose(work, LOSS_MODE, PRESERVE_MODE, STAGE_MODE, -r);
}

/* An inode that was there before may allow more than the source does; its new
 * owner and group must not get that even for a moment. */
static int close_before_chown(struct metadata_work *work)
{
	int r;

	if (work->dst.fresh || !preserves(work, PRESERVE_MODE) || S_ISLNK(work->src->st_mode))
		return 0;
	r = work->dst.mode_known ? 0 : permissions_refresh(work, false);
	if (r < 0)
		return fail(work, STAGE_MODE, r);
	if ((work->dst.mode & ~work->src->st_mode & MODE_BITS) == 0)
		return 0;
	return permissions_change_mode(work, work->dst.mode & work->src->st_mode & S_IRWXU);
}

static bool owner_is(const struct metadata_work *work, uid_t uid, gid_t gid)
{
	return work->dst.owner_known && work->dst.uid == uid && work->dst.gid == gid;
}

int permissions_set_owner(struct metadata_work *work)
{
	uid_t uid = work->src->st_uid;
	gid_t gid = work->src->st_gid;
	int r;

	if (!preserves(work, PRESERVE_OWNERSHIP) || owner_is(work, uid, gid))
		return 0;
	r = close_before_chown(work);
	if (r < 0)
		return r;
	r = work->may_chown || uid == geteuid() ? target_chown(&work->to, uid, gid) : -EPERM;
	if (r == 0) {
		work->dst.uid = uid;
		work->dst.gid = gid;
		work->dst.owner_known = true;
		/* The kernel has dropped setuid and setgid, if there were any. */
		work->dst.mode_known = work->dst.mode_known && (work->dst.mode & SPECIAL_BITS) == 0;
		return 0;
	}
	if (!is_refusal(r))
		return fail(work, STAGE_OWNER, r);
	work->owner_lost = true;
	/* An inode made just now is not refused for a flag of its own (immutable). */
	if (r == -EPERM && work->dst.fresh && geteuid() != 0 && uid != geteuid())
		work->may_chown = false;
	/* The group alone may be allowed, and is worth having; the loss is the same. */
	if ((!work->dst.owner_known || work->dst.gid != gid) && target_chown(&work->to, (uid_t)-1, gid) == 0)
		work->dst.owner_known = false;
	return permissions_lose(work, LOSS_OWNER, PRESERVE_OWNERSHIP, STAGE_OWNER, -r);
}

/* The special bits the destination may have: none where the owner they speak of
 * is not the source's. */
static int special_bits(struct metadata_work *work, mode_t *ret_bits)
{
	mode_t bits = work->src->st_mode & SPECIAL_BITS;
	int r;

	if (bits != 0 && work->owner_lost) {
		bits = 0;
	} else if ((bits & (S_ISUID | S_ISGID)) != 0 && !preserves(work, PRESERVE_OWNERSHIP) &&
		   !S_ISDIR(work->src->st_mode)) {
		r = work->dst.owner_known ? 0 : permissions_refresh(work, false);
		if (r < 0)
			return fail(work, STAGE_OWNER, r);
		if (work->dst.uid != work->src->st_uid)
			bits &= ~(mode_t)S_ISUID;
		if (work->dst.gid != work->src->st_gid)
			bits &= ~(mode_t)S_ISGID;
	}
	if (bits != (work->src->st_mode & SPECIAL_BITS))
		work->lost |= LOSS_BIT(LOSS_MODE);
	*ret_bits = bits;
	return 0;
}

int permissions_let_owner_write(struct metadata_work *work)
{
	int r;

	if (S_ISLNK(work->src->st_mode))
		return 0;
	r = work->dst.mode_known ? 0 : permissions_refresh(work, false);
	if (r < 0)
		return fail(work, STAGE_MODE, r);
	return permissions_change_mode(work, work->dst.mode | S_IWUSR);
}

/* Takes away an ACL the source does not have. */
static int remove_acl(struct metadata_work *work, enum xattr_kind kind)
{
	int r;

	if (work->dst.fresh && !work->dst.may_have_acl)
		return 0;
	if (kind == XATTR_ACL_ACCESS && !work->dst.fresh) {
		if (!xattrs_has_acl(&work->to, kind))
			return 0;
		r = permissions_refresh(work, false);
		if (r < 0)
			return fail(work, STAGE_ACL, r);
		r = permissions_change_mode(work, work->dst.mode & S_IRWXU);
		if (r < 0)
			return r;
	}
	r = xattrs_remove_acl(&work->to, kind);
	if (r < 0 && !is_refusal(r))
		return fail(work, STAGE_ACL, r);
	if (r < 0)
		return permissions_lose(work, LOSS_ACL, PRESERVE_MODE, STAGE_ACL, -r);
	if (r > 0 && kind == XATTR_ACL_ACCESS)
		work->dst.mode_known = false;
	return 0;
}

/* Copies one kind of ACL. *@ret_done: the destination has it now. */
static int copy_acl(struct metadata_work *work, enum xattr_kind kind, bool *ret_done)
{
	unsigned done, refused;
	int err;
	int r = xattrs_copy(work->xattrs, &work->from, &work->to, work->dst.dev, XATTR_BIT(kind), &done, &refused,
			    &err);

	*ret_done = done != 0;
	if (r < 0)
		return fail(work, STAGE_ACL, r);
	return refused == 0 ? 0 : permissions_lose(work, LOSS_ACL, PRESERVE_MODE, STAGE_ACL, err);
}

static int set_default_acl(struct metadata_work *work)
{
	bool done = false;
	int r = 0;

	if (!S_ISDIR(work->src->st_mode))
		return 0;
	if ((xattrs_kinds(work->xattrs) & XATTR_BIT(XATTR_ACL_DEFAULT)) != 0)
		r = copy_acl(work, XATTR_ACL_DEFAULT, &done);
	return r < 0 || done ? r : remove_acl(work, XATTR_ACL_DEFAULT);
}

/* Mode and ACL as the source has them. */
static int set_source_mode(struct metadata_work *work)
{
	mode_t mode = work->src->st_mode & (S_IRWXU | S_IRWXG | S_IRWXO);
	mode_t special, safe;
	bool done = false;
	int r = special_bits(work, &special);

	if (r == 0)
		r = set_default_acl(work);
	if (r == 0 && (xattrs_kinds(work->xattrs) & XATTR_BIT(XATTR_ACL_ACCESS)) != 0) {
		r = copy_acl(work, XATTR_ACL_ACCESS, &done);
		if (r == 0 && !done) {
			safe = xattrs_mode_without_acl(work->xattrs, &work->from, mode);
			if (safe != mode)
				work->lost |= LOSS_BIT(LOSS_MODE);
			mode = safe;
		}
		if (done) {
			/* It has set these bits; of the special ones nothing is said. */
			work->dst.mode = (work->dst.mode & SPECIAL_BITS) | mode;
			work->dst.mode_known = work->dst.mode_known && special == 0;
		}
	}
	if (r == 0 && !done)
		r = remove_acl(work, XATTR_ACL_ACCESS);
	return r < 0 ? r : permissions_change_mode(work, mode | special);
}

mode_t permissions_new_mode(const struct copy_policy *policy, mode_t source)
{
	if (!policy->usual_mode)
		return source & (S_IRWXU | S_IRWXG | S_IRWXO);
	return S_ISDIR(source) || S_ISSOCK(source) ? 0777 : 0666;
}

/* Not preserved: a new inode gets what the umask, or the ACL it inherited, leaves
 * of the source's; one that was there keeps its own. */
static int set_new_mode(struct metadata_work *work)
{
	mode_t mode = permissions_new_mode(work->policy, work->src->st_mode);
	int r;

	if (!work->dst.mode_known && S_ISDIR(work->src->st_mode)) {
		r = permissions_refresh(work, false);
		if (r < 0)
			return fail(work, STAGE_MODE, r);
	}
	if (work->dst.may_have_acl) {
		if (!work->dst.mode_known)
			return 0;
		mode = (mode & S_IRWXU) | (work->dst.mode & (S_IRWXG | S_IRWXO));
	} else {
		mode &= ~work->policy->umask;
	}
	/* A directory may have its setgid bit from its parent. */
	if (S_ISDIR(work->src->st_mode))
		mode |= work->dst.mode & S_ISGID;
	return permissions_change_mode(work, mode);
}

int permissions_set_mode(struct metadata_work *work)
{
	if (S_ISLNK(work->src->st_mode))
		return 0;
	if (preserves(work, PRESERVE_MODE))
		return set_source_mode(work);
	return work->dst.fresh ? set_new_mode(work) : 0;
}
