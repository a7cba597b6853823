/* partial: what a killed run left of a big file is gone on with, or else started over. */
#include "copy_fixture.h"

#include <dirent.h>
#include <endian.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/wait.h>
#include <sys/xattr.h>

#include "copy/directory.h"
#include "copy/partial.h"
#include "copy/mark.h"
#include "copy/xattr.h"

#define MIB (1 << 20)
#define SIZE (72 * MIB)
#define LEFT_SIZE (41 * MIB)
#define GOES_ON_AT (32 * MIB) /* 41 MiB: five whole steps, less one */
#define FIELDS 13

/* Of the mark's fields, which come first. */
#define OWN_FIELDS 4
#define SOURCE_FIELDS 6

static bool no_xattrs;
static int remove_err;
static unsigned marks_set;
static bool clones; /* the file system can */

int __real_fsetxattr(int fd, const char *name, const void *value, size_t size, int flags);
int __wrap_fsetxattr(int fd, const char *name, const void *value, size_t size, int flags);
ssize_t __real_fgetxattr(int fd, const char *name, void *value, size_t size);
ssize_t __wrap_fgetxattr(int fd, const char *name, void *value, size_t size);
int __real_fremovexattr(int fd, const char *name);
int __wrap_fremovexattr(int fd, const char *name);

int __wrap_fsetxattr(int fd, const char *name, const void *value, size_t size, int flags)
{
	if (no_xattrs) {
		errno = EOPNOTSUPP;
		return -1;
	}
	marks_set += strcmp(name, XATTR_PARTIAL) == 0;
	return __real_fsetxattr(fd, name, value, size, flags);
}

ssize_t __wrap_fgetxattr(int fd, const char *name, void *value, size_t size)
{
	if (no_xattrs) {
		errno = EOPNOTSUPP;
		return -1;
	}
	return __real_fgetxattr(fd, name, value, size);
}

int __real_ioctl(int fd, unsigned long request, unsigned long arg);
int __wrap_ioctl(int fd, unsigned long request, unsigned long arg);
int __wrap_ioctl(int fd, unsigned long request, unsigned long arg)
{
	if (clones && request == FICLONE)
		return sendfile(fd, (int)arg, &(off_t){ 0 }, SIZE) == SIZE ? 0 : -1;
	return __real_ioctl(fd, request, arg);
}

int __wrap_fremovexattr(int fd, const char *name)
{
	if (remove_err == 0)
		return __real_fremovexattr(fd, name);
	errno = remove_err;
	return -1;
}

static void write_word(const char *path, off_t offset, const char *word)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, word, strlen(word), offset), (ssize_t)strlen(word));
	close(fd);
}

static void assert_word(const char *path, off_t offset, const char *word)
{
	char buf[16] = "";
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, buf, strlen(word), offset), (ssize_t)strlen(word));
	close(fd);
	assert_memory_equal(buf, word, strlen(word));
}

static void assert_zero(const char *path, off_t offset)
{
	char byte = 1;
	int fd = open(path, O_RDONLY);

	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &byte, 1, offset), 1);
	close(fd);
	assert_int_equal(byte, 0);
}

/* s/big, in a --resume run; mostly holes, so that it costs nothing. */
static int resume_setup(void **state)
{
	struct fixture *f;
	int fd;

	fixture_setup(state);
	f = *state;
	f->policy.update = UPDATE_DIFFERENT;
	no_xattrs = false;
	remove_err = 0;
	marks_set = 0;
	clones = false;
	fd = open("s/big", O_RDWR | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, SIZE), 0);
	close(fd);
	write_word("s/big", 0, "real");
	write_word("s/big", GOES_ON_AT - MIB, "before");
	write_word("s/big", GOES_ON_AT + MIB, "behind");
	write_word("s/big", SIZE - 8, "the end.");
	assert_int_equal(chmod("s/big", 0604), 0);
	set_mtime("s/big", 1234567, 890);
	return 0;
}

