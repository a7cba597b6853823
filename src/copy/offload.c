/*
 * Copies that the kernel or the server makes: FICLONE and copy_file_range.
 *
 * Which errors mean "never here" is knowledge of single file systems:
 * ENOSYS from old kernels, ENOTTY and EOPNOTSUPP from file systems without it,
 * EXDEV from two of them, EPERM from container sandboxes; for copy_file_range
 * also EINVAL (eCryptfs) and EIO (CIFS servers that announce the call and do not
 * have it). The clone calls say EINVAL of a range not in whole blocks and of
 * files whose flags differ (nodatacow), which tells nothing of the next file.
 * ETXTBSY, EACCES, ENOENT and ENOSPC may be about one file as well.
 *
 * Asking the file system's type lost as a way to know whether to try (a list is
 * never complete), but won as a way not to: see data.c for the figures.
 */
#include "copy/offload.h"

#include <errno.h>
#include <linux/fs.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/fs_magic.h"

struct device_pair *device_pair_of(struct device_pairs *pairs, dev_t src, dev_t dst)
{
	struct device_pair *pair;

	for (size_t i = 0; i < OFFLOAD_PAIRS; i++) {
		pair = &pairs->pairs[i];
		if (pair->used && pair->src == src && pair->dst == dst)
			return pair;
	}
	pair = &pairs->pairs[pairs->next++ % OFFLOAD_PAIRS];
	*pair = (struct device_pair){ .src = src, .dst = dst, .used = true };
	return pair;
}

int offload_clone(int src_fd, int dst_fd, uint64_t offset, uint64_t length)
{
	struct file_clone_range range = {
		.src_fd = src_fd,
		.src_offset = offset,
		.src_length = length,
		.dest_offset = offset,
	};
	int r;

	do {
		if (offset == 0 && length == 0)
			r = ioctl(dst_fd, FICLONE, src_fd);
		else
			r = ioctl(dst_fd, FICLONERANGE, &range);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

ssize_t offload_copy(int src_fd, int dst_fd, uint64_t offset, uint64_t length)
{
	off_t from = (off_t)offset, to = from;
	ssize_t n;

	do {
		n = copy_file_range(src_fd, &from, dst_fd, &to, length, 0);
	} while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

/* Of these it is known what copy_file_range does; of FUSE, that it may do either. */
enum kind { KIND_OTHER, KIND_SPLICES, KIND_MEMORY, KIND_SHARES, KIND_FUSE };

static enum kind kind_of(int fd)
{
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return KIND_OTHER;
	switch ((unsigned long)fs.f_type) {
	case EXT4_SUPER_MAGIC:
	case F2FS_SUPER_MAGIC:
		return KIND_SPLICES;
	case TMPFS_MAGIC:
	case RAMFS_MAGIC:
		return KIND_MEMORY;
	case XFS_SUPER_MAGIC:
	case BTRFS_SUPER_MAGIC:
		return KIND_SHARES;
	case FUSE_SUPER_MAGIC:
		return KIND_FUSE;
	default:
		return KIND_OTHER;
	}
}

static bool is_far(enum kind kind)
{
	return kind == KIND_OTHER || kind == KIND_FUSE;
}

void offload_learn(struct device_pair *pair, int src_fd, int dst_fd)
{
	enum kind kind;

	if (pair->offload != OFFLOAD_UNKNOWN)
		return;
	kind = kind_of(dst_fd);
	pair->far = is_far(kind) || (pair->src != pair->dst && is_far(kind_of(src_fd)));
	/* Those that share blocks do so here too, unless they have just said they cannot. */
	if (kind == KIND_SPLICES || (kind == KIND_SHARES && pair->no_clone))
		pair->offload = OFFLOAD_REFUSED;
	else
		pair->offload = kind == KIND_FUSE ? OFFLOAD_ON_TRIAL : OFFLOAD_PAYS;
}

static uint64_t key_of(const struct device_pair *pair)
{
	return (pair->src << 32 ^ pair->dst) | UINT64_C(1) << 63;
}

bool offload_trial_begin(struct offload_trial *trial, struct device_pair *pair)
{
	uint64_t held = 0;
	uint32_t verdict;

	if (!trial || atomic_compare_exchange_strong(&trial->pair, &held, key_of(pair)) || held != key_of(pair))
		return true;
	verdict = atomic_load(&trial->verdict);
	if (verdict != OFFLOAD_UNKNOWN)
		pair->offload = (enum offload_verdict)verdict;
	return false;
}

void offload_trial_end(struct offload_trial *trial, const struct device_pair *pair)
{
	if (!trial || atomic_load(&trial->pair) != key_of(pair))
		return;
	if (pair->offload == OFFLOAD_ON_TRIAL)
		atomic_store(&trial->pair, 0);
	else
		atomic_store(&trial->verdict, (uint32_t)pair->offload);
}

void offload_trial_abandon(struct offload_trial *trial)
{
	if (atomic_load(&trial->verdict) == OFFLOAD_UNKNOWN)
		atomic_store(&trial->pair, 0);
}

void offload_clone_failed(struct device_pair *pair, int err)
{
	if (err == ENOSYS || err == ENOTTY || err == EOPNOTSUPP || err == EXDEV || err == EPERM)
		pair->no_clone = true;
}

void offload_copy_failed(struct device_pair *pair, int err)
{
	if (err == ENOSYS || err == ENOTTY || err == EOPNOTSUPP || err == EXDEV || err == EPERM ||
	    err == EINVAL || err == EIO)
		pair->offload = OFFLOAD_REFUSED;
}
