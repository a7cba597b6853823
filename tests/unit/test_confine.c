/* A child locks itself, tries everything, and says which of it worked. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "worker/confine.h"

static char top[64];
static bool landlock;

long __real_syscall(long number, ...);
long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f);

static long abi_answer; /* not 0: what the kernel says its Landlock is */

long __wrap_syscall(long number, long a, long b, long c, long d, long e, long f)
{
	if (number == SYS_landlock_create_ruleset && a == 0 && abi_answer) {
		errno = abi_answer < 0 ? ENOSYS : 0;
		return abi_answer;
	}
	return __real_syscall(number, a, b, c, d, e, f);
}

static void put(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "x", 1), 1);
	close(fd);
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)ftw;
	return flag == FTW_DP ? rmdir(path) : unlink(path);
}

static int set_up(void **state)
{
	size_t root;
	struct tree none = { .dest_fd = -1 };

	(void)state;
	abi_answer = 0;
	landlock = confine_check(&(struct copy_policy){ 0 }, &none, &root) != CONFINE_NO_LANDLOCK;
	strcpy(top, "/tmp/pcopy-unit-XXXXXX");
	assert_non_null(mkdtemp(top));
	assert_int_equal(chdir(top), 0);
	assert_int_equal(mkdir("src", 0755) | mkdir("src/sub", 0755) | mkdir("dest", 0755) | mkdir("dest/sub", 0755), 0);
	assert_int_equal(mkdir("apart", 0755), 0);
	put("src/f");
	put("src/g");
	put("apart/f");
	put("dest/old");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	assert_int_equal(chdir("/"), 0);
	return nftw(top, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* What was tried; a bit each for what worked. */
enum {
	READ_SOURCE, LIST_SOURCE, WRITE_SOURCE, TRUNCATE_SOURCE, MAKE_IN_SOURCE, REMOVE_IN_SOURCE, RENAME_SOURCE,
	LINK_SOURCE, READ_APART, WRITE_APART, MAKE_BESIDE, MAKE_IN_DEST, REPLACE_IN_DEST, LINK_IN_DEST,
	SPECIAL_IN_DEST, LIST_BASE, READ_PROC, EXECUTE,
};
#define DID(what) (1u << (what))
#define EVERYTHING_A_COPY_NEEDS                                                                   \
	(DID(READ_SOURCE) | DID(LIST_SOURCE) | DID(MAKE_IN_DEST) | DID(REPLACE_IN_DEST) | DID(LINK_IN_DEST) | \
	 DID(SPECIAL_IN_DEST) | DID(LIST_BASE) | DID(READ_PROC))

static bool opens(const char *path, int flags)
{
	int fd = open(path, flags, 0644);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

static unsigned try_all(const char *dest)
{
	char a[40], b[40], c[40];
	unsigned did = 0;

	snprintf(a, sizeof a, "%s/a", dest);
	snprintf(b, sizeof b, "%s/b", dest);
	snprintf(c, sizeof c, "%s/sub/c", dest);
	mkdir(dest, 0755);
	did |= opens("src/f", O_RDONLY) ? DID(READ_SOURCE) : 0;
	did |= opens("src", O_RDONLY | O_DIRECTORY) ? DID(LIST_SOURCE) : 0;
	did |= opens("src/f", O_WRONLY) ? DID(WRITE_SOURCE) : 0;
	did |= truncate("src/f", 0) == 0 ? DID(TRUNCATE_SOURCE) : 0;
	did |= opens("src/new", O_WRONLY | O_CREAT) || mkdir("src/newdir", 0755) == 0 ? DID(MAKE_IN_SOURCE) : 0;
	did |= opens(a, O_RDWR | O_CREAT) ? DID(MAKE_IN_DEST) : 0;
	did |= opens(b, O_RDWR | O_CREAT) && rename(b, a) == 0 ? DID(REPLACE_IN_DEST) : 0;
	snprintf(b, sizeof b, "%s/sub", dest);
	mkdir(b, 0755);
	did |= link(a, c) == 0 ? DID(LINK_IN_DEST) : 0;
	snprintf(b, sizeof b, "%s/p", dest);
	did |= mkfifo(b, 0600) == 0 && unlink(b) == 0 && symlink("x", b) == 0 ? DID(SPECIAL_IN_DEST) : 0;
	snprintf(b, sizeof b, "%s/l", dest);
	did |= link("src/f", b) == 0 ? DID(LINK_SOURCE) : 0;
	did |= rename("src/f", b) == 0 ? DID(RENAME_SOURCE) : 0;
	did |= unlink("src/g") == 0 || rmdir("src/sub") == 0 ? DID(REMOVE_IN_SOURCE) : 0;
	did |= opens("apart/f", O_RDONLY) ? DID(READ_APART) : 0;
	did |= opens("apart/f", O_WRONLY) ? DID(WRITE_APART) : 0;
	did |= opens("beside", O_WRONLY | O_CREAT) ? DID(MAKE_BESIDE) : 0;
	did |= opens(dest, O_RDONLY | O_DIRECTORY) ? DID(LIST_BASE) : 0;
	did |= opens("/proc/self/stat", O_RDONLY) ? DID(READ_PROC) : 0;
	if (access("/bin/true", X_OK) == 0) {
		pid_t pid = fork();
		int status = 1;

		if (pid == 0) {
			execl("/bin/true", "true", (char *)NULL);
			_exit(9);
		}
		waitpid(pid, &status, 0);
		did |= status == 0 ? DID(EXECUTE) : 0;
	}
	return did;
}

/* What a worker with this tree can do; ~0 when it could not be locked. */
static unsigned locked(const struct copy_policy *policy, const struct tree *tree, const char *dest)
{
	int answer[2];
	unsigned did = ~0u;
	pid_t pid;

	assert_int_equal(pipe(answer), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		if (confine_enter(policy, tree) == 0)
			did = try_all(dest);
		_exit(write(answer[1], &did, sizeof did) != sizeof did);
	}
	assert_int_equal(read(answer[0], &did, sizeof did), sizeof did);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	close(answer[0]);
	close(answer[1]);
	return did;
}

static struct tree_root root_of(const char *source, const char *dest_dir)
{
	struct stat st;

	assert_int_equal(stat(source, &st), 0);
	return (struct tree_root){ .source = source, .dest_dir = dest_dir, .mode = st.st_mode };
}

static void writes_the_destination_and_nothing_else(void **state)
{
	struct copy_policy policy = { 0 };
	struct tree_root root = root_of("src", "src");
	struct tree tree = { .dest_fd = open("dest", O_PATH | O_DIRECTORY), .roots = &root, .n_roots = 1 };
	size_t in_the_way;

	(void)state;
	if (!landlock)
		skip();
	assert_int_equal(confine_check(&policy, &tree, &in_the_way), CONFINE_POSSIBLE);
	assert_int_equal(locked(&policy, &tree, "dest"), EVERYTHING_A_COPY_NEEDS);
	close(tree.dest_fd);
}

static void following_links_reads_anywhere(void **state)
{
	struct copy_policy policy = { .dereference = DEREFERENCE_ALWAYS };
	struct tree_root root = root_of("src", "src");
	struct tree tree = { .dest_fd = open("dest", O_PATH | O_DIRECTORY), .roots = &root, .n_roots = 1 };

	(void)state;
	if (!landlock)
		skip();
	assert_int_equal(locked(&policy, &tree, "dest"), EVERYTHING_A_COPY_NEEDS | DID(READ_APART));
	close(tree.dest_fd);
}

/* DEST is new and beside the source: it is made, and is all that may be written. */
static void a_new_destination_beside_the_source_is_all_that_is_open(void **state)
{
	struct copy_policy policy = { 0 };
	struct tree_root root = root_of("src", "new");
	struct tree tree = { .dest_fd = open(".", O_PATH | O_DIRECTORY), .roots = &root, .n_roots = 1 };
	struct stat st;
	size_t in_the_way;

	(void)state;
	if (!landlock)
		skip();
	assert_int_equal(confine_check(&policy, &tree, &in_the_way), CONFINE_POSSIBLE);
	assert_int_equal(access("new", F_OK), -1);
	assert_int_equal(locked(&policy, &tree, "new"), EVERYTHING_A_COPY_NEEDS);
	assert_int_equal(lstat("new", &st), 0);
	assert_int_equal(st.st_mode, S_IFDIR | 0700);
	/* Again, as the next worker does. */
	assert_int_equal(unlink("new/p"), 0);
	assert_int_equal(unlink("new/sub/c"), 0);
	assert_int_equal(locked(&policy, &tree, "new"), EVERYTHING_A_COPY_NEEDS);
	close(tree.dest_fd);
}

static void one_file_opens_that_file_only(void **state)
{
	struct copy_policy policy = { 0 };
	struct tree_root root = root_of("src/f", "");
	struct tree tree = { .dest_fd = open("dest", O_PATH | O_DIRECTORY), .roots = &root, .n_roots = 1 };

	(void)state;
	if (!landlock)
		skip();
	root.parent = "src";
	root.leaf = root.dest_leaf = "f";
	assert_int_equal(locked(&policy, &tree, "dest"), EVERYTHING_A_COPY_NEEDS);
	/* Listing its directory finds it; its neighbours stay shut. */
	root.source = "src/g";
	root.leaf = root.dest_leaf = "g";
	assert_int_equal(unlink("dest/p") | unlink("dest/sub/c"), 0);
	assert_int_equal(locked(&policy, &tree, "dest"), EVERYTHING_A_COPY_NEEDS & ~DID(READ_SOURCE));
	close(tree.dest_fd);
}

static void a_source_that_would_stay_open_is_refused(void **state)
{
	struct copy_policy policy = { 0 };
	struct tree_root root[2] = { root_of("apart/f", ""), root_of("src/sub", "other") };
	struct tree tree = { .dest_fd = open(".", O_PATH | O_DIRECTORY), .roots = root, .n_roots = 1 };
	size_t in_the_way = 9;

	(void)state;
	if (!landlock)
		skip();
	/* A file into the directory above it. */
	root[0].parent = "apart";
	root[0].leaf = root[0].dest_leaf = "f";
	assert_int_equal(confine_check(&policy, &tree, &in_the_way), CONFINE_SOURCE_WRITABLE);
	assert_int_equal(in_the_way, 0);
	assert_int_equal(locked(&policy, &tree, "dest"), ~0u);
	/* What one source becomes has another source in it. */
	root[0] = root_of("apart", "src");
	tree.n_roots = 2;
	assert_int_equal(confine_check(&policy, &tree, &in_the_way), CONFINE_SOURCE_WRITABLE);
	assert_int_equal(in_the_way, 1);
	assert_int_equal(locked(&policy, &tree, "dest"), ~0u);
	close(tree.dest_fd);
}

static void without_landlock_it_is_refused(void **state)
{
	struct copy_policy policy = { 0 };
	struct tree_root root = root_of("src", "src");
	struct tree tree = { .dest_fd = open("dest", O_PATH | O_DIRECTORY), .roots = &root, .n_roots = 1 };
	const long answers[] = { -1, 1, 2 }; /* none; without REFER; without TRUNCATE */
	size_t in_the_way;

	(void)state;
	for (size_t i = 0; i < sizeof answers / sizeof *answers; i++) {
		abi_answer = answers[i];
		assert_int_equal(confine_check(&policy, &tree, &in_the_way), CONFINE_NO_LANDLOCK);
		assert_int_equal(confine_enter(&policy, &tree), -EPERM);
	}
	close(tree.dest_fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(writes_the_destination_and_nothing_else),
		TEST(following_links_reads_anywhere),
		TEST(a_new_destination_beside_the_source_is_all_that_is_open),
		TEST(one_file_opens_that_file_only),
		TEST(a_source_that_would_stay_open_is_refused),
		TEST(without_landlock_it_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
