/* range: a big file in ranges, and its commit. */
#include "copy_fixture.h"
#include "copy/trailer.h"

#define BIG (5u << 20)

static mode_t mode_at_cut;

int __real_ftruncate64(int fd, off_t size);
int __wrap_ftruncate64(int fd, off_t size);

int __wrap_ftruncate64(int fd, off_t size)
{
	struct stat st;

	if (size == BIG && fstat(fd, &st) == 0)
		mode_at_cut = st.st_mode & 07777;
	return __real_ftruncate64(fd, size);
}

static void make_big(void)
{
	int fd = open("s/big", O_WRONLY | O_CREAT | O_TRUNC, 0640);

	for (unsigned at = 0; at < BIG; at += 4096) {
		char block[4096];

		if (at >= 1u << 20 && at < 2u << 20)
			continue; /* a hole */
		if (at >= BIG - (64u << 10))
			break; /* and one at the end */
		memset(block, (int)(at >> 12), sizeof block);
		assert_int_equal(pwrite(fd, block, sizeof block, at), sizeof block);
	}
	assert_int_equal(ftruncate(fd, BIG), 0);
	close(fd);
}

static struct outcome range(struct fixture *f, const struct entry *entry, const char *temp, uint64_t offset)
{
	struct outcome outcome;

	memset(&outcome, 0xa5, sizeof outcome);
	entry_range(&f->copier, &f->place, entry, temp, offset, 1 << 20, &outcome);
	return outcome;
}

static struct outcome begin(struct fixture *f, const struct entry *entry, const char *temp)
{
	struct outcome outcome;

	memset(&outcome, 0xa5, sizeof outcome);
	entry_begin(&f->copier, &f->place, entry, temp, &outcome);
	return outcome;
}

/* The first @count of its five ranges. */
static void begin_and_copy(struct fixture *f, const struct entry *entry, const char *temp, unsigned count)
{
	assert_status(begin(f, entry, temp), OUTCOME_COPIED);
	for (unsigned i = 0; i < count; i++)
		assert_status(range(f, entry, temp, (uint64_t)i << 20), OUTCOME_COPIED);
}

static struct outcome commit(struct fixture *f, const struct entry *entry, const char *temp)
{
	struct outcome outcome;

	memset(&outcome, 0xa5, sizeof outcome);
	entry_commit(&f->copier, &f->place, entry, temp, &outcome);
	return outcome;
}

static void ranges_in_any_order_make_the_file(void **state)
{
	static const unsigned order[] = { 3, 0, 4, 1, 2 };
	struct fixture *f = *state;
	struct outcome outcome;
	struct entry entry;
	char temp[TEMP_NAME_SIZE], path[100];

	make_big();
	set_mtime("s/big", 4321, 5);
	temp_name_for_ranges(temp, 1);
	snprintf(path, sizeof path, "d/%s", temp);
	for (int redo = 0; redo < 2; redo++) {
		uint64_t bytes = 0;

		begin_run(f); /* the temporary file is born after the source's last change */
		entry = entry_of("big");
		entry.redo = redo;
		assert_status(begin(f, &entry, temp), OUTCOME_COPIED);
		for (int i = 0; i < 5; i++) {
			outcome = range(f, &entry, temp, (uint64_t)order[i] << 20);
			assert_status(outcome, OUTCOME_COPIED);
			bytes += outcome.bytes;
			assert_int_equal(look(path).st_mode & 07777, 0600);
			assert_true(is_absent("d/big") || redo);
			if (i < 4) /* not yet */
				assert_int_equal(look(path).st_size, BIG + 5 + MARK_SIZE);
		}
		assert_int_equal(bytes, BIG);
		mode_at_cut = 0;
		assert_status(commit(f, &entry, temp), OUTCOME_COPIED);
		assert_int_equal(system("cmp s/big d/big"), 0);
		assert_int_equal(mode_at_cut, 0200); /* no --resume takes it over from here on */
		assert_int_equal(look("d/big").st_mode & 07777, 0640);
		assert_int_equal(look("d/big").st_mtim.tv_sec, 4321);
		assert_int_equal(count_entries("d"), 1);
	}
	assert_true(look("d/big").st_blocks <= look("s/big").st_blocks + 16);
}

