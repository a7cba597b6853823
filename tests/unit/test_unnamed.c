/* unnamed: a bigger file that can be cloned has no name before it is whole. */
#include "copy_fixture.h"

#include "copy/existing.h"

#include <linux/fs.h>
#include <stdarg.h>
#include <sys/ioctl.h>

#define SIZE (300 << 10) /* more than one write */

static struct {
	int clone_errno;        /* FICLONE fails with it */
	void (*at_clone)(void); /* called once, before a clone */
	int tmpfile_errno, link_errno, path_link_errno;
	unsigned clones, tmpfiles, links, path_links;
	mode_t mode; /* the last file without a name was made with */
} fake;

int __wrap_ioctl(int fd, unsigned long request, ...);
static unsigned handed_down;

void __wrap_existing_hand_down(const struct copier *copier, const struct existing *existing, int fd);

void __wrap_existing_hand_down(const struct copier *copier, const struct existing *existing, int fd)
{
	(void)copier;
	(void)existing;
	(void)fd;
	handed_down++;
}

int __real_linkat(int from_fd, const char *from, int to_fd, const char *to, int flags);
int __wrap_linkat(int from_fd, const char *from, int to_fd, const char *to, int flags);
int __real_openat64(int fd, const char *name, int flags, ...);
int __wrap_openat64(int fd, const char *name, int flags, ...);

static int refuse(int err)
{
	errno = err;
	return -1;
}

/* FICLONE as a file system with reflinks has it. */
int __wrap_ioctl(int fd, unsigned long request, ...)
{
	static char buf[2 * SIZE];
	va_list args;
	ssize_t n;
	int from;

	va_start(args, request);
	from = va_arg(args, int);
	va_end(args);
	assert_int_equal(request, FICLONE);
	fake.clones++;
	if (fake.at_clone) {
		void (*once)(void) = fake.at_clone;

		fake.at_clone = NULL;
		once();
	}
	if (fake.clone_errno)
		return refuse(fake.clone_errno);
	n = pread(from, buf, sizeof buf, 0);
	return pwrite(fd, buf, (size_t)n, 0) == n ? 0 : -1;
}

int __wrap_linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
	int err = flags & AT_EMPTY_PATH ? fake.link_errno : fake.path_link_errno;

	*(flags & AT_EMPTY_PATH ? &fake.links : &fake.path_links) += 1;
	return err ? refuse(err) : __real_linkat(from_fd, from, to_fd, to, flags);
}

int __wrap_openat64(int fd, const char *name, int flags, ...)
{
	va_list args;
	mode_t mode;

	va_start(args, flags);
	mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(args, mode_t) : 0;
	va_end(args);
	if ((flags & O_TMPFILE) != O_TMPFILE)
		return __real_openat64(fd, name, flags, mode);
	fake.tmpfiles++;
	fake.mode = mode;
	return fake.tmpfile_errno ? refuse(fake.tmpfile_errno) : __real_openat64(fd, name, flags, mode);
}

static void put_big(const char *path, char byte)
{
	static char buf[SIZE];
	int fd = open(path, O_WRONLY | O_CREAT, 0644);

	assert_true(fd >= 0);
	memset(buf, byte, sizeof buf);
	assert_int_equal(write(fd, buf, sizeof buf), SIZE);
	close(fd);
}

/* d/f is all of s/f, and nothing else is there. */
static void assert_copied(void)
{
	static char buf[2][SIZE + 1];
	struct stat src = look("s/f"), dst = look("d/f");

	for (int i = 0; i < 2; i++) {
		int fd = open(i ? "d/f" : "s/f", O_RDONLY);

		assert_int_equal(read(fd, buf[i], SIZE + 1), SIZE);
		close(fd);
	}
	assert_memory_equal(buf[0], buf[1], SIZE);
	assert_int_equal(dst.st_mode, src.st_mode);
	assert_int_equal(dst.st_nlink, 1);
	assert_int_equal(dst.st_mtim.tv_sec, src.st_mtim.tv_sec);
	assert_int_equal(dst.st_mtim.tv_nsec, src.st_mtim.tv_nsec);
	assert_int_equal(count_entries("d"), 1);
}

static int begin(void **state)
{
	struct fixture *f;
	int probe;

	memset(&fake, 0, sizeof fake);
	fixture_setup(state);
	f = *state;
	f->policy.reflink = REFLINK_AUTO;
	made(f);
	put_big("s/f", 'a');
	probe = __real_openat64(f->place.dst_fd, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	if (probe >= 0)
		close(probe);
	else
		fake.tmpfile_errno = -1; /* not on this file system: see each test */
	return 0;
}

static struct fixture *fixture_of(void **state)
{
	if (fake.tmpfile_errno)
		skip();
	return *state;
}

static void copy_once(struct fixture *f)
{
	assert_status(copy_name(f, "f"), OUTCOME_COPIED);
	assert_copied();
	assert_int_equal(unlink("d/f"), 0);
}

static void see_no_name(void)
{
	assert_int_equal(count_entries("d"), 0);
}

static void it_has_no_name_until_it_is_whole(void **state)
{
	struct fixture *f = fixture_of(state);
	static const mode_t modes[] = { 0644, 0400, 04711, 0 }, first[] = { 0644, 0400, 0700, 0 };

	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(chmod("s/f", modes[i]), 0);
		if (modes[i] == 0 && geteuid() != 0)
			continue;
		set_mtime("s/f", -5, 123456789);
		fake.at_clone = see_no_name;
		copy_once(f);
		assert_null(fake.at_clone);
		assert_int_equal(fake.mode, first[i]);
	}
	assert_int_equal(fake.clones, fake.links);
	assert_int_equal(fake.clones, fake.tmpfiles);
}

