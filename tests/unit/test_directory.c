/* directory: making, merging, finishing, and sweeping what dead runs left. */
#include "copy_fixture.h"

#include <sys/wait.h>
#include <sys/xattr.h>

#include "copy/directory.h"

static int make(struct fixture *f, const char *name, bool *ret_made, struct outcome *ret)
{
	struct dest_directory dir;
	char path[300];
	struct stat src;
	int fd;

	snprintf(path, sizeof path, "s/%s", name);
	src = look(path);
	memset(ret, 0xa5, sizeof *ret);
	fd = directory_make(&f->copier, f->place.dst_fd, name, &src, &dir, ret);
	*ret_made = dir.made;
	return fd;
}

static struct outcome finish(struct fixture *f, const char *name, int dst_fd, bool made)
{
	struct outcome outcome;
	char path[300];
	int src_fd;

	snprintf(path, sizeof path, "s/%s", name);
	src_fd = open(path, O_RDONLY | O_DIRECTORY);
	assert_true(src_fd >= 0);
	memset(&outcome, 0xa5, sizeof outcome);
	directory_finish(&f->copier, src_fd, dst_fd, made, false, &outcome);
	close(src_fd);
	return outcome;
}

static void a_new_directory_is_private_until_it_is_finished(void **state)
{
	struct fixture *f = *state;
	struct outcome outcome;
	bool was_made = false;
	struct stat st;
	int fd;

	assert_int_equal(mkdir("s/a", 0755), 0);
	assert_int_equal(chmod("s/a", 03575), 0);
	set_mtime("s/a", 12345, 678);
	fd = make(f, "a", &was_made, &outcome);
	assert_status(outcome, OUTCOME_COPIED);
	assert_true(fd >= 0 && was_made);
	assert_int_equal(look("d/a").st_mode & 0777, 0700);
	put("d/a/child", "");
	outcome = finish(f, "a", fd, was_made);
	assert_status(outcome, OUTCOME_COPIED);
	assert_int_equal(outcome.lost, 0);
	st = look("d/a");
	assert_int_equal(st.st_mode & 07777, 03575);
	assert_int_equal(st.st_mtim.tv_sec, 12345);
	assert_int_equal(st.st_mtim.tv_nsec, 678);
	close(fd);
}

static void an_existing_directory_is_merged_into(void **state)
{
	struct fixture *f = *state;
	struct outcome outcome;
	bool was_made = true;
	int fd;

	assert_int_equal(mkdir("s/a", 0711), 0);
	assert_int_equal(mkdir("d/a", 0755), 0);
	put("d/a/theirs", "x");
	begin_run(f);
	fd = make(f, "a", &was_made, &outcome);
	assert_status(outcome, OUTCOME_COPIED);
	assert_true(fd >= 0);
	assert_false(was_made);
	assert_int_equal(look("d/a").st_mode & 07777, 0755);
	assert_status(finish(f, "a", fd, false), OUTCOME_COPIED);
	assert_int_equal(look("d/a").st_mode & 07777, 0711);
	assert_text("d/a/theirs", "x");
	close(fd);
}

static void an_existing_directory_keeps_a_mode_that_is_not_preserved(void **state)
{
	struct fixture *f = *state;
	struct outcome outcome;
	bool was_made;
	int fd;

	f->policy.preserve = 0;
	assert_int_equal(mkdir("s/a", 0777), 0);
	assert_int_equal(mkdir("d/a", 0701), 0);
	begin_run(f);
	fd = make(f, "a", &was_made, &outcome);
	assert_status(finish(f, "a", fd, was_made), OUTCOME_COPIED);
	assert_int_equal(look("d/a").st_mode & 07777, 0701);
	close(fd);
	/* A new one gets what the umask leaves. */
	assert_int_equal(rmdir("d/a"), 0);
	fd = make(f, "a", &was_made, &outcome);
	assert_true(was_made);
	assert_status(finish(f, "a", fd, was_made), OUTCOME_COPIED);
	assert_int_equal(look("d/a").st_mode & 07777, 0755);
	close(fd);
}