static void a_range_of_a_changed_source_is_refused(void **state)
{
	struct fixture *f = *state;
	struct entry entry;
	char temp[TEMP_NAME_SIZE];

	make_big();
	temp_name_for_ranges(temp, 1);
	entry = entry_of("big");
	begin_and_copy(f, &entry, temp, 5);
	tick();
	/* Same size, changed between the ranges and the commit. */
	int fd = open("s/big", O_WRONLY);
	assert_int_equal(pwrite(fd, "!", 1, 5), 1);
	close(fd);
	assert_failed(range(f, &entry, temp, 0), STAGE_SOURCE_CHANGED);
	assert_failed(commit(f, &entry, temp), STAGE_SOURCE_CHANGED);
	assert_int_equal(count_entries("d"), 0);
	/* Another size. */
	assert_int_equal(truncate("s/big", BIG + 1), 0);
	assert_failed(begin(f, &entry, temp), STAGE_SOURCE_CHANGED);
	assert_failed(range(f, &entry, temp, 0), STAGE_SOURCE_CHANGED);
	assert_int_equal(count_entries("d"), 0);
	/* Another file. */
	assert_int_equal(rename("s/big", "kept"), 0);
	make_big();
	assert_failed(begin(f, &entry, temp), STAGE_SOURCE_CHANGED);
	assert_failed(range(f, &entry, temp, 0), STAGE_SOURCE_CHANGED);
	assert_int_equal(count_entries("d"), 0);
}

static void what_is_not_all_in_is_not_committed(void **state)
{
	struct fixture *f = *state;
	struct entry entry;
	char temp[TEMP_NAME_SIZE];

	make_big();
	temp_name_for_ranges(temp, 1);
	entry = entry_of("big");
	begin_and_copy(f, &entry, temp, 4);
	assert_failed(commit(f, &entry, temp), STAGE_SOURCE_CHANGED);
	assert_int_equal(count_entries("d"), 0);
}

/* A range done again copies nothing, and a beginning done again keeps what is in. */
static void what_is_in_is_not_copied_again(void **state)
{
	struct fixture *f = *state;
	struct outcome outcome;
	struct entry entry;
	char temp[TEMP_NAME_SIZE];

	make_big();
	temp_name_for_ranges(temp, 1);
	entry = entry_of("big");
	assert_status(begin(f, &entry, temp), OUTCOME_COPIED);
	assert_int_equal(range(f, &entry, temp, 2 << 20).bytes, 1 << 20);
	outcome = range(f, &entry, temp, 2 << 20);
	assert_status(outcome, OUTCOME_COPIED);
	assert_int_equal(outcome.bytes, 0);
	assert_failed(begin(f, &entry, temp), STAGE_CREATE);
	entry.redo = true;
	assert_status(begin(f, &entry, temp), OUTCOME_COPIED);
	/* One range over all of it goes round what is in. */
	entry_range(&f->copier, &f->place, &entry, temp, 0, BIG, &outcome);
	assert_status(outcome, OUTCOME_COPIED);
	assert_int_equal(outcome.bytes, BIG - (1 << 20));
	assert_status(commit(f, &entry, temp), OUTCOME_COPIED);
	assert_int_equal(system("cmp s/big d/big"), 0);
	/* Nor is what was even committed. */
	begin_run(f);
	assert_int_equal(unlink("d/big"), 0);
	assert_int_equal(system("cp -p s/big d/big"), 0);
	assert_status(begin(f, &entry, temp), OUTCOME_UP_TO_DATE);
	assert_int_equal(count_entries("d"), 1);
	assert_int_equal(unlink("d/big"), 0);
	/* What was begun from another state is begun anew. */
	assert_status(begin(f, &entry, temp), OUTCOME_COPIED);
	assert_status(range(f, &entry, temp, 0), OUTCOME_COPIED);
	tick();
	assert_int_equal(chmod("s/big", 0600), 0);
	assert_status(begin(f, &entry, temp), OUTCOME_COPIED);
	assert_int_equal(range(f, &entry, temp, 0).bytes, 1 << 20);
}

