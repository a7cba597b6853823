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

static void check_name(const struct listed *listed, const char *name)
{
	require(strlen(name) == listed->name_len && listed->name_len > 0 && !strchr(name, '/'));
	require(strcmp(name, ".") && strcmp(name, "..") && listed->err < 4096);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t again[RECORD_MAX];
	struct listed_names names, same_names;
	struct record record, same, bare;
	struct listed listed;
	const char *name;
	uint32_t at = 0, n = 0;
	size_t len;

	if (record_parse(data, size, &record, &names))
		return 0;
	require(record.job != 0 && size <= RECORD_MAX);
	require((record.kind == RECORD_LISTED) == (names.count > 0));
	if (record.kind == RECORD_RESULT)
		check_outcome(&record.result);
	if (record.kind == RECORD_SCANNED)
		check_outcome(&record.scanned.outcome);

	bare = record;
	bare.names = 0;
	len = record_format(again, &bare);
	for (; (name = listed_next(&names, &at, &listed)) != NULL; n++) {
		check_name(&listed, name);
		len = record_add_listed(again, len, &listed, name);
	}
	require(n == names.count && len == size && (n == 0 || !memcmp(again, data, len)));
	require(record_parse(again, len, &same, &same_names) == 0 && same_names.count == n);
	require(same.kind == record.kind && same.job == record.job && same.index == record.index);
	return 0;
}
