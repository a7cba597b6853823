/*
 * File system types by statfs(2)'s magic numbers, removable disks by sysfs.
 * Without /sys, or with a device that is not there, a disk counts as fixed.
 */
#include "master/storage.h"

#include "base/cleanup.h"
#include "base/fs_magic.h"
#include "base/io.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

enum { SHARES = 1, NETWORK = 2, SLOW = 4 };

static const struct {
	uint32_t magic;
	int traits;
} known[] = {
	{ BTRFS_SUPER_MAGIC, SHARES },
	{ XFS_SUPER_MAGIC, SHARES },
	{ BCACHEFS_SUPER_MAGIC, SHARES },
	{ ZFS_SUPER_MAGIC, SHARES },
	{ OVERLAYFS_SUPER_MAGIC, SHARES },
	{ NFS_SUPER_MAGIC, SHARES | NETWORK },
	{ CIFS_SUPER_MAGIC, NETWORK },
	{ SMB2_SUPER_MAGIC, NETWORK },
	{ SMB_SUPER_MAGIC, NETWORK },
	{ LUSTRE_SUPER_MAGIC, NETWORK },
	{ CEPH_SUPER_MAGIC, NETWORK },
	{ V9FS_MAGIC, NETWORK },
	{ AFS_SUPER_MAGIC, NETWORK },
	{ CODA_SUPER_MAGIC, NETWORK },
	{ FUSE_SUPER_MAGIC, SLOW },
};

/* A partition has no "removable" of its own: its disk, one level up, has. */
static bool removable(dev_t dev)
{
	static const char *const place[] = { "removable", "../removable" };

	for (size_t i = 0; i < 2; i++) {
		char path[64], answer = '0';

		snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/%s", major(dev), minor(dev), place[i]);
		CLEANUP_FD int fd = open(path, O_RDONLY | O_CLOEXEC);

		if (fd >= 0)
			return io_read_full(fd, &answer, 1) == 1 && answer == '1';
	}
	return false;
}

static int traits_of(const struct statfs *fs)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
		if (known[i].magic == (uint32_t)fs->f_type)
			return known[i].traits;
	return 0;
}

bool storage_is_slow(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && (traits_of(&fs) & (NETWORK | SLOW));
}

void storage_look(int dir_fd, struct storage *ret)
{
	struct statfs fs;
	struct stat st;

	*ret = (struct storage){ .free_bytes = UINT64_MAX, .free_inodes = UINT64_MAX };
	if (fstatfs(dir_fd, &fs) == 0) {
		if (fs.f_blocks > 0)
			ret->free_bytes = (uint64_t)(geteuid() == 0 ? fs.f_bfree : fs.f_bavail) * (uint64_t)fs.f_bsize;
		if (fs.f_files > 0)
			ret->free_inodes = fs.f_ffree;
		int traits = traits_of(&fs);

		ret->shares_extents = traits & SHARES;
		ret->flush_at_end = traits & NETWORK;
		ret->slow = traits & (NETWORK | SLOW);
		if ((uint32_t)fs.f_type == BTRFS_SUPER_MAGIC)
			ret->free_inodes = UINT64_MAX; /* made as needed; f_files is 0 or meaningless */
	}
	if (fstat(dir_fd, &st) == 0)
		ret->flush_at_end |= removable(st.st_dev);
}
