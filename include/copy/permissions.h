/*
 * Owner, mode and ACL of one inode: who may do what with it.
 *
 * Promises that no step on the way grants anyone what the source does not, and
 * that setuid, setgid and sticky never meet an owner or group they do not belong to.
 *
 * Runs in: the worker.  Blocks: as the file system does.  Allocates: no.
 * Owns: nothing.  Used by metadata.c, and where new things are made.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/outcome.h"
#include "base/policy.h"
#include "copy/metadata.h"
#include "copy/target.h"
#include "copy/xattr.h"

#define MODE_BITS ((mode_t)07777)
#define SPECIAL_BITS ((mode_t)(S_ISUID | S_ISGID | S_ISVTX))

/* One entry whose metadata is being set. */
struct metadata_work {
	const struct copy_policy *policy;
	struct xattrs *xattrs;      /* its list is the source's */
	const struct stat *src;
	struct target from, to;
	struct metadata_dest dst;   /* what is known, kept up to date */
	bool may_chown;             /* false once giving files away was refused */
	bool times_set;             /* as the last change of the inode, and not refused */
	bool owner_lost;
	uint32_t lost;              /* LOSS_BIT()s */
	enum stage stage;
};

/* What is known of a file system. */
struct permissions_traits {
	bool kept;     /* keeps owner and mode as they are given, or refuses them; others may make them up */
	bool answered; /* the kernel has all attributes of an inode from the server's answers to opening,
	                  making and changing it */
};

/* Those of the file system of @fd; none when it cannot be asked. One statfs(2),
 * which a server may have to answer. */
struct permissions_traits permissions_traits(int fd);

bool preserves(const struct metadata_work *work, enum preserve what);

/* Notes a loss. Returns 0, or -@err and the stage when this was asked for by name. */
int permissions_lose(struct metadata_work *work, enum loss class, enum preserve what, enum stage stage, int err);

/* Learns owner and mode from the inode. @answered: the kernel has just been told
 * them, in the answer to a call of ours (only where the file system has that
 * trait). Returns 0 or -errno. */
int permissions_refresh(struct metadata_work *work, bool answered);

/* Each returns 0, or -errno with work->stage for what is a failure. */
int permissions_set_owner(struct metadata_work *work);

int permissions_change_mode(struct metadata_work *work, mode_t mode);

/* Makes sure its owner may write to a regular file or directory (user.* needs it). */
int permissions_let_owner_write(struct metadata_work *work);

/* The mode a new inode is asked for with where @source is not preserved, before the umask or an
 * inherited ACL takes from it. */
mode_t permissions_new_mode(const struct copy_policy *policy, mode_t source);

/* Mode and ACLs, as the source's or as the umask or an inherited ACL has them. */
int permissions_set_mode(struct metadata_work *work);
