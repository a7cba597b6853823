/*
 * One queue a class and one list a worker. Queues are linked lists, except that
 * big files are kept in a binary heap by size: the biggest goes first, so that
 * the last job of a run is never a huge one begun late.
 *
 * Batches wait in a queue for each worker: that of the worker which has their
 * directory open. Whoever has none left takes some over from the worker with the
 * most, from the tail, and of one directory: it has to open that, two walks of
 * the tree, 11 requests where nothing is cached, beside 23 for a small file. One
 * queue for all, searched for a near one among its first 16, lost: on storage
 * with latency batches are single files, 32 workers found a near one seldom, and
 * a file cost 43 requests with -j 32 where it cost 30 with -j 1.
 *
 * A hash table of all jobs by number was the alternative and lost: a job is only
 * looked up among the few its worker holds.
 */
#include "master/job_ledger.h"

#include "base/cleanup.h"

#include <assert.h>
#include <malloc.h>
#include <string.h>

#define NEAR_LOOKAHEAD 16
#define TAKE_OVER_MOST 8
#define HEAP_KEPT (1 << 20)
#define HEAP_TRIMMED (4 << 20) /* more than is kept, or each turn at the edge goes to the kernel */

struct job_list {
	struct job *first, *last;
	uint64_t count;
	uint64_t bytes;
};

struct job_heap {
	struct job **at;
	size_t count, cap;
};

struct job_ledger {
	uint64_t last_id;
	uint64_t queued_entries;
	struct job_list queue[CLASS_COUNT]; /* CLASS_BIG's and CLASS_COPY's stay empty */
	struct job_list *copies;            /* of each slot */
	uint64_t n_copies;
	struct job_heap big;
	unsigned sent_of[CLASS_COUNT];
	unsigned n_slots;
	struct job_list held[];
};

static void *must(void *block)
{
	if (!block)
		abort();
	return block;
}

static void list_insert(struct job_list *list, struct job *after, struct job *job)
{
	job->prev = after;
	job->next = after ? after->next : list->first;
	*(after ? &after->next : &list->first) = job;
	*(job->next ? &job->next->prev : &list->last) = job;
	list->count++;
	list->bytes += job->bytes;
}

static void list_remove(struct job_list *list, struct job *job)
{
	*(job->prev ? &job->prev->next : &list->first) = job->next;
	*(job->next ? &job->next->prev : &list->last) = job->prev;
	job->next = job->prev = NULL;
	list->count--;
	list->bytes -= job->bytes;
}

static void heap_sift_down(struct job_heap *heap, size_t i)
{
	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= heap->count)
			return;
		if (child + 1 < heap->count && heap->at[child + 1]->bytes > heap->at[child]->bytes)
			child++;
		if (heap->at[child]->bytes <= heap->at[i]->bytes)
			return;
		struct job *swap = heap->at[i];

		heap->at[i] = heap->at[child];
		heap->at[child] = swap;
		i = child;
	}
}

static void heap_push(struct job_heap *heap, struct job *job)
{
	if (heap->count == heap->cap) {
		heap->cap = heap->cap ? heap->cap * 2 : 64;
		heap->at = must(realloc(heap->at, heap->cap * sizeof(*heap->at)));
	}
	size_t i = heap->count++;

	for (; i > 0 && heap->at[(i - 1) / 2]->bytes < job->bytes; i = (i - 1) / 2)
		heap->at[i] = heap->at[(i - 1) / 2];
	heap->at[i] = job;
}

static void heap_pop(struct job_heap *heap)
{
	heap->at[0] = heap->at[--heap->count];
	heap_sift_down(heap, 0);
}

struct job_ledger *ledger_new(unsigned slots)
{
	struct job_ledger *ledger = must(calloc(1, sizeof(*ledger) + slots * sizeof(*ledger->held)));

	/* Jobs come and go: the end of the heap would go back to the kernel and be fetched again. */
	mallopt(M_TRIM_THRESHOLD, HEAP_TRIMMED);
	mallopt(M_TOP_PAD, HEAP_KEPT);
	ledger->copies = must(calloc(slots, sizeof(*ledger->copies)));
	ledger->n_slots = slots;
	return ledger;
}

static void job_free(struct job *job)
{
	range_set_unref(job->ranges);
	dir_node_unref(job->dir);
	job_buffer_done(&job->frame);
	free(job->slice);
	free(job);
}

static void list_free(struct job_list *list)
{
	while (list->first) {
		struct job *job = list->first;

		list_remove(list, job);
		job_free(job);
	}
}

void ledger_free(struct job_ledger *ledger)
{
	if (!ledger)
		return;
	for (int class = 0; class < CLASS_COUNT; class++)
		list_free(&ledger->queue[class]);
	for (unsigned slot = 0; slot < ledger->n_slots; slot++) {
		list_free(&ledger->held[slot]);
		list_free(&ledger->copies[slot]);
	}
	while (ledger->big.count)
		job_free(ledger->big.at[--ledger->big.count]);
	free(ledger->big.at);
	free(ledger->copies);
	free(ledger);
}

