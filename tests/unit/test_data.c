/*
 * The data ladder on real files: every rung and every way off it. Holes are in
 * test_holes.c, sources that change under our hands in test_data_change.c.
 */
#include "data_fixture.h"

#include <linux/magic.h>
#include <stdatomic.h>

#include "copy/offload.h"

static void copies_every_size(void **state)
{
	static const uint64_t sizes[] = { 0, 1, 4095, 4096, 65535, BUFFER - 1, BUFFER, BUFFER + 1, MIB + 17 };

	(void)state;
	t.policy.offload = false;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_int_equal(ftruncate(t.src_fd, 0), 0);
		fill(0, sizes[i]);
		new_dest();
		assert_copies(sizes[i] == 0 ? DATA_NONE : DATA_PLAIN);
	}
}

static void a_known_size_costs_no_extra_read(void **state)
{
	(void)state;
	t.policy.offload = false;
	fill(0, 1000);
	assert_copies(DATA_PLAIN);
	assert_int_equal(bent.pread.calls, 1);
	assert_int_equal(bent.pwrite.calls, 1);
}

static void survives_short_and_interrupted_calls(void **state)
{
	(void)state;
	t.policy.offload = false;
	fill(0, BUFFER + 12345);
	bent.pread.at_most = 1000;
	bent.pread.eintr_every = 3;
	bent.pwrite.at_most = 777;
	bent.pwrite.eintr_every = 2;
	assert_copies(DATA_PLAIN);
}

static void names_the_side_that_failed(void **state)
{
	(void)state;
	fill(0, 4 * FAR_BUFFER);
	t.policy.offload = false;
	bent.pread.fail_from = 2;
	bent.pread.err = EIO;
	assert_fails(EIO, STAGE_READ_SOURCE);
	bent.pread.fail_from = 0;
	bent.pwrite.calls = 0;
	bent.pwrite.fail_from = 2;
	bent.pwrite.err = ENOSPC;
	assert_fails(ENOSPC, STAGE_WRITE);
}

/* Also when a fast rung meets the trouble first, which cannot say which side it was. */
static void names_the_side_after_offload(void **state)
{
	(void)state;
	fill(0, MIB);
	bent.cfr.at_most = 300 * KIB;
	bent.cfr.fail_from = 2;
	bent.cfr.err = EIO;
	bent.pread.fail_from = 1;
	bent.pread.err = EIO;
	assert_fails(EIO, STAGE_READ_SOURCE);
	bent.pread.fail_from = 0;
	bent.cfr.calls = 0;
	bent.cfr.err = ENOSPC;
	bent.pwrite.fail_from = 1;
	bent.pwrite.err = ENOSPC;
	assert_fails(ENOSPC, STAGE_WRITE);
}

static void falls_down_when_offload_is_refused(void **state)
{
	static const struct {
		int err;
		bool remembered;
	} refusals[] = {
		{ ENOSYS, true },   { ENOTTY, true },   { EOPNOTSUPP, true }, { EXDEV, true },  { EPERM, true },
		{ EINVAL, true },   { EIO, true },      { EBADF, false },     { ETXTBSY, false },
		{ EACCES, false },  { ENOENT, false },  { EFBIG, false },     { ETIMEDOUT, false }, { ENOSPC, false },
	};

	(void)state;
	fill(0, MIB + 3);
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		renew();
		bent.cfr = (struct bend){ .fail_from = 1, .err = refusals[i].err };
		new_dest();
		assert_copies(DATA_PLAIN);
		assert_int_equal(bent.cfr.calls, 1);
		new_dest();
		assert_copies(DATA_PLAIN);
		assert_int_equal(bent.cfr.calls, refusals[i].remembered ? 1 : 2);
	}
}

static void a_refusal_holds_for_its_devices_only(void **state)
{
	struct data_request request;

	(void)state;
	fill(0, MIB);
	bent.cfr.fail_from = bent.cfr.fail_to = 1;
	bent.cfr.err = EXDEV;
	assert_copies(DATA_PLAIN);
	new_dest();
	request = whole();
	request.dst_dev++;
	assert_int_equal(copied(&request).method, DATA_OFFLOAD);
	new_dest();
	assert_copies(DATA_PLAIN);
}

static void goes_on_where_offload_stopped(void **state)
{
	(void)state;
	fill(0, MIB + 3);
	bent.cfr.at_most = 100 * KIB;
	bent.cfr.fail_from = bent.cfr.fail_to = 2;
	bent.cfr.err = EINVAL;
	assert_copies(DATA_OFFLOAD);
	assert_int_equal(bent.cfr.calls, 2);
	/* It has worked here once: it is tried on the next file. */
	new_dest();
	assert_copies(DATA_OFFLOAD);
	assert_true(bent.cfr.calls > 2);
}