/* A name whose run has ended. */
static void dead_name(char name[static TEMP_NAME_SIZE], bool for_ranges)
{
	int pipe_fd[2], status;
	pid_t pid;

	assert_int_equal(pipe(pipe_fd), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		temp_name_begin_run();
		temp_name_set_slot(2);
		if (for_ranges)
			temp_name_for_ranges(name, 5);
		else
			temp_name_next(name);
		_exit(write(pipe_fd[1], name, TEMP_NAME_SIZE) != TEMP_NAME_SIZE);
	}
	assert_int_equal(read(pipe_fd[0], name, TEMP_NAME_SIZE), TEMP_NAME_SIZE);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	close(pipe_fd[0]);
	close(pipe_fd[1]);
}

/* Leaves a temporary file of @size in d, marked as one of s/big, with other words in it. */
static void leave_as(struct fixture *f, const char *name, char path[static 128], off_t size)
{
	struct stat src = look("s/big");
	int fd;

	snprintf(path, 128, "d/%s", name);
	fd = open(path, O_RDWR | O_CREAT | O_EXCL, 0600);
	assert_true(fd >= 0);
	if (!partial_mark(&f->copier, fd, &src))
		skip(); /* no user xattrs, or no /proc */
	assert_int_equal(ftruncate(fd, size), 0);
	close(fd);
	write_word(path, 0, "left");
	write_word(path, 4 * MIB, "hole?");
}

static void leave(struct fixture *f, char path[static 128])
{
	char name[TEMP_NAME_SIZE];

	dead_name(name, false);
	leave_as(f, name, path, LEFT_SIZE);
	write_word(path, GOES_ON_AT - MIB, "BEFORE");
	write_word(path, GOES_ON_AT + MIB, "BEHIND");
	write_word(path, GOES_ON_AT + 2 * MIB, "garbage");
}

static void assert_complete(void)
{
	struct stat src = look("s/big"), dst = look("d/big");
	char value[512];

	assert_int_equal(dst.st_size, src.st_size);
	assert_int_equal(dst.st_mode, src.st_mode);
	assert_int_equal(dst.st_mtim.tv_sec, src.st_mtim.tv_sec);
	assert_int_equal(dst.st_mtim.tv_nsec, src.st_mtim.tv_nsec);
	assert_word("d/big", GOES_ON_AT + MIB, "behind");
	assert_zero("d/big", GOES_ON_AT + 2 * MIB);
	assert_word("d/big", SIZE - 8, "the end.");
	assert_int_equal(getxattr("d/big", XATTR_PARTIAL, value, sizeof value), -1);
}

static void assert_gone_on_with(const struct outcome *outcome)
{
	assert_status(*outcome, OUTCOME_COPIED);
	assert_int_equal(outcome->bytes, SIZE - GOES_ON_AT);
	assert_complete();
	assert_word("d/big", 0, "left");
	assert_word("d/big", GOES_ON_AT - MIB, "BEFORE");
}

static void assert_started_over(const struct outcome *outcome)
{
	assert_status(*outcome, OUTCOME_COPIED);
	assert_int_equal(outcome->bytes, look("s/big").st_size);
	assert_complete();
	assert_word("d/big", 0, "real");
	assert_word("d/big", GOES_ON_AT - MIB, "before");
}

static void finish(struct fixture *f)
{
	struct outcome outcome;

	directory_finish(&f->copier, f->place.src_fd, f->place.dst_fd, false, false, &outcome);
	assert_status(outcome, OUTCOME_COPIED);
}

static void a_match_is_gone_on_with(void **state)
{
	struct fixture *f = *state;
	struct outcome outcome;
	char path[128];

	leave(f, path);
	directory_sweep(&f->copier, f->place.dst_fd);
	assert_false(is_absent(path));
	outcome = copy_name(f, "big");
	assert_gone_on_with(&outcome);
	assert_int_equal(count_entries("d"), 1);
}

