/* scan: each name once, whatever the slices; a cursor that another process can use; errors are errors. */
#include "base/clock.h"
#include "copy_fixture.h"

#include <dirent.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include "base/fs_magic.h"
#include "copy/scan.h"

#define MANY 20000

struct seen {
	unsigned *count;   /* per numbered name */
	unsigned names;
	unsigned slices;
	struct scan_entry entry; /* the last one */
	char name[256];
	int stop_after;    /* names; then -ECANCELED */
	int (*on_emit)(const struct scan_entry *entry);
};

static int note(const struct scan_entry *entry, void *arg)
{
	struct seen *seen = arg;
	unsigned long number;

	if (seen->stop_after && --seen->stop_after == 0)
		return -ECANCELED;
	seen->names++;
	seen->entry = *entry;
	snprintf(seen->name, sizeof seen->name, "%s", entry->name);
	if (seen->count && sscanf(entry->name, "f%lu", &number) == 1 && number < MANY)
		seen->count[number]++;
	return seen->on_emit ? seen->on_emit(entry) : 0;
}

struct patient {
	struct seen seen;
	unsigned looked_at;
};

static int note_looks(const struct scan_entry *entry, void *arg)
{
	struct patient *patient = arg;

	patient->looked_at += entry->mode != 0;
	return note(entry, &patient->seen);
}

static int scan_all(int fd, uint32_t limit, bool follow, struct seen *seen)
{
	struct scanner *scanner;
	uint64_t cursor = 0;
	bool last = false;
	int r = 0;

	assert_int_equal(scanner_new(&scanner), 0);
	while (r == 0 && !last) {
		unsigned before = seen->names;

		r = scan_slice(scanner, fd, cursor, limit, follow, note, seen, &cursor, &last);
		assert_true(seen->names - before <= limit);
		seen->slices++;
	}
	scanner_free(scanner);
	return r;
}