static void an_offload_of_nothing_is_probed(void **state)
{
	(void)state;
	fill(0, MIB + 3);
	bent.cfr.at_most = 100 * KIB;
	bent.cfr.fail_from = 3;
	assert_copies(DATA_OFFLOAD);
	assert_int_equal(bent.cfr.calls, 3);
	new_dest();
	assert_copies(DATA_PLAIN);
	assert_int_equal(bent.cfr.calls, 3);
}

static void offload_survives_interruptions(void **state)
{
	(void)state;
	fill(0, 2 * MIB + 3);
	bent.cfr.at_most = 100 * KIB;
	bent.cfr.eintr_every = 2;
	assert_copies(DATA_OFFLOAD);
	assert_int_equal(bent.pwrite.calls, 0);
}

static void offload_goes_in_steps(void **state)
{
	(void)state;
	fill(0, 20 * MIB);
	assert_copies(DATA_OFFLOAD);
	assert_int_equal(bent.cfr.longest, 8 * MIB);
	assert_int_equal(t.steps, 3);
	assert_int_equal(t.moved, 20 * MIB);
}

static void offload_is_left_alone_when_it_must_be(void **state)
{
	(void)state;
	fill(0, MIB);
	t.policy.offload = false;
	assert_copies(DATA_PLAIN);
	t.policy.offload = true;
	t.policy.reflink = REFLINK_NEVER;
	new_dest();
	assert_copies(DATA_PLAIN);
	t.policy.reflink = REFLINK_AUTO;
	t.policy.sparse = SPARSE_NEVER;
	new_dest();
	assert_copies(DATA_PLAIN);
	t.policy.sparse = SPARSE_ALWAYS;
	new_dest();
	assert_copies(DATA_PLAIN);
	t.policy.sparse = SPARSE_AUTO;
	assert_int_equal(ftruncate(t.src_fd, 60 * KIB), 0);
	new_dest();
	assert_copies(DATA_PLAIN);
	assert_int_equal(bent.cfr.calls, 0);
}

/* On ext4 it is slower than reading and writing; on tmpfs it is faster. */
static void offload_is_used_where_it_pays(void **state)
{
	(void)state;
	fill(0, MIB);
	bent.type = EXT4_SUPER_MAGIC;
	assert_copies(DATA_PLAIN);
	assert_int_equal(bent.cfr.calls, 0);
	renew();
	new_dest();
	bent.type = TMPFS_MAGIC;
	assert_copies(DATA_OFFLOAD);
}

/* FUSE: which is faster, is found out. The clock is turned by the calls themselves. */
static uint64_t now_ns, cfr_ns, plain_ns;

uint64_t __wrap_clock_now_ns(void);
uint64_t __wrap_clock_now_ns(void)
{
	return now_ns;
}

static void turn_clock(unsigned call)
{
	static unsigned cfr_calls;

	(void)call;
	if (bent.cfr.calls > cfr_calls)
		now_ns += cfr_ns;
	else
		now_ns += plain_ns;
	cfr_calls = bent.cfr.calls;
}

static void begin_trial(uint64_t plain_takes, uint64_t offload_takes)
{
	bent.type = 0x65735546;
	bent.before_read = turn_clock;
	plain_ns = plain_takes;
	cfr_ns = offload_takes;
	fill(0, 20 * MIB);
}

static void a_server_that_copies_is_asked_to(void **state)
{
	(void)state;
	begin_trial(2000, 1000); /* each call, however much it moves */
	assert_copies(DATA_OFFLOAD);
	assert_int_equal(bent.pread.calls, 1 + 1); /* 2 MiB, and a look past the end */
	assert_int_equal(bent.cfr.calls, 2 + 3); /* 256 KiB and 1 MiB, then in steps */
	assert_int_equal(bent.cfr.longest, 8 * MIB);
	new_dest();
	t.stepped = bent.pread.calls = 0;
	assert_copies(DATA_OFFLOAD);
	assert_int_equal(bent.pread.calls, 1);     /* it is known by now */
}