static void too_little_to_step_back_in_is_cut_to_nothing(void **state)
{
	char path[128], name[TEMP_NAME_SIZE];
	struct fixture *f = *state;
	struct outcome outcome;

	dead_name(name, false);
	leave_as(f, name, path, 15 * MIB);
	outcome = copy_name(f, "big");
	assert_started_over(&outcome);
	assert_zero("d/big", 4 * MIB);
	assert_int_equal(count_entries("d"), 1);
}

static void more_than_the_source_has_starts_over(void **state)
{
	char path[128], name[TEMP_NAME_SIZE];
	struct fixture *f = *state;
	struct outcome outcome;

	dead_name(name, false);
	leave_as(f, name, path, SIZE + 1);
	outcome = copy_name(f, "big");
	assert_started_over(&outcome);
	assert_int_equal(count_entries("d"), 1);
}

/* Makes field @which of the mark another one. */
static void alter(const char *path, int which)
{
	char text[512];
	ssize_t n = getxattr(path, XATTR_PARTIAL, text, sizeof text - 1);
	char *end = text;

	assert_true(n > 0);
	text[n] = '\0';
	for (int i = 0; end && i <= which; i++)
		end = strchr(end + (i > 0), ' ');
	if (!end)
		end = text + n;
	assert_true(which == FIELDS - 1 || *end == ' ');
	end[-1] = end[-1] == '0' ? '1' : '0';
	assert_int_equal(setxattr(path, XATTR_PARTIAL, text, (size_t)n, XATTR_REPLACE), 0);
}

/* Format, boot, its own device and inode; the source's device and inode; its size,
 * mtime and ctime (two fields each), holes and sharing. A sweep leaves only what may
 * be some file's; the copy removes what was of this one. */
static void each_single_mismatch_starts_over(void **state)
{
	struct fixture *f = *state;

	for (int which = 0; which < FIELDS; which++) {
		struct outcome outcome;
		char path[128];

		leave(f, path);
		alter(path, which);
		directory_sweep(&f->copier, f->place.dst_fd);
		assert_int_equal(is_absent(path), which < OWN_FIELDS);
		outcome = copy_name(f, "big");
		assert_started_over(&outcome);
		assert_int_equal(is_absent(path), which < OWN_FIELDS || which >= SOURCE_FIELDS);
		finish(f);
		assert_int_equal(count_entries("d"), 1);
		assert_int_equal(unlink("d/big"), 0);
	}
}

static void touch_it(void)
{
	set_mtime("s/big", 1234567, 891);
}

static void change_its_ctime(void)
{
	const struct timespec before = look("s/big").st_ctim;
	struct stat now;

	do { /* until the clock has moved on */
		assert_int_equal(chmod("s/big", 0604), 0);
		now = look("s/big");
	} while (now.st_ctim.tv_sec == before.tv_sec && now.st_ctim.tv_nsec == before.tv_nsec);
}

static void make_it_longer(void)
{
	assert_int_equal(truncate("s/big", SIZE + 1), 0);
}

static void replace_it(void)
{
	assert_int_equal(rename("s/big", "s/old"), 0);
	write_word("s/big", 0, "real");
	write_word("s/big", GOES_ON_AT - MIB, "before");
	write_word("s/big", GOES_ON_AT + MIB, "behind");
	write_word("s/big", SIZE - 8, "the end.");
	assert_int_equal(chmod("s/big", 0604), 0);
	set_mtime("s/big", 1234567, 890);
}

static void a_changed_source_starts_over(void **state)
{
	static void (*const changes[])(void) = { touch_it, change_its_ctime, make_it_longer, replace_it };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		struct outcome outcome;
		char path[128];

		leave(f, path);
		changes[i]();
		outcome = copy_name(f, "big");
		assert_started_over(&outcome);
		finish(f);
		assert_int_equal(count_entries("d"), 1);
		assert_int_equal(unlink("d/big"), 0);
	}
}