static int many_setup(void **state)
{
	struct fixture *f;

	fixture_setup(state);
	f = *state;
	for (int i = 0; i < MANY; i++) {
		char name[300];
		int fd;

		/* Lengths differ, so that records end anywhere in a buffer. */
		snprintf(name, sizeof name, "f%05d%.*s", i, i % 180,
		         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		         "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
		fd = openat(f->place.src_fd, name, O_WRONLY | O_CREAT, 0644);
		assert_true(fd >= 0);
		close(fd);
	}
	return 0;
}

static void check_slices(struct fixture *f, uint32_t limit)
{
	struct seen seen = { .count = calloc(MANY, sizeof *seen.count) };

	assert_int_equal(scan_all(f->place.src_fd, limit, false, &seen), 0);
	assert_int_equal(seen.names, MANY);
	for (int i = 0; i < MANY; i++)
		assert_int_equal(seen.count[i], 1);
	assert_true(seen.slices >= MANY / limit);
	free(seen.count);
}

/* Each slice in a process, and on an open directory, of its own. */
static void a_cursor_holds_in_another_process(void)
{
	unsigned total = 0;
	uint64_t cursor = 0;
	bool last = false;

	while (!last) {
		struct {
			uint64_t cursor;
			unsigned names;
			bool last;
		} answer = { 0 };
		int pipe_fd[2], status;
		pid_t pid;

		assert_int_equal(pipe(pipe_fd), 0);
		pid = fork();
		assert_true(pid >= 0);
		if (pid == 0) {
			struct seen seen = { 0 };
			struct scanner *scanner = NULL;
			int fd = open("s", O_RDONLY | O_DIRECTORY);

			if (scanner_new(&scanner) < 0 ||
			    scan_slice(scanner, fd, cursor, 3001, false, note, &seen, &answer.cursor, &answer.last) < 0)
				_exit(1);
			answer.names = seen.names;
			_exit(write(pipe_fd[1], &answer, sizeof answer) == sizeof answer ? 0 : 1);
		}
		assert_int_equal(read(pipe_fd[0], &answer, sizeof answer), sizeof answer);
		close(pipe_fd[0]);
		close(pipe_fd[1]);
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_int_equal(status, 0);
		total += answer.names;
		cursor = answer.cursor;
		last = answer.last;
	}
	assert_int_equal(total, MANY);
}

static void an_emit_that_stops_is_obeyed(struct fixture *f)
{
	struct seen seen = { .stop_after = 100 };

	assert_int_equal(scan_all(f->place.src_fd, 1000, false, &seen), -ECANCELED);
	assert_int_equal(seen.names, 99);
}

static void loses_and_repeats_nothing_in_slices(void **state)
{
	check_slices(*state, 7);
	check_slices(*state, 1000);
	check_slices(*state, 4096);
	check_slices(*state, UINT32_MAX);
	an_emit_that_stops_is_obeyed(*state);
	a_cursor_holds_in_another_process();
}

static void says_what_stat_says(void **state)
{
	struct fixture *f = *state;
	struct seen seen = { 0 };
	struct stat st;

	put("s/file", "hello");
	assert_int_equal(link("s/file", "other"), 0);
	st = look("s/file");
	assert_int_equal(scan_all(f->place.src_fd, 100, false, &seen), 0);
	assert_int_equal(seen.names, 1);
	assert_string_equal(seen.name, "file");
	assert_int_equal(seen.entry.err, 0);
	assert_int_equal(seen.entry.ino, st.st_ino);
	assert_int_equal(seen.entry.dev, st.st_dev);
	assert_int_equal(seen.entry.size, 5);
	assert_int_equal(seen.entry.blocks, st.st_blocks);
	assert_int_equal(seen.entry.mode, st.st_mode);
	assert_int_equal(seen.entry.nlink, 2);
}

static void an_empty_directory_is_one_empty_slice(void **state)
{
	struct fixture *f = *state;
	struct seen seen = { 0 };

	assert_int_equal(scan_all(f->place.src_fd, 10, false, &seen), 0);
	assert_int_equal(seen.names, 0);
	assert_int_equal(seen.slices, 1);
}

static void a_link_is_followed_only_when_asked_and_only_to_something(void **state)
{
	struct fixture *f = *state;
	struct seen seen = { 0 };

	put("target", "12345");
	assert_int_equal(symlink("../target", "s/l"), 0);
	assert_int_equal(scan_all(f->place.src_fd, 10, false, &seen), 0);
	assert_true(S_ISLNK(seen.entry.mode));
	assert_int_equal(scan_all(f->place.src_fd, 10, true, &seen), 0);
	assert_true(S_ISREG(seen.entry.mode));
	assert_int_equal(seen.entry.size, 5);
	assert_int_equal(unlink("target"), 0);
	assert_int_equal(scan_all(f->place.src_fd, 10, true, &seen), 0);
	assert_int_equal(seen.names, 3);
	assert_int_equal(seen.entry.err, 0);
	assert_true(S_ISLNK(seen.entry.mode));
	assert_int_equal(unlink("s/l"), 0);
	assert_int_equal(symlink("l", "s/l"), 0);
	assert_int_equal(scan_all(f->place.src_fd, 10, true, &seen), 0);
	assert_int_equal(seen.names, 4);
	assert_true(S_ISLNK(seen.entry.mode));
}

static void any_name_is_listed_as_it_is(void **state)
{
	static const char *const odd[] = { "a\nb", "\x01\xff", " ", "-", "...", ".hidden", "\\", ".pcopy-00000000-1-1-1-1" };
	struct fixture *f = *state;
	struct seen seen = { 0 };
	char longest[256];

	memset(longest, 'x', 255);
	longest[255] = '\0';
	assert_int_equal(mkdirat(f->place.src_fd, longest, 0755), 0);
	assert_int_equal(scan_all(f->place.src_fd, 10, false, &seen), 0);
	assert_string_equal(seen.name, longest);
	assert_int_equal(unlinkat(f->place.src_fd, longest, AT_REMOVEDIR), 0);
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		assert_int_equal(mkdirat(f->place.src_fd, odd[i], 0755), 0);
		seen.names = 0;
		assert_int_equal(scan_all(f->place.src_fd, 10, false, &seen), 0);
		assert_int_equal(seen.names, 1);
		assert_string_equal(seen.name, odd[i]);
		assert_int_equal(unlinkat(f->place.src_fd, odd[i], AT_REMOVEDIR), 0);
	}
}

