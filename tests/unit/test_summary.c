/* The sentence at the end: short for an ordinary run, everything for any other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"
#include "ui/summary.h"

static void assert_line(const struct summary *summary, const char *expected)
{
	char line[SUMMARY_LINE];

	summary_line(summary, line);
	assert_string_equal(line, expected);
}

static struct summary ordinary(void)
{
	return (struct summary){.files = 12345, .directories = 3000, .bytes = UINT64_C(5) << 28,
				.elapsed_ns = 12 * NS_PER_S, .jobs = 5};
}

static void an_ordinary_run_is_one_short_sentence(void **state)
{
	struct summary summary = ordinary();

	(void)state;
	assert_line(&summary, "copied 12,345 files (1.25 GiB) in 3,000 directories in 12s, 107 MiB/s, "
			      "1,029 files/s, 5 workers");
}

static void one_thing_is_singular(void **state)
{
	struct summary summary = {.files = 1, .directories = 1, .bytes = 10, .elapsed_ns = NS_PER_S / 2, .jobs = 1,
				  .links = 1, .redone = 1};

	(void)state;
	assert_line(&summary, "copied 1 file (10 B) in 1 directory in 0.5s, 20 B/s, 2 files/s, 1 worker, "
			      "1 hard link, 1 job redone");
}

static void nothing_copied_has_no_rate(void **state)
{
	struct summary summary = {.elapsed_ns = 20 * NS_PER_MS, .jobs = 2};

	(void)state;
	assert_line(&summary, "copied 0 files (0 B) in 0.0s, 2 workers");
	summary.files = 1;
	summary.elapsed_ns = 0;
	assert_line(&summary, "copied 1 file (0 B) in 0.0s, 2 workers");
}

static void all_else_is_added_when_there_is_any(void **state)
{
	struct summary summary = ordinary();

	(void)state;
	summary.jobs_reason = "4 CPUs, storage keeps up";
	summary.links = 12;
	summary.by_method[DATA_REFLINK] = 345;
	summary.skipped = 3;
	summary.up_to_date = 1234;
	summary.failed = 2;
	summary.redone = 7;
	summary.interrupted = true;
	assert_line(&summary, "interrupted: copied 12,345 files (1.25 GiB) in 3,000 directories in 12s, 107 MiB/s, "
			      "1,029 files/s, 5 workers (4 CPUs, storage keeps up), 12 hard links, 345 reflinked, "
			      "3 skipped, 1,234 up to date, 7 jobs redone, 2 failed");
}

static void tenths_do_not_become_ten(void **state)
{
	struct summary summary = {.jobs = 2, .elapsed_ns = 9940 * NS_PER_MS};

	(void)state;
	assert_line(&summary, "copied 0 files (0 B) in 9.9s, 2 workers");
	summary.elapsed_ns = 9980 * NS_PER_MS;
	assert_line(&summary, "copied 0 files (0 B) in 9s, 2 workers");
	summary.elapsed_ns = 3723 * NS_PER_S;
	assert_line(&summary, "copied 0 files (0 B) in 1:02:03, 2 workers");
}

static void the_longest_sentence_is_cut_not_overrun(void **state)
{
	char line[4 * SUMMARY_LINE], reason[2 * SUMMARY_LINE];
	struct summary summary = ordinary();

	(void)state;
	memset(reason, 'r', sizeof(reason) - 1);
	reason[sizeof(reason) - 1] = '\0';
	summary.jobs_reason = reason;
	summary.failed = 1;
	memset(line, 'X', sizeof(line));
	summary_line(&summary, line);
	assert_int_equal(strlen(line), SUMMARY_LINE - 1);
	for (size_t i = SUMMARY_LINE; i < sizeof(line); i++)
		assert_int_equal(line[i], 'X');
}

static void a_loss_has_a_line_of_its_own(void **state)
{
	struct summary summary = ordinary();
	char line[SUMMARY_LINE];

	(void)state;
	for (enum loss class = 0; class < LOSS_COUNT; class++)
		assert_false(summary_loss_line(&summary, class, line));
	summary.lost[LOSS_OWNER] = 1;
	summary.lost[LOSS_XATTR] = 4321;
	assert_true(summary_loss_line(&summary, LOSS_OWNER, line));
	assert_non_null(strstr(line, "1 entry"));
	assert_non_null(strstr(line, outcome_loss_name(LOSS_OWNER)));
	assert_true(summary_loss_line(&summary, LOSS_XATTR, line));
	assert_non_null(strstr(line, "4,321 entries"));
	assert_false(summary_loss_line(&summary, LOSS_ACL, line));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_ordinary_run_is_one_short_sentence),
		cmocka_unit_test(one_thing_is_singular),
		cmocka_unit_test(nothing_copied_has_no_rate),
		cmocka_unit_test(all_else_is_added_when_there_is_any),
		cmocka_unit_test(tenths_do_not_become_ten),
		cmocka_unit_test(the_longest_sentence_is_cut_not_overrun),
		cmocka_unit_test(a_loss_has_a_line_of_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