/* Leaves a file in ranges under @name, with [0, 8 MiB) and [40 MiB, 44 MiB) in. */
static void leave_ranges_as(struct fixture *f, const char *name, char path[static 128])
{
	struct entry entry = entry_of("big");
	struct outcome outcome;

	snprintf(path, 128, "d/%s", name);
	entry_begin(&f->copier, &f->place, &entry, name, &outcome);
	assert_status(outcome, OUTCOME_COPIED);
	entry_range(&f->copier, &f->place, &entry, name, 0, 8 * MIB, &outcome);
	assert_status(outcome, OUTCOME_COPIED);
	entry_range(&f->copier, &f->place, &entry, name, 40 * MIB, 4 * MIB, &outcome);
	assert_status(outcome, OUTCOME_COPIED);
	write_word(path, 0, "left");
}

static void leave_ranges(struct fixture *f, char path[static 128])
{
	char name[TEMP_NAME_SIZE];

	dead_name(name, true);
	leave_ranges_as(f, name, path);
}

/* Begins s/big in ranges, cut in another way than before. Returns the bytes that were copied. */
static uint64_t copy_in_ranges(struct fixture *f)
{
	char temp[TEMP_NAME_SIZE];
	struct entry entry = entry_of("big");
	struct outcome outcome;
	uint64_t bytes = 0, size = entry.size, step = 7 * MIB;

	temp_name_for_ranges(temp, 1);
	entry_begin(&f->copier, &f->place, &entry, temp, &outcome);
	assert_status(outcome, OUTCOME_COPIED);
	for (uint64_t at = 0; at < size; at += step) {
		entry_range(&f->copier, &f->place, &entry, temp, at, size - at < step ? size - at : step, &outcome);
		assert_status(outcome, OUTCOME_COPIED);
		bytes += outcome.bytes;
	}
	entry_commit(&f->copier, &f->place, &entry, temp, &outcome);
	assert_status(outcome, OUTCOME_COPIED);
	assert_complete();
	return bytes;
}

static void ranges_are_gone_on_with_in_ranges(void **state)
{
	char path[128];
	struct fixture *f = *state;

	leave_ranges(f, path);
	directory_sweep(&f->copier, f->place.dst_fd);
	if (is_absent(path))
		skip(); /* no /proc */
	assert_int_equal(copy_in_ranges(f), SIZE - 12 * MIB);
	assert_word("d/big", 0, "left");
	assert_int_equal(count_entries("d"), 1);
	/* One that nobody wants. */
	assert_int_equal(unlink("d/big"), 0);
	leave_ranges(f, path);
	finish(f);
	assert_int_equal(count_entries("d"), 0);
	/* By a run that does not resume. */
	leave_ranges(f, path);
	f->policy.update = UPDATE_ALL;
	assert_int_equal(copy_in_ranges(f), SIZE);
	directory_sweep(&f->copier, f->place.dst_fd);
	assert_int_equal(count_entries("d"), 1);
}

/* Also below what is worth it for one worker: all of them are swept last. */
static void small_ranges_are_gone_on_with(void **state)
{
	char name[TEMP_NAME_SIZE], temp[TEMP_NAME_SIZE];
	struct fixture *f = *state;
	struct outcome outcome;
	struct entry entry;

	assert_int_equal(truncate("s/big", 20 * MIB), 0);
	entry = entry_of("big");
	dead_name(name, true);
	entry_begin(&f->copier, &f->place, &entry, name, &outcome);
	assert_status(outcome, OUTCOME_COPIED);
	entry_range(&f->copier, &f->place, &entry, name, 0, 8 * MIB, &outcome);
	assert_status(outcome, OUTCOME_COPIED);
	temp_name_for_ranges(temp, 1);
	entry_begin(&f->copier, &f->place, &entry, temp, &outcome);
	assert_status(outcome, OUTCOME_COPIED);
	assert_int_equal(count_entries("d"), 1);
	entry_range(&f->copier, &f->place, &entry, temp, 0, 20 * MIB, &outcome);
	assert_status(outcome, OUTCOME_COPIED);
	assert_int_equal(outcome.bytes, 12 * MIB);
	entry_commit(&f->copier, &f->place, &entry, temp, &outcome);
	assert_status(outcome, OUTCOME_COPIED);
	assert_int_equal(count_entries("d"), 1);
}