/* What a device cannot is not tried again; what one file cannot is, with the next. */
static void what_cannot_be_cloned_goes_by_a_temporary_name(void **state)
{
	struct fixture *f = fixture_of(state);

	fake.clone_errno = EINVAL;
	copy_once(f);
	copy_once(f);
	assert_int_equal(fake.tmpfiles, 2);
	fake.clone_errno = EOPNOTSUPP;
	copy_once(f);
	copy_once(f);
	assert_int_equal(fake.tmpfiles, 3);
	assert_int_equal(fake.links, 0);
}

static void a_failure_of_the_moment_is_not_remembered(void **state)
{
	struct fixture *f = fixture_of(state);

	fake.tmpfile_errno = ENFILE;
	copy_once(f);
	fake.tmpfile_errno = 0;
	fake.link_errno = fake.path_link_errno = ENOSPC;
	copy_once(f);
	fake.link_errno = fake.path_link_errno = 0;
	copy_once(f);
	assert_int_equal(fake.tmpfiles, 3);
	assert_int_equal(fake.clones, 4);
}

static void where_there_are_no_such_files_it_is_asked_once(void **state)
{
	struct fixture *f = *state;

	fake.tmpfile_errno = EOPNOTSUPP;
	copy_once(f);
	copy_once(f);
	assert_int_equal(fake.tmpfiles, 1);
	assert_int_equal(fake.clones, 2);
}

static void no_more_clones(void)
{
	fake.clone_errno = EINVAL;
}

static void all_but_this_one(void)
{
	fake.at_clone = no_more_clones;
}

static void proc_names_it_where_the_descriptor_may_not(void **state)
{
	struct fixture *f = fixture_of(state);

	fake.link_errno = ENOENT;
	copy_once(f);
	assert_int_equal(fake.path_links, 1);
	assert_int_equal(fake.clones, 1);
	/* Nor that: it is done again, by a temporary name. */
	fake.path_link_errno = EACCES;
	copy_once(f);
	assert_int_equal(fake.clones, 3);
	copy_once(f);
	assert_int_equal(fake.clones, 4);
	assert_int_equal(fake.tmpfiles, 2);
	/* Then it need not be a clone any more. */
	f->copier.named_only = false;
	fake.at_clone = all_but_this_one;
	copy_once(f);
	assert_int_equal(fake.clones, 6);
}

static void a_name_that_is_taken_is_not_touched(void **state)
{
	struct fixture *f = fixture_of(state);

	put("d/f", "there");
	for (int i = 0; i < 2; i++) {
		fake.link_errno = i ? ENOENT : 0;
		assert_failed(copy_name(f, "f"), STAGE_JUST_CREATED);
		assert_text("d/f", "there");
		assert_int_equal(count_entries("d"), 1);
	}
	assert_int_equal(unlink("d/f"), 0);
	copy_once(f);
	assert_int_equal(fake.tmpfiles, 3); /* it says nothing of the next */
}

static void change_it(void)
{
	tick();
	put_big("s/f", 'b');
}

static void change_it_again(void)
{
	change_it();
	fake.at_clone = change_it_again;
}

static void a_source_that_changes_is_cloned_once_more(void **state)
{
	struct fixture *f = fixture_of(state);

	fake.at_clone = change_it;
	copy_once(f);
	assert_int_equal(fake.clones, 2);
	fake.at_clone = change_it_again;
	assert_failed(copy_name(f, "f"), STAGE_SOURCE_CHANGED);
	assert_int_equal(count_entries("d"), 0);
}

static void clone_it(void)
{
	fake.clone_errno = 0;
}

static void change_it_and_clone_the_next(void)
{
	change_it();
	fake.at_clone = clone_it;
}

static void all_but_the_first(void)
{
	fake.at_clone = change_it_and_clone_the_next;
}

/* The second time it is cloned, though the first time it had to go another way. */
static void what_was_found_there_at_first_is_forgotten(void **state)
{
	struct fixture *f = fixture_of(state);

	fake.clone_errno = EINVAL;
	fake.at_clone = all_but_the_first;
	handed_down = 0;
	copy_once(f);
	assert_int_equal(fake.clones, 3);
	assert_int_equal(handed_down, 0);
}

static void a_clone_or_nothing(void **state)
{
	struct fixture *f = fixture_of(state);

	f->policy.reflink = REFLINK_ALWAYS;
	copy_once(f);
	fake.clone_errno = EINVAL;
	assert_failed(copy_name(f, "f"), STAGE_REFLINK);
	assert_int_equal(count_entries("d"), 0);
}

/* There a name is renamed over, or asked about. */
static void not_where_something_may_be_there(void **state)
{
	struct fixture *f = *state;

	f->place.made = false;
	put("d/f", "there");
	copy_once(f);
	assert_int_equal(fake.tmpfiles, 0);
	f->place.made = true;
	f->policy.reflink = REFLINK_NEVER;
	copy_once(f);
	assert_int_equal(fake.tmpfiles, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_has_no_name_until_it_is_whole, begin, fixture_teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_cloned_goes_by_a_temporary_name, begin, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_failure_of_the_moment_is_not_remembered, begin, fixture_teardown),
		cmocka_unit_test_setup_teardown(where_there_are_no_such_files_it_is_asked_once, begin, fixture_teardown),
		cmocka_unit_test_setup_teardown(proc_names_it_where_the_descriptor_may_not, begin, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_name_that_is_taken_is_not_touched, begin, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_source_that_changes_is_cloned_once_more, begin, fixture_teardown),
		cmocka_unit_test_setup_teardown(what_was_found_there_at_first_is_forgotten, begin, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_clone_or_nothing, begin, fixture_teardown),
		cmocka_unit_test_setup_teardown(not_where_something_may_be_there, begin, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
