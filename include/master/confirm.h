/*
 * A completion record takes effect in the books.
 *
 * Promises that each record is checked against what its worker really holds
 * before anything is believed, and that every entry of a job is settled once:
 * by its RESULT, or by the DONE that says the rest went without saying.
 *
 * Runs in: the master.  Blocks: as reports do.  Allocates: as intake does.
 * Owns: nothing.
 */
#pragma once

#include "master/dispatch.h"
#include "master/intake.h"

struct confirm {
	struct intake *intake;
	struct dispatch *dispatch;
};

enum confirm_verdict {
	CONFIRM_OK,
	CONFIRM_SCANNED,           /* more is known of what there is to copy */
	CONFIRM_FULL,              /* an entry failed for want of space */
	CONFIRM_NONSENSE,          /* invariant 8: *ret_record has the values */
};

enum confirm_verdict confirm_record(struct confirm *confirm, unsigned slot, const void *bytes, size_t len,
                                    struct record *ret_record);
