/* regular: a source that is not what it was, or said it was. */
#include "copy_fixture.h"

#include <signal.h>
#include <sys/wait.h>

static unsigned looks;
static void (*before_look)(void);

int __real_fstat64(int fd, struct stat *st);
int __wrap_fstat64(int fd, struct stat *st);

int __wrap_fstat64(int fd, struct stat *st)
{
	looks++;
	if (before_look) {
		void (*once)(void) = before_look;

		before_look = NULL;
		once();
	}
	return __real_fstat64(fd, st);
}

/* /proc says 0 and /sys says 4096, whatever there is to read. */
static void a_file_that_lies_about_its_size_is_read_to_its_end(void **state)
{
	static const char *const dirs[][2] = { { "/proc/self", "status" }, { "/sys/kernel/mm/transparent_hugepage", "enabled" } };
	struct fixture *f = *state;
	unsigned done = 0;

	for (size_t i = 0; i < 2; i++) {
		int fd = open(dirs[i][0], O_RDONLY | O_DIRECTORY);
		struct entry entry = { .src_name = dirs[i][1], .dst_name = i ? "sys" : "proc" };
		struct stat st;

		if (fd < 0 || fstatat(fd, dirs[i][1], &st, 0) < 0)
			continue;
		entry.mode = st.st_mode;
		entry.dev = st.st_dev;
		entry.ino = st.st_ino;
		entry.size = (uint64_t)st.st_size;
		dup2(fd, f->place.src_fd);
		close(fd);
		for (int in_place = 0; in_place < 2; in_place++) {
			struct outcome outcome;

			f->place.made = in_place;
			outcome = copy(f, &entry);
			assert_status(outcome, OUTCOME_COPIED);
			assert_true(outcome.bytes > 10);
			assert_int_equal(outcome.bytes, look(i ? "d/sys" : "d/proc").st_size);
			assert_int_equal(unlink(i ? "d/sys" : "d/proc"), 0);
		}
		done++;
	}
	if (done == 0)
		skip();
}

static void change_it(void)
{
	int fd = open("s/f", O_WRONLY);

	tick();
	assert_int_equal(pwrite(fd, "NEW", 3, 0), 3);
	close(fd);
}