static void what_is_no_directory_is_never_replaced(void **state)
{
	struct fixture *f = *state;
	struct outcome outcome;
	bool was_made;

	assert_int_equal(mkdir("s/a", 0755), 0);
	put("d/a", "file");
	assert_int_equal(make(f, "a", &was_made, &outcome), -1);
	assert_failed(outcome, STAGE_NOT_DIRECTORY);
	assert_text("d/a", "file");
	assert_int_equal(unlink("d/a"), 0);
	assert_int_equal(symlink("../nowhere", "d/a"), 0);
	assert_int_equal(make(f, "a", &was_made, &outcome), -1);
	assert_failed(outcome, STAGE_NOT_DIRECTORY);
	assert_int_equal(unlink("d/a"), 0);
	for (int i = 0; i < 4; i++) {
		if (!make_special("d/a", i))
			continue;
		assert_int_equal(make(f, "a", &was_made, &outcome), -1);
		assert_failed(outcome, STAGE_SPECIAL_IN_THE_WAY);
		assert_false(was_made);
		assert_int_equal(unlink("d/a"), 0);
	}
}

static void a_link_to_a_directory_is_entered_only_when_asked(void **state)
{
	struct fixture *f = *state;
	struct outcome outcome;
	bool was_made;
	struct stat st;
	int fd;

	assert_int_equal(mkdir("s/a", 0755), 0);
	assert_int_equal(mkdir("outside", 0755), 0);
	assert_int_equal(symlink("../outside", "d/a"), 0);
	assert_int_equal(make(f, "a", &was_made, &outcome), -1);
	assert_failed(outcome, STAGE_NOT_DIRECTORY);
	f->policy.keep_directory_symlink = true;
	fd = make(f, "a", &was_made, &outcome);
	assert_status(outcome, OUTCOME_COPIED);
	assert_false(was_made);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_ino, look("outside").st_ino);
	close(fd);
	/* To a file, or to nothing, it is in the way. */
	assert_int_equal(rmdir("outside"), 0);
	assert_int_equal(make(f, "a", &was_made, &outcome), -1);
	assert_failed(outcome, STAGE_NOT_DIRECTORY);
	put("outside", "");
	assert_int_equal(make(f, "a", &was_made, &outcome), -1);
	assert_failed(outcome, STAGE_NOT_DIRECTORY);
}

static void the_source_itself_is_not_merged_into(void **state)
{
	struct fixture *f = *state;
	struct outcome outcome;
	bool was_made;

	assert_int_equal(mkdir("s/a", 0755), 0);
	dup2(f->place.src_fd, f->place.dst_fd);
	assert_int_equal(make(f, "a", &was_made, &outcome), -1);
	assert_failed(outcome, STAGE_SAME_FILE);
}

/* In a child that is nobody, since permissions mean nothing to root. */
static int as_nobody(struct fixture *f, int (*body)(struct fixture *f))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		if (setgid(65534) < 0 || setuid(65534) < 0)
			_exit(99);
		f->copier.uid = 65534;
		f->copier.gid = 65534;
		f->place.new_gid = 65534;
		_exit(body(f));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int fill_closed_directory(struct fixture *f)
{
	struct outcome outcome;
	bool was_made;
	int fd = make(f, "a", &was_made, &outcome), file;

	if (fd < 0)
		return 1;
	file = openat(fd, "child", O_WRONLY | O_CREAT, 0644);
	if (file < 0)
		return 2;
	close(file);
	outcome = finish(f, "a", fd, was_made);
	close(fd);
	return outcome.status == OUTCOME_COPIED ? 0 : 3;
}