static void ranges_of_a_changed_source_start_over(void **state)
{
	static void (*const changes[])(void) = { touch_it, change_its_ctime, make_it_longer, replace_it };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		char path[128];

		leave_ranges(f, path);
		changes[i]();
		assert_int_equal(copy_in_ranges(f), look("s/big").st_size);
		assert_word("d/big", 0, "real");
		finish(f);
		assert_int_equal(count_entries("d"), 1);
		assert_int_equal(unlink("d/big"), 0);
	}
}

static void damage_the_mark(const char *path)
{
	write_word(path, SIZE + SIZE / MIB, "2");
}

static void cut_it_short(const char *path)
{
	assert_int_equal(truncate(path, SIZE), 0);
}

/* Contents somebody chose: the trailer of a file of this size, but longer by a part. */
static void make_its_temp_longer(const char *path)
{
	char mark[MARK_SIZE];
	int fd = open(path, O_RDWR);

	assert_int_equal(pread(fd, mark, sizeof mark, SIZE + SIZE / MIB), sizeof mark);
	assert_int_equal(pwrite(fd, mark, sizeof mark, SIZE + SIZE / MIB + 1), sizeof mark);
	close(fd);
}

static void ranges_that_are_not_as_they_were_start_over(void **state)
{
	static void (*const changes[])(const char *path) = {
		damage_the_mark, cut_it_short, make_its_temp_longer,
	};
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		char path[128];

		leave_ranges(f, path);
		changes[i](path);
		assert_int_equal(copy_in_ranges(f), SIZE);
		assert_word("d/big", 0, "real");
		finish(f);
		assert_int_equal(count_entries("d"), 1);
		assert_int_equal(unlink("d/big"), 0);
	}
}

static void ranges_and_one_worker_do_not_go_on_with_each_other(void **state)
{
	char path[128];
	struct fixture *f = *state;
	struct outcome outcome;

	leave_ranges(f, path);
	outcome = copy_name(f, "big");
	assert_started_over(&outcome);
	assert_int_equal(count_entries("d"), 1);
	assert_int_equal(unlink("d/big"), 0);
	leave(f, path);
	assert_int_equal(copy_in_ranges(f), SIZE);
	assert_word("d/big", 0, "real");
	assert_int_equal(count_entries("d"), 1);
}

static void widen(const char *path)
{
	assert_int_equal(chmod(path, 0640), 0);
}

static void link_twice(const char *path)
{
	assert_int_equal(link(path, "elsewhere"), 0);
}

static void give_away(const char *path)
{
	if (geteuid() == 0)
		assert_int_equal(chown(path, 65534, (gid_t)-1), 0);
	else
		widen(path);
}

static void lead_elsewhere(const char *path)
{
	assert_int_equal(rename(path, "elsewhere"), 0);
	assert_int_equal(symlink("../elsewhere", path), 0);
}

static void what_is_not_ours_alone_starts_over(void **state)
{
	static void (*const changes[])(const char *) = { widen, link_twice, give_away, lead_elsewhere };
	struct fixture *f = *state;

	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		struct outcome outcome;
		char path[128];

		leave(f, path);
		changes[i](path);
		outcome = copy_name(f, "big");
		assert_started_over(&outcome);
		if (!is_absent("elsewhere")) {
			assert_word("elsewhere", 0, "left");
			assert_int_equal(look("elsewhere").st_size, LEFT_SIZE);
			assert_int_equal(unlink("elsewhere"), 0);
		}
		finish(f);
		assert_int_equal(count_entries("d"), 1);
		assert_int_equal(unlink("d/big"), 0);
	}
}

