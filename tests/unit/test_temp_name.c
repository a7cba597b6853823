/* temp_name: never the same twice, recognised exactly, stale only when the maker is dead. */
#include "copy_fixture.h"

#include <signal.h>
#include <sys/wait.h>

/* A child that waits until told to end. */
struct child {
	pid_t pid;
	int tell_fd;
};

static struct child start_child(void (*first)(int out_fd), int *ret_from_fd)
{
	int down[2], up[2];
	struct child child;

	assert_int_equal(pipe(down), 0);
	assert_int_equal(pipe(up), 0);
	child.pid = fork();
	assert_true(child.pid >= 0);
	if (child.pid == 0) {
		char c;

		close(down[1]);
		close(up[0]);
		first(up[1]);
		_exit(read(down[0], &c, 1) < 0);
	}
	close(down[0]);
	close(up[1]);
	child.tell_fd = down[1];
	*ret_from_fd = up[0];
	return child;
}

static void end_child(const struct child *child)
{
	close(child->tell_fd);
	assert_int_equal(waitpid(child->pid, NULL, 0), child->pid);
}

static void send_name(int fd, const char *name)
{
	char buf[TEMP_NAME_SIZE] = "";

	snprintf(buf, sizeof buf, "%s", name);
	if (write(fd, buf, sizeof buf) != sizeof buf)
		_exit(1);
}

static void receive_name(int fd, char name[static TEMP_NAME_SIZE])
{
	assert_int_equal(read(fd, name, TEMP_NAME_SIZE), TEMP_NAME_SIZE);
	close(fd);
}

static int setup(void **state)
{
	(void)state;
	temp_name_begin_run();
	temp_name_set_slot(3);
	return 0;
}

static void names_differ_and_are_recognised(void **state)
{
	char names[1000][TEMP_NAME_SIZE], range[2][TEMP_NAME_SIZE];

	(void)state;
	for (int i = 0; i < 1000; i++) {
		temp_name_next(names[i]);
		assert_true(strlen(names[i]) <= 64);
		assert_true(temp_name_is_ours(names[i]));
		assert_false(temp_name_is_stale(names[i]));
		for (int j = 0; j < i; j++)
			assert_string_not_equal(names[i], names[j]);
	}
	temp_name_for_ranges(range[0], 7);
	temp_name_for_ranges(range[1], 7);
	assert_string_equal(range[0], range[1]);
	temp_name_for_ranges(range[1], 8);
	assert_string_not_equal(range[0], range[1]);
	assert_true(temp_name_is_ours(range[0]));
	assert_false(temp_name_is_stale(range[0]));
	/* A big number is no worker's pid. */
	temp_name_for_ranges(range[0], UINT64_C(0x3ffffe) << 32);
	assert_false(temp_name_is_stale(range[0]));
	temp_name_for_ranges(range[0], UINT64_MAX);
	assert_true(strlen(range[0]) <= 64);
	assert_true(temp_name_is_ours(range[0]));
}

static void send_worker_and_range_name(int fd)
{
	char name[TEMP_NAME_SIZE];

	temp_name_set_slot(3);
	temp_name_next(name);
	send_name(fd, name);
	temp_name_for_ranges(name, 1);
	send_name(fd, name);
}

static void workers_of_one_slot_do_not_share_names(void **state)
{
	char mine[TEMP_NAME_SIZE], worker[TEMP_NAME_SIZE], range[TEMP_NAME_SIZE];
	int fd;
	struct child child = start_child(send_worker_and_range_name, &fd);

	(void)state;
	assert_int_equal(read(fd, worker, sizeof worker), sizeof worker);
	receive_name(fd, range);
	temp_name_next(mine);
	assert_string_not_equal(mine, worker);
	/* The run lives; its worker does, and then does not. */
	assert_false(temp_name_is_stale(worker));
	end_child(&child);
	assert_true(temp_name_is_stale(worker));
	assert_false(temp_name_is_stale(range));
}

static void send_other_run(int fd)
{
	char name[TEMP_NAME_SIZE];

	temp_name_begin_run();
	temp_name_set_slot(0);
	temp_name_next(name);
	send_name(fd, name);
	temp_name_for_ranges(name, 9);
	send_name(fd, name);
}

static void another_run_is_stale_once_it_is_dead(void **state)
{
	char name[TEMP_NAME_SIZE], range[TEMP_NAME_SIZE];
	int fd;
	struct child child = start_child(send_other_run, &fd);

	(void)state;
	assert_int_equal(read(fd, name, sizeof name), sizeof name);
	receive_name(fd, range);
	assert_false(temp_name_is_stale(name));
	assert_false(temp_name_is_stale(range));
	end_child(&child);
	assert_true(temp_name_is_stale(name));
	assert_true(temp_name_is_stale(range));
}

