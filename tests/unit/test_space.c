/* Whether it fits is said of what was found; what may be found next is asked for first. */
#include "base/message.h"
#include "ipc/job.h"
#include "master/space.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define BATCH_ROOM (2 * (uint64_t)JOB_BATCH_BYTES)

struct fixture {
	struct options options;
	struct storage storage;
	struct tally tally;
	struct space space;
};

static char said[512];

static void keep(const char *line, void *arg)
{
	(void)arg;
	snprintf(said, sizeof(said), "%s", line);
}

static int set_up(void **state)
{
	static struct fixture f;

	f = (struct fixture){
		.options = { .preflight = true }, .storage = { .free_bytes = 100 << 20, .free_inodes = 1000 },
		.space = { &f.options, &f.storage, &f.tally, "there" },
	};
	said[0] = '\0';
	message_set_sink(keep, NULL);
	*state = &f;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	message_set_sink(NULL, NULL);
	return 0;
}

static void more_than_was_free_is_short(void **state)
{
	struct fixture *f = *state;

	f->tally.found_blocks = f->storage.free_bytes / 512;
	f->tally.found_inodes = f->storage.free_inodes;
	assert_false(space_is_short(&f->space));
	assert_string_equal(said, "");
	f->tally.found_blocks++;
	assert_true(space_is_short(&f->space));
	assert_non_null(strstr(said, "had 100 MiB free"));
	f->tally.found_blocks--;
	f->tally.found_inodes++;
	assert_true(space_is_short(&f->space));
	assert_non_null(strstr(said, "at least 1,001 inodes, the file system of 'there' had 1,000 free"));
}

static void as_many_batches_as_fit_have_ample_room(void **state)
{
	struct fixture *f = *state;

	f->tally.found_inodes = f->storage.free_inodes - 3 * JOB_BATCH_MOST;
	assert_true(space_is_ample(&f->space, 3));
	assert_false(space_is_ample(&f->space, 4));
	f->tally.found_inodes = 0;
	f->tally.found_blocks = (f->storage.free_bytes - 5 * BATCH_ROOM) / 512;
	assert_true(space_is_ample(&f->space, 5));
	assert_false(space_is_ample(&f->space, 6));
}

static void assert_nobody_asks(struct fixture *f)
{
	f->tally.found_blocks = f->storage.free_bytes;
	f->tally.found_inodes = 2 * f->storage.free_inodes;
	assert_false(space_is_short(&f->space));
	assert_string_equal(said, "");
	assert_true(space_is_ample(&f->space, 1));
}

static void told_to_try_nobody_asks(void **state)
{
	struct fixture *f = *state;

	f->options.preflight = false;
	assert_nobody_asks(f);
}

static void where_extents_are_shared_nobody_asks(void **state)
{
	struct fixture *f = *state;

	f->storage.shares_extents = true;
	assert_nobody_asks(f);
}

static void where_files_are_left_or_linked_nobody_asks(void **state)
{
	struct fixture *f = *state;
	struct copy_policy *policy = &f->options.policy;

	policy->update = UPDATE_DIFFERENT;
	assert_nobody_asks(f);
	*policy = (struct copy_policy){ .hard_link = true };
	assert_nobody_asks(f);
	*policy = (struct copy_policy){ .symbolic_link = true };
	assert_nobody_asks(f);
	*policy = (struct copy_policy){ .attributes_only = true };
	assert_nobody_asks(f);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(more_than_was_free_is_short),
		TEST(as_many_batches_as_fit_have_ample_room),
		TEST(told_to_try_nobody_asks),
		TEST(where_extents_are_shared_nobody_asks),
		TEST(where_files_are_left_or_linked_nobody_asks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