struct job *ledger_job(struct job_ledger *ledger, enum job_class class, const struct job_view *view,
                       struct dir_node *dir)
{
	struct job *job = must(calloc(1, sizeof(*job)));
	struct job_view stamped = *view;

	job->id = stamped.id = ++ledger->last_id;
	job->class = class;
	job->kind = view->kind;
	job->state = JOB_QUEUED;
	job->flags = view->flags;
	job->copy_too = view->copy_too;
	job->slot = -1;
	job->dir = dir ? dir_node_ref(dir) : NULL;
	job_begin(&job->frame, &stamped);
	return job;
}

void ledger_add(struct job *job, const struct job_entry *entry)
{
	assert(job->entries < JOB_BATCH_MOST);
	job_add(&job->frame, entry);
	job->entries++;
	job->bytes += entry->size;
}

/* New listings go to the head (last in, first out), other work to the tail. */
static void enqueue(struct job_ledger *ledger, struct job *job, bool at_head)
{
	struct job_list *queue = &ledger->queue[job->class];

	if (job->class != CLASS_SCAN)
		ledger->queued_entries += job->entries;
	if (job->class == CLASS_BIG) {
		heap_push(&ledger->big, job);
		return;
	}
	if (job->class == CLASS_COPY) {
		job->home = job->dir && job->dir->open_in >= 0 ? (unsigned)job->dir->open_in % ledger->n_slots : 0;
		queue = &ledger->copies[job->home];
		ledger->n_copies++;
	}
	list_insert(queue, at_head ? NULL : queue->last, job);
}

/* A queued job leaves its queue. */
static void dequeue(struct job_ledger *ledger, struct job *job)
{
	if (job->class != CLASS_SCAN)
		ledger->queued_entries -= job->entries;
	if (job->class == CLASS_BIG) {
		assert(ledger->big.at[0] == job);
		heap_pop(&ledger->big);
	} else if (job->class == CLASS_COPY) {
		list_remove(&ledger->copies[job->home], job);
		ledger->n_copies--;
	} else {
		list_remove(&ledger->queue[job->class], job);
	}
}

void ledger_queue(struct job_ledger *ledger, struct job *job)
{
	enqueue(ledger, job, job->class == CLASS_SCAN);
}

static void stamp(struct job *job)
{
	job_restamp(&job->frame, job->id, job->flags, job->copy_too);
}

void ledger_not_redone(struct job *job)
{
	job->flags &= ~(uint32_t)JOB_REDO;
	stamp(job);
}

void ledger_finish_too(struct job *job)
{
	job->flags |= JOB_FINISH_TOO;
	stamp(job);
}

void ledger_limit_copy_too(struct job *job, uint32_t most)
{
	if (job->copy_too <= most)
		return;
	job->copy_too = most;
	stamp(job);
}

struct job *ledger_peek(const struct job_ledger *ledger, enum job_class class)
{
	if (class == CLASS_BIG)
		return ledger->big.count ? ledger->big.at[0] : NULL;
	if (class != CLASS_COPY)
		return ledger->queue[class].first;
	for (unsigned slot = 0; slot < ledger->n_slots; slot++)
		if (ledger->copies[slot].first)
			return ledger->copies[slot].first;
	return NULL;
}

struct job *ledger_peek_near(const struct job_ledger *ledger, enum job_class class, unsigned slot)
{
	struct job *first = ledger_peek(ledger, class);
	struct job *job = first;

	if (class == CLASS_BIG)
		return first;
	for (int i = 0; job && i < NEAR_LOOKAHEAD; i++, job = job->next)
		if (job->dir && job->dir->open_in == (int)slot)
			return job;
	return first;
}

/* Up to half of the longest queue's jobs, of its last directory. */
static void take_over(struct job_ledger *ledger, unsigned slot)
{
	struct job_list *from = &ledger->copies[0], *to = &ledger->copies[slot];

	for (unsigned other = 1; other < ledger->n_slots; other++)
		if (ledger->copies[other].count > from->count)
			from = &ledger->copies[other];

	struct dir_node *dir = from->last ? from->last->dir : NULL;
	uint64_t most = (from->count + 1) / 2 < TAKE_OVER_MOST ? (from->count + 1) / 2 : TAKE_OVER_MOST;

	for (; most > 0 && from->last->dir == dir; most--) {
		struct job *job = from->last;

		list_remove(from, job);
		list_insert(to, NULL, job);
		job->home = slot;
		if (!from->last)
			break;
	}
	if (dir)
		dir->open_in = (int)slot;
}

struct job *ledger_peek_own_copy(const struct job_ledger *ledger, unsigned slot)
{
	return ledger->copies[slot].first;
}

struct job *ledger_peek_copy(struct job_ledger *ledger, unsigned slot)
{
	if (!ledger->copies[slot].first && ledger->n_copies > 0)
		take_over(ledger, slot);
	return ledger->copies[slot].first;
}

void ledger_sent(struct job_ledger *ledger, struct job *job, unsigned slot, uint64_t now_ns)
{
	assert(job->state == JOB_QUEUED);
	dequeue(ledger, job);
	job->state = JOB_SENT;
	job->slot = (int)slot;
	job->sent_ns = now_ns;
	if (job->dir && job->kind != JOB_LOOK) /* which mostly opens the source's side only */
		job->dir->open_in = (int)slot;
	ledger->sent_of[job->class]++;
	list_insert(&ledger->held[slot], ledger->held[slot].last, job);
}

