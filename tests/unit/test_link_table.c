/* Hard links: who is copied, who waits, who is promoted, and that nothing stays. */
#include "master/link_table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
	struct link_table *table;
	struct dir_node *dir;
};

static int set_up(void **state)
{
	static struct fixture fixture;

	fixture.table = link_table_new();
	fixture.dir = dir_node_new(NULL, 0, "");
	fixture.dir->is_root = true;
	*state = &fixture;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	link_table_free(f->table);
	assert_int_equal(f->dir->refs, 1); /* every waiter gave its reference back */
	dir_node_unref(f->dir);
	return 0;
}

static void first_is_copied_others_wait_then_link(void **state)
{
	struct fixture *f = *state;
	const char *first = NULL;

	assert_int_equal(link_table_seen(f->table, 1, 10, 4, false, &first), LINK_COPY);
	assert_int_equal(link_table_seen(f->table, 1, 10, 4, false, &first), LINK_WAIT);
	link_table_wait(f->table, 1, 10, f->dir, "second", 0100644, 5);
	assert_int_equal(link_table_seen(f->table, 1, 10, 4, false, &first), LINK_WAIT);
	link_table_wait(f->table, 1, 10, f->dir, "third", 0100644, 5);

	struct link_waiter *waiter = link_table_copied(f->table, 1, 10, "to/first");

	assert_string_equal(waiter->name, "second");
	assert_string_equal(waiter->next->name, "third");
	assert_null(waiter->next->next);
	link_waiter_free(waiter->next);
	link_waiter_free(waiter);
	assert_int_equal(link_table_size(f->table), 1);

	assert_int_equal(link_table_seen(f->table, 1, 10, 4, false, &first), LINK_NOW);
	assert_string_equal(first, "to/first");
	assert_int_equal(link_table_size(f->table), 0); /* that was the last link */
}

static void same_number_on_another_device_is_another_inode(void **state)
{
	struct fixture *f = *state;
	const char *first;

	assert_int_equal(link_table_seen(f->table, 1, 10, 2, false, &first), LINK_COPY);
	assert_int_equal(link_table_seen(f->table, 2, 10, 2, false, &first), LINK_COPY);
	assert_int_equal(link_table_size(f->table), 2);
}

static void failure_promotes_the_next(void **state)
{
	struct fixture *f = *state;
	const char *first;

	link_table_seen(f->table, 1, 10, 3, false, &first);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(link_table_seen(f->table, 1, 10, 3, false, &first), LINK_WAIT);
		link_table_wait(f->table, 1, 10, f->dir, i ? "c" : "b", 0100644, 0);
	}
	struct link_waiter *promoted = link_table_failed(f->table, 1, 10);

	assert_string_equal(promoted->name, "b");
	assert_null(promoted->next);
	link_waiter_free(promoted);

	struct link_waiter *waiting = link_table_copied(f->table, 1, 10, "b");

	assert_string_equal(waiting->name, "c");
	link_waiter_free(waiting);
	assert_int_equal(link_table_size(f->table), 0);
}

static void failure_with_nobody_waiting_starts_over(void **state)
{
	struct fixture *f = *state;
	const char *first;

	link_table_seen(f->table, 1, 10, 2, false, &first);
	assert_null(link_table_failed(f->table, 1, 10));
	assert_int_equal(link_table_size(f->table), 0);
	assert_int_equal(link_table_seen(f->table, 1, 10, 2, false, &first), LINK_COPY);
}

static void kept_inodes_stay(void **state)
{
	struct fixture *f = *state;
	const char *first;

	link_table_seen(f->table, 1, 10, 1, true, &first);
	assert_null(link_table_copied(f->table, 1, 10, "one"));
	for (int i = 0; i < 3; i++) {
		assert_int_equal(link_table_seen(f->table, 1, 10, 1, true, &first), LINK_NOW);
		assert_string_equal(first, "one");
	}
}

static void many_inodes_come_and_go(void **state)
{
	struct fixture *f = *state;
	const char *first;

	for (uint64_t ino = 1; ino <= 5000; ino++)
		assert_int_equal(link_table_seen(f->table, 7, ino, 2, false, &first), LINK_COPY);
	assert_int_equal(link_table_size(f->table), 5000);
	for (uint64_t ino = 1; ino <= 5000; ino++)
		assert_null(link_table_copied(f->table, 7, ino, "x"));
	for (uint64_t ino = 5000; ino >= 1; ino--)
		assert_int_equal(link_table_seen(f->table, 7, ino, 2, false, &first), LINK_NOW);
	assert_int_equal(link_table_size(f->table), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(first_is_copied_others_wait_then_link, set_up, tear_down),
		cmocka_unit_test_setup_teardown(same_number_on_another_device_is_another_inode, set_up, tear_down),
		cmocka_unit_test_setup_teardown(failure_promotes_the_next, set_up, tear_down),
		cmocka_unit_test_setup_teardown(failure_with_nobody_waiting_starts_over, set_up, tear_down),
		cmocka_unit_test_setup_teardown(kept_inodes_stay, set_up, tear_down),
		cmocka_unit_test_setup_teardown(many_inodes_come_and_go, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