/* Whichever comes first removes the other. */
static int remove_other(const struct scan_entry *entry)
{
	return unlink(strcmp(entry->name, "one") == 0 ? "s/two" : "s/one");
}

static void a_name_that_vanished_before_the_look_was_not_there(void **state)
{
	struct fixture *f = *state;
	struct seen seen = { .on_emit = remove_other };

	put("s/one", "");
	put("s/two", "");
	assert_int_equal(scan_all(f->place.src_fd, 10, false, &seen), 0);
	assert_int_equal(seen.names, 1);
}

/* Listing needs r, looking needs x. */
static void what_cannot_be_looked_at_is_named(void **state)
{
	struct fixture *f = *state;
	struct seen seen = { 0 };
	int fd;

	if (geteuid() != 0)
		skip();
	put("s/file", "");
	assert_int_equal(chmod("s", 0444), 0);
	assert_int_equal(seteuid(65534), 0);
	fd = open("s", O_RDONLY | O_DIRECTORY);
	assert_true(fd >= 0);
	assert_int_equal(scan_all(fd, 10, false, &seen), 0);
	assert_int_equal(seteuid(0), 0);
	close(fd);
	assert_int_equal(seen.names, 1);
	assert_string_equal(seen.name, "file");
	assert_int_equal(seen.entry.err, EACCES);
	(void)f;
}

static void a_failed_listing_is_an_error(void **state)
{
	struct seen seen = { 0 };
	int fd;

	(void)state;
	put("s/file", "");
	fd = open("s/file", O_RDONLY);
	assert_int_equal(scan_all(fd, 10, false, &seen), -ENOTDIR);
	close(fd);
	fd = open("s", O_PATH | O_DIRECTORY);
	assert_int_equal(scan_all(fd, 10, false, &seen), -EBADF);
	close(fd);
	/* A directory that was removed while open. */
	assert_int_equal(mkdir("s/gone", 0755), 0);
	fd = open("s/gone", O_RDONLY | O_DIRECTORY);
	assert_int_equal(rmdir("s/gone"), 0);
	assert_int_equal(scan_all(fd, 10, false, &seen), -ENOENT);
	close(fd);
	assert_int_equal(seen.names, 0);
}

/* Out of patience at once: one name looked at, the others named, each once; a few are looked at anyhow. */
static void what_comes_too_late_is_only_named(void **state)
{
	struct fixture *f = *state;
	struct patient patient = { .seen = { .count = calloc(MANY, sizeof *patient.seen.count) } };
	struct scanner *scanner;
	uint64_t cursor = 0;
	bool last = false;

	assert_int_equal(scanner_new(&scanner), 0);
	clock_use_fake(NS_PER_S);
	scanner_set_patience(scanner, 0);
	assert_int_equal(scan_slice(scanner, f->place.src_fd, 0, 300, false, note_looks, &patient, &cursor, &last), 0);
	assert_int_equal(patient.seen.names, 300);
	assert_int_equal(patient.looked_at, 1);
	for (int i = 0; i < MANY; i++)
		assert_true(patient.seen.count[i] <= 1);
	patient.looked_at = 0;
	assert_int_equal(scan_slice(scanner, f->place.src_fd, 0, 10, false, note_looks, &patient, &cursor, &last), 0);
	assert_int_equal(patient.looked_at, 10);
	patient.looked_at = 0;
	scanner_set_patience(scanner, 1);
	assert_int_equal(scan_slice(scanner, f->place.src_fd, 0, 300, false, note_looks, &patient, &cursor, &last), 0);
	assert_int_equal(patient.looked_at, 300);
	clock_use_real();
	free(patient.seen.count);
	scanner_free(scanner);
}

static void a_name_is_looked_at_by_itself(void **state)
{
	struct fixture *f = *state;
	struct patient patient = { 0 };

	put("s/named", "seven");
	assert_int_equal(scan_look(f->place.src_fd, "named", false, note_looks, &patient), 0);
	assert_int_equal(patient.looked_at, 1);
	assert_int_equal(patient.seen.entry.size, 5);
	assert_int_equal(scan_look(f->place.src_fd, "gone", false, note_looks, &patient), 0);
	assert_int_equal(patient.seen.names, 1);
	patient.seen.stop_after = 1;
	assert_int_equal(scan_look(f->place.src_fd, "named", false, note_looks, &patient), -ECANCELED);
}

