/* resolve: nothing outside the root, at any length, with openat2 and without. */
#include "copy_fixture.h"

#include <limits.h>
#include <sys/syscall.h>

#include "copy/resolve.h"

/* What the next openat2 answers instead of being called; 0: the real one. */
static int refuse_with;
static int refuse_times;
static int openat2_calls;

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

long __wrap_syscall(long number, ...)
{
	long arg[6];
	va_list ap;

	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		arg[i] = va_arg(ap, long);
	va_end(ap);
	if (number == SYS_openat2) {
		openat2_calls++;
		if (refuse_with && refuse_times-- > 0) {
			errno = refuse_with;
			return -1;
		}
	}
	return __real_syscall(number, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5]);
}

static int setup(void **state)
{
	refuse_with = refuse_times = openat2_calls = 0;
	return fixture_setup(state);
}

static int root_fd(void)
{
	int fd = open("s", O_PATH | O_DIRECTORY);

	assert_true(fd >= 0);
	return fd;
}

static void assert_is(int fd, const char *path)
{
	struct stat st, want = look(path);

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_ino, want.st_ino);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
}

static void rules(bool kernel)
{
	int root = root_fd();

	assert_int_equal(mkdir("s/a", 0755), 0);
	assert_int_equal(mkdir("s/a/b", 0755), 0);
	assert_int_equal(mkdir("out", 0755), 0);
	assert_int_equal(mkdir("out/x", 0755), 0);
	assert_int_equal(symlink("../out", "s/link"), 0);
	assert_int_equal(symlink("a", "s/inside"), 0);
	put("s/file", "");

	assert_is(resolve_directory(root, "", O_RDONLY, false), "s");
	assert_is(resolve_directory(root, ".", O_RDONLY, false), "s");
	assert_is(resolve_directory(root, "a", O_RDONLY, false), "s/a");
	assert_is(resolve_directory(root, "a/b", O_PATH, false), "s/a/b");
	assert_is(resolve_directory(root, "./a//./b/", O_RDONLY, false), "s/a/b");

	assert_int_equal(resolve_directory(root, "..", O_RDONLY, false), -EXDEV);
	assert_int_equal(resolve_directory(root, "a/../a", O_RDONLY, false), -EXDEV);
	assert_int_equal(resolve_directory(root, "/", O_RDONLY, false), -EXDEV);
	assert_int_equal(resolve_directory(root, "..", O_RDONLY, true), -EXDEV);
	assert_int_equal(resolve_directory(root, "none", O_RDONLY, false), -ENOENT);
	assert_int_equal(resolve_directory(root, "file", O_RDONLY, false), -ENOTDIR);
	/* A symlink in the way, last or not, inside or not. */
	assert_int_equal(resolve_directory(root, "link", O_RDONLY, false), kernel ? -ELOOP : -ENOTDIR);
	assert_int_equal(resolve_directory(root, "link/x", O_RDONLY, false), kernel ? -ELOOP : -ENOTDIR);
	assert_int_equal(resolve_directory(root, "inside/b", O_RDONLY, false), kernel ? -ELOOP : -ENOTDIR);
	/* Unless that is wanted. */
	assert_is(resolve_directory(root, "link/x", O_RDONLY, true), "out/x");
	assert_is(resolve_directory(root, "inside", O_RDONLY, true), "s/a");
	close(root);
}

static void stays_beneath_with_openat2(void **state)
{
	(void)state;
	rules(true);
	assert_true(openat2_calls > 0);
}

static void goes_on_when_renames_disturb_the_kernel(void **state)
{
	int root = root_fd();

	(void)state;
	assert_int_equal(mkdir("s/a", 0755), 0);
	refuse_with = EAGAIN;
	refuse_times = 3;
	assert_is(resolve_directory(root, "a", O_RDONLY, false), "s/a");
	assert_int_equal(openat2_calls, 4);
	/* For ever: the walk does it. */
	refuse_times = INT_MAX;
	assert_is(resolve_directory(root, "a", O_RDONLY, false), "s/a");
	/* And the kernel is asked again next time. */
	refuse_with = 0;
	openat2_calls = 0;
	assert_is(resolve_directory(root, "a", O_RDONLY, false), "s/a");
	assert_int_equal(openat2_calls, 1);
	close(root);
}

/* Makes and opens a chain of @levels directories with names of @len bytes. Returns its path. */
static char *deep_chain(int levels, int len)
{
	char name[256], *path = malloc((size_t)levels * (size_t)(len + 1) + 1), *end = path;
	int fd = open("s", O_RDONLY | O_DIRECTORY);

	assert_non_null(path);
	memset(name, 'n', sizeof name);
	name[len] = '\0';
	for (int i = 0; i < levels; i++) {
		int next;

		assert_int_equal(mkdirat(fd, name, 0755), 0);
		next = openat(fd, name, O_RDONLY | O_DIRECTORY);
		assert_true(next >= 0);
		close(fd);
		fd = next;
		end += sprintf(end, "%s%s", i ? "/" : "", name);
	}
	assert_int_equal(mkdirat(fd, "bottom", 0755), 0);
	close(fd);
	return path;
}

