/* Every stage, loss and method has words, and every sentence names its files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/outcome.h"

static char *sentence(enum stage stage, int err)
{
	struct outcome outcome = {.status = OUTCOME_FAILED, .stage = (uint16_t)stage, .err = err};

	return outcome_sentence(&outcome, "'SRC'", "'DST'");
}

static void every_stage_has_a_sentence_with_a_name_in_it(void **state)
{
	(void)state;
	for (int stage = 0; stage < STAGE_COUNT; stage++) {
		CLEANUP_FREE char *text = sentence((enum stage)stage, EIO);

		assert_true(strstr(text, "'SRC'") || strstr(text, "'DST'"));
		assert_null(strpbrk(text, "{}\n"));
	}
}

static void every_stage_has_a_word_of_its_own(void **state)
{
	(void)state;
	for (int stage = 0; stage < STAGE_COUNT; stage++) {
		const char *word = outcome_stage_word((enum stage)stage);

		assert_true(strlen(word) > 0);
		assert_int_equal(strspn(word, "abcdefghijklmnopqrstuvwxyz-"), strlen(word));
		assert_string_not_equal(word, "unknown");
		for (int other = 0; other < stage; other++)
			assert_string_not_equal(word, outcome_stage_word((enum stage)other));
	}
}

static void every_loss_and_method_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (int class = 0; class < LOSS_COUNT; class ++) {
		assert_string_not_equal(outcome_loss_name((enum loss)class), "unknown metadata");
		for (int other = 0; other < class; other++)
			assert_string_not_equal(outcome_loss_name((enum loss)class),
			                        outcome_loss_name((enum loss)other));
	}
	for (int method = 0; method < DATA_COUNT; method++) {
		assert_string_not_equal(outcome_method_name((enum data_method)method), "unknown");
		for (int other = 0; other < method; other++)
			assert_string_not_equal(outcome_method_name((enum data_method)method),
			                        outcome_method_name((enum data_method)other));
	}
}

static void sentences_are_those_of_cp(void **state)
{
	static const struct {
		enum stage stage;
		int err;
		const char *text;
	} expected[] = {
		{STAGE_OPEN_SOURCE, EACCES, "cannot open 'SRC' for reading: Permission denied"},
		{STAGE_STAT_SOURCE, ENOENT, "cannot stat 'SRC': No such file or directory"},
		{STAGE_READ_SOURCE, EIO, "error reading 'SRC': Input/output error"},
		{STAGE_WRITE, ENOSPC, "error writing 'DST': No space left on device"},
		{STAGE_MAKE_DIRECTORY, EACCES, "cannot create directory 'DST': Permission denied"},
		{STAGE_OWNER, EPERM, "failed to preserve ownership for 'DST': Operation not permitted"},
		{STAGE_REFLINK, EXDEV, "failed to clone 'DST' from 'SRC': Invalid cross-device link"},
		{STAGE_SAME_FILE, EINVAL, "'SRC' and 'DST' are the same file"},
		{STAGE_JUST_CREATED, EEXIST, "will not overwrite just-created 'DST' with 'SRC'"},
		{STAGE_NOT_DIRECTORY, ENOTDIR, "cannot overwrite non-directory 'DST' with directory 'SRC'"},
		{STAGE_IS_DIRECTORY, EISDIR, "cannot overwrite directory 'DST' with non-directory 'SRC'"},
		{STAGE_EXISTS, EEXIST, "not replacing 'DST'"},
		{STAGE_INTO_ITSELF, EINVAL, "cannot copy a directory, 'SRC', into itself, 'DST'"},
		{STAGE_DANGLING, ENOENT, "not writing through dangling symlink 'DST'"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		CLEANUP_FREE char *text = sentence(expected[i].stage, expected[i].err);

		assert_string_equal(text, expected[i].text);
	}
}

static void no_errno_no_text_for_it(void **state)
{
	CLEANUP_FREE char *text = sentence(STAGE_WRITE, 0);

	(void)state;
	assert_string_equal(text, "error writing 'DST'");
}

static void a_name_is_never_read_as_a_placeholder(void **state)
{
	struct outcome outcome = {.status = OUTCOME_FAILED, .stage = STAGE_SAME_FILE};
	CLEANUP_FREE char *text = outcome_sentence(&outcome, "'{dest}%s'", "'{source}'");

	(void)state;
	assert_string_equal(text, "'{dest}%s' and '{source}' are the same file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_stage_has_a_sentence_with_a_name_in_it),
		cmocka_unit_test(every_stage_has_a_word_of_its_own),
		cmocka_unit_test(every_loss_and_method_has_a_name_of_its_own),
		cmocka_unit_test(sentences_are_those_of_cp),
		cmocka_unit_test(no_errno_no_text_for_it),
		cmocka_unit_test(a_name_is_never_read_as_a_placeholder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
