/* A real worker lists, and copies too what it was allowed to: no more, and as said. */
#include "base/cleanup.h"
#include "base/clock.h"
#include "copy/temp_name.h"
#include "ipc/job.h"
#include "ipc/record.h"
#include "master/worker_pool.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define LONG (30 * NS_PER_S)
#define ID 42

struct fixture {
	char dir[64];
	struct copy_policy policy;
	struct tree_root root;
	struct tree tree;
	struct worker_pool *pool;
	struct record scanned, done;
	bool stops;
	char listed[1024]; /* names, each with a blank behind it */
};

static char *at(const struct fixture *f, const char *name)
{
	static char path[2][256];
	static unsigned turn;

	turn = !turn;
	snprintf(path[turn], sizeof(path[turn]), "%s/%s", f->dir, name);
	return path[turn];
}

static void put(const struct fixture *f, const char *name, off_t size)
{
	CLEANUP_FD int fd = open(at(f, name), O_WRONLY | O_CREAT, 0640);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, name, strlen(name)), (ssize_t)strlen(name));
	assert_int_equal(ftruncate(fd, size), 0);
}

static int set_up(void **state)
{
	static struct fixture f;
	struct stat st;

	f = (struct fixture){ .policy = { .preserve = PRESERVE_ALL, .offload = true, .backup_suffix = "~" } };
	snprintf(f.dir, sizeof(f.dir), "%s/pcopy-unit-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : "/var/tmp");
	assert_non_null(mkdtemp(f.dir));
	assert_int_equal(mkdir(at(&f, "src"), 0755) | mkdir(at(&f, "src/d"), 0750) | mkdir(at(&f, "dst"), 0755), 0);
	put(&f, "src/d/one", 10);
	put(&f, "src/d/two", 20);
	assert_int_equal(symlink("nowhere", at(&f, "src/d/link")), 0);
	assert_int_equal(stat(at(&f, "src"), &st), 0);
	f.root = (struct tree_root){
		.source = strdup(at(&f, "src")), .mode = st.st_mode, .dev = st.st_dev, .ino = st.st_ino,
		.dest_dir = "", .dest_leaf = "",
	};
	f.tree = (struct tree){ open(at(&f, "dst"), O_PATH | O_DIRECTORY | O_CLOEXEC), "dst", &f.root, 1 };
	temp_name_begin_run();
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	char command[128];

	pool_terminate(f->pool);
	assert_int_equal(pool_join(f->pool, clock_now_ns() + LONG), 0);
	pool_free(f->pool);
	close(f->tree.dest_fd);
	free((char *)f->root.source);
	snprintf(command, sizeof(command), "rm -rf %s", f->dir);
	assert_int_equal(system(command), 0);
	return 0;
}

static int keep_record(unsigned lane, const void *bytes, size_t len, void *arg)
{
	struct fixture *f = arg;
	struct listed_names names;
	struct listed listed;
	struct record record;
	const char *name;

	(void)lane;
	assert_int_equal(record_parse(bytes, len, &record, &names), 0);
	assert_int_equal(record.job, ID);
	for (uint32_t i = 0; (name = listed_next(&names, &i, &listed)) != NULL;)
		strcat(strcat(f->listed, name), " ");
	if (record.kind == RECORD_SCANNED)
		f->scanned = record;
	if (record.kind == RECORD_DONE)
		f->done = record;
	return 0;
}

/* Lists src/d, of which up to @most files may be copied. Comes back when the worker has
 * nothing more to say: it ends then. */
static void scan(struct fixture *f, uint32_t flags, uint32_t most)
{
	struct pool_setup setup = { &f->policy, &f->tree, 1, 1, { time(NULL), 0 }, false, false, false };
	struct job_view view = {
		.id = ID, .kind = JOB_SCAN, .flags = JOB_FIRST_SLICE | flags, .copy_too = most, .dir = "d", .target = "",
		.dir_id = 2, .length = 1000,
	};
	struct job_buffer frame = { 0 };
	struct stat st;

	assert_int_equal(stat(at(f, "src/d"), &st), 0);
	view.dir_dev = st.st_dev;
	view.dir_ino = st.st_ino;
	assert_int_equal(pool_new(&setup, &f->pool), 0);
	if (f->stops)
		gauge_set_order(pool_board(f->pool), ORDER_STOP);
	job_begin(&frame, &view);
	pool_submit(f->pool, 0, frame.data, frame.len);
	pool_flush(f->pool);
	pool_close(f->pool);
	job_buffer_done(&frame);
	assert_int_equal(pool_join(f->pool, clock_now_ns() + LONG), 0);
	completion_queue_drain(pool_queue(f->pool), keep_record, f);
	assert_int_equal(f->scanned.kind, RECORD_SCANNED);
}

/* Nothing but the directory was made; the names went up. */
static void assert_only_listed(struct fixture *f)
{
	assert_int_equal(f->scanned.scanned.copies, 0);
	assert_int_equal(f->done.kind, 0);
	assert_true(f->listed[0]);
	assert_int_equal(access(at(f, "dst/d"), F_OK), 0);
	assert_int_equal(access(at(f, "dst/d/one"), F_OK), -1);
}

static void few_files_and_nothing_else_are_copied_too(void **state)
{
	struct fixture *f = *state;
	struct stat st, src;

	scan(f, 0, 3);
	assert_int_equal(f->scanned.scanned.copies, 1);
	assert_int_equal(f->scanned.scanned.entries, 3);
	assert_non_null(strstr(f->listed, "link "));
	assert_int_equal(f->done.done.copied[DATA_PLAIN] + f->done.done.copied[DATA_REFLINK] +
	                 f->done.done.copied[DATA_OFFLOAD] + f->done.done.copied[DATA_NONE], 3);
	assert_int_equal(f->done.done.bytes, 30);
	assert_int_equal(f->done.done.finished, 1);
	assert_int_equal(stat(at(f, "dst/d/two"), &st), 0);
	assert_int_equal(st.st_size, 20);
	assert_int_equal(stat(at(f, "src/d"), &src), 0);
	assert_int_equal(stat(at(f, "dst/d"), &st), 0);
	assert_int_equal(st.st_mode, src.st_mode);
	assert_int_equal(st.st_mtim.tv_nsec, src.st_mtim.tv_nsec);
}

/* Two openings in a row would be one event: so each is told of its directory as well. */
static int watch(const struct fixture *f)
{
	int opens = inotify_init1(IN_NONBLOCK);

	assert_int_equal(inotify_add_watch(opens, at(f, "src/d/one"), IN_OPEN), 1);
	assert_int_equal(inotify_add_watch(opens, at(f, "src/d"), IN_OPEN), 2);
	return opens;
}

static unsigned times_opened(int opens)
{
	_Alignas(struct inotify_event) char events[8192];
	ssize_t n = read(opens, events, sizeof(events));
	unsigned times = 0;

	assert_true(n > 0);
	for (ssize_t i = 0; i < n;) {
		const struct inotify_event *event = (const void *)(events + i);

		times += event->wd == 1;
		i += (ssize_t)(sizeof(*event) + event->len);
	}
	close(opens);
	return times;
}

static void a_file_is_opened_once(void **state)
{
	struct fixture *f = *state;
	int opens = watch(f);

	scan(f, 0, 3);
	assert_int_equal(f->scanned.scanned.copies, 1);
	assert_int_equal(times_opened(opens), 1);
}

static void or_never_where_its_contents_are_not_wanted(void **state)
{
	struct fixture *f = *state;
	int opens = watch(f);

	f->policy.hard_link = true;
	scan(f, 0, 3);
	assert_int_equal(f->scanned.scanned.copies, 1);
	assert_int_equal(access(at(f, "dst/d/one"), F_OK), 0);
	assert_int_equal(times_opened(opens), 0);
}

static void not_without_leave(void **state)
{
	scan(*state, 0, 0);
	assert_only_listed(*state);
}

static void not_more_than_it_may(void **state)
{
	scan(*state, 0, 2);
	assert_only_listed(*state);
}

static void not_beside_a_directory(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkdir(at(f, "src/d/sub"), 0755), 0);
	scan(f, 0, 64);
	assert_only_listed(f);
	assert_non_null(strstr(f->listed, "sub "));
}