static void change_it_behind_its_mtime(void)
{
	struct stat st = look("s/f");

	change_it();
	set_mtime("s/f", st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

static void put_another_there(void)
{
	put("s/new", "other");
	assert_int_equal(rename("s/new", "s/f"), 0);
}

/* A small file is read and then looked at, once, where the listing's ctime still holds. */
static void a_small_file_is_looked_at_once(void **state)
{
	struct fixture *f = *state;
	unsigned once;

	f->policy.reflink = REFLINK_NEVER;
	made(f);
	put("s/f", "contents");
	put("s/first", ""); /* after which all is known of the destination */
	assert_status(copy_name(f, "first"), OUTCOME_COPIED);
	assert_int_equal(unlink("d/first"), 0);
	looks = 0;
	assert_status(copy_name(f, "f"), OUTCOME_COPIED);
	once = looks;
	assert_text("d/f", "contents");
	assert_int_equal(look("d/f").st_mtim.tv_nsec, look("s/f").st_mtim.tv_nsec);
	assert_int_equal(unlink("d/f"), 0);
	/* Its own read does not count as an access, nor does anybody's since the listing. */
	struct entry entry = entry_of("f");

	entry.accessed_ns = INT64_C(-1500000000) - 1;
	assert_status(copy(f, &entry), OUTCOME_COPIED);
	assert_int_equal(look("d/f").st_atim.tv_sec, -2);
	assert_int_equal(look("d/f").st_atim.tv_nsec, 499999999);
	assert_int_equal(unlink("d/f"), 0);
	/* Nothing is known of it. */
	entry = entry_of("f");

	entry.changed_ns = 0;
	looks = 0;
	assert_status(copy(f, &entry), OUTCOME_COPIED);
	assert_int_equal(looks, once + 1);
	assert_int_equal(unlink("d/f"), 0);
	/* Its name is taken. */
	put("d/f", "");
	assert_failed(copy_name(f, "f"), STAGE_JUST_CREATED);
	assert_text("d/f", "");
	assert_int_equal(count_entries("d"), 1);
}

static void a_small_file_that_changes_goes_the_long_way(void **state)
{
	struct fixture *f = *state;
	static void (*const changes[])(void) = { change_it, change_it_behind_its_mtime };

	f->policy.reflink = REFLINK_NEVER;
	made(f);
	for (size_t i = 0; i < 2; i++) {
		/* After the listing, and between the read and the look. */
		for (int late = 0; late < 2; late++) {
			struct entry entry;

			put("s/f", "contents");
			entry = entry_of("f");
			before_look = late ? changes[i] : NULL;
			if (!late)
				changes[i]();
			assert_status(copy(f, &entry), OUTCOME_COPIED);
			assert_text("d/f", "NEWtents");
			assert_int_equal(look("d/f").st_mtim.tv_nsec, look("s/f").st_mtim.tv_nsec);
			assert_int_equal(unlink("d/f"), 0);
		}
	}
	struct entry entry = entry_of("f");

	before_look = put_another_there;
	assert_failed(copy(f, &entry), STAGE_SOURCE_CHANGED);
	assert_int_equal(count_entries("d"), 0);
}

/* s/f, as who lists it has it open in *@fd. */
static struct entry opened(bool small, int *fd)
{
	struct entry entry;

	put("s/f", "contents");
	if (!small)
		assert_int_equal(truncate("s/f", 1 << 20), 0);
	entry = entry_of("f");
	entry.open_fd = fd;
	*fd = open("s/f", O_RDONLY);
	return entry;
}

/* Nobody looks for its name again, where there would be none. */
static void what_is_open_already_is_taken(void **state)
{
	struct fixture *f = *state;
	struct entry entry;
	int fd, nowhere;

	made(f);
	assert_int_equal(mkdir("nowhere", 0755), 0);
	nowhere = open("nowhere", O_RDONLY | O_DIRECTORY);
	assert_int_equal(dup2(nowhere, f->place.src_fd), f->place.src_fd);
	close(nowhere);
	for (int small = 0; small < 2; small++) {
		entry = opened(small, &fd);
		assert_status(copy(f, &entry), OUTCOME_COPIED);
		assert_int_equal(fd, -1);
		assert_int_equal(look("d/f").st_size, entry.size);
		assert_int_equal(unlink("d/f"), 0);
	}
	/* It has been taken: from here on it is looked for by its name. */
	assert_failed(copy(f, &entry), STAGE_SOURCE_CHANGED);
}

/* What has no name any more, or another one, was not there to be copied. */
static void what_is_open_and_has_lost_its_name_is_refused(void **state)
{
	struct fixture *f = *state;
	struct entry entry;
	int fd;

	made(f);
	for (int small = 0; small < 2; small++) {
		entry = opened(small, &fd);
		tick();
		assert_int_equal(rename("s/f", "s/elsewhere"), 0);
		assert_failed(copy(f, &entry), STAGE_SOURCE_CHANGED);
		assert_int_equal(fd, -1);
		assert_int_equal(count_entries("d"), 0);
	}
}

/* Another attempt opens what has its name now, to see whether it is the same. */
static void what_is_open_and_changed_is_opened_again(void **state)
{
	struct fixture *f = *state;
	struct entry entry;
	int fd;

	f->policy.reflink = REFLINK_NEVER;
	made(f);
	entry = opened(true, &fd);
	change_it();
	assert_status(copy(f, &entry), OUTCOME_COPIED);
	assert_text("d/f", "NEWtents");
	assert_int_equal(fd, -1);
}

static void check_swapped(struct fixture *f, const struct entry *entry)
{
	for (int in_place = 0; in_place < 2; in_place++) {
		f->place.made = in_place;
		assert_failed(copy(f, entry), STAGE_SOURCE_CHANGED);
	}
	assert_int_equal(count_entries("d"), 0);
}

static void a_source_swapped_after_the_scan_is_refused(void **state)
{
	struct fixture *f = *state;
	struct entry file, link, fifo;

	put("secret", "not to be read");
	put("s/f", "1");
	assert_int_equal(symlink("x", "s/l"), 0);
	assert_int_equal(mkfifo("s/p", 0644), 0);
	file = entry_of("f");
	link = entry_of("l");
	fifo = entry_of("p");
	/* The old inodes stay alive, so that none of their numbers comes back. */
	assert_int_equal(rename("s/f", "old-f"), 0);
	assert_int_equal(rename("s/l", "old-l"), 0);
	assert_int_equal(rename("s/p", "old-p"), 0);

	check_swapped(f, &file); /* nothing there */
	check_swapped(f, &link);
	check_swapped(f, &fifo);
	assert_int_equal(symlink("../secret", "s/f"), 0); /* a symlink, with something to steal */
	check_swapped(f, &file);
	assert_int_equal(unlink("s/f"), 0);
	put("s/f", "2"); /* another file */
	check_swapped(f, &file);
	assert_int_equal(unlink("s/f"), 0);
	assert_int_equal(mkdir("s/f", 0755), 0); /* a directory */
	check_swapped(f, &file);
	assert_int_equal(rmdir("s/f"), 0);
	assert_int_equal(mkfifo("s/f", 0644), 0); /* a FIFO nobody writes to: must not hang */
	check_swapped(f, &file);
	assert_int_equal(symlink("y", "s/l"), 0); /* another link */
	check_swapped(f, &link);
	put("s/p", "");
	check_swapped(f, &fifo);
}

/* Grows, is cut or is written over while it is copied, in the first @changes attempts. */
struct meddler {
	int changes;
	bool cut, overwrite;
	int seen;
};

static int meddle(uint64_t bytes, void *arg)
{
	struct meddler *meddler = arg;

	(void)bytes;
	if (meddler->changes > 0 && meddler->seen++ == 0) {
		int fd = open("s/log", meddler->overwrite ? O_WRONLY : O_WRONLY | O_APPEND);

		if (meddler->overwrite)
			assert_int_equal(pwrite(fd, "!", 1, 0), 1);
		else if (meddler->cut)
			assert_int_equal(ftruncate(fd, 600000), 0);
		else
			assert_int_equal(write(fd, "more", 4), 4);
		close(fd);
	}
	return 0;
}

/* Called at the start of an attempt: the next step meddles again. */
static void next_attempt(int activity, void *arg)
{
	struct meddler *meddler = arg;

	if (activity == COPY_ACTIVITY_WRITE && meddler->seen > 0) {
		meddler->changes--;
		meddler->seen = 0;
	}
}

static struct outcome copy_meddled(struct fixture *f, struct meddler *meddler)
{
	int fd = open("s/log", O_WRONLY | O_CREAT | O_TRUNC, 0644);

	assert_int_equal(ftruncate(fd, 0), 0);
	for (int i = 0; i < 700; i++) {
		char block[1000];

		memset(block, 'a' + i % 26, sizeof block);
		assert_int_equal(write(fd, block, sizeof block), sizeof block);
	}
	close(fd);
	data_free(f->copier.data);
	assert_int_equal(data_new(&f->policy, meddle, meddler, &f->copier.data), 0);
	f->copier.activity = next_attempt;
	f->copier.activity_arg = meddler;
	return copy_name(f, "log");
}

static void a_source_that_changes_once_is_copied_at_the_second_attempt(void **state)
{
	struct fixture *f = *state;
	struct meddler grow = { .changes = 1 }, cut = { .changes = 1, .cut = true };
	struct meddler overwrite = { .changes = 1, .overwrite = true };

	f->policy.reflink = REFLINK_NEVER;
	assert_status(copy_meddled(f, &grow), OUTCOME_COPIED);
	assert_int_equal(look("d/log").st_size, 700004);
	assert_status(copy_meddled(f, &cut), OUTCOME_COPIED);
	assert_int_equal(look("d/log").st_size, 600000);
	assert_int_equal(system("cmp s/log d/log"), 0);
	assert_status(copy_meddled(f, &overwrite), OUTCOME_COPIED);
	assert_int_equal(system("cmp s/log d/log"), 0);
	assert_int_equal(count_entries("d"), 1);
}

static int see_no_name(uint64_t bytes, void *arg)
{
	(void)bytes;
	*(bool *)arg = *(bool *)arg && is_absent("d/big");
	return 0;
}

/* What takes more than one write has no name until it is whole, in our own directory too. */
static void a_file_of_several_writes_has_no_name_until_it_is_whole(void **state)
{
	struct fixture *f = *state;
	bool absent = true;

	made(f);
	f->policy.reflink = REFLINK_NEVER;
	put("s/big", "");
	for (int i = 0; i < 300; i++) {
		char block[1025];

		memset(block, 'a', 1024);
		block[1024] = '\0';
		int fd = open("s/big", O_WRONLY | O_APPEND);
		assert_int_equal(write(fd, block, 1024), 1024);
		close(fd);
	}
	data_free(f->copier.data);
	assert_int_equal(data_new(&f->policy, see_no_name, &absent, &f->copier.data), 0);
	assert_status(copy_name(f, "big"), OUTCOME_COPIED);
	assert_true(absent);
	assert_int_equal(look("d/big").st_size, 300 * 1024);
}

static void a_source_that_keeps_changing_is_a_failure_and_leaves_nothing(void **state)
{
	struct fixture *f = *state;
	struct meddler grow = { .changes = 100 };

	f->policy.reflink = REFLINK_NEVER;
	assert_failed(copy_meddled(f, &grow), STAGE_SOURCE_CHANGED);
	assert_int_equal(count_entries("d"), 0);
	/* What was there is whole. */
	put("d/log", "old");
	grow.changes = 100;
	assert_failed(copy_meddled(f, &grow), STAGE_SOURCE_CHANGED);
	assert_text("d/log", "old");
	assert_int_equal(count_entries("d"), 1);
}

static int stop_at_once(uint64_t bytes, void *arg)
{
	(void)bytes;
	(void)arg;
	return -EIO;
}

static void a_failed_copy_leaves_nothing(void **state)
{
	struct fixture *f = *state;

	put("s/a", "aaaa");
	data_free(f->copier.data);
	assert_int_equal(data_new(&f->policy, stop_at_once, NULL, &f->copier.data), 0);
	for (int in_place = 0; in_place < 2; in_place++) {
		struct outcome outcome;

		f->place.made = in_place;
		outcome = copy_name(f, "a");
		assert_int_equal(outcome.status, OUTCOME_FAILED);
		assert_int_equal(outcome.err, EIO);
		assert_int_equal(count_entries("d"), 0);
	}
	f->place.made = false;
	put("d/a", "old");
	assert_int_equal(copy_name(f, "a").status, OUTCOME_FAILED);
	assert_text("d/a", "old");
	assert_int_equal(count_entries("d"), 1);
}

static int leased_fd;

static void give_up_lease(int signal_number)
{
	(void)signal_number;
	fcntl(leased_fd, F_SETLEASE, F_UNLCK);
}

/* An SMB server holds a file like this, until it is asked to let go. */
static void a_leased_file_is_waited_for(void **state)
{
	struct fixture *f = *state;
	int ready[2], done[2], status;
	char answer = 0;
	pid_t pid;

	put("s/f", "leased");
	assert_int_equal(pipe(ready) + pipe(done), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		signal(SIGIO, give_up_lease);
		leased_fd = open("s/f", O_RDWR);
		answer = fcntl(leased_fd, F_SETLEASE, F_WRLCK) == 0 ? 'y' : 'n';
		close(done[1]);
		if (write(ready[1], &answer, 1) != 1)
			_exit(1);
		while (read(done[0], &answer, 1) < 0 && errno == EINTR)
			;
		_exit(0);
	}
	close(done[0]);
	assert_int_equal(read(ready[0], &answer, 1), 1);
	if (answer == 'y')
		assert_status(copy_name(f, "f"), OUTCOME_COPIED);
	close(done[1]);
	close(ready[0]);
	close(ready[1]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	if (answer != 'y')
		skip(); /* no leases on this file system */
	assert_text("d/f", "leased");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_file_that_lies_about_its_size_is_read_to_its_end),
		TEST(a_small_file_is_looked_at_once),
		TEST(a_small_file_that_changes_goes_the_long_way),
		TEST(what_is_open_already_is_taken),
		TEST(what_is_open_and_has_lost_its_name_is_refused),
		TEST(what_is_open_and_changed_is_opened_again),
		TEST(a_source_swapped_after_the_scan_is_refused),
		TEST(a_source_that_changes_once_is_copied_at_the_second_attempt),
		TEST(a_file_of_several_writes_has_no_name_until_it_is_whole),
		TEST(a_source_that_keeps_changing_is_a_failure_and_leaves_nothing),
		TEST(a_failed_copy_leaves_nothing),
		TEST(a_leased_file_is_waited_for),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