static void an_unwritable_directory_of_ours_is_opened_up_and_closed_again(void **state)
{
	static const mode_t closed[] = { 0555, 0500, 0000, 0200 };
	struct fixture *f = *state;

	if (geteuid() != 0)
		skip();
	assert_int_equal(mkdir("s/a", 0755), 0);
	assert_int_equal(chown("s/a", 65534, 65534), 0);
	assert_int_equal(chmod("s/a", 0555), 0);
	assert_int_equal(chmod("d", 0777), 0);
	for (size_t i = 0; i < sizeof closed / sizeof *closed; i++) {
		assert_int_equal(mkdir("d/a", 0755), 0);
		assert_int_equal(chown("d/a", 65534, 65534), 0);
		assert_int_equal(chmod("d/a", closed[i]), 0);
		assert_int_equal(as_nobody(f, fill_closed_directory), 0);
		assert_int_equal(look("d/a").st_mode & 07777, 0555);
		assert_int_equal(look("d/a/child").st_size, 0);
		remove_tree("d/a");
	}
	/* A new one, from a source that is read-only. */
	assert_int_equal(as_nobody(f, fill_closed_directory), 0);
	assert_int_equal(look("d/a").st_mode & 07777, 0555);
	remove_tree("d/a");
	/* Not preserved: its mode is its own, and stays. */
	f->policy.preserve &= ~(unsigned)PRESERVE_MODE;
	assert_int_equal(mkdir("d/a", 0755), 0);
	assert_int_equal(chown("d/a", 65534, 65534), 0);
	assert_int_equal(chmod("d/a", 0555), 0);
	assert_int_equal(as_nobody(f, fill_closed_directory), 2);
	assert_int_equal(look("d/a").st_mode & 07777, 0555);
}

static void what_a_dead_worker_made_counts_as_made(void **state)
{
	struct fixture *f = *state;
	struct outcome outcome;
	bool was_made = false;
	int fd;

	assert_int_equal(mkdir("s/a", 0755), 0);
	begin_run(f);
	assert_int_equal(mkdir("d/a", 0700), 0);
	fd = make(f, "a", &was_made, &outcome);
	assert_true(fd >= 0 && was_made);
	close(fd);
	/* Not when there is something in it, nor when it was there before the run. */
	put("d/a/x", "");
	fd = make(f, "a", &was_made, &outcome);
	assert_true(fd >= 0);
	assert_false(was_made);
	close(fd);
	assert_int_equal(unlink("d/a/x"), 0);
	begin_run(f);
	fd = make(f, "a", &was_made, &outcome);
	assert_true(fd >= 0);
	assert_false(was_made);
	close(fd);
}

/* As the kernel keeps it, so that no library is needed: u::rwx u:65534:rwx g::r-x m::rwx o::r-x */
struct acl {
	uint32_t version;
	struct {
		uint16_t tag, perm;
		uint32_t id;
	} entry[5];
};

static bool set_default_acl(const char *path)
{
	const struct acl acl = {
		.version = 2,
		.entry = { { 1, 7, UINT32_MAX }, { 2, 7, 65534 }, { 4, 5, UINT32_MAX }, { 16, 7, UINT32_MAX },
		           { 32, 5, UINT32_MAX } },
	};

	return setxattr(path, "system.posix_acl_default", &acl, sizeof acl, 0) == 0;
}

static bool has_acl(const char *path, const char *which)
{
	return getxattr(path, which, NULL, 0) == (ssize_t)sizeof(struct acl);
}

