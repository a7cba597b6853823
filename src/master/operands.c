/*
 * Everything about the user's words is settled here, once, so that workers see
 * one destination directory and relative names only.
 *
 *   pcopy src new            base = the parent of new,  dest_dir "new"
 *   pcopy src existing-dir   base = existing-dir,       dest_dir "src"
 *   pcopy file existing-dir  base = existing-dir,       dest_dir "", dest_leaf "file"
 *   pcopy src/. existing-dir base = existing-dir,       dest_dir ""
 *   --parents a/b/c dir      base = dir; "a" and "a/b" become roots of their own,
 *                            made but not listed, and "a/b/c" hangs on the last
 */
#include "master/operands.h"

#include "base/cleanup.h"
#include "base/display.h"
#include "base/message.h"
#include "master/file_list.h"
#include "master/storage.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

struct identity {
	dev_t dev;
	ino_t ino;
};

struct resolver {
	const struct options *options;
	struct operands *out;
	size_t cap;
	const char *leaf;        /* not into: the name DEST gives the copy; "" is the base itself */
	struct identity *above;  /* the destination base and its ancestors */
	size_t n_above;
	bool missing;            /* DEST is not there */
};

static void *must(void *block)
{
	if (!block)
		abort();
	return block;
}

/* Keeps a string for as long as the table lives. */
static const char *own(struct operands *out, char *text)
{
	must(text);
	if ((out->n_owned & (out->n_owned - 1)) == 0)
		out->owned = must(realloc(out->owned, (out->n_owned ? out->n_owned * 2 : 1) * sizeof(*out->owned)));
	out->owned[out->n_owned++] = text;
	return text;
}

static void refuse(struct resolver *r, const char *format, const char *name, int err)
{
	CLEANUP_FREE char *quoted = display_quote(name);
	CLEANUP_FREE char *sentence = NULL;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	if (asprintf(&sentence, format, quoted) < 0)
		abort();
#pragma GCC diagnostic pop
	if (err)
		message_say("%s: %s", sentence, strerror(err));
	else
		message_say("%s", sentence);
	r->out->refused++;
}

static size_t stripped_length(const char *path)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	return len;
}

/* Splits @path at its last component; "." when there is no directory part. */
static void split(struct operands *out, const char *path, const char **ret_dir, const char **ret_leaf)
{
	char *copy = must(strndup(path, stripped_length(path)));
	char *slash = strrchr(copy, '/');

	own(out, copy);
	if (!slash) {
		*ret_dir = ".";
		*ret_leaf = copy;
		return;
	}
	*ret_leaf = slash + 1;
	if (slash == copy) {
		*ret_dir = "/";
		return;
	}
	*slash = '\0';
	*ret_dir = copy;
}

static bool is_dots(const char *name)
{
	return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || !*name;
}

static int open_base(struct resolver *r, const char *path)
{
	struct tree *tree = &r->out->tree;

	tree->dest_base = path;
	tree->dest_fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return tree->dest_fd < 0 ? -errno : 0;
}

static int cannot_start(const char *format, const char *name, int err)
{
	CLEANUP_FREE char *quoted = display_quote(name);

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	message_say(format, quoted, strerror(err));
#pragma GCC diagnostic pop
	return -err;
}

/* cp's rule for DEST. */
static int resolve_dest(struct resolver *r)
{
	const struct options *options = r->options;
	const char *dest = options->dest, *dir;
	bool must_be = options->dest_is_directory || options->n_sources > 1 || options->parents || options->files_from;
	bool may_be = !options->no_target_directory && (!options->resume || must_be);
	struct stat st;
	int err = stat(dest, &st) < 0 ? errno : 0;

	if (must_be && (err || !S_ISDIR(st.st_mode)))
		return cannot_start(options->dest_is_directory ? "target directory %s: %s" : "target %s: %s", dest,
		                    err ? err : ENOTDIR);
	r->missing = err == ENOENT;
	r->out->into = may_be && !err && S_ISDIR(st.st_mode);
	if (r->out->into) {
		err = open_base(r, dest);
		return err < 0 ? cannot_start("cannot open directory %s: %s", dest, -err) : 0;
	}
	split(r->out, dest, &dir, &r->leaf);
	if (is_dots(r->leaf)) {
		dir = dest;
		r->leaf = "";
	}
	err = open_base(r, dir);
	return err < 0 ? cannot_start("cannot create %s: %s", dest, -err) : 0;
}