/* One request for 64 KiB each, where plain copying needs one for 2 MiB. */
static void a_kernel_that_splices_in_its_place_is_not(void **state)
{
	(void)state;
	begin_trial(2000, 600);
	bent.cfr.at_most = 64 * KIB;
	assert_copies(DATA_OFFLOAD);
	assert_int_equal(bent.cfr.calls, 4);
	new_dest();
	t.stepped = 0;
	assert_copies(DATA_PLAIN);
	assert_int_equal(bent.cfr.calls, 4); /* nothing is asked of it again */
}

/* Bearable in a short piece only. */
static void an_offload_that_does_not_get_better_is_left(void **state)
{
	(void)state;
	begin_trial(2000, 200);
	bent.cfr.at_most = 64 * KIB;
	assert_copies(DATA_OFFLOAD);
	assert_int_equal(bent.cfr.calls, 4 + 16);
	new_dest();
	t.stepped = 0;
	assert_copies(DATA_PLAIN);
}

static void a_small_file_is_no_trial(void **state)
{
	(void)state;
	begin_trial(1000, 1000);
	assert_int_equal(ftruncate(t.src_fd, MIB), 0);
	assert_copies(DATA_PLAIN);
	assert_int_equal(bent.cfr.calls, 0);
}

/* Another worker: it knows nothing itself. */
static void as_another_worker(struct offload_trial *trial)
{
	renew();
	data_share_trial(t.data, trial);
	new_dest();
	bent.pread.calls = bent.cfr.calls = 0;
}

static void offload_goes_in_the_steps_that_are_asked_for(void **state)
{
	(void)state;
	fill(0, 20 * MIB);
	data_set_step(t.data, MIB);
	assert_copies(DATA_OFFLOAD);
	assert_int_equal(bent.cfr.longest, MIB);
	assert_int_equal(t.steps, 20);
	data_set_step(t.data, 1);
	new_dest();
	bent.cfr.longest = 0;
	assert_copies(DATA_OFFLOAD);
	assert_int_equal(bent.cfr.longest, 64 * KIB);
	data_set_step(t.data, 0);
	new_dest();
	bent.cfr.longest = 0;
	assert_copies(DATA_OFFLOAD);
	assert_int_equal(bent.cfr.longest, 8 * MIB);
}

static void one_worker_tries_for_all(void **state)
{
	struct offload_trial trial = { 0 };

	(void)state;
	begin_trial(2000, 1000);
	as_another_worker(&trial);
	assert_copies(DATA_OFFLOAD);
	assert_int_equal(bent.cfr.calls, 2 + 3);
	as_another_worker(&trial);
	assert_copies(DATA_OFFLOAD);
	assert_int_equal(bent.cfr.calls, 3);
	assert_int_equal(bent.pread.calls, 1); /* the look past the end */

	trial = (struct offload_trial){ 0 };
	bent.cfr.at_most = 64 * KIB;
	cfr_ns = 600;
	as_another_worker(&trial);
	assert_copies(DATA_OFFLOAD);
	assert_int_equal(bent.cfr.calls, 4);
	as_another_worker(&trial);
	assert_copies(DATA_PLAIN);
	assert_int_equal(bent.cfr.calls, 0);
}

static struct offload_trial slow_trial;

static void end_slow_trial(unsigned call)
{
	if (call == 7) /* of 2 MiB each */
		atomic_store(&slow_trial.verdict, OFFLOAD_PAYS);
}

static void while_another_tries_the_others_copy(void **state)
{
	struct device_pair pair = { .src = whole().src_dev, .dst = whole().dst_dev, .offload = OFFLOAD_ON_TRIAL };

	(void)state;
	begin_trial(2000, 1000);
	slow_trial = (struct offload_trial){ 0 };
	assert_true(offload_trial_begin(&slow_trial, &pair));
	as_another_worker(&slow_trial);
	assert_copies(DATA_PLAIN);
	assert_int_equal(bent.cfr.calls, 0);
	as_another_worker(&slow_trial);
	bent.before_read = end_slow_trial;
	assert_copies(DATA_OFFLOAD);
	assert_int_equal(bent.pread.calls, 7 + 1);
	assert_int_equal(bent.cfr.calls, 1); /* of 20 MiB the last 6 */

	/* Given up without a verdict: the next one may. */
	slow_trial.verdict = 0;
	offload_trial_end(&slow_trial, &pair);
	bent.before_read = turn_clock;
	as_another_worker(&slow_trial);
	assert_copies(DATA_OFFLOAD);
	assert_int_equal(bent.cfr.calls, 2 + 3);

	/* And where who held it died; a verdict outlives who found it. */
	slow_trial = (struct offload_trial){ 0 };
	assert_true(offload_trial_begin(&slow_trial, &pair));
	offload_trial_abandon(&slow_trial);
	as_another_worker(&slow_trial);
	assert_copies(DATA_OFFLOAD);
	assert_int_equal(bent.cfr.calls, 2 + 3);
	offload_trial_abandon(&slow_trial);
	as_another_worker(&slow_trial);
	assert_copies(DATA_OFFLOAD);
	assert_int_equal(bent.cfr.calls, 3);

	/* Of other devices it says nothing. */
	slow_trial = (struct offload_trial){ .pair = 1, .verdict = OFFLOAD_REFUSED };
	as_another_worker(&slow_trial);
	assert_copies(DATA_OFFLOAD);
	assert_int_equal(slow_trial.verdict, OFFLOAD_REFUSED);
}

