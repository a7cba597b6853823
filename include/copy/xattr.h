/*
 * Extended attributes, POSIX ACLs among them.
 *
 * Promises that each attribute the source lists is copied byte for byte or
 * counted as refused, and that what a file system does not have at all is asked
 * of it once.
 *
 * Runs in: the worker.  Blocks: as the file systems do.  Allocates: a list and a
 * value buffer in struct xattrs.  Owns: those, and what it learned per device.
 */
#pragma once

#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "copy/target.h"

/* Attributes that stand or fall together. */
enum xattr_kind {
	XATTR_USER,
	XATTR_TRUSTED,
	XATTR_SECURITY,
	XATTR_CAPABILITY,  /* security.capability */
	XATTR_CONTEXT,     /* security.selinux */
	XATTR_ACL_ACCESS,
	XATTR_ACL_DEFAULT,
	XATTR_FOREIGN,     /* a file system's own (system.nfs4_acl, btrfs.*): worth trying, never a loss */
	XATTR_KINDS,
};
#define XATTR_BIT(kind) (1u << (kind))

/* On a temporary file of ours, see partial.h: bound to that inode, and never copied. */
#define XATTR_PARTIAL "user.pcopy.source"

struct xattrs;

int xattrs_new(struct xattrs **ret_xattrs);
void xattrs_free(struct xattrs *xattrs);

/* Lists @source's attributes and keeps the list. A file system without any
 * gives an empty list. Returns 0 or -errno (and the list is empty). */
int xattrs_list(struct xattrs *xattrs, const struct target *source, dev_t dev);

/* The kinds in the list, as XATTR_BIT()s. */
unsigned xattrs_kinds(const struct xattrs *xattrs);

/* Copies those of the list whose kind is in @kinds. *@ret_done and
 * *@ret_refused are the kinds of which one was set, and of which one could not
 * be; *@ret_err says why (positive errno). Returns 0, or -EIO or -ESTALE. */
int xattrs_copy(struct xattrs *xattrs, const struct target *source, const struct target *dest,
                dev_t dest_dev, unsigned kinds, unsigned *ret_done, unsigned *ret_refused, int *ret_err);

/* Removes an ACL. Returns 1 when there may have been one (the kernel need not
 * say), 0 when not, or -errno. */
int xattrs_remove_acl(const struct target *dest, enum xattr_kind kind);

/* True when @dest has an ACL of this kind. */
bool xattrs_has_acl(const struct target *dest, enum xattr_kind kind);

/* Returns permission bits that give nobody more than @source's access ACL
 * does, for a destination that has no ACLs; @mode when there is no ACL. */
mode_t xattrs_mode_without_acl(struct xattrs *xattrs, const struct target *source, mode_t mode);