/* The chain from the destination base up to the root of the file system. */
static void learn_ancestors(struct resolver *r)
{
	CLEANUP_FD int fd = dup(r->out->tree.dest_fd);
	struct stat st;

	while (fd >= 0 && fstat(fd, &st) == 0) {
		struct identity *last = r->n_above ? &r->above[r->n_above - 1] : NULL;

		if (last && last->dev == st.st_dev && last->ino == st.st_ino)
			return;
		r->above = must(realloc(r->above, (r->n_above + 1) * sizeof(*r->above)));
		r->above[r->n_above++] = (struct identity){ st.st_dev, st.st_ino };

		int up = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);

		close_fd(fd);
		fd = up;
	}
}

static size_t add_root(struct resolver *r, const struct tree_root *root, int after)
{
	struct operands *out = r->out;

	if (out->tree.n_roots == r->cap) {
		r->cap = r->cap ? r->cap * 2 : 16;
		out->table = must(realloc(out->table, r->cap * sizeof(*out->table)));
		out->after = must(realloc(out->after, r->cap * sizeof(*out->after)));
		out->tree.roots = out->table;
	}
	out->table[out->tree.n_roots] = *root;
	out->after[out->tree.n_roots] = after;
	return out->tree.n_roots++;
}

/* --parents: each directory on the way is a root of its own, once. Returns the
 * number of the last, -1 for none, -2 after a refusal. */
static int add_parents(struct resolver *r, const char *source, const char *dest_name)
{
	size_t lead = strlen(source) - strlen(dest_name);
	int after = -1;

	for (const char *slash = strchr(dest_name, '/'); slash; slash = strchr(slash + 1, '/')) {
		const char *dir = own(r->out, strndup(dest_name, (size_t)(slash - dest_name)));
		const char *path = own(r->out, strndup(source, lead + (size_t)(slash - dest_name)));
		size_t known = 0;
		struct stat st;

		while (known < r->out->tree.n_roots &&
		       (!r->out->table[known].intermediate || strcmp(r->out->table[known].dest_dir, dir) != 0))
			known++;
		if (known < r->out->tree.n_roots) {
			after = (int)known;
			continue;
		}
		if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode)) {
			refuse(r, "cannot stat %s", path, errno);
			return -2;
		}
		struct tree_root root = {
			.source = path, .dest_dir = dir, .mode = st.st_mode, .dev = st.st_dev, .ino = st.st_ino,
			.follow = true, .intermediate = true,
		};

		after = (int)add_root(r, &root, after);
	}
	return after;
}

/* What SOURCE is called below the base. */
static const char *dest_name_of(struct resolver *r, const char *source)
{
	const char *dir, *leaf;

	if (!r->out->into)
		return r->leaf;
	if (r->options->parents) {
		while (*source == '/')
			source++;
		return own(r->out, strndup(source, stripped_length(source)));
	}
	split(r->out, source, &dir, &leaf);
	return is_dots(leaf) ? "" : leaf;
}

static bool has_dotdot(const char *path)
{
	for (const char *at = strstr(path, ".."); at; at = strstr(at + 1, ".."))
		if ((at == path || at[-1] == '/') && (at[2] == '/' || !at[2]))
			return true;
	return false;
}

/* A directory onto or into itself. */
static bool refuse_itself(struct resolver *r, const char *source, const char *dest_name, const struct stat *st)
{
	struct stat there;

	for (size_t i = 0; i < r->n_above; i++)
		if (r->above[i].dev == st->st_dev && r->above[i].ino == st->st_ino &&
		    (*dest_name || i > 0)) {
			CLEANUP_FREE char *from = display_quote(source);
			CLEANUP_FREE char *to = display_quote(r->options->dest);

			message_say("cannot copy a directory, %s, into itself, %s", from, to);
			r->out->refused++;
			return true;
		}
	if (!r->missing &&
	    fstatat(r->out->tree.dest_fd, *dest_name ? dest_name : ".", &there, AT_SYMLINK_NOFOLLOW) == 0 &&
	    there.st_dev == st->st_dev && there.st_ino == st->st_ino) {
		refuse(r, "%s and the destination are the same directory", source, 0);
		return true;
	}
	return false;
}

static bool is_slow(const struct resolver *r, const char *path, dev_t dev)
{
	if (r->n_above && r->above[0].dev == dev)
		return storage_is_slow(r->out->tree.dest_fd);

	CLEANUP_FD int fd = open(path, O_PATH | O_CLOEXEC);

	return fd >= 0 && storage_is_slow(fd);
}