/* Removes what no path reaches: from the top, a level at a time. */
static void remove_chain(const char *name)
{
	int top = open("s", O_RDONLY | O_DIRECTORY), fd = openat(top, name, O_RDONLY | O_DIRECTORY);

	while (fd >= 0) {
		int next = openat(fd, name, O_RDONLY | O_DIRECTORY);

		unlinkat(fd, "bottom", AT_REMOVEDIR);
		if (next >= 0) {
			/* The child comes up beside its parent, which is empty then. */
			assert_int_equal(renameat(fd, name, top, "up"), 0);
		}
		assert_int_equal(unlinkat(top, name, AT_REMOVEDIR), 0);
		if (next >= 0)
			assert_int_equal(renameat(top, "up", top, name), 0);
		close(fd);
		fd = next;
	}
	close(top);
}

static void check_depth(int levels, int len)
{
	int root = root_fd(), fd, bottom;
	char *path = deep_chain(levels, len), name[256];

	fd = resolve_directory(root, path, O_RDONLY, false);
	assert_true(fd >= 0);
	bottom = openat(fd, "bottom", O_RDONLY | O_DIRECTORY);
	assert_true(bottom >= 0);
	close(bottom);
	close(fd);
	fd = resolve_directory(root, path, O_PATH, true);
	assert_true(fd >= 0);
	close(fd);
	/* Of a path that long, too, every part is looked at. */
	memcpy(path + strlen(path) - 3, "/..", 3);
	assert_int_equal(resolve_directory(root, path, O_RDONLY, false), -EXDEV);
	close(root);
	memset(name, 'n', sizeof name);
	name[len] = '\0';
	free(path);
	remove_chain(name);
}

static void length_is_no_limit(void **state)
{
	(void)state;
	check_depth(40, 255);  /* 10,239 bytes */
	check_depth(5000, 1);  /* 9,999 bytes in 5,000 levels */
	check_depth(46, 88);   /* 4,093: around what goes in one piece */
	check_depth(63, 64);
	check_depth(16, 255);  /* 4,095: PATH_MAX with its NUL */
	check_depth(17, 240);
}

static void long_path_does_not_hide_a_symlink(void **state)
{
	int root = root_fd();
	char *path = deep_chain(20, 250), *swapped, name[256];
	int fd;

	(void)state;
	/* The second of 20 levels becomes a link to the third: the path still leads there. */
	memset(name, 'n', sizeof name);
	name[250] = '\0';
	fd = openat(root, name, O_RDONLY | O_DIRECTORY);
	assert_int_equal(renameat(fd, name, fd, "real"), 0);
	assert_int_equal(symlinkat("real", fd, name), 0);
	assert_int_equal(resolve_directory(root, path, O_RDONLY, false), -ELOOP);
	swapped = path;
	assert_int_equal(unlinkat(fd, name, 0), 0);
	assert_int_equal(renameat(fd, "real", fd, name), 0);
	close(fd);
	fd = resolve_directory(root, swapped, O_RDONLY, false);
	assert_true(fd >= 0);
	close(fd);
	free(path);
	close(root);
	remove_chain(name);
}

static void a_component_too_long_is_an_error(void **state)
{
	int root = root_fd();
	char *path = malloc(10001);

	(void)state;
	memset(path, 'x', 10000);
	path[10000] = '\0';
	assert_int_equal(resolve_directory(root, path, O_RDONLY, false), -ENAMETOOLONG);
	path[PATH_MAX] = '\0';
	assert_int_equal(resolve_directory(root, path, O_RDONLY, false), -ENAMETOOLONG);
	assert_int_equal(openat2_calls, 0);
	path[PATH_MAX - 1] = '\0'; /* what a system call takes: the file system says so */
	assert_int_equal(resolve_directory(root, path, O_RDONLY, false), -ENAMETOOLONG);
	assert_int_equal(openat2_calls, 1);
	path[300] = '\0';
	assert_int_equal(resolve_directory(root, path, O_RDONLY, false), -ENAMETOOLONG);
	free(path);
	close(root);
}

/* Last: the refusal is remembered for the life of the process. */
static void walks_where_openat2_is_refused(void **state)
{
	int root = root_fd();

	(void)state;
	refuse_with = ENOSYS;
	refuse_times = INT_MAX;
	assert_int_equal(mkdir("s/first", 0755), 0);
	assert_is(resolve_directory(root, "first", O_RDONLY, false), "s/first");
	assert_int_equal(openat2_calls, 1);
	close(root);
	rules(false);
	check_depth(40, 255);
	check_depth(17, 240);
	check_depth(500, 1);
	assert_int_equal(openat2_calls, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(stays_beneath_with_openat2, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(goes_on_when_renames_disturb_the_kernel, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(length_is_no_limit, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(long_path_does_not_hide_a_symlink, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_component_too_long_is_an_error, setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(walks_where_openat2_is_refused, setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
