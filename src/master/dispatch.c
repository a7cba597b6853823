/*
 * Each round gives every worker one more job before any gets a second one, so
 * that the last jobs of a run spread out. Within a worker's turn, by class:
 *
 *   FINISH, LINK   short, and they free memory
 *   SCAN           by one worker in eight, while the queue is short of entries: the
 *                  total is known early. Not in the first second, when nobody wants to
 *                  know: what was listed long before is cold when it is copied
 *   BIG            only to a worker that holds nothing, and nothing is sent
 *                  behind it: work behind a big file waits for minutes
 *   COPY           of a directory that the worker has open: another would have to
 *                  open it, as many requests as half a small file
 *   SCAN           by half of the workers, so that no one runs dry. Such a one copies what it
 *                  finds, where that is a batch at most, and soon done: nothing is warmer
 *   COPY           taken over from others, by who holds nothing: not to wait behind
 *                  a job that may take long, or hang
 *
 * Where files are cloned few are big: most come as COPY, a few in a batch, and those that
 * were listed before that was known are sent several at once, or a quarter of the time
 * would be the way to the master and back.
 *
 * A FINISH goes to the worker that has its directory open, in hand or next in line there;
 * to any other only when that takes nothing more and the other holds nothing, or when
 * they pile up. Given to the first idle one, the last of a tree cost 14 requests
 * more each, one after the other.
 *
 * Static splitting (by count, as git's parallel checkout does) lost: one slow
 * file makes its whole share late. So did, with 60,000 files of 6 KB: longer queues
 * (16 to 128 jobs: half the wake-ups of the master or fewer, and no time gained, as what
 * was listed is colder by then); listing one directory ahead and no more (three to six
 * times as many wake-ups, 5 to 15 % slower); a master under SCHED_BATCH (6 to 12 % slower).
 */
#include "master/dispatch.h"

#include "base/clock.h"
#include "master/intake.h"

#define WINDOW_MOST 8                  /* jobs a worker holds: one in hand, the rest to hide the round trip */
#define WINDOW_NS (2.0 * NS_PER_MS)    /* and the time they should take */
#define ALONE_NS (8.0 * NS_PER_MS)
#define HIGH_WATER 16384               /* entries queued: about 1.2 MiB, with names of 4 KiB each 66 */
#define EAGER_PART 8                   /* one worker in so many lists rather than copies */
#define BATCH_NS (4.0 * NS_PER_MS)     /* what a batch should take */
#define FINISH_MOST 16                 /* that wait for the worker with the directory open */

