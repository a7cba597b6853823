/*
 * The inodes the kernel holds: an O_PATH descriptor each, found by device and
 * inode number so that hard links are one node, and counted as the kernel
 * counts them (one per entry answered, given back by forget).
 *
 * Paths per node would need no descriptors, but break at every rename above.
 */
#include "faultfs.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BUCKETS 65536

static struct node root = {.fd = -1, .n_lookups = 1};
static struct node *buckets[BUCKETS];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static struct node **bucket_of(dev_t dev, ino_t ino)
{
	return &buckets[((uint64_t)ino * 0x9e3779b97f4a7c15u ^ dev) >> 48];
}

int nodes_init(const char *backing)
{
	struct stat st;

	root.fd = open(backing, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root.fd < 0 || fstat(root.fd, &st) < 0)
		return errno;
	root.dev = st.st_dev;
	root.ino = st.st_ino;
	root.type = S_IFDIR;
	return 0;
}

struct node *node_of(fuse_ino_t ino)
{
	return ino == FUSE_ROOT_ID ? &root : (struct node *)(uintptr_t)ino;
}

struct proc_path node_path(const struct node *node)
{
	struct proc_path path;

	snprintf(path.text, sizeof(path.text), "/proc/self/fd/%d", node->fd);
	return path;
}

static void floor_time(struct timespec *time)
{
	uint64_t granularity = faultfs.time_granularity_ns;

	if (granularity >= 1000000000)
		time->tv_sec -= (time_t)((uint64_t)time->tv_sec % (granularity / 1000000000));
	time->tv_nsec = granularity >= 1000000000 ? 0 : time->tv_nsec - time->tv_nsec % (long)granularity;
}

/* The attributes as this file system shows them: what it cannot hold is not there. */
int node_stat(struct node *node, struct stat *ret)
{
	if (fstatat(node->fd, "", ret, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0)
		return errno;
	if (faultfs.time_granularity_ns > 1) {
		floor_time(&ret->st_atim);
		floor_time(&ret->st_mtim);
		floor_time(&ret->st_ctim);
	}
	if (faultfs.hide_holes && S_ISREG(ret->st_mode))
		ret->st_blocks = (ret->st_size + 511) / 512;
	if (faultfs.like_vfat) {
		ret->st_uid = faultfs.uid;
		ret->st_gid = faultfs.gid;
		ret->st_mode = (ret->st_mode & S_IFMT) | 0755;
	}
	return 0;
}

static struct node *find(struct node **bucket, dev_t dev, ino_t ino)
{
	struct node *node = *bucket;

	while (node && (node->dev != dev || node->ino != ino))
		node = node->next;
	return node;
}

/* Takes over @fd: into a new node, or closed because there is one already. */
static struct node *find_or_add(int fd, const struct stat *st, const char *name)
{
	struct node **bucket = bucket_of(st->st_dev, st->st_ino);
	struct node *node;

	pthread_mutex_lock(&lock);
	node = find(bucket, st->st_dev, st->st_ino);
	if (node) {
		close(fd);
	} else if ((node = calloc(1, sizeof(*node)))) {
		node->fd = fd;
		node->dev = st->st_dev;
		node->ino = st->st_ino;
		node->type = st->st_mode & S_IFMT;
		node->next = *bucket;
		*bucket = node;
	} else {
		close(fd);
	}
	if (node) {
		node->n_lookups++;
		snprintf(node->name, sizeof(node->name), "%s", name);
	}
	pthread_mutex_unlock(&lock);
	return node;
}

int node_lookup(struct node *parent, const char *name, struct fuse_entry_param *ret)
{
	char once[NAME_MAX + 1];
	struct node *node;
	struct stat st;
	int fd, error;

	if (faultfs.long_names && strlen(name) > NAME_MAX) {
		snprintf(once, sizeof(once), "%.*s", (int)(strlen(name) / 2), name);
		name = once;
	}
	fd = openat(parent->fd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	memset(ret, 0, sizeof(*ret));
	if (fd < 0)
		return errno;
	if (fstatat(fd, "", &st, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW) < 0) {
		error = errno;
		close(fd);
		return error;
	}
	node = find_or_add(fd, &st, name);
	if (!node)
		return ENOMEM;
	error = node_stat(node, &ret->attr);
	if (error) {
		node_forget(node, 1);
		return error;
	}
	ret->ino = (uintptr_t)node;
	ret->attr_timeout = ret->entry_timeout = faultfs.cache_s;
	return 0;
}

void node_forget(struct node *node, uint64_t n_lookups)
{
	struct node **link;

	if (node == &root)
		return;
	pthread_mutex_lock(&lock);
	node->n_lookups -= n_lookups;
	if (node->n_lookups > 0) {
		pthread_mutex_unlock(&lock);
		return;
	}
	for (link = bucket_of(node->dev, node->ino); *link != node; link = &(*link)->next)
		;
	*link = node->next;
	pthread_mutex_unlock(&lock);
	close(node->fd);
	free(node);
}

/* A rule that names a file follows it through a rename, as a temporary name becomes the real one. */
void node_renamed(struct node *parent, const char *name)
{
	struct node *node;
	struct stat st;

	if (fstatat(parent->fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	pthread_mutex_lock(&lock);
	node = find(bucket_of(st.st_dev, st.st_ino), st.st_dev, st.st_ino);
	if (node)
		snprintf(node->name, sizeof(node->name), "%s", name);
	pthread_mutex_unlock(&lock);
}

void node_name(struct node *node, char ret[static NAME_MAX + 1])
{
	pthread_mutex_lock(&lock);
	memcpy(ret, node->name, NAME_MAX + 1);
	pthread_mutex_unlock(&lock);
}