static void the_policy_is_asked_before_the_first_byte_and_before_the_name(void **state)
{
	struct fixture *f = *state;
	struct entry entry;
	char temp[TEMP_NAME_SIZE];

	make_big();
	temp_name_for_ranges(temp, 1);
	entry = entry_of("big");
	put("d/big", "old");
	f->policy.update = UPDATE_NONE;
	assert_status(begin(f, &entry, temp), OUTCOME_SKIPPED);
	f->policy.update = UPDATE_ALL;
	assert_int_equal(unlink("d/big"), 0);
	assert_int_equal(mkdir("d/big", 0755), 0);
	assert_failed(begin(f, &entry, temp), STAGE_IS_DIRECTORY);
	assert_int_equal(count_entries("d"), 1);
	/* A directory that came while the ranges were copied. */
	assert_int_equal(rmdir("d/big"), 0);
	begin_and_copy(f, &entry, temp, 5);
	assert_int_equal(mkdir("d/big", 0755), 0);
	assert_failed(commit(f, &entry, temp), STAGE_IS_DIRECTORY);
	assert_int_equal(count_entries("d"), 1);
}

/* The name can be guessed. */
static void a_temporary_file_somebody_put_there_is_not_written_to(void **state)
{
	struct fixture *f = *state;
	struct entry entry;
	char temp[TEMP_NAME_SIZE], path[100];

	if (geteuid() != 0)
		skip();
	make_big();
	temp_name_for_ranges(temp, 1);
	snprintf(path, sizeof path, "d/%s", temp);
	entry = entry_of("big");
	put(path, "");
	assert_int_equal(chown(path, 65534, 65534), 0);
	assert_failed(begin(f, &entry, temp), STAGE_CREATE);
	entry.redo = true;
	assert_failed(begin(f, &entry, temp), STAGE_CREATE);
	assert_failed(range(f, &entry, temp, 0), STAGE_CREATE);
	assert_int_equal(look(path).st_size, 0);
	assert_int_equal(unlink(path), 0);
	put("victim", "");
	assert_int_equal(chmod("victim", 0600), 0);
	assert_int_equal(symlink("../victim", path), 0);
	assert_int_equal(begin(f, &entry, temp).status, OUTCOME_FAILED);
	assert_int_equal(range(f, &entry, temp, 0).status, OUTCOME_FAILED);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(link("victim", path), 0);
	assert_failed(range(f, &entry, temp, 0), STAGE_CREATE);
	assert_int_equal(look("victim").st_size, 0);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(range(f, &entry, temp, 0).status, OUTCOME_FAILED);
}

static void a_commit_done_by_a_dead_worker_is_done(void **state)
{
	struct fixture *f = *state;
	struct entry entry;
	char temp[TEMP_NAME_SIZE];

	make_big();
	begin_run(f);
	temp_name_for_ranges(temp, 1);
	entry = entry_of("big");
	begin_and_copy(f, &entry, temp, 5);
	assert_status(commit(f, &entry, temp), OUTCOME_COPIED);
	entry.redo = true;
	assert_status(commit(f, &entry, temp), OUTCOME_COPIED);
	/* But not where nobody died, nor when it was there before the run. */
	entry.redo = false;
	assert_int_equal(commit(f, &entry, temp).status, OUTCOME_FAILED);
	entry.redo = true;
	begin_run(f);
	assert_int_equal(commit(f, &entry, temp).status, OUTCOME_FAILED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ranges_in_any_order_make_the_file),
		TEST(a_range_of_a_changed_source_is_refused),
		TEST(what_is_not_all_in_is_not_committed),
		TEST(what_is_in_is_not_copied_again),
		TEST(the_policy_is_asked_before_the_first_byte_and_before_the_name),
		TEST(a_temporary_file_somebody_put_there_is_not_written_to),
		TEST(a_commit_done_by_a_dead_worker_is_done),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