static uint64_t last_ino;

static int after_the_last(const struct scan_entry *entry)
{
	assert_true(entry->ino > last_ino);
	last_ino = entry->ino;
	return 0;
}

static void check_order(const char *dir)
{
	struct seen seen = { .on_emit = after_the_last };
	int dir_fd = open(dir, O_RDONLY | O_DIRECTORY);

	assert_true(dir_fd >= 0);
	for (char name[] = "a"; *name <= 'i'; ++*name)
		close(openat(dir_fd, name, O_WRONLY | O_CREAT, 0644));
	last_ino = 0;
	assert_int_equal(scan_all(dir_fd, 100, false, &seen), 0);
	assert_int_equal(seen.names, 9);
	for (char name[] = "a"; *name <= 'i'; ++*name)
		unlinkat(dir_fd, name, 0);
	close(dir_fd);
}

/* tmpfs lists backwards, a disk by a hash: /dev/shm is one, the other may be. */
static void goes_by_inodes(void **state)
{
	char shm[] = "/dev/shm/pcopy-unit-XXXXXX";

	(void)state;
	assert_int_equal(mkdir("by-inode", 0755), 0);
	check_order("by-inode");
	if (mkdtemp(shm)) {
		check_order(shm);
		rmdir(shm);
	}
}

static bool on_xfs;

int __real_fstatfs64(int fd, struct statfs *fs);
int __wrap_fstatfs64(int fd, struct statfs *fs);

int __wrap_fstatfs64(int fd, struct statfs *fs)
{
	int r = __real_fstatfs64(fd, fs);

	if (on_xfs)
		fs->f_type = XFS_SUPER_MAGIC;
	return r;
}

static bool is_a_fifo_by_now, is_gone_by_now, stops_opening;

int __real_fstat64(int fd, struct stat *st);
int __wrap_fstat64(int fd, struct stat *st);

int __wrap_fstat64(int fd, struct stat *st)
{
	int r = __real_fstat64(fd, st);

	if (is_a_fifo_by_now)
		st->st_mode = S_IFIFO;
	if (is_gone_by_now)
		st->st_nlink = 0;
	return r;
}

/* The names in the order they came; files are small letters, directories are large ones. */
static char came[64];

static int append(const struct scan_entry *entry)
{
	assert_int_equal(entry->mode & S_IFMT, *entry->name < 'a' ? S_IFDIR : S_IFREG);
	strcat(came, entry->name);
	return 0;
}

static void listed(char *names)
{
	DIR *dir = opendir("s");
	const struct dirent *d;

	while ((d = readdir(dir)) != NULL)
		if (*d->d_name != '.')
			strcat(names, d->d_name);
	closedir(dir);
}

static char *only(const char *names, bool directories)
{
	static char found[2][64];
	char *at = found[directories];

	for (; *names; names++)
		if ((*names < 'a') == directories)
			*at++ = *names;
	*at = '\0';
	return found[directories];
}

/* Their inodes' numbers begin with the allocation group. */
static void directories_of_xfs_stay_as_they_were_listed(void **state)
{
	struct fixture *f = *state;
	struct seen seen = { .on_emit = append };
	char as_listed[64] = "";

	for (char name = 'A'; name <= 'H'; name++) {
		assert_int_equal(mkdir((char[]){ 's', '/', name, 0 }, 0755), 0);
		put((char[]){ 's', '/', (char)(name + 'a' - 'A'), 0 }, "");
	}
	/* Neither forwards nor backwards, whatever lists it; 'I' and 'i' have the least numbers. */
	assert_int_equal(rename("s/A", "s/I") | rename("s/a", "s/i"), 0);
	listed(as_listed);
	assert_int_equal(strlen(as_listed), 16);
	for (int xfs = 0; xfs < 2; xfs++) {
		on_xfs = xfs;
		came[0] = '\0';
		assert_int_equal(scan_all(f->place.src_fd, 100, false, &seen), 0);
		assert_string_equal(only(came, false), "ibcdefgh");
		if (!xfs)
			assert_string_equal(only(came, true), "IBCDEFGH");
		else
			assert_string_equal(came + 8, only(as_listed, true));
	}
	on_xfs = false;
	assert_string_not_equal(only(as_listed, true), "IBCDEFGH");
}

