/*
 * Owner, xattrs, mode and ACL, times: in this order, each for a reason.
 *
 *   owner   first: a setuid bit must never meet the wrong owner, and chown drops
 *           setuid bits and file capabilities anyway.
 *   xattrs  before the mode: user.* may be set only by who may write.
 *   mode    and ACL: see permissions.c. What a file system has of its own
 *           (system.nfs4_acl) comes after it, because a chmod would rewrite it.
 *   times   last: some servers move mtime when anything else is set.
 *
 * What is claimed of a destination just made (struct metadata_dest) is believed
 * only on file systems known to keep what they are given. vfat, exfat, FUSE, 9p,
 * SMB and NFS with squashed root make up owner or mode without an error, so there
 * the inode is looked at before and after. A list of the good ones won over a
 * probe: vfat keeps 0755 and loses 0644, so that one file says nothing of the next.
 *
 * Times are different: whether a file system keeps nanoseconds (ext4 with small
 * inodes does not) is learned from the first file that has some.
 *
 * On FUSE both looks cost a request each, and need not: the server's answers to
 * CREATE, LOOKUP and SETATTR carry all attributes, and the kernel keeps them, so
 * AT_STATX_DONT_SYNC right after one of those says what the server said. (2 of
 * 25 requests a small file, counted with faultfs, where nothing is cached.) It is
 * not asked this way after an ACL was set, which the answer does not follow, nor on
 * SMB, where the kernel keeps what it asked for instead of what it was told, nor
 * on NFS, whose answers may be without attributes.
 */
#include "copy/metadata.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "copy/permissions.h"
#include "copy/target.h"
#include "copy/xattr.h"

#define N_DEVICES 16

/* FOREIGN is copied apart, after the mode. */
#define KINDS_XATTR                                                                              \
	(XATTR_BIT(XATTR_USER) | XATTR_BIT(XATTR_TRUSTED) | XATTR_BIT(XATTR_SECURITY) |          \
	 XATTR_BIT(XATTR_CAPABILITY))
#define KINDS_ACL (XATTR_BIT(XATTR_ACL_ACCESS) | XATTR_BIT(XATTR_ACL_DEFAULT))

/* What was learned of a destination's device. */
struct device {
	dev_t dev;
	bool used;
	struct permissions_traits traits;
	bool keeps_s;  /* an odd second came back */
	bool keeps_ns; /* nanoseconds came back */
};

struct metadata {
	const struct copy_policy *policy;
	struct xattrs *xattrs;
	bool may_chown;
	bool looked; /* the xattr list is that of this source, as it was then */
	dev_t looked_dev;
	ino_t looked_ino;
	struct timespec looked_ctime;
	struct device devices[N_DEVICES];
	unsigned next_device;
};

int metadata_new(const struct copy_policy *policy, struct metadata **ret_metadata)
{
	struct metadata *metadata = calloc(1, sizeof(*metadata));
	int r;

	if (metadata == NULL)
		return -ENOMEM;
	r = xattrs_new(&metadata->xattrs);
	if (r < 0) {
		free(metadata);
		return r;
	}
	metadata->policy = policy;
	metadata->may_chown = true;
	*ret_metadata = metadata;
	return 0;
}

void metadata_free(struct metadata *metadata)
{
	if (metadata == NULL)
		return;
	xattrs_free(metadata->xattrs);
	free(metadata);
}

static struct device *device_of(struct metadata *metadata, dev_t dev, int fd)
{
	struct device *device;

	for (size_t i = 0; i < N_DEVICES; i++) {
		device = &metadata->devices[i];
		if (device->used && device->dev == dev)
			return device;
	}
	device = &metadata->devices[metadata->next_device++ % N_DEVICES];
	*device = (struct device){
		.dev = dev, .used = true, .traits = permissions_traits(fd),
	};
	return device;
}

/* The attributes that the policy wants of this type of file. */
static unsigned wanted_kinds(const struct copy_policy *policy, mode_t type)
{
	unsigned kinds = 0;

	if ((policy->preserve & PRESERVE_XATTR) != 0)
		kinds |= KINDS_XATTR | XATTR_BIT(XATTR_FOREIGN);
	if ((policy->preserve & PRESERVE_CONTEXT) != 0)
		kinds |= XATTR_BIT(XATTR_CONTEXT);
	if ((policy->preserve & PRESERVE_MODE) != 0 && !S_ISLNK(type))
		kinds |= KINDS_ACL;
	return kinds;
}