/* The destination directory had a default ACL then and has none now. */
static void an_acl_of_then_starts_over(void **state)
{
	const struct { uint32_t version; struct { uint16_t tag, perm; uint32_t id; } entry[5]; } acl = {
		htole32(2),
		{ { htole16(0x01), htole16(6), 0xffffffff }, { htole16(0x02), htole16(4), htole32(65534) },
		  { htole16(0x04), 0, 0xffffffff }, { htole16(0x10), 0, 0xffffffff }, { htole16(0x20), 0, 0xffffffff } },
	};
	struct fixture *f = *state;
	struct outcome outcome;
	char path[128];

	leave(f, path);
	if (setxattr(path, "system.posix_acl_access", &acl, sizeof acl, 0) < 0)
		skip();
	assert_int_equal(look(path).st_mode & 07777, 0600);
	outcome = copy_name(f, "big");
	assert_started_over(&outcome);
	assert_int_equal(getxattr("d/big", "system.posix_acl_access", NULL, 0), -1);
	assert_int_equal(count_entries("d"), 1);
}

static void what_is_being_written_is_left_alone(void **state)
{
	char path[128], name[TEMP_NAME_SIZE];
	struct fixture *f = *state;
	struct outcome outcome;

	temp_name_next(name); /* this very process's */
	leave_as(f, name, path, LEFT_SIZE);
	outcome = copy_name(f, "big");
	assert_started_over(&outcome);
	finish(f);
	assert_int_equal(look(path).st_size, LEFT_SIZE);
}

static void only_a_resumed_run_goes_on(void **state)
{
	struct fixture *f = *state;
	struct outcome outcome;
	char path[128];

	f->policy.update = UPDATE_ALL;
	leave(f, path);
	outcome = copy_name(f, "big");
	assert_started_over(&outcome);
	assert_false(is_absent(path));
	directory_sweep(&f->copier, f->place.dst_fd);
	assert_int_equal(count_entries("d"), 1);
}

/* In a directory this run made, nothing is looked for but after a worker's death;
 * nor where several sources meet. */
static void it_is_looked_for_where_it_can_be(void **state)
{
	struct fixture *f = *state;
	struct entry entry = entry_of("big");
	struct outcome outcome;
	char path[128];

	leave(f, path);
	f->place.made = true;
	outcome = copy(f, &entry);
	assert_started_over(&outcome);
	assert_int_equal(unlink("d/big"), 0);
	f->place.made = false;
	f->place.shared_name = true;
	outcome = copy(f, &entry);
	assert_started_over(&outcome);
	assert_int_equal(unlink("d/big"), 0);
	f->place.made = true;
	f->place.shared_name = false;
	entry.redo = true;
	outcome = copy(f, &entry);
	assert_gone_on_with(&outcome);
	assert_int_equal(count_entries("d"), 1);
}

static void without_xattrs_it_is_a_copy_like_any(void **state)
{
	struct fixture *f = *state;
	struct outcome outcome;
	char path[128];

	leave(f, path);
	no_xattrs = true;
	directory_sweep(&f->copier, f->place.dst_fd);
	assert_true(is_absent(path));
	outcome = copy_name(f, "big");
	assert_started_over(&outcome);
	assert_int_equal(outcome.lost, 0);
	assert_int_equal(count_entries("d"), 1);
}

static void a_mark_that_stays_is_a_failure(void **state)
{
	struct fixture *f = *state;
	char path[128];

	leave(f, path);
	remove_err = EIO;
	assert_failed(copy_name(f, "big"), STAGE_XATTR);
	assert_int_equal(count_entries("d"), 0);
}

static unsigned steps;

