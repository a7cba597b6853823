/*
 * Room in the destination: will it fit, and what to say when it did not.
 *
 * Promises a refusal with the numbers as soon as the scan knows of more than
 * was free at the start; silence where that question has no answer (file systems
 * that share extents, runs that replace or skip what is there). What is too much was not
 * begun by then: files are copied before they are known here only while space_is_ample().
 *
 * Runs in: the master.  Blocks: as writing a message does.  Allocates: no.
 * Owns: nothing.
 */
#pragma once

#include <stdbool.h>

#include "cli/options.h"
#include "master/storage.h"
#include "master/tally.h"

struct space {
	const struct options *options;
	const struct storage *storage;
	const struct tally *tally;
	const char *dest_base;
};

/* True, after a sentence, when what was found so far cannot fit. */
bool space_is_short(const struct space *space);

/* True when so many batches more than was found so far fit in any case, or nobody asks. */
bool space_is_ample(const struct space *space, uint64_t batches);

/* Says that the file system is full. @known: the scan has ended. */
void space_say_full(const struct space *space, bool known);
