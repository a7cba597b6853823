/*
 * Some directories, the least recently used goes first. They are found
 * by the master's number for the directory, which is unique while the directory
 * is unfinished; the parent of a new directory is found by its path.
 *
 * Opening by path for every job was the alternative: two openat2 calls a batch,
 * paid again for each of the few batches of a small directory. Listing runs ahead
 * of copying, so a handful (8) was opened again too: 1,000 files in 100
 * directories, -j 1, on FUSE with nothing cached, 100 opens of 11 requests each.
 */
#include "worker/open_dirs.h"

#include "base/cleanup.h"
#include "copy/resolve.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

/* Two descriptors each: few enough for `ulimit -n 64`, and as many as pay where there are more. */
#define KEEP_LEAST 8
#define KEEP_MOST 64
#define OTHER_FDS 48

struct open_dir {
	uint64_t id;        /* 0: free */
	uint64_t used;      /* for the choice of the one to give up */
	uint32_t root;
	char *path;
	struct place place;
};

struct open_dirs {
	const struct copy_policy *policy;
	const struct tree *tree;
	struct metadata *metadata;
	uint64_t uses;
	int root_fd;        /* of the source root opened last */
	uint32_t root;
	int parent_fd;      /* of the last dest parent that no kept directory serves */
	char *parent_path;
	char *dest_path;
	size_t dest_size;
	int n_dirs;
	struct open_dir dir[KEEP_MOST];
};

static int how_many(void)
{
	struct rlimit limit;
	rlim_t dirs;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur < OTHER_FDS + 2 * KEEP_LEAST)
		return KEEP_LEAST;
	dirs = (limit.rlim_cur - OTHER_FDS) / 2;
	return dirs < KEEP_MOST ? (int)dirs : KEEP_MOST;
}

int open_dirs_new(const struct copy_policy *policy, const struct tree *tree, struct metadata *metadata,
                  struct open_dirs **ret_dirs)
{
	struct open_dirs *dirs = calloc(1, sizeof(*dirs));

	if (!dirs)
		return -ENOMEM;
	dirs->policy = policy;
	dirs->tree = tree;
	dirs->metadata = metadata;
	dirs->root_fd = dirs->parent_fd = -1;
	dirs->n_dirs = how_many();
	*ret_dirs = dirs;
	return 0;
}

static void give_up(struct open_dir *dir)
{
	if (!dir->id)
		return;
	close_fd(dir->place.src_fd);
	close_fd(dir->place.dst_fd);
	free(dir->path);
	*dir = (struct open_dir){ 0 };
}

void open_dirs_free(struct open_dirs *dirs)
{
	if (!dirs)
		return;
	for (int i = 0; i < dirs->n_dirs; i++)
		give_up(&dirs->dir[i]);
	close_fd(dirs->root_fd);
	close_fd(dirs->parent_fd);
	free(dirs->dest_path);
	free(dirs->parent_path);
	free(dirs);
}

static void fail(struct outcome *outcome, enum stage stage, int err)
{
	*outcome = (struct outcome){ .status = OUTCOME_FAILED, .stage = (uint16_t)stage, .err = err < 0 ? -err : err };
}

/* The user named the operand, so its own path is followed like any path of
 * theirs; what is opened must still be the directory the master saw. */
static int open_root(struct open_dirs *dirs, uint32_t index)
{
	const struct tree_root *root = &dirs->tree->roots[index];
	struct stat st;

	if (dirs->root_fd >= 0 && dirs->root == index)
		return dirs->root_fd;
	dirs->root_fd = close_fd(dirs->root_fd);

	CLEANUP_FD int fd = open(root->leaf ? root->parent : root->source,
	                         O_PATH | O_DIRECTORY | O_CLOEXEC | (root->leaf || root->follow ? 0 : O_NOFOLLOW));

	if (fd < 0)
		return -errno;
	if (!root->leaf) {
		if (fstat(fd, &st) < 0)
			return -errno;
		if (st.st_dev != root->dev || st.st_ino != root->ino)
			return -ESTALE;
	}
	dirs->root_fd = take_fd(&fd);
	dirs->root = index;
	return dirs->root_fd;
}