/* Replaces field @n ('-' separated, the host is 1) of @name. */
static void with_field(char out[static TEMP_NAME_SIZE * 2], const char *name, int n, const char *text)
{
	const char *p = name + 1, *end;

	for (int i = 0; i < n; i++)
		p = strchr(p, '-') + 1;
	end = strchr(p, '-');
	snprintf(out, TEMP_NAME_SIZE * 2, "%.*s%s%s", (int)(p - name), name, text, end ? end : "");
}

static void a_later_process_with_the_pid_is_not_the_maker(void **state)
{
	char name[TEMP_NAME_SIZE], other[TEMP_NAME_SIZE * 2], elder[TEMP_NAME_SIZE * 2], pid[20];

	(void)state;
	temp_name_next(name);
	/* Our own pid, started at another time: that process is dead. */
	with_field(other, name, 3, "1");
	assert_true(temp_name_is_ours(other));
	assert_true(temp_name_is_stale(other));
	/* Start time not known (no /proc then): a live pid may be the maker. */
	with_field(other, name, 3, "0");
	assert_false(temp_name_is_stale(other));
	/* Another process that lives, and whose start time is another. */
	snprintf(pid, sizeof pid, "%x", (unsigned)getppid());
	with_field(elder, name, 2, pid);
	with_field(other, elder, 3, "1");
	assert_true(temp_name_is_stale(other));
}

static void another_hosts_names_are_left_alone(void **state)
{
	char name[TEMP_NAME_SIZE], range[TEMP_NAME_SIZE], other[TEMP_NAME_SIZE * 2];
	int fd;
	struct child child = start_child(send_other_run, &fd);

	(void)state;
	assert_int_equal(read(fd, name, sizeof name), sizeof name);
	receive_name(fd, range);
	end_child(&child);
	assert_true(temp_name_is_stale(name));
	with_field(other, name, 1, strncmp(name + 7, "00000000", 8) == 0 ? "00000001" : "00000000");
	assert_true(temp_name_is_ours(other));
	assert_false(temp_name_is_stale(other));
}

static void what_is_not_quite_a_name_of_ours_is_not(void **state)
{
	static const char *const others[] = {
		"",
		".",
		".pcopy",
		".pcopy-",
		".pcopy-notes",
		".pcopy-12345678",
		".pcopy-12345678-1-1-1",
		".pcopy-12345678-1-1-1-",
		".pcopy-12345678-1-1-1-1-",
		".pcopy-12345678-1-1-1-1-1",
		".pcopy-12345678-1-1-1-1.txt",
		".pcopy-12345678-1-1-1-g",
		".pcopy-12345678-1-1-1-1 ",
		".pcopy-1234567-1-1-1-1",
		".pcopy-123456789-1-1-1-1",
		".pcopy-12345678--1-1-1",
		".pcopy-ABCDEF12-1-1-1-1",
		".pcopy-12345678-0x1-1-1-1",
		".pcopy-12345678-11112222333344445-1-1-1",
		"pcopy-12345678-1-1-1-1",
		"x.pcopy-12345678-1-1-1-1",
	};

	(void)state;
	assert_true(temp_name_is_ours(".pcopy-12345678-1-1-1-1"));
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		if (temp_name_is_ours(others[i]) || temp_name_is_stale(others[i]))
			fail_msg("taken for ours: %s", others[i]);
	}
}

/* A pid that kill(2) would read as a group, or as everybody, says nothing. */
static void a_pid_that_is_none_is_never_stale(void **state)
{
	char name[TEMP_NAME_SIZE], other[TEMP_NAME_SIZE * 2];

	(void)state;
	temp_name_next(name);
	with_field(other, name, 2, "0");
	assert_false(temp_name_is_stale(other));
	with_field(other, name, 2, "ffffffff");
	assert_false(temp_name_is_stale(other));
	with_field(other, name, 2, "80000005");
	assert_false(temp_name_is_stale(other));
	with_field(other, name, 2, "ffffffffffffffff");
	assert_false(temp_name_is_stale(other));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(names_differ_and_are_recognised, setup),
		cmocka_unit_test_setup(workers_of_one_slot_do_not_share_names, setup),
		cmocka_unit_test_setup(another_run_is_stale_once_it_is_dead, setup),
		cmocka_unit_test_setup(a_later_process_with_the_pid_is_not_the_maker, setup),
		cmocka_unit_test_setup(another_hosts_names_are_left_alone, setup),
		cmocka_unit_test_setup(what_is_not_quite_a_name_of_ours_is_not, setup),
		cmocka_unit_test_setup(a_pid_that_is_none_is_never_stale, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