struct opened {
	struct scanner *scanner;
	bool keep;
	int fd[4];
	unsigned n, others;
};

static int note_open(const struct scan_entry *entry, void *arg)
{
	struct opened *opened = arg;
	struct stat st;

	if (!entry->fd) {
		opened->others++;
		return 0;
	}
	assert_int_equal(fstat(*entry->fd, &st), 0);
	assert_int_equal(st.st_ino, entry->ino);
	assert_int_equal(entry->st->st_size, st.st_size);
	opened->fd[opened->n++] = *entry->fd;
	if (opened->keep)
		*entry->fd = -1;
	if (stops_opening)
		scanner_set_opens(opened->scanner, 0);
	return 0;
}

static struct opened list_opened(struct fixture *f, uint32_t most, bool keep)
{
	struct opened opened = { .keep = keep };
	struct scanner *scanner;
	uint64_t cursor = 0;
	bool last;

	assert_int_equal(scanner_new(&scanner), 0);
	scanner_set_opens(scanner, most);
	opened.scanner = scanner;
	assert_int_equal(scan_slice(scanner, f->place.src_fd, 0, 100, false, note_open, &opened, &cursor, &last), 0);
	scanner_free(scanner);
	return opened;
}

static void the_files_of_a_few_names_are_opened(void **state)
{
	struct fixture *f = *state;
	struct opened opened;
	int opens = inotify_init1(IN_NONBLOCK);
	char byte, event[512];

	put("s/one", "1");
	put("s/two", "2");
	assert_int_equal(symlink("one", "s/link") | mkfifo("s/fifo", 0644), 0);
	assert_true(inotify_add_watch(opens, "s/fifo", IN_OPEN) >= 0);
	opened = list_opened(f, 4, true);
	assert_int_equal(read(opens, event, sizeof(event)), -1); /* who writes to it would be woken */
	close(opens);
	assert_int_equal(opened.n, 2);
	assert_int_equal(opened.others, 2);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(read(opened.fd[i], &byte, 1), 1);
		close(opened.fd[i]);
	}
	/* What nobody keeps is closed. */
	opened = list_opened(f, 4, false);
	assert_int_equal(opened.n, 2);
	assert_int_equal(fcntl(opened.fd[0], F_GETFD), -1);
	assert_int_equal(fcntl(opened.fd[1], F_GETFD), -1);
	is_a_fifo_by_now = true;
	assert_int_equal(list_opened(f, 4, false).others, 4);
	is_a_fifo_by_now = false;
	is_gone_by_now = true;
	assert_int_equal(list_opened(f, 4, false).others, 4);
	is_gone_by_now = false;
	stops_opening = true;
	assert_int_equal(list_opened(f, 4, false).n, 1);
	stops_opening = false;
	/* Not of more names, nor unasked, nor beside a directory. */
	assert_int_equal(list_opened(f, 3, false).others, 4);
	assert_int_equal(list_opened(f, 0, false).others, 4);
	assert_int_equal(mkdir("s/dir", 0755), 0);
	assert_int_equal(list_opened(f, 5, false).others, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(loses_and_repeats_nothing_in_slices, many_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(what_comes_too_late_is_only_named, many_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_name_is_looked_at_by_itself, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(says_what_stat_says, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(an_empty_directory_is_one_empty_slice, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_link_is_followed_only_when_asked_and_only_to_something, fixture_setup,
		                                fixture_teardown),
		cmocka_unit_test_setup_teardown(any_name_is_listed_as_it_is, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_name_that_vanished_before_the_look_was_not_there, fixture_setup,
		                                fixture_teardown),
		cmocka_unit_test_setup_teardown(what_cannot_be_looked_at_is_named, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(goes_by_inodes, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(directories_of_xfs_stay_as_they_were_listed, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(the_files_of_a_few_names_are_opened, fixture_setup, fixture_teardown),
		cmocka_unit_test_setup_teardown(a_failed_listing_is_an_error, fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