static void add_source(struct resolver *r, const char *given)
{
	const struct options *options = r->options;
	struct operands *out = r->out;
	const char *source = given;
	struct stat st;
	size_t len = strlen(given);

	if (options->strip_trailing_slashes)
		source = own(out, strndup(given, stripped_length(given)));
	bool follow = options->policy.dereference != DEREFERENCE_NEVER || (len > 1 && source[strlen(source) - 1] == '/');

	if ((follow ? stat(source, &st) : lstat(source, &st)) < 0) {
		if (!*source)
			errno = ENOENT;
		refuse(r, "cannot stat %s", source, errno);
		return;
	}
	if (options->parents && has_dotdot(source)) {
		refuse(r, "with --parents, %s must not contain '..'", source, 0);
		return;
	}
	const char *dest_name = dest_name_of(r, source);
	bool directory = S_ISDIR(st.st_mode);

	if (directory && refuse_itself(r, source, dest_name, &st))
		return;
	int after = options->parents ? add_parents(r, source, dest_name) : -1;

	if (after == -2)
		return;
	struct tree_root root = {
		.source = source, .dest_dir = dest_name, .mode = st.st_mode, .dev = st.st_dev, .ino = st.st_ino,
		.size = (uint64_t)st.st_size, .nlink = st.st_nlink, .follow = follow,
	};

	root.slow = is_slow(r, source, st.st_dev);
	if (!directory) {
		struct stat there;

		root.replaces = fstatat(out->tree.dest_fd, dest_name, &there, AT_SYMLINK_NOFOLLOW) == 0;
		split(out, source, &root.parent, &root.leaf);
		if (options->parents)
			split(out, dest_name, &root.dest_dir, &root.dest_leaf);
		else
			root.dest_leaf = dest_name;
		if (!options->parents || strcmp(root.dest_dir, ".") == 0)
			root.dest_dir = "";
		size_t dest_len = strlen(options->dest);

		if (!*root.dest_leaf || (!out->into && dest_len > 0 && options->dest[dest_len - 1] == '/')) {
			refuse(r, "cannot create regular file %s", options->dest, *root.dest_leaf ? ENOTDIR : EISDIR);
			return;
		}
	}
	add_root(r, &root, after);
}

static const struct tree_root *sorting;

static const char *name_of(const struct tree_root *root)
{
	return root->leaf ? root->dest_leaf : root->dest_dir;
}

static int compare_names(const void *a, const void *b)
{
	size_t i = *(const size_t *)a, j = *(const size_t *)b;
	int order = strcmp(name_of(&sorting[i]), name_of(&sorting[j]));

	return order ? order : (i > j) - (i < j);
}

/* Sources that land on one name: the same inode twice is dropped with a warning
 * (as cp does), others must not overwrite what the first made. */
static void find_shared_names(struct resolver *r)
{
	struct operands *out = r->out;
	size_t n = out->tree.n_roots;
	CLEANUP_FREE size_t *order = must(calloc(n + 1, sizeof(*order)));
	CLEANUP_FREE bool *twice = must(calloc(n + 1, sizeof(*twice)));

	if (r->options->parents)
		return; /* whole paths land on whole paths */
	for (size_t i = 0; i < n; i++)
		order[i] = i;
	sorting = out->table;
	qsort(order, n, sizeof(*order), compare_names);
	for (size_t i = 1; i < n; i++) {
		struct tree_root *first = &out->table[order[i - 1]], *second = &out->table[order[i]];

		if (strcmp(name_of(first), name_of(second)) != 0)
			continue;
		first->shared_name = second->shared_name = true;
		if (first->dev == second->dev && first->ino == second->ino) {
			CLEANUP_FREE char *quoted = display_quote(second->source);

			message_say("warning: source %s %s specified more than once",
			            second->leaf ? "file" : "directory", quoted);
			twice[order[i]] = true;
		}
	}
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (!twice[i])
			out->table[kept++] = out->table[i];
	out->tree.n_roots = kept;
}

int operands_resolve(const struct options *options, struct operands *ret)
{
	struct resolver r = { .options = options, .out = ret };
	struct file_list list = { 0 };

	*ret = (struct operands){ .tree.dest_fd = -1 };
	int err = resolve_dest(&r);

	if (err < 0)
		return err;
	if (options->files_from) {
		err = file_list_read(options->files_from, &list);
		if (err < 0)
			return err;
	}
	learn_ancestors(&r);
	for (size_t i = 0; i < list.count; i++)
		add_source(&r, own(ret, list.name[i]));
	free(list.name); /* the names are the table's now */
	for (size_t i = 0; i < options->n_sources; i++)
		add_source(&r, options->sources[i]);
	find_shared_names(&r);
	free(r.above);
	return 0;
}

void operands_done(struct operands *operands)
{
	for (size_t i = 0; i < operands->n_owned; i++)
		free(operands->owned[i]);
	free(operands->owned);
	free(operands->table);
	free(operands->after);
	close_fd(operands->tree.dest_fd);
	*operands = (struct operands){ .tree.dest_fd = -1 };
}

bool operands_are_slow(const struct operands *operands)
{
	for (size_t i = 0; i < operands->tree.n_roots; i++)
		if (operands->tree.roots[i].slow)
			return true;
	return false;
}
