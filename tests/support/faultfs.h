/*
 * faultfs: a passthrough file system that is slow, weak or broken on purpose.
 *
 * faultfs.c holds the command line and the session; faultfs_queue.c lets requests
 * wait; faultfs_rules.c counts them and decides what happens to one; faultfs_node.c
 * maps inodes; faultfs_ops.c and faultfs_io.c serve the requests.
 */
#pragma once

#define FUSE_USE_VERSION 312

#include <fuse3/fuse_lowlevel.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* The requests as the kernel names them; chmod, chown, truncate and utimens are all setattr to it. */
#define FAULTFS_OPS(X)                                                                             \
	X(lookup) X(forget) X(getattr) X(setattr) X(chmod) X(chown) X(truncate) X(utimens)         \
	X(readlink) X(mknod) X(mkdir) X(unlink) X(rmdir) X(symlink) X(rename) X(link)              \
	X(open) X(create) X(read) X(write) X(flush) X(release) X(fsync)                            \
	X(opendir) X(readdir) X(readdirplus) X(releasedir) X(fsyncdir) X(statfs)                   \
	X(setxattr) X(getxattr) X(listxattr) X(removexattr)                                        \
	X(fallocate) X(lseek) X(copy_file_range)

enum fault_op {
#define X(name) FAULT_OP_##name,
	FAULTFS_OPS(X)
#undef X
	FAULT_OPS
};

enum rule_kind { RULE_FAIL, RULE_HANG, RULE_SHORT };

/* What happens to requests of one kind on names that match @pattern. */
struct rule {
	enum rule_kind kind;
	enum fault_op op;
	char pattern[256];
	int error;      /* RULE_FAIL */
	uint64_t bytes; /* RULE_FAIL on read and write: from here on; RULE_SHORT: at most so many a call */
};

struct faultfs {
	uint64_t latency_ns;
	double cache_s;
	uint64_t time_granularity_ns;
	bool readdirplus, copy_offload, writeback, hide_holes, long_names, like_vfat, foreground;
	bool refused[FAULT_OPS]; /* EPERM, or EOPNOTSUPP for xattrs */
	const char *control_path, *stats_path, *pid_path;
	struct rule rules[32];
	unsigned n_rules;
	struct fuse_session *session;
	uid_t uid; /* who mounted it: whom everything belongs to under like_vfat */
	gid_t gid;
};

extern struct faultfs faultfs;

/* An inode the kernel knows: an O_PATH descriptor, and the name it was last looked up by, for the rules. */
struct node {
	int fd;
	dev_t dev;
	ino_t ino;
	mode_t type;
	uint64_t n_lookups;
	char name[NAME_MAX + 1];
	struct node *next;
};

/* faultfs_node.c */
int nodes_init(const char *backing);
struct node *node_of(fuse_ino_t ino);
/* Finds or makes the node of @name in @parent, counts a lookup, fills @ret; returns 0 or an errno. */
int node_lookup(struct node *parent, const char *name, struct fuse_entry_param *ret);
void node_forget(struct node *node, uint64_t n_lookups);
void node_renamed(struct node *parent, const char *name);
void node_name(struct node *node, char ret[static NAME_MAX + 1]);
int node_stat(struct node *node, struct stat *ret);
/* A path through /proc to the inode itself, for the calls that take no descriptor. */
struct proc_path {
	char text[40];
};
struct proc_path node_path(const struct node *node);

/* faultfs_rules.c */
int rule_parse(enum rule_kind kind, const char *text);
int refuse_parse(const char *list);
/* Counts the request, hangs it if a rule says so; returns 0 or the errno to answer with.
 * @name is the entry's for requests that name one in a directory, else NULL. */
int request_admit(enum fault_op op, struct node *node, const char *name);
/* Counts, refuses and fails one part of a setattr, without a latency of its own. */
int request_part(enum fault_op op, struct node *node);
/* Shortens *@size as the rules say; returns 0 or the errno to answer with. */
int request_limit(enum fault_op op, struct node *node, uint64_t offset, size_t *size);
/* True if reads or writes of this file are limited, so that the page cache must not hide it. */
bool request_is_limited(struct node *node);
/* True if there is a rule that hangs requests. */
bool rules_hang(void);
/* So many wait now. */
void stats_waiting(uint64_t now);
int stats_write(void);
void stats_reset(void);

/* faultfs_queue.c */
/* Serves until the file system is taken down, or told to end. Returns 0 or -errno. */
int queue_run(void);

/* faultfs_ops.c, faultfs_io.c */
extern const struct fuse_lowlevel_ops faultfs_ops;
void io_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void io_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi);
void io_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size, off_t offset,
	      struct fuse_file_info *fi);
void io_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void io_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void io_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
void io_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t offset, off_t length,
		  struct fuse_file_info *fi);
void io_lseek(fuse_req_t req, fuse_ino_t ino, off_t offset, int whence, struct fuse_file_info *fi);
void io_copy_file_range(fuse_req_t req, fuse_ino_t ino_in, off_t off_in, struct fuse_file_info *fi_in,
			fuse_ino_t ino_out, off_t off_out, struct fuse_file_info *fi_out, size_t len,
			int flags);
void io_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void io_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi);
void io_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, struct fuse_file_info *fi);
void io_releasedir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void io_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
