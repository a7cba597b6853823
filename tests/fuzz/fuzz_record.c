/*
 * Any bytes as a completion record: refused, or safe to use as it is.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ipc/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool true_one)
{
	if (!true_one)
		abort();
}

/* All that the master uses as an index, a shift, or to choose a sentence. */
static void check_outcome(const struct outcome *outcome)
{
	require(outcome->status <= OUTCOME_FAILED && outcome->stage < STAGE_COUNT);
	require(outcome->method < DATA_COUNT);
	require(outcome->lost < LOSS_BIT(LOSS_COUNT) && outcome->err >= 0 && outcome->err < 4096);
	require((outcome->status == OUTCOME_FAILED) == (outcome->stage != STAGE_NONE));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t again[RECORD_MAX];
	struct record record, same;
	const char *name, *same_name;
	size_t len;

	if (record_parse(data, size, &record, &name))
		return 0;
	require(record.job != 0 && size <= RECORD_MAX);
	require((record.kind == RECORD_ENTRY) == (name != NULL));
	if (name) {
		require(strlen(name) == record.name_len && record.name_len > 0 && !strchr(name, '/'));
		require(strcmp(name, ".") && strcmp(name, ".."));
	}
	if (record.kind == RECORD_RESULT)
		check_outcome(&record.result);
	if (record.kind == RECORD_SCANNED)
		check_outcome(&record.scanned.outcome);

	len = record_format(again, &record, name);
	require(len == size && record_parse(again, len, &same, &same_name) == 0);
	require(same.kind == record.kind && same.job == record.job && same.index == record.index);
	require(!name || !strcmp(name, same_name));
	return 0;
}