int open_dirs_source(struct open_dirs *dirs, const struct job_view *job, struct stat *ret_st,
                     struct outcome *ret_outcome)
{
	bool follow = dirs->policy->dereference == DEREFERENCE_ALWAYS;
	int root_fd = open_root(dirs, job->root);

	if (root_fd < 0) {
		fail(ret_outcome, root_fd == -ESTALE ? STAGE_SOURCE_CHANGED : STAGE_OPEN_SOURCE,
		     root_fd == -ESTALE ? 0 : root_fd);
		return -1;
	}
	int fd = resolve_directory(root_fd, job->dir, O_RDONLY, follow);

	if (fd < 0) {
		fail(ret_outcome, STAGE_SCAN, fd);
		return -1;
	}
	if (fstat(fd, ret_st) < 0 ||
	    (job->dir_ino && (ret_st->st_dev != job->dir_dev || ret_st->st_ino != job->dir_ino))) {
		close_fd(fd);
		fail(ret_outcome, STAGE_SOURCE_CHANGED, 0);
		return -1;
	}
	return fd;
}

/* The directory's path below the destination base, in dirs->dest_path. */
static char *dest_path(struct open_dirs *dirs, const struct job_view *job)
{
	const char *top = dirs->tree->roots[job->root].dest_dir;
	size_t need = strlen(top) + strlen(job->dir) + 2;

	if (need > dirs->dest_size) {
		free(dirs->dest_path);
		dirs->dest_path = malloc(need + 256);
		if (!dirs->dest_path)
			abort();
		dirs->dest_size = need + 256;
	}
	snprintf(dirs->dest_path, dirs->dest_size, "%s%s%s", top, *top && *job->dir ? "/" : "", job->dir);
	return dirs->dest_path;
}

static struct open_dir *find(struct open_dirs *dirs, uint64_t id)
{
	for (int i = 0; i < dirs->n_dirs; i++)
		if (dirs->dir[i].id == id) {
			dirs->dir[i].used = ++dirs->uses;
			return &dirs->dir[i];
		}
	return NULL;
}

int open_dirs_dest(struct open_dirs *dirs, const char *path, int flags)
{
	if (!*path && flags == O_PATH) { /* it is that already */
		int fd = fcntl(dirs->tree->dest_fd, F_DUPFD_CLOEXEC, 0);

		return fd < 0 ? -errno : fd;
	}
	return resolve_directory(dirs->tree->dest_fd, path, flags, dirs->policy->keep_directory_symlink);
}

/* A kept directory of the same root whose path is the first @len bytes of @path; -1: none, or only
 * its source is open. */
static int kept_parent(struct open_dirs *dirs, uint32_t root, const char *path, size_t len)
{
	for (int i = 0; i < dirs->n_dirs; i++) {
		struct open_dir *dir = &dirs->dir[i];

		if (dir->id && dir->root == root && strncmp(dir->path, path, len) == 0 && !dir->path[len]) {
			dir->used = ++dirs->uses;
			return dir->place.dst_fd;
		}
	}
	return -1;
}

int open_dirs_dest_parent(struct open_dirs *dirs, const struct job_view *job, const char **ret_name,
                          struct outcome *ret_outcome)
{
	const char *slash = strrchr(job->dir, '/');

	if (*job->dir) {
		int fd = kept_parent(dirs, job->root, job->dir, slash ? (size_t)(slash - job->dir) : 0);

		if (fd >= 0) {
			*ret_name = slash ? slash + 1 : job->dir;
			return fd;
		}
	}
	char *path = dest_path(dirs, job);
	char *leaf = strrchr(path, '/');

	*ret_name = leaf ? leaf + 1 : path;
	if (leaf)
		*leaf = '\0';
	const char *parent = leaf ? path : "";

	if (dirs->parent_fd >= 0 && strcmp(parent, dirs->parent_path) == 0)
		return dirs->parent_fd;
	close_fd(dirs->parent_fd);
	free(dirs->parent_path);
	dirs->parent_path = strdup(parent);
	if (!dirs->parent_path)
		abort();
	dirs->parent_fd = open_dirs_dest(dirs, parent, O_PATH);
	if (dirs->parent_fd < 0) {
		fail(ret_outcome, STAGE_OPEN_DEST, dirs->parent_fd);
		dirs->parent_fd = -1;
	}
	return dirs->parent_fd;
}

