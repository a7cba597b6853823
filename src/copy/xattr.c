/*
 * Extended attributes as the kernel has them: names listed, values moved.
 *
 * libattr and libacl lost: they decide by configuration files and error
 * callbacks what is copied, and an ACL is an attribute like the others once
 * nothing has to be translated. What they skip for good reasons is skipped here:
 * values that bind to one inode (security.evm) or that IRIX left in XFS.
 *
 * The buffers are as large as the kernel lets a list and a value be (64 KiB),
 * but little of them is offered at first: the kernel allocates what it is
 * offered, and zeroes it, for each call. A file without attributes is one call.
 *
 * A descriptor opened O_PATH takes no f*xattr() call. /proc/self/fd names the
 * same inode whatever happens to its name; without /proc, the name is used from
 * its directory, by l*xattr(), and checked to be that inode just before. The
 * window that leaves is as small as it gets before setxattrat() (Linux 6.13).
 */
#include "copy/xattr.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/cleanup.h"

#define ACL_ACCESS_NAME "system.posix_acl_access"
#define ACL_DEFAULT_NAME "system.posix_acl_default"
#define N_DEVICES 16
#define FIRST_OFFER 1024

/* What a device does not have. */
struct device {
	dev_t dev;
	bool used;
	bool no_list;
	unsigned refused; /* XATTR_BIT()s */
};

struct xattrs {
	char *list;
	size_t list_len;
	char *value;
	unsigned kinds; /* of the names in list */
	bool expected;  /* the last one listed had some */
	struct device devices[N_DEVICES];
	unsigned next_device;
};

/* The layout of the ACL attributes, all little endian. */
struct acl_entry {
	uint16_t tag, perm;
	uint32_t id;
};
#define ACL_HEADER_SIZE 4u
#define ACL_BASE_ENTRIES 3u /* owner, group, others: what the mode says already */
enum acl_tag { ACL_USER = 0x02, ACL_GROUP_OBJ = 0x04, ACL_GROUP = 0x08, ACL_MASK = 0x10 };

/* Never copied: bound to the inode, or to a system that is gone. */
static const char *const skipped[] = { "security.evm", "trusted.SGI_", "xfsroot.", "afs.", "user.Beagle.",
				       XATTR_PARTIAL };

