/*
 * Owner, mode, ACL, xattrs and times of one entry.
 *
 * Promises the order that is safe (owner, then mode, then ACL and xattrs, then
 * times): setuid, setgid and sticky never before the owner is right and never
 * when the owner could not be set; metadata always through a descriptor that
 * was checked to be ours; what the destination cannot hold comes back as LOSS
 * bits, detected once per file system and class, and as a failure when asked
 * for by name (preserve_required).
 *
 * Runs in: the worker.  Blocks: as the file system does.  Allocates: xattr
 * buffers kept in struct metadata.  Owns: those, and what it learned per device.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/outcome.h"
#include "base/policy.h"

struct metadata;

int metadata_new(const struct copy_policy *policy, struct metadata **ret_metadata);
void metadata_free(struct metadata *metadata);

/* What is known of a destination inode this worker has just made, so that
 * calls that would change nothing are not made. */
struct metadata_dest {
	dev_t dev;
	uid_t uid;
	gid_t gid;
	mode_t mode;      /* permission bits it has now */
	bool owner_known; /* uid, gid are right */
	bool mode_known;
	bool may_have_acl;/* it may have inherited a default ACL */
	bool fresh;       /* made by this run: has no xattrs but inherited ones */
};

/* Reads which xattrs the open source has, before its destination is made: an
 * ACL may deny what the mode allows, so metadata_create_mode() gives group and
 * others something only when it has been told of @src by this. metadata_copy()
 * of the same source then does not list again. */
void metadata_look(struct metadata *metadata, int src_fd, const struct stat *src);

/* Regular files and directories: both by descriptor (not O_PATH). Sets
 * *@ret_lost. A destination whose file system is not known to keep owner and
 * mode as they are given is looked at, whatever @dst claims to know.
 * Returns 0, or -errno with *@ret_stage for what is a failure. */
int metadata_copy(struct metadata *metadata, int src_fd, const struct stat *src, int dst_fd,
                  const struct metadata_dest *dst, uint32_t *ret_lost, enum stage *ret_stage);

/* Symlinks and special files just made as @dst_name: opened O_PATH|O_NOFOLLOW
 * and checked to be of @src's type with one link before anything is set. */
int metadata_copy_at(struct metadata *metadata, int src_dir_fd, const char *src_name, const struct stat *src,
                     int dst_dir_fd, const char *dst_name, uint32_t *ret_lost, enum stage *ret_stage);

/* The mode to create a regular file with, owned by @uid and @gid, under umask 0:
 * never readable by anyone who could not read the source, and already final
 * where owner, group and ACL need no change. Without metadata_look(@src) just
 * before, it is the owner's bits alone. */
mode_t metadata_create_mode(const struct metadata *metadata, const struct stat *src, uid_t uid, gid_t gid,
                            bool may_have_acl);

/* True when directory @fd has a default ACL (new files would inherit it). */
bool metadata_has_default_acl(struct metadata *metadata, int fd);

/* Removes what a directory just made has inherited (default and access ACL). */
void metadata_strip_inherited(struct metadata *metadata, int fd);