static uint64_t most(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Half of the workers; more where listings bring nothing to copy. Not all at once
 * then: in a new directory they wait for one another, as mkdir(2) has it to itself,
 * and nobody would be free for what the first of them finds. */
static uint64_t most_scans(const struct dispatch *dispatch)
{
	const struct job_ledger *ledger = dispatch->ledger;
	const struct job *next = ledger_peek(ledger, CLASS_SCAN);
	unsigned half = (dispatch->in_use + 1) / 2;

	if (ledger_queued(ledger, CLASS_COPY) || ledger_queued(ledger, CLASS_BIG))
		return half;
	return next && next->kind == JOB_LOOK ? UINT64_MAX : half + dispatch->listed;
}

static bool may_scan(const struct dispatch *dispatch, uint64_t at_once)
{
	const struct job_ledger *ledger = dispatch->ledger;

	return ledger_queued(ledger, CLASS_SCAN) && ledger_queued_entries(ledger) < HIGH_WATER &&
	       ledger_sent_of(ledger, CLASS_SCAN) < at_once;
}

/* A copy that likely is a clone, and if it is not, is soon done. */
static bool is_quick(const struct dispatch *dispatch, const struct job *big)
{
	return dispatch->clones && big->kind == JOB_COPY && big->bytes < BIG_CLONE;
}

/* It may start here; one worker is kept for the scan while there is one. */
static bool may_start_big(const struct dispatch *dispatch, const struct job *big, unsigned held)
{
	const struct job_ledger *ledger = dispatch->ledger;
	unsigned keep = dispatch->in_use > 1 && ledger_queued(ledger, CLASS_SCAN) ? 1 : 0;

	return held == 0 && (is_quick(dispatch, big) || ledger_sent_of(ledger, CLASS_BIG) + keep < dispatch->in_use);
}

/* Behind something big: nothing, unless it is cloned in no time. Then as much again as may
 * turn out not to be cloned. */
static struct job *pick_clone(const struct dispatch *dispatch, unsigned slot)
{
	const struct job_ledger *ledger = dispatch->ledger;
	struct job *big = ledger_peek(ledger, CLASS_BIG);

	if (!dispatch->clones || ledger_outstanding_bytes(ledger, slot) >= BIG_CLONE)
		return NULL;
	return big && is_quick(dispatch, big) ? big : ledger_peek_own_copy(ledger, slot);
}

/* The next listing, and up to @most of the files it finds, if they fit whatever the others
 * find meanwhile. */
static struct job *pick_scan(const struct dispatch *dispatch, unsigned slot, uint32_t most)
{
	const struct job_ledger *ledger = dispatch->ledger;
	struct job *job = ledger_peek_near(ledger, CLASS_SCAN, slot);

	if (job)
		ledger_limit_copy_too(job, space_is_ample(dispatch->space, ledger_sent_of(ledger, CLASS_SCAN) + 1)
		                               ? most : 0);
	return job;
}

static struct job *pick(const struct dispatch *dispatch, unsigned slot, uint64_t now_ns)
{
	const struct job_ledger *ledger = dispatch->ledger;
	unsigned held = ledger_outstanding(ledger, slot);
	struct job *job;

	if (ledger_outstanding_bytes(ledger, slot) >= BIG_FILE)
		return pick_clone(dispatch, slot);
	if ((job = ledger_peek_near(ledger, CLASS_FINISH, slot)) != NULL &&
	    (!job->dir || job->dir->open_in == (int)slot || ledger_queued(ledger, CLASS_FINISH) > FINISH_MOST))
		return job;
	if ((job = ledger_peek(ledger, CLASS_LINK)) != NULL)
		return job;
	if (now_ns >= dispatch->eager_ns && may_scan(dispatch, most(1, dispatch->in_use / EAGER_PART)))
		return pick_scan(dispatch, slot, 0);
	if ((job = ledger_peek(ledger, CLASS_BIG)) != NULL) {
		if (may_start_big(dispatch, job, held))
			return job;
		if (ledger_sent_of(ledger, CLASS_BIG) == 0 && held > 0)
			return NULL; /* let one run dry for it */
	}
	if ((job = ledger_peek_own_copy(ledger, slot)) != NULL)
		return job;
	if (may_scan(dispatch, most_scans(dispatch)))
		return pick_scan(dispatch, slot, dispatch->batch_limit);
	return held == 0 ? ledger_peek_copy(dispatch->ledger, slot) : NULL;
}

/* At one job for longer than a batch should take: what is put behind it may wait as
 * long as that hangs. */
static bool is_held_up(const struct dispatch *dispatch, unsigned slot, uint64_t now_ns)
{
	const struct job *job = ledger_oldest(dispatch->ledger, slot);

	return job && now_ns > most(job->sent_ns, dispatch->last_done_ns[slot]) + (uint64_t)BATCH_NS;
}

static bool give(struct dispatch *dispatch, unsigned slot, struct job *job, uint64_t now_ns)
{
	if (!job)
		return false;
	ledger_sent(dispatch->ledger, job, slot, now_ns);
	/* A worker that is gone by now keeps the job until its death is handled. */
	pool_submit(dispatch->pool, slot, job->frame.data, job->frame.len);
	return true;
}

static bool give_one(struct dispatch *dispatch, unsigned slot, uint64_t now_ns)
{
	return !is_held_up(dispatch, slot, now_ns) && give(dispatch, slot, pick(dispatch, slot, now_ns), now_ns);
}

/* Short jobs want a longer queue; on slow storage two are plenty, and a second
 * one behind what takes this long is hoarded: nobody waits as long for the master. */
static unsigned window(const struct dispatch *dispatch)
{
	double jobs = dispatch->entry_ns > 0 ? WINDOW_NS / dispatch->entry_ns : 0;

	if (dispatch->entry_ns > ALONE_NS)
		return 1;
	return jobs < 2 ? 2 : jobs > WINDOW_MOST ? WINDOW_MOST : (unsigned)jobs;
}

/* The slot of the next worker in use behind @slot (-1: the first), or -1. */
static int next_in_use(const struct dispatch *dispatch, int slot, unsigned *used)
{
	while (++slot < (int)pool_slots(dispatch->pool) && *used < dispatch->in_use)
		if (pool_has(dispatch->pool, (unsigned)slot)) {
			++*used;
			return slot;
		}
	return -1;
}

/* Who has its directory open would have it by now, had there been room. */
static void give_finishes_left(struct dispatch *dispatch, uint64_t now_ns)
{
	unsigned used = 0;

	for (int slot = -1; ledger_queued(dispatch->ledger, CLASS_FINISH) &&
	                    (slot = next_in_use(dispatch, slot, &used)) >= 0;)
		if (ledger_outstanding(dispatch->ledger, (unsigned)slot) == 0)
			give(dispatch, (unsigned)slot, ledger_peek(dispatch->ledger, CLASS_FINISH), now_ns);
}

static void give_rounds(struct dispatch *dispatch, unsigned rounds, uint64_t now_ns)
{
	bool hungry = false;

	for (unsigned depth = 0; depth < rounds; depth++) {
		unsigned used = 0;

		for (int slot = -1; (slot = next_in_use(dispatch, slot, &used)) >= 0;)
			if (ledger_outstanding(dispatch->ledger, (unsigned)slot) <= depth &&
			    !give_one(dispatch, (unsigned)slot, now_ns))
				hungry = true;
	}
	gauge_set_hungry(pool_board(dispatch->pool), hungry);
}

void dispatch_run(struct dispatch *dispatch, uint64_t now_ns)
{
	if (!dispatch->paused) {
		give_rounds(dispatch, window(dispatch), now_ns);
		give_finishes_left(dispatch, now_ns);
	}
	pool_flush(dispatch->pool);
}

void dispatch_one_each(struct dispatch *dispatch, uint64_t now_ns)
{
	if (!dispatch->paused)
		give_rounds(dispatch, 1, now_ns);
	pool_flush(dispatch->pool);
}

void dispatch_learn_way(struct dispatch *dispatch, const uint32_t copied[DATA_COUNT], uint64_t bytes)
{
	uint32_t moved = copied[DATA_PLAIN] + copied[DATA_OFFLOAD];

	if (copied[DATA_REFLINK] && !moved)
		dispatch->clones = true;
	else if (moved && bytes >= BIG_FILE)
		dispatch->clones = false;
}

void dispatch_learn(struct dispatch *dispatch, const struct job *job, uint64_t now_ns)
{
	uint64_t *last = &dispatch->last_done_ns[job->slot];
	uint64_t began = job->sent_ns > *last ? job->sent_ns : *last; /* it waited behind the one before */

	*last = now_ns;
	if (job->kind == JOB_SCAN)
		dispatch->listed++;
	if (job->class != CLASS_COPY || job->entries == 0 || now_ns <= began)
		return;
	double took = (double)(now_ns - began) / job->entries;
	double limit;

	dispatch->entry_ns = dispatch->entry_ns > 0 ? dispatch->entry_ns * 0.8 + took * 0.2 : took;
	limit = BATCH_NS / dispatch->entry_ns;
	dispatch->batch_limit = limit < 1 ? 1 : limit > JOB_BATCH_MOST ? JOB_BATCH_MOST : (unsigned)limit;
}