/* The one temporary file is marked while it is filled; and then comes the interrupt. */
static int stop_at_a_step(uint64_t bytes, void *arg)
{
	DIR *dir = opendir("d");
	const struct dirent *d;
	char path[300] = "";

	(void)bytes;
	(void)arg;
	assert_non_null(dir);
	while ((d = readdir(dir)) != NULL)
		if (temp_name_is_ours(d->d_name))
			snprintf(path, sizeof path, "d/%s", d->d_name);
	closedir(dir);
	assert_true(getxattr(path, XATTR_PARTIAL, NULL, 0) > 0);
	assert_int_equal(look(path).st_mode & 07777, 0600);
	return ++steps == 2 ? -ECANCELED : 0;
}

static void it_is_marked_while_written_and_goes_on_an_interrupt(void **state)
{
	struct fixture *f = *state;
	struct data *before = f->copier.data;
	struct outcome outcome;
	char path[128];

	leave(f, path); /* gone on with, and interrupted again */
	steps = 0;
	assert_int_equal(data_new(&f->policy, stop_at_a_step, f, &f->copier.data), 0);
	outcome = copy_name(f, "big");
	data_free(f->copier.data);
	f->copier.data = before;
	assert_int_equal(outcome.status, OUTCOME_FAILED);
	assert_int_equal(outcome.err, ECANCELED);
	assert_int_equal(steps, 2);
	assert_int_equal(count_entries("d"), 0);
}

static void only_what_is_big_is_marked(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(truncate("s/big", PARTIAL_MIN - 1), 0);
	assert_status(copy_name(f, "big"), OUTCOME_COPIED);
	assert_int_equal(marks_set, 0);
	assert_int_equal(truncate("s/big", PARTIAL_MIN), 0);
	assert_status(copy_name(f, "big"), OUTCOME_COPIED);
	assert_int_equal(marks_set, 1);
}

/* Nothing of it is ever half there. */
static void what_is_cloned_is_not_marked(void **state)
{
	struct fixture *f = *state;
	struct outcome outcome;

	clones = true;
	outcome = copy_name(f, "big");
	assert_status(outcome, OUTCOME_COPIED);
	assert_int_equal(outcome.method, DATA_REFLINK);
	assert_int_equal(marks_set, 0);
	assert_word("d/big", SIZE - 8, "the end.");
}

/* Else whoever can write a source could say what a file of another is made of. */
static void a_sources_own_mark_is_not_copied(void **state)
{
	struct fixture *f = *state;
	struct outcome outcome;

	put("s/f", "1");
	if (setxattr("s/f", XATTR_PARTIAL, "1", 1, 0) < 0 || setxattr("s/f", "user.other", "2", 1, 0) < 0)
		skip();
	outcome = copy_name(f, "f");
	assert_status(outcome, OUTCOME_COPIED);
	assert_int_equal(outcome.lost, 0);
	assert_int_equal(getxattr("d/f", "user.other", NULL, 0), 1);
	assert_int_equal(getxattr("d/f", XATTR_PARTIAL, NULL, 0), -1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, resume_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_match_is_gone_on_with),
		TEST(too_little_to_step_back_in_is_cut_to_nothing),
		TEST(more_than_the_source_has_starts_over),
		TEST(each_single_mismatch_starts_over),
		TEST(a_changed_source_starts_over),
		TEST(ranges_are_gone_on_with_in_ranges),
		TEST(small_ranges_are_gone_on_with),
		TEST(ranges_of_a_changed_source_start_over),
		TEST(ranges_that_are_not_as_they_were_start_over),
		TEST(ranges_and_one_worker_do_not_go_on_with_each_other),
		TEST(what_is_not_ours_alone_starts_over),
		TEST(an_acl_of_then_starts_over),
		TEST(what_is_being_written_is_left_alone),
		TEST(only_a_resumed_run_goes_on),
		TEST(it_is_looked_for_where_it_can_be),
		TEST(without_xattrs_it_is_a_copy_like_any),
		TEST(a_mark_that_stays_is_a_failure),
		TEST(it_is_marked_while_written_and_goes_on_an_interrupt),
		TEST(only_what_is_big_is_marked),
		TEST(what_is_cloned_is_not_marked),
		TEST(a_sources_own_mark_is_not_copied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