static struct open_dir *keep_source(struct open_dirs *dirs, const struct job_view *job, int src_fd)
{
	struct open_dir *oldest = &dirs->dir[0];

	for (int i = 1; i < dirs->n_dirs; i++)
		if (dirs->dir[i].used < oldest->used)
			oldest = &dirs->dir[i];
	give_up(oldest);
	*oldest = (struct open_dir){
		.id = job->dir_id,
		.used = ++dirs->uses,
		.root = job->root,
		.path = strdup(job->dir),
		.place = { .src_fd = src_fd, .dst_fd = -1 },
	};
	if (!oldest->path)
		abort();
	return oldest;
}

/* Another SOURCE may land there. */
static bool is_shared(const struct open_dirs *dirs, const struct job_view *job)
{
	return dirs->tree->roots[job->root].shared_name || (job->flags & JOB_SHARED_NAME);
}

static void keep_dest(struct open_dirs *dirs, const struct job_view *job, struct open_dir *dir, int dst_fd,
                      const struct dest_directory *dest)
{
	bool shared = is_shared(dirs, job);

	dir->place = (struct place){
		.src_fd = dir->place.src_fd, .dst_fd = dst_fd, .made = dest->made && !shared, .shared_name = shared,
		.swept = dest->swept,
	};
	place_learn(&dir->place, &dest->st, dest->default_acl);
}

void open_dirs_keep(struct open_dirs *dirs, const struct job_view *job, int src_fd, int dst_fd,
                    const struct dest_directory *dest)
{
	keep_dest(dirs, job, keep_source(dirs, job, src_fd), dst_fd, dest);
}

static struct open_dir *get_source(struct open_dirs *dirs, const struct job_view *job, struct outcome *ret_outcome)
{
	struct open_dir *dir = find(dirs, job->dir_id);
	struct stat st;

	if (dir)
		return dir;
	int src_fd = open_dirs_source(dirs, job, &st, ret_outcome);

	return src_fd < 0 ? NULL : keep_source(dirs, job, src_fd);
}

const struct place *open_dirs_get_source(struct open_dirs *dirs, const struct job_view *job,
                                         struct outcome *ret_outcome)
{
	struct open_dir *dir = get_source(dirs, job, ret_outcome);

	return dir ? &dir->place : NULL;
}

const struct place *open_dirs_get(struct open_dirs *dirs, const struct job_view *job, struct outcome *ret_outcome)
{
	struct open_dir *dir = get_source(dirs, job, ret_outcome);

	if (!dir)
		return NULL;
	if (dir->place.dst_fd >= 0)
		return &dir->place;

	struct dest_directory dest;
	CLEANUP_FD int dst_fd = open_dirs_dest(dirs, dest_path(dirs, job), O_RDONLY);
	int err = dst_fd < 0 ? dst_fd : directory_learn(dirs->metadata, dst_fd, &dest);

	if (err < 0) {
		fail(ret_outcome, STAGE_OPEN_DEST, err);
		return NULL;
	}
	dest.made = job->flags & JOB_DIR_MADE;
	dest.swept = false; /* as far as is known here */
	keep_dest(dirs, job, dir, take_fd(&dst_fd), &dest);
	return &dir->place;
}

int open_dirs_dest_alone(struct open_dirs *dirs, const struct job_view *job, struct place *ret_place)
{
	bool shared = is_shared(dirs, job);
	int fd = open_dirs_dest(dirs, dest_path(dirs, job), O_PATH);

	*ret_place = (struct place){
		.src_fd = -1, .dst_fd = fd, .made = (job->flags & JOB_DIR_MADE) && !shared, .shared_name = shared,
	};
	return fd;
}

void open_dirs_drop(struct open_dirs *dirs, const struct job_view *job)
{
	struct open_dir *dir = find(dirs, job->dir_id);

	if (dir)
		give_up(dir);
}