static void clones_when_it_can(void **state)
{
	(void)state;
	bent.clone.fail_from = 0;
	fill(0, MIB + 5);
	assert_copies(DATA_REFLINK);
	assert_int_equal(t.moved, 0);
	assert_int_equal(bent.pread.calls + bent.pwrite.calls + bent.cfr.calls, 0);
}

static void clones_ranges(void **state)
{
	struct data_request request;

	(void)state;
	bent.clone.fail_from = 0;
	fill(0, MIB + 5);
	request = whole();
	request.length = 512 * KIB;
	assert_int_equal(copied(&request).method, DATA_REFLINK);
	assert_int_equal(size_of(t.dst_fd), 512 * KIB);
	request.offset = 512 * KIB;
	request.length = 512 * KIB + 5;
	assert_int_equal(copied(&request).method, DATA_REFLINK);
	assert_same_bytes();
}

static void a_refused_clone_is_remembered(void **state)
{
	static const struct {
		int err;
		bool remembered;
	} refusals[] = {
		{ EOPNOTSUPP, true }, { ENOTTY, true },	 { EXDEV, true },   { EPERM, true },  { ENOSYS, true },
		{ EINVAL, false },    { ETXTBSY, false }, { EACCES, false }, { EIO, false },
	};

	(void)state;
	fill(0, MIB);
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		renew();
		bent.clone = (struct bend){ .fail_from = 1, .err = refusals[i].err };
		new_dest();
		assert_copies(DATA_OFFLOAD);
		new_dest();
		assert_copies(DATA_OFFLOAD);
		assert_int_equal(bent.clone.calls, refusals[i].remembered ? 1 : 2);
	}
}

static void clone_always_copies_nothing_when_it_cannot(void **state)
{
	(void)state;
	t.policy.reflink = REFLINK_ALWAYS;
	fill(0, MIB);
	assert_fails(EOPNOTSUPP, STAGE_REFLINK);
	assert_int_equal(size_of(t.dst_fd), 0);
	assert_int_equal(bent.pread.calls + bent.cfr.calls, 0);
	/* And it is tried for each file, whatever happened to the one before. */
	assert_fails(EOPNOTSUPP, STAGE_REFLINK);
	assert_int_equal(bent.clone.calls, 2);
}

static void clone_is_left_alone_when_it_must_be(void **state)
{
	struct data_request request;

	(void)state;
	bent.clone.fail_from = 0;
	fill(0, MIB);
	t.policy.reflink = REFLINK_NEVER;
	assert_copies(DATA_PLAIN);
	t.policy.reflink = REFLINK_AUTO;
	t.policy.sparse = SPARSE_NEVER;
	new_dest();
	assert_copies(DATA_PLAIN);
	t.policy.sparse = SPARSE_AUTO;
	request = whole();
	request.dst_fresh = false;
	copied(&request);
	assert_int_equal(bent.clone.calls, 0);
}

static void a_clone_of_more_than_was_seen_is_refused(void **state)
{
	(void)state;
	bent.clone.fail_from = 0;
	bent.clone_extra = 1;
	fill(0, MIB);
	assert_changed();
}

static void an_empty_file_that_is_not_empty_is_noticed(void **state)
{
	struct data_request request;
	struct data_result result;

	(void)state;
	request = whole();
	fill(0, 5);
	assert_int_equal(copy_with(&request, &result), -ESTALE);
	assert_int_equal(result.stage, STAGE_SOURCE_CHANGED);
}

static void a_longer_old_file_is_cut(void **state)
{
	struct data_request request;

	(void)state;
	fill(0, 1000);
	fill_byte(t.dst_fd, 0, 5000, 'x');
	request = whole();
	request.dst_fresh = false;
	copied(&request);
	assert_same_bytes();
}