static void an_inherited_acl_goes_unless_the_mode_is_not_preserved(void **state)
{
	struct fixture *f = *state;
	struct outcome outcome;
	bool was_made;
	int fd;

	if (!set_default_acl("d"))
		skip();
	assert_int_equal(mkdir("s/a", 0750), 0);
	fd = make(f, "a", &was_made, &outcome);
	assert_true(was_made);
	assert_false(has_acl("d/a", "system.posix_acl_default"));
	assert_status(finish(f, "a", fd, was_made), OUTCOME_COPIED);
	assert_false(has_acl("d/a", "system.posix_acl_access"));
	assert_int_equal(look("d/a").st_mode & 07777, 0750);
	close(fd);
	assert_int_equal(rmdir("d/a"), 0);
	f->policy.preserve &= ~(unsigned)PRESERVE_MODE;
	fd = make(f, "a", &was_made, &outcome);
	assert_true(was_made);
	assert_status(finish(f, "a", fd, was_made), OUTCOME_COPIED);
	assert_true(has_acl("d/a", "system.posix_acl_default"));
	assert_true(has_acl("d/a", "system.posix_acl_access"));
	assert_int_equal(look("d/a").st_mode & 0777, 0750);
	close(fd);
}

static void an_unwritable_parent_is_a_failure(void **state)
{
	struct fixture *f = *state;

	if (geteuid() != 0)
		skip();
	assert_int_equal(mkdir("s/a", 0755), 0);
	assert_int_equal(as_nobody(f, fill_closed_directory), 1);
	assert_true(is_absent("d/a"));
}

/* A dead run's names, made by a process that has ended. */
static void leave_names(char names[2][TEMP_NAME_SIZE])
{
	int pipe_fd[2], status;
	pid_t pid;

	assert_int_equal(pipe(pipe_fd), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		temp_name_begin_run();
		temp_name_set_slot(2);
		temp_name_next(names[0]);
		temp_name_for_ranges(names[1], 5);
		_exit(write(pipe_fd[1], names, 2 * TEMP_NAME_SIZE) != 2 * TEMP_NAME_SIZE);
	}
	assert_int_equal(read(pipe_fd[0], names, 2 * TEMP_NAME_SIZE), 2 * TEMP_NAME_SIZE);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(pipe_fd[0]);
	close(pipe_fd[1]);
}

static void put_in_d(const char *name)
{
	char path[300];

	snprintf(path, sizeof path, "d/%s", name);
	put(path, "");
}

static void a_sweep_removes_what_the_dead_left_and_nothing_else(void **state)
{
	char dead[2][TEMP_NAME_SIZE], live[2][TEMP_NAME_SIZE], path[300];
	struct fixture *f = *state;

	leave_names(dead);
	temp_name_next(live[0]);
	temp_name_for_ranges(live[1], 1);
	for (int i = 0; i < 2; i++) {
		put_in_d(dead[i]);
		put_in_d(live[i]);
	}
	put_in_d("file");
	put_in_d(".pcopy-notes");
	put_in_d(".pcopy-ffffffff-1-1-1-1"); /* another host's */
	directory_sweep(&f->copier, f->place.dst_fd);
	assert_int_equal(count_entries("d"), 5);
	for (int i = 0; i < 2; i++) {
		snprintf(path, sizeof path, "d/%s", dead[i]);
		assert_true(is_absent(path));
	}
	/* A directory of that name is not ours; and a sweep leaves the descriptor as it was. */
	snprintf(path, sizeof path, "d/%s", dead[0]);
	assert_int_equal(mkdir(path, 0755), 0);
	directory_sweep(&f->copier, f->place.dst_fd);
	assert_int_equal(count_entries("d"), 6);
	assert_int_equal(lseek(f->place.dst_fd, 0, SEEK_CUR), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_new_directory_is_private_until_it_is_finished),
		TEST(an_existing_directory_is_merged_into),
		TEST(an_existing_directory_keeps_a_mode_that_is_not_preserved),
		TEST(what_is_no_directory_is_never_replaced),
		TEST(a_link_to_a_directory_is_entered_only_when_asked),
		TEST(the_source_itself_is_not_merged_into),
		TEST(an_unwritable_directory_of_ours_is_opened_up_and_closed_again),
		TEST(what_a_dead_worker_made_counts_as_made),
		TEST(an_inherited_acl_goes_unless_the_mode_is_not_preserved),
		TEST(an_unwritable_parent_is_a_failure),
		TEST(a_sweep_removes_what_the_dead_left_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