struct job *ledger_find(const struct job_ledger *ledger, unsigned slot, uint64_t id)
{
	struct job *job = ledger->held[slot].first;

	while (job && job->id != id)
		job = job->next;
	return job;
}

const struct job_view *ledger_view(struct job *job)
{
	if (!job->view.id) {
		if (job_parse(job->frame.data, job->frame.len, &job->view) < 0)
			abort(); /* we wrote it */
		job->at = job->view;
	}
	return &job->view;
}

void ledger_entry(struct job *job, uint32_t index, struct job_entry *ret_entry)
{
	const struct job_view *view = ledger_view(job);

	if (index < job->at.seen)
		job->at = *view;
	do
		if (!job_view_next(&job->at, ret_entry))
			abort();
	while (job->at.seen <= index);
}

static void give_back(struct job_ledger *ledger, struct job *job)
{
	assert(job->state == JOB_SENT);
	list_remove(&ledger->held[job->slot], job);
	ledger->sent_of[job->class]--;
}

void ledger_done(struct job_ledger *ledger, struct job *job)
{
	give_back(ledger, job);
	job_free(job);
}

void ledger_goes_on(struct job_ledger *ledger, struct job *scan, struct job *copy)
{
	assert(scan->state == JOB_SENT);
	copy->state = JOB_SENT;
	copy->id = scan->id;
	copy->slot = scan->slot;
	copy->sent_ns = scan->sent_ns;
	stamp(copy);
	ledger->sent_of[copy->class]++;
	list_insert(&ledger->held[scan->slot], scan, copy);
	ledger_done(ledger, scan);
}

struct job *ledger_oldest(const struct job_ledger *ledger, unsigned slot)
{
	return ledger->held[slot].first;
}

void ledger_requeue(struct job_ledger *ledger, struct job *job)
{
	give_back(ledger, job);
	job->state = JOB_QUEUED;
	job->slot = -1;
	job->id = ++ledger->last_id;
	job->flags |= JOB_REDO;
	job->copy_too = 0; /* who trusts nothing goes step by step */
	free(job->slice);
	job->slice = NULL;
	stamp(job);
	job->view.id = 0;
	enqueue(ledger, job, true);
}

struct job *ledger_subset(struct job_ledger *ledger, const struct job *job, enum job_kind kind, uint64_t mask)
{
	struct job_view view;
	struct job_entry entry;

	if (job_parse(job->frame.data, job->frame.len, &view) < 0)
		abort(); /* we wrote it */
	view.kind = kind;
	if (kind == JOB_DISCARD && job->kind == JOB_LINK)
		view.target = ""; /* that is the first name's copy, not a temporary file */
	view.flags = (job->flags | JOB_REDO) & ~(uint32_t)JOB_FINISH_TOO;
	struct job *subset = ledger_job(ledger, job->class, &view, job->dir);

	subset->attempts = job->attempts;
	subset->ranges = range_set_ref(job->ranges);
	for (uint32_t i = 0; job_view_next(&view, &entry); i++)
		if (mask & UINT64_C(1) << i)
			ledger_add(subset, &entry);
	if (kind == job->kind && job->entries == 1)
		subset->bytes = job->bytes; /* of a RANGE not the file's */
	return subset;
}

void ledger_drop_queued(struct job_ledger *ledger, void (*each)(struct job *job, void *arg), void *arg)
{
	struct job_list kept = { 0 };
	struct job *job;

	for (int class = 0; class < CLASS_COUNT; class++)
		while ((job = ledger_peek(ledger, (enum job_class)class)) != NULL) {
			dequeue(ledger, job);
			if (job->kind == JOB_DISCARD) {
				list_insert(&kept, kept.last, job);
				continue;
			}
			each(job, arg);
			job_free(job);
		}
	while ((job = kept.first) != NULL) {
		list_remove(&kept, job);
		enqueue(ledger, job, false);
	}
}

uint64_t ledger_queued(const struct job_ledger *ledger, enum job_class class)
{
	if (class == CLASS_COPY)
		return ledger->n_copies;
	return class == CLASS_BIG ? ledger->big.count : ledger->queue[class].count;
}

uint64_t ledger_queued_entries(const struct job_ledger *ledger)
{
	return ledger->queued_entries;
}

unsigned ledger_outstanding(const struct job_ledger *ledger, unsigned slot)
{
	return (unsigned)ledger->held[slot].count;
}

uint64_t ledger_outstanding_bytes(const struct job_ledger *ledger, unsigned slot)
{
	return ledger->held[slot].bytes;
}

unsigned ledger_sent_of(const struct job_ledger *ledger, enum job_class class)
{
	return ledger->sent_of[class];
}

bool ledger_empty(const struct job_ledger *ledger)
{
	for (int class = 0; class < CLASS_COUNT; class++)
		if (ledger->sent_of[class] || ledger_queued(ledger, (enum job_class)class))
			return false;
	return true;
}