void metadata_look(struct metadata *metadata, int src_fd, const struct stat *src)
{
	struct target source = { .fd = src_fd };

	metadata->looked = false;
	if (wanted_kinds(metadata->policy, src->st_mode) == 0)
		return;
	/* What goes wrong here goes wrong again in metadata_copy(), which says so. */
	if (xattrs_list(metadata->xattrs, &source, src->st_dev) < 0)
		return;
	metadata->looked = true;
	metadata->looked_dev = src->st_dev;
	metadata->looked_ino = src->st_ino;
	metadata->looked_ctime = src->st_ctim;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool looked_at(const struct metadata *metadata, const struct stat *src)
{
	return metadata->looked && metadata->looked_dev == src->st_dev && metadata->looked_ino == src->st_ino &&
	       same_time(&metadata->looked_ctime, &src->st_ctim);
}

mode_t metadata_create_mode(const struct metadata *metadata, const struct stat *src, uid_t uid, gid_t gid,
			    bool may_have_acl)
{
	const struct copy_policy *policy = metadata->policy;
	mode_t mode = src->st_mode & (S_IRWXU | S_IRWXG | S_IRWXO);
	bool owner_stays =
		(policy->preserve & PRESERVE_OWNERSHIP) == 0 || (uid == src->st_uid && gid == src->st_gid);

	if ((policy->preserve & PRESERVE_MODE) == 0) {
		mode = permissions_new_mode(policy, src->st_mode);
		/* An inherited ACL stands in for the umask, as in open(2), and
		 * what it leaves of the mode can be known only from the start. */
		if (may_have_acl)
			return mode;
		mode &= ~policy->umask;
		return owner_stays ? mode : mode & S_IRWXU;
	}
	if (!owner_stays || may_have_acl || (src->st_mode & SPECIAL_BITS) != 0 || !looked_at(metadata, src) ||
	    (xattrs_kinds(metadata->xattrs) & XATTR_BIT(XATTR_ACL_ACCESS)) != 0)
		return mode & S_IRWXU;
	return mode;
}

/* Makes the list in metadata->xattrs that of the source. */
static int list_source(struct metadata *metadata, struct metadata_work *work)
{
	unsigned wanted = wanted_kinds(work->policy, work->src->st_mode);
	bool known = looked_at(metadata, work->src);
	int r;

	metadata->looked = false;
	if (known || wanted == 0)
		return 0;
	r = xattrs_list(metadata->xattrs, &work->from, work->src->st_dev);
	if (r == 0)
		return 0;
	if (r == -EIO || r == -ESTALE) {
		work->stage = STAGE_XATTR;
		return r;
	}
	if ((wanted & KINDS_XATTR) == 0)
		return permissions_lose(work, LOSS_ACL, PRESERVE_MODE, STAGE_ACL, -r);
	return permissions_lose(work, LOSS_XATTR, PRESERVE_XATTR, STAGE_XATTR, -r);
}

static int copy_kinds(struct metadata_work *work, unsigned kinds)
{
	unsigned done, refused;
	int err, r = 0;

	kinds &= wanted_kinds(work->policy, work->src->st_mode) & xattrs_kinds(work->xattrs);
	if (kinds == 0)
		return 0;
	r = xattrs_copy(work->xattrs, &work->from, &work->to, work->dst.dev, kinds, &done, &refused, &err);
	if (r < 0)
		work->stage = STAGE_XATTR;
	if (r == 0 && (refused & XATTR_BIT(XATTR_CONTEXT)) != 0)
		r = permissions_lose(work, LOSS_CONTEXT, PRESERVE_CONTEXT, STAGE_XATTR, err);
	if (r == 0 && (refused & KINDS_XATTR) != 0)
		r = permissions_lose(work, LOSS_XATTR, PRESERVE_XATTR, STAGE_XATTR, err);
	return r;
}

static int copy_xattrs(struct metadata_work *work)
{
	unsigned kinds = KINDS_XATTR | XATTR_BIT(XATTR_CONTEXT);
	unsigned have = xattrs_kinds(work->xattrs) & wanted_kinds(work->policy, work->src->st_mode);
	mode_t before = 0;
	bool opened = false;
	int r = 0;

	if ((have & (kinds | XATTR_BIT(XATTR_FOREIGN))) == 0)
		return 0;
	/* Capabilities are privilege, and go with the owner as setuid does. */
	if ((have & XATTR_BIT(XATTR_CAPABILITY)) != 0 && work->owner_lost) {
		kinds &= ~XATTR_BIT(XATTR_CAPABILITY);
		r = permissions_lose(work, LOSS_XATTR, PRESERVE_XATTR, STAGE_XATTR, EPERM);
	}
	if (r == 0 && (have & XATTR_BIT(XATTR_USER)) != 0) {
		opened = !work->dst.fresh && !preserves(work, PRESERVE_MODE);
		r = opened ? permissions_refresh(work, false) : 0;
		before = work->dst.mode;
		if (r == 0)
			r = permissions_let_owner_write(work);
	}
	if (r == 0)
		r = copy_kinds(work, kinds);
	if (r == 0 && opened)
		r = permissions_change_mode(work, before);
	return r;
}

static bool same_times(const struct stat *a, const struct stat *b)
{
	return same_time(&a->st_mtim, &b->st_mtim) && same_time(&a->st_atim, &b->st_atim);
}

/* True when it is not known that the file system can hold @time. */
static bool time_is_doubtful(const struct device *device, const struct timespec *time)
{
	return time->tv_sec < 0 || time->tv_sec > INT32_MAX || (time->tv_nsec != 0 && !device->keeps_ns) ||
	       (time->tv_sec % 2 != 0 && !device->keeps_s);
}

/* Learns from times that came back whole. A multiple of 100 ns says nothing of
 * nanoseconds: NTFS and SMB count in those. */
static void learn_times(struct device *device, const struct timespec *mtime)
{
	device->keeps_ns = device->keeps_ns || mtime->tv_nsec % 100 != 0;
	device->keeps_s = device->keeps_s || mtime->tv_sec % 2 != 0 || device->keeps_ns;
}

static int set_times(struct metadata_work *work)
{
	const struct timespec times[2] = { work->src->st_atim, work->src->st_mtim };
	int r;

	if (!preserves(work, PRESERVE_TIMESTAMPS))
		return 0;
	r = target_set_times(&work->to, times);
	work->times_set = r == 0;
	if (r == 0)
		return 0;
	if (r != -EIO && r != -ESTALE && r != -EROFS)
		return permissions_lose(work, LOSS_TIMES, PRESERVE_TIMESTAMPS, STAGE_TIMES, -r);
	work->stage = STAGE_TIMES;
	return r;
}

/* Looks at what has become of the inode, where that is not known beforehand.
 * What a file system rounds off or makes up is a loss and never a failure: cp,
 * asked by name, does not see it either. */
static int check_back(struct metadata_work *work, struct device *device)
{
	const struct stat *src = work->src;
	bool times = preserves(work, PRESERVE_TIMESTAMPS) && (work->lost & LOSS_BIT(LOSS_TIMES)) == 0 &&
		     (time_is_doubtful(device, &src->st_mtim) || time_is_doubtful(device, &src->st_atim));
	struct stat st;

	if (!times && device->traits.kept)
		return 0;
	if (target_stat(&work->to, device->traits.answered && work->times_set, &st) < 0) {
		work->stage = STAGE_TIMES;
		return -errno;
	}
	if (times && !same_times(src, &st))
		work->lost |= LOSS_BIT(LOSS_TIMES);
	else if (times)
		learn_times(device, &src->st_mtim);
	if (device->traits.kept)
		return 0;
	if (preserves(work, PRESERVE_OWNERSHIP) && (st.st_uid != src->st_uid || st.st_gid != src->st_gid))
		work->lost |= LOSS_BIT(LOSS_OWNER);
	if (preserves(work, PRESERVE_MODE) && !S_ISLNK(src->st_mode) &&
	    ((st.st_mode ^ src->st_mode) & MODE_BITS) != 0)
		work->lost |= LOSS_BIT(LOSS_MODE);
	return 0;
}

/* The whole order. */
static int set_all(struct metadata *metadata, struct metadata_work *work)
{
	struct device *device = device_of(metadata, work->dst.dev, work->to.fd);
	int r = 0;

	if (!device->traits.kept) {
		r = permissions_refresh(work, device->traits.answered);
		if (r < 0)
			work->stage = STAGE_OWNER;
	}
	if (r == 0)
		r = permissions_set_owner(work);
	metadata->may_chown = work->may_chown;
	if (r == 0)
		r = list_source(metadata, work);
	if (r == 0)
		r = copy_xattrs(work);
	if (r == 0)
		r = permissions_set_mode(work);
	if (r == 0)
		r = copy_kinds(work, XATTR_BIT(XATTR_FOREIGN));
	if (r == 0)
		r = set_times(work);
	if (r == 0)
		r = check_back(work, device);
	return r;
}

int metadata_copy(struct metadata *metadata, int src_fd, const struct stat *src, int dst_fd,
		  const struct metadata_dest *dst, uint32_t *ret_lost, enum stage *ret_stage)
{
	struct metadata_work work = {
		.policy = metadata->policy,
		.xattrs = metadata->xattrs,
		.src = src,
		.from = { .fd = src_fd },
		.to = { .fd = dst_fd },
		.dst = *dst,
		.may_chown = metadata->may_chown,
		.stage = STAGE_NONE,
	};
	int r = set_all(metadata, &work);

	*ret_lost = work.lost;
	*ret_stage = work.stage;
	return r;
}

/* Opens what was just made as @name and makes sure that it still is what we
 * made: the type asked for, under no other name. */
static int open_made(int dir_fd, const char *name, mode_t type, int *ret_fd, struct stat *ret_st)
{
	CLEANUP_FD int fd = openat(dir_fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || fstat(fd, ret_st) < 0)
		return -errno;
	if (((ret_st->st_mode ^ type) & S_IFMT) != 0 || ret_st->st_nlink != 1)
		return -ESTALE;
	*ret_fd = take_fd(&fd);
	return 0;
}

/* The losses of an entry on which nothing may be set. */
static uint32_t lose_all(const struct copy_policy *policy, const struct stat *src, const struct stat *dst)
{
	uint32_t lost = 0;

	if ((policy->preserve & PRESERVE_OWNERSHIP) != 0 && (dst->st_uid != src->st_uid || dst->st_gid != src->st_gid))
		lost |= LOSS_BIT(LOSS_OWNER);
	if ((policy->preserve & PRESERVE_MODE) != 0 && !S_ISLNK(src->st_mode) &&
	    ((dst->st_mode ^ src->st_mode) & MODE_BITS) != 0)
		lost |= LOSS_BIT(LOSS_MODE);
	if ((policy->preserve & PRESERVE_TIMESTAMPS) != 0)
		lost |= LOSS_BIT(LOSS_TIMES);
	return lost;
}

/* Opens the source to read its attributes, when any are wanted. */
static int open_source(const struct metadata_work *work, int *ret_fd)
{
	CLEANUP_FD int fd = -1;
	struct stat st;

	if (wanted_kinds(work->policy, work->src->st_mode) == 0)
		return 0;
	fd = openat(work->from.dir_fd, work->from.name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return -errno;
	if (st.st_dev != work->src->st_dev || st.st_ino != work->src->st_ino)
		return -ESTALE;
	*ret_fd = take_fd(&fd);
	return 0;
}

static int set_all_at(struct metadata *metadata, struct metadata_work *work)
{
	CLEANUP_FD int src_fd = -1, dst_fd = -1;
	struct stat st;
	int r = open_made(work->to.dir_fd, work->to.name, work->src->st_mode, &dst_fd, &st);

	work->stage = STAGE_OPEN_DEST;
	if (r < 0)
		return r;
	if (st.st_uid != geteuid()) {
		/* Not made by us, unless the server says whose it is. */
		if (device_of(metadata, st.st_dev, dst_fd)->traits.kept)
			return -ESTALE;
		work->stage = STAGE_NONE;
		work->lost = lose_all(work->policy, work->src, &st);
		return 0;
	}
	r = open_source(work, &src_fd);
	work->stage = r < 0 ? STAGE_SOURCE_CHANGED : STAGE_NONE;
	if (r < 0)
		return r;
	work->from.fd = src_fd;
	work->to.fd = dst_fd;
	work->dst = (struct metadata_dest){
		.dev = st.st_dev,
		.uid = st.st_uid,
		.gid = st.st_gid,
		.mode = st.st_mode & MODE_BITS,
		.owner_known = true,
		.mode_known = true,
		.fresh = true,
	};
	work->dst.may_have_acl = !S_ISLNK(st.st_mode) && xattrs_has_acl(&work->to, XATTR_ACL_ACCESS);
	return set_all(metadata, work);
}

int metadata_copy_at(struct metadata *metadata, int src_dir_fd, const char *src_name, const struct stat *src,
		     int dst_dir_fd, const char *dst_name, uint32_t *ret_lost, enum stage *ret_stage)
{
	struct metadata_work work = {
		.policy = metadata->policy,
		.xattrs = metadata->xattrs,
		.src = src,
		.from = { .fd = -1, .dir_fd = src_dir_fd, .name = src_name },
		.to = { .fd = -1, .dir_fd = dst_dir_fd, .name = dst_name },
		.may_chown = metadata->may_chown,
		.stage = STAGE_NONE,
	};
	int r;

	metadata->looked = false;
	r = set_all_at(metadata, &work);
	*ret_lost = work.lost;
	*ret_stage = work.stage;
	return r;
}

bool metadata_has_default_acl(struct metadata *metadata, int fd)
{
	(void)metadata;
	return xattrs_has_acl(&(struct target){ .fd = fd }, XATTR_ACL_DEFAULT);
}

void metadata_strip_inherited(struct metadata *metadata, int fd)
{
	struct target target = { .fd = fd };

	(void)metadata;
	/* What cannot be removed is met again, and reported, by metadata_copy(). */
	(void)xattrs_remove_acl(&target, XATTR_ACL_DEFAULT);
	(void)xattrs_remove_acl(&target, XATTR_ACL_ACCESS);
}