/* Whether it is a copy or a link is for the master to say. */
static void not_with_a_hard_link(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(link(at(f, "src/d/two"), at(f, "src/other")), 0);
	scan(f, 0, 64);
	assert_only_listed(f);
}

static void not_as_many_bytes_as_a_batch_has(void **state)
{
	struct fixture *f = *state;

	put(f, "src/d/half", JOB_BATCH_BYTES / 2);
	put(f, "src/d/rest", JOB_BATCH_BYTES / 2 - 30);
	scan(f, 0, 64);
	assert_only_listed(f);
}

static void not_into_what_was_there(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkdir(at(f, "dst/d"), 0755), 0);
	scan(f, 0, 64);
	assert_only_listed(f);
}

static void not_where_another_source_lands(void **state)
{
	scan(*state, JOB_SHARED_NAME, 64);
	assert_only_listed(*state);
}

/* A listing that is broken off has not seen all there is. */
static void not_when_it_is_to_stop(void **state)
{
	struct fixture *f = *state;

	f->stops = true;
	scan(f, 0, 64);
	assert_int_equal(f->scanned.scanned.outcome.stage, STAGE_INTERRUPTED);
	assert_only_listed(f);
}

static void an_empty_one_is_finished_at_once(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(unlink(at(f, "src/d/one")) | unlink(at(f, "src/d/two")) | unlink(at(f, "src/d/link")), 0);
	scan(f, 0, 64);
	assert_int_equal(f->scanned.scanned.copies, 0);
	assert_int_equal(f->scanned.scanned.finished, 1);
	assert_int_equal(f->done.kind, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(few_files_and_nothing_else_are_copied_too),
		TEST(a_file_is_opened_once),
		TEST(or_never_where_its_contents_are_not_wanted),
		TEST(not_without_leave),
		TEST(not_more_than_it_may),
		TEST(not_beside_a_directory),
		TEST(not_with_a_hard_link),
		TEST(not_as_many_bytes_as_a_batch_has),
		TEST(not_into_what_was_there),
		TEST(not_where_another_source_lands),
		TEST(not_when_it_is_to_stop),
		TEST(an_empty_one_is_finished_at_once),
	};

	umask(022);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