static bool starts_with(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

static enum xattr_kind kind_of(const char *name)
{
	for (size_t i = 0; i < sizeof(skipped) / sizeof(skipped[0]); i++) {
		if (starts_with(name, skipped[i]))
			return XATTR_KINDS;
	}
	if (starts_with(name, "user."))
		return XATTR_USER;
	if (starts_with(name, "trusted."))
		return XATTR_TRUSTED;
	if (strcmp(name, "security.capability") == 0)
		return XATTR_CAPABILITY;
	if (strcmp(name, "security.selinux") == 0)
		return XATTR_CONTEXT;
	if (starts_with(name, "security."))
		return XATTR_SECURITY;
	if (strcmp(name, ACL_ACCESS_NAME) == 0)
		return XATTR_ACL_ACCESS;
	if (strcmp(name, ACL_DEFAULT_NAME) == 0)
		return XATTR_ACL_DEFAULT;
	return XATTR_FOREIGN;
}

static struct device *device_of(struct xattrs *xattrs, dev_t dev)
{
	struct device *device;

	for (size_t i = 0; i < N_DEVICES; i++) {
		device = &xattrs->devices[i];
		if (device->used && device->dev == dev)
			return device;
	}
	device = &xattrs->devices[xattrs->next_device++ % N_DEVICES];
	*device = (struct device){ .dev = dev, .used = true };
	return device;
}

int xattrs_new(struct xattrs **ret_xattrs)
{
	struct xattrs *xattrs = calloc(1, sizeof(*xattrs));

	if (xattrs == NULL)
		return -ENOMEM;
	xattrs->list = malloc(XATTR_LIST_MAX);
	xattrs->value = malloc(XATTR_SIZE_MAX);
	if (xattrs->list == NULL || xattrs->value == NULL) {
		xattrs_free(xattrs);
		return -ENOMEM;
	}
	*ret_xattrs = xattrs;
	return 0;
}

void xattrs_free(struct xattrs *xattrs)
{
	if (xattrs == NULL)
		return;
	free(xattrs->list);
	free(xattrs->value);
	free(xattrs);
}

/* One of the four calls, in whichever way reaches the file. */
struct call {
	enum { CALL_LIST, CALL_GET, CALL_SET, CALL_REMOVE } kind;
	const char *attr;
	void *buf;
	size_t size;
};

static ssize_t call_fd(int fd, const struct call *call)
{
	switch (call->kind) {
	case CALL_LIST:
		return flistxattr(fd, call->buf, call->size);
	case CALL_GET:
		return fgetxattr(fd, call->attr, call->buf, call->size);
	case CALL_SET:
		return fsetxattr(fd, call->attr, call->buf, call->size, 0);
	case CALL_REMOVE:
		return fremovexattr(fd, call->attr);
	}
	errno = EINVAL;
	return -1;
}

static ssize_t call_path(const char *path, bool follow, const struct call *call)
{
	switch (call->kind) {
	case CALL_LIST:
		return follow ? listxattr(path, call->buf, call->size) : llistxattr(path, call->buf, call->size);
	case CALL_GET:
		return follow ? getxattr(path, call->attr, call->buf, call->size) :
				lgetxattr(path, call->attr, call->buf, call->size);
	case CALL_SET:
		return follow ? setxattr(path, call->attr, call->buf, call->size, 0) :
				lsetxattr(path, call->attr, call->buf, call->size, 0);
	case CALL_REMOVE:
		return follow ? removexattr(path, call->attr) : lremovexattr(path, call->attr);
	}
	errno = EINVAL;
	return -1;
}

/* From inside the directory, and back: other code relies on where we are. */
static ssize_t call_name(const struct target *target, const struct call *call)
{
	CLEANUP_FD int home_fd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	ssize_t n;

	if (!target_has_its_name(target))
		return -ESTALE;
	if (home_fd < 0 || fchdir(target->dir_fd) < 0)
		return -errno;
	n = call_path(target->name, false, call);
	if (n < 0)
		n = -errno;
	if (fchdir(home_fd) < 0)
		return -errno;
	return n;
}

/* Returns a length, 0, or -errno. */
static ssize_t call(const struct target *target, const struct call *call)
{
	char path[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
	ssize_t n;

	if (target->name == NULL) {
		n = call_fd(target->fd, call);
		return n < 0 ? -errno : n;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", target->fd);
	n = call_path(path, true, call);
	if (n >= 0)
		return n;
	/* The descriptor is open, so a path that is not found means no /proc. */
	return errno == ENOENT || errno == ENOTDIR ? call_name(target, call) : -errno;
}

/* A call that fills a buffer of 64 KiB. */
static ssize_t call_filling(const struct target *target, struct call fill)
{
	ssize_t n;

	fill.size = FIRST_OFFER;
	n = call(target, &fill);
	if (n != -ERANGE)
		return n;
	fill.size = XATTR_SIZE_MAX;
	return call(target, &fill);
}

static bool unsupported(ssize_t r)
{
	return r == -EOPNOTSUPP || r == -ENOSYS;
}

int xattrs_list(struct xattrs *xattrs, const struct target *source, dev_t dev)
{
	struct device *device = device_of(xattrs, dev);
	ssize_t n;

	xattrs->list_len = 0;
	xattrs->kinds = 0;
	if (device->no_list)
		return 0;
	/* Most have none: asked for the length alone, the kernel allocates nothing to say so. */
	n = xattrs->expected ? 1 : call(source, &(struct call){ .kind = CALL_LIST });
	if (n > 0)
		n = call_filling(source, (struct call){ .kind = CALL_LIST, .buf = xattrs->list });
	xattrs->expected = n > 0;
	if (unsupported(n)) {
		/* A symlink's answer may not be that of files (NFS). */
		device->no_list = source->name == NULL;
		return 0;
	}
	if (n < 0)
		return (int)n;
	xattrs->list_len = (size_t)n;
	for (size_t at = 0; at < xattrs->list_len; at += strlen(xattrs->list + at) + 1) {
		enum xattr_kind kind = kind_of(xattrs->list + at);

		if (kind < XATTR_KINDS)
			xattrs->kinds |= XATTR_BIT(kind);
	}
	return 0;
}

unsigned xattrs_kinds(const struct xattrs *xattrs)
{
	return xattrs->kinds;
}

static ssize_t get_value(struct xattrs *xattrs, const struct target *source, const char *name)
{
	return call_filling(source, (struct call){ .kind = CALL_GET, .attr = name, .buf = xattrs->value });
}

/* An ACL of the base entries alone says what the mode says. */
static bool is_base_acl(size_t len)
{
	return len <= ACL_HEADER_SIZE + ACL_BASE_ENTRIES * sizeof(struct acl_entry);
}

/* A label that is there already needs no setting: policies give new files theirs,
 * and may forbid everything else. */
static bool is_there(const struct xattrs *xattrs, const struct target *dest, const char *name, size_t len)
{
	char there[512];

	return len <= sizeof(there) &&
	       call(dest, &(struct call){ .kind = CALL_GET, .attr = name, .buf = there, .size = sizeof(there) }) ==
		       (ssize_t)len &&
	       memcmp(there, xattrs->value, len) == 0;
}

/* Copies one attribute. Returns 1 when set, 0 when there is nothing to set, or -errno. */
static int copy_one(struct xattrs *xattrs, const struct target *source, const struct target *dest,
		    const char *name, struct device *device)
{
	enum xattr_kind kind = kind_of(name);
	bool acl = kind == XATTR_ACL_ACCESS || kind == XATTR_ACL_DEFAULT;
	bool refused = (device->refused & XATTR_BIT(kind)) != 0;
	ssize_t n;
	int r;

	if (refused && !acl)
		return -EOPNOTSUPP;
	n = get_value(xattrs, source, name);
	if (n == -ENODATA) /* removed since it was listed */
		return 0;
	if (n < 0)
		return (int)n;
	if (kind == XATTR_ACL_DEFAULT && n == 0)
		return 0;
	r = refused ? -EOPNOTSUPP :
		      (int)call(dest, &(struct call){ .kind = CALL_SET,
						      .attr = name,
						      .buf = xattrs->value,
						      .size = (size_t)n });
	if (r == 0)
		return 1;
	if (unsupported(r)) {
		if (kind != XATTR_FOREIGN && dest->name == NULL)
			device->refused |= XATTR_BIT(kind);
		if (kind == XATTR_ACL_ACCESS && is_base_acl((size_t)n))
			return 0;
	}
	if (kind == XATTR_CONTEXT && is_there(xattrs, dest, name, (size_t)n))
		return 1;
	return r;
}

int xattrs_copy(struct xattrs *xattrs, const struct target *source, const struct target *dest,
		dev_t dest_dev, unsigned kinds, unsigned *ret_done, unsigned *ret_refused, int *ret_err)
{
	struct device *device;

	*ret_done = *ret_refused = 0;
	*ret_err = 0;
	if ((xattrs->kinds & kinds) == 0)
		return 0;
	device = device_of(xattrs, dest_dev);
	for (size_t at = 0; at < xattrs->list_len; at += strlen(xattrs->list + at) + 1) {
		const char *name = xattrs->list + at;
		enum xattr_kind kind = kind_of(name);
		int r;

		if (kind >= XATTR_KINDS || (kinds & XATTR_BIT(kind)) == 0)
			continue;
		r = copy_one(xattrs, source, dest, name, device);
		if (r == -EIO || r == -ESTALE)
			return r;
		if (r > 0)
			*ret_done |= XATTR_BIT(kind);
		if (r < 0 && kind != XATTR_FOREIGN) {
			*ret_refused |= XATTR_BIT(kind);
			*ret_err = -r;
		}
	}
	return 0;
}

static const char *acl_name(enum xattr_kind kind)
{
	return kind == XATTR_ACL_DEFAULT ? ACL_DEFAULT_NAME : ACL_ACCESS_NAME;
}

int xattrs_remove_acl(const struct target *dest, enum xattr_kind kind)
{
	ssize_t r = call(dest, &(struct call){ .kind = CALL_REMOVE, .attr = acl_name(kind) });

	if (r == -ENODATA || r == -EINVAL || unsupported(r))
		return 0;
	return r < 0 ? (int)r : 1;
}

bool xattrs_has_acl(const struct target *dest, enum xattr_kind kind)
{
	return call(dest, &(struct call){ .kind = CALL_GET, .attr = acl_name(kind) }) > 0;
}

mode_t xattrs_mode_without_acl(struct xattrs *xattrs, const struct target *source, mode_t mode)
{
	ssize_t n = get_value(xattrs, source, ACL_ACCESS_NAME);
	mode_t group = 7, mask = 7, named = 7;
	bool any_named = false;

	if (n == -ENODATA || unsupported(n))
		return mode;
	if (n < 0)
		return mode & ~(mode_t)077;
	for (size_t at = ACL_HEADER_SIZE; at + sizeof(struct acl_entry) <= (size_t)n;
	     at += sizeof(struct acl_entry)) {
		struct acl_entry entry;

		memcpy(&entry, xattrs->value + at, sizeof(entry));
		switch (le16toh(entry.tag)) {
		case ACL_GROUP_OBJ:
			group = le16toh(entry.perm);
			break;
		case ACL_MASK:
			mask = le16toh(entry.perm);
			break;
		case ACL_USER:
		case ACL_GROUP:
			named &= le16toh(entry.perm);
			any_named = true;
			break;
		default:
			break;
		}
	}
	/* Whoever was named falls back to the group's or the others' bits. The
	 * mask is in the mode already, as its group bits. */
	named = any_named ? named & mask : 7;
	return mode & (~(mode_t)077 | (group & named) << 3 | named);
}