static void reads_what_has_no_size(void **state)
{
	struct data_request request;
	char text[4096], copy[4096];
	int proc_fd = open("/proc/version", O_RDONLY | O_CLOEXEC);
	ssize_t n;

	(void)state;
	assert_true(proc_fd >= 0);
	n = __real_read(proc_fd, text, sizeof(text));
	assert_true(n > 0);
	close(t.src_fd);
	t.src_fd = proc_fd;
	assert_int_equal(__real_lseek64(proc_fd, 0, SEEK_SET), 0);
	request = whole();
	assert_int_equal(request.size, 0);
	request.unknown_size = true;
	bent.read.eintr_every = 2;
	bent.read.at_most = 7;
	assert_int_equal(copied(&request).bytes, n);
	assert_int_equal(__real_pread64(t.dst_fd, copy, sizeof(copy), 0), n);
	assert_memory_equal(copy, text, (size_t)n);
}

static void reads_a_pipe(void **state)
{
	struct data_request request;
	char copy[16];
	int ends[2];

	(void)state;
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "in a pipe", 9), 9);
	close(ends[1]);
	close(t.src_fd);
	t.src_fd = ends[0];
	fill_byte(t.dst_fd, 0, 100, 'x');
	request = whole();
	request.unknown_size = true;
	request.dst_fresh = false;
	assert_int_equal(copied(&request).bytes, 9);
	assert_int_equal(__real_pread64(t.dst_fd, copy, sizeof(copy), 0), 9);
	assert_memory_equal(copy, "in a pipe", 9);
}

static void the_step_hook_stops_the_copy(void **state)
{
	(void)state;
	fill(0, 8 * FAR_BUFFER);
	t.policy.offload = false;
	t.abort_at = 2;
	t.abort_with = -ECANCELED;
	assert_fails(ECANCELED, STAGE_NONE);
	assert_int_equal(bent.pread.calls, 2);
	assert_int_equal(t.stepped, 2 * FAR_BUFFER);
	/* Between two steps of the fast rung too, and in a hole. */
	t.policy.offload = true;
	bent.cfr.at_most = 100 * KIB;
	t.steps = 0;
	new_dest();
	assert_fails(ECANCELED, STAGE_NONE);
	assert_int_equal(bent.cfr.calls, 2);
	assert_int_equal(ftruncate(t.src_fd, 0), 0);
	fill(MIB, BUFFER);
	new_dest();
	t.abort_at = 1;
	t.steps = 0;
	bent.pread.calls = 0;
	assert_fails(ECANCELED, STAGE_NONE);
	assert_int_equal(bent.pread.calls, 0);
}

static void the_buffer_is_large_enough(void **state)
{
	size_t size = 0;

	(void)state;
	assert_non_null(data_buffer(t.data, &size));
	assert_true(size >= BUFFER);
	memset(data_buffer(t.data, &size), 0x5a, size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(copies_every_size),
		TEST(a_known_size_costs_no_extra_read),
		TEST(survives_short_and_interrupted_calls),
		TEST(names_the_side_that_failed),
		TEST(names_the_side_after_offload),
		TEST(falls_down_when_offload_is_refused),
		TEST(a_refusal_holds_for_its_devices_only),
		TEST(goes_on_where_offload_stopped),
		TEST(an_offload_of_nothing_is_probed),
		TEST(offload_survives_interruptions),
		TEST(offload_goes_in_steps),
		TEST(offload_is_left_alone_when_it_must_be),
		TEST(offload_is_used_where_it_pays),
		TEST(a_server_that_copies_is_asked_to),
		TEST(a_kernel_that_splices_in_its_place_is_not),
		TEST(an_offload_that_does_not_get_better_is_left),
		TEST(a_small_file_is_no_trial),
		TEST(offload_goes_in_the_steps_that_are_asked_for),
		TEST(one_worker_tries_for_all),
		TEST(while_another_tries_the_others_copy),
		TEST(clones_when_it_can),
		TEST(clones_ranges),
		TEST(a_refused_clone_is_remembered),
		TEST(clone_always_copies_nothing_when_it_cannot),
		TEST(clone_is_left_alone_when_it_must_be),
		TEST(a_clone_of_more_than_was_seen_is_refused),
		TEST(an_empty_file_that_is_not_empty_is_noticed),
		TEST(a_longer_old_file_is_cut),
		TEST(reads_what_has_no_size),
		TEST(reads_a_pipe),
		TEST(the_step_hook_stops_the_copy),
		TEST(the_buffer_is_large_enough),
	};

	return RUN("data", tests);
}
