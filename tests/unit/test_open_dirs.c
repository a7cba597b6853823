/* Directories a worker keeps open: both sides, or the source's until the other is asked for. */
#include "worker/open_dirs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct fixture {
	char top[64], source[80], dest[80];
	struct copy_policy policy;
	struct tree_root root;
	struct tree tree;
	struct metadata *metadata;
	struct open_dirs *dirs;
};

static void make_dir(const char *top, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", top, name);
	assert_int_equal(mkdir(path, 0755), 0);
}

/* source/sub and dest/sub, as far as a scan has come. */
static int set_up(void **state)
{
	static struct fixture f;
	struct stat st;
	const char *tmp = getenv("TMPDIR");

	f = (struct fixture){ .policy = { .preserve = PRESERVE_ALL } };
	snprintf(f.top, sizeof(f.top), "%s/open-dirs-XXXXXX", tmp && strlen(tmp) < 40 ? tmp : "/tmp");
	assert_non_null(mkdtemp(f.top));
	snprintf(f.source, sizeof(f.source), "%s/source", f.top);
	snprintf(f.dest, sizeof(f.dest), "%s/dest", f.top);
	make_dir(f.top, "source");
	make_dir(f.top, "source/sub");
	make_dir(f.top, "dest");
	make_dir(f.top, "dest/sub");
	assert_int_equal(stat(f.source, &st), 0);
	f.root = (struct tree_root){ .source = f.source, .mode = st.st_mode, .dev = st.st_dev, .ino = st.st_ino,
	                             .dest_dir = "", .dest_leaf = "" };
	f.tree = (struct tree){ .dest_fd = open(f.dest, O_PATH | O_DIRECTORY | O_CLOEXEC), .dest_base = f.dest,
	                        .roots = &f.root, .n_roots = 1 };
	assert_true(f.tree.dest_fd >= 0);
	assert_int_equal(metadata_new(&f.policy, &f.metadata), 0);
	assert_int_equal(open_dirs_new(&f.policy, &f.tree, f.metadata, &f.dirs), 0);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char command[128];

	open_dirs_free(f->dirs);
	metadata_free(f->metadata);
	close(f->tree.dest_fd);
	snprintf(command, sizeof(command), "rm -rf %s", f->top);
	return system(command);
}

static struct job_view job_in_sub(uint32_t flags)
{
	return (struct job_view){ .kind = JOB_COPY, .dir = "sub", .target = "", .dir_id = 7, .flags = flags };
}

static void assert_is(int fd, const char *top, const char *name)
{
	struct stat by_fd, by_name;
	char path[128];

	snprintf(path, sizeof(path), "%s/%s", top, name);
	assert_int_equal(fstat(fd, &by_fd), 0);
	assert_int_equal(stat(path, &by_name), 0);
	assert_int_equal(by_fd.st_ino, by_name.st_ino);
}

static void who_looks_opens_the_source_only(void **state)
{
	struct fixture *f = *state;
	struct job_view job = job_in_sub(JOB_DIR_MADE);
	struct outcome outcome = { 0 };
	const struct place *place;
	int src_fd;

	place = open_dirs_get_source(f->dirs, &job, &outcome);
	assert_non_null(place);
	assert_int_equal(place->dst_fd, -1);
	assert_is(place->src_fd, f->top, "source/sub");
	src_fd = place->src_fd;

	place = open_dirs_get(f->dirs, &job, &outcome);
	assert_non_null(place);
	assert_int_equal(place->src_fd, src_fd);
	assert_is(place->dst_fd, f->top, "dest/sub");
	assert_true(place->made);
	assert_ptr_equal(open_dirs_get_source(f->dirs, &job, &outcome), place);
	assert_true(place->dst_fd >= 0);
}

/* What is open on one side only is nobody's parent in the destination. */
static void a_parent_is_opened_though_its_source_is_kept(void **state)
{
	struct fixture *f = *state;
	struct job_view job = job_in_sub(0), child = job_in_sub(0);
	struct outcome outcome = { 0 };
	const char *name;
	int parent_fd;

	child.dir = "sub/new";
	child.dir_id = 8;
	assert_non_null(open_dirs_get_source(f->dirs, &job, &outcome));
	parent_fd = open_dirs_dest_parent(f->dirs, &child, &name, &outcome);
	assert_is(parent_fd, f->top, "dest/sub");
	assert_string_equal(name, "new");
}

static void the_destination_may_fail_later_and_again(void **state)
{
	struct fixture *f = *state;
	struct job_view job = job_in_sub(0);
	struct outcome outcome = { 0 };
	char path[128];

	snprintf(path, sizeof(path), "%s/sub", f->dest);
	assert_int_equal(rmdir(path), 0);
	assert_non_null(open_dirs_get_source(f->dirs, &job, &outcome));
	for (int i = 0; i < 2; i++) {
		outcome = (struct outcome){ 0 };
		assert_null(open_dirs_get(f->dirs, &job, &outcome));
		assert_int_equal(outcome.stage, STAGE_OPEN_DEST);
		assert_int_equal(outcome.err, ENOENT);
	}
	assert_int_equal(mkdir(path, 0755), 0);
	assert_non_null(open_dirs_get(f->dirs, &job, &outcome));
	open_dirs_drop(f->dirs, &job);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(who_looks_opens_the_source_only),
		TEST(a_parent_is_opened_though_its_source_is_kept),
		TEST(the_destination_may_fail_later_and_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
