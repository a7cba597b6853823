/*
 * The flushing phase: what is copied reaches the disk.
 *
 * Promises one FLUSH job when the policy or the storage asks for it, and a
 * number to show while it lasts.
 *
 * Runs in: the master.  Blocks: never (a worker calls syncfs).
 * Allocates: the job.  Owns: nothing.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/policy.h"
#include "master/job_ledger.h"
#include "master/storage.h"

bool flush_is_wanted(const struct copy_policy *policy, const struct storage *storage);

/* Queues the job. */
void flush_queue(struct job_ledger *ledger);

/* Bytes the kernel still has to write (Dirty and Writeback of /proc/meminfo),
 * or UINT64_MAX where that cannot be read. */
uint64_t flush_dirty_bytes(void);
