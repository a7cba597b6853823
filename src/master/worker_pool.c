/*
 * A slot is a lane, a gauge and at most one process. Slots are made once, so
 * that shared memory never grows after a fork; processes come and go in them.
 *
 * The master's end of each pipe and the worker's are separated at birth: the
 * child keeps its reading end, the doorbell and the destination directory, and
 * worker_start() closes the rest, so that end of file really comes when the
 * master closes its end or dies.
 */
#include "master/worker_pool.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "copy/offload.h"
#include "worker/worker.h"

#include <stdio.h>
#include <sys/mman.h>

/* Room for a full slice of names, and a good deal of lead. */
#define LANE_BYTES (256u << 10)

#define KILLED_PATIENCE (500 * NS_PER_MS)

struct slot {
	struct worker_process process;
	struct job_pipe *pipe; /* NULL: empty */
};

struct worker_pool {
	struct pool_setup setup;
	struct completion_queue *queue;
	struct gauge_board *board;
	struct offload_trial *trial; /* mapped */
	pid_t master;
	unsigned alive;
	struct slot slot[];
};

static int run_worker(void *arg)
{
	struct worker_setup *setup = arg;

	job_pipe_be_reader(setup->pipe);
	return worker_run(setup);
}

int pool_start(struct worker_pool *pool, unsigned slot)
{
	struct slot *place = &pool->slot[slot];
	char name[16];
	int err = job_pipe_new(&place->pipe);

	if (err < 0)
		return err;
	struct worker_setup setup = {
		.policy = pool->setup.policy,
		.tree = pool->setup.tree,
		.queue = pool->queue,
		.board = pool->board,
		.pipe = place->pipe,
		.trial = pool->trial,
		.slot = slot,
		.master = pool->master,
		.run_start = pool->setup.run_start,
		.timing = pool->setup.timing,
		.cpu_time = pool->setup.cpu_time,
		.every_outcome = pool->setup.every_outcome,
	};
	int keep[] = {
		job_pipe_reader_fd(place->pipe),
		completion_queue_fd(pool->queue),
		completion_queue_ring_fd(pool->queue),
		pool->setup.tree->dest_fd,
	};
	struct worker_body body = { run_worker, &setup, keep, sizeof(keep) / sizeof(*keep) };

	snprintf(name, sizeof(name), "worker %u", slot + 1);
	err = worker_start(&place->process, name, &body);
	if (err < 0) {
		job_pipe_free(place->pipe);
		place->pipe = NULL;
		return err;
	}
	job_pipe_be_writer(place->pipe);
	pool->alive++;
	return 0;
}

/* Zeroed. */
static int map_shared(size_t size, void **ret_memory)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return -errno;
	*ret_memory = memory;
	return 0;
}

int pool_new(const struct pool_setup *setup, struct worker_pool **ret_pool)
{
	struct worker_pool *pool = calloc(1, sizeof(*pool) + setup->slots * sizeof(*pool->slot));
	int err;

	if (!pool)
		return -ENOMEM;
	pool->setup = *setup;
	pool->master = getpid();
	err = completion_queue_new(setup->slots, LANE_BYTES, &pool->queue);
	if (err == 0)
		err = gauge_board_new(setup->slots, &pool->board);
	if (err == 0)
		err = map_shared(sizeof(*pool->trial), (void **)&pool->trial);
	for (unsigned i = 0; err == 0 && i < setup->workers; i++)
		err = pool_start(pool, i);
	if (err < 0) {
		pool_terminate(pool);
		pool_join(pool, UINT64_MAX);
		pool_free(pool);
		return err;
	}
	*ret_pool = pool;
	return 0;
}

void pool_free(struct worker_pool *pool)
{
	if (!pool)
		return;
	for (unsigned i = 0; i < pool->setup.slots; i++)
		if (pool->slot[i].pipe)
			pool_bury(pool, i);
	completion_queue_free(pool->queue);
	gauge_board_free(pool->board);
	if (pool->trial)
		munmap(pool->trial, sizeof(*pool->trial));
	free(pool);
}

void pool_submit(struct worker_pool *pool, unsigned slot, const void *frame, size_t len)
{
	job_pipe_queue(pool->slot[slot].pipe, frame, len);
}

/* A worker that is gone will never hear of its jobs: its death is what puts that right. */
void pool_flush(struct worker_pool *pool)
{
	for (unsigned i = 0; i < pool->setup.slots; i++)
		if (pool->slot[i].pipe && job_pipe_pending(pool->slot[i].pipe) &&
		    job_pipe_flush(pool->slot[i].pipe) < 0)
			worker_terminate(&pool->slot[i].process);
}

void pool_close(struct worker_pool *pool)
{
	for (unsigned i = 0; i < pool->setup.slots; i++)
		if (pool->slot[i].pipe)
			job_pipe_close(pool->slot[i].pipe);
}

int pool_join(struct worker_pool *pool, uint64_t deadline_ns)
{
	for (unsigned i = 0; i < pool->setup.slots; i++) {
		int err = pool->slot[i].pipe ? worker_join(&pool->slot[i].process, deadline_ns) : 0;

		if (err < 0)
			return err;
	}
	return 0;
}

void pool_terminate(struct worker_pool *pool)
{
	for (unsigned i = 0; i < pool->setup.slots; i++)
		if (pool->slot[i].pipe)
			worker_terminate(&pool->slot[i].process);
}

/* The killed are reaped by us: where process 1 reaps nobody (containers), they
 * would stay for ever. */
void pool_end(struct worker_pool *pool, uint64_t patience_ns)
{
	uint64_t deadline;

	pool_close(pool);
	if (pool_join(pool, clock_now_ns() + patience_ns) == 0)
		return;
	pool_terminate(pool);
	deadline = clock_now_ns() + KILLED_PATIENCE;
	for (unsigned i = 0; i < pool->setup.slots; i++)
		if (pool->slot[i].pipe)
			worker_join(&pool->slot[i].process, deadline);
}

void pool_bury(struct worker_pool *pool, unsigned slot)
{
	struct slot *place = &pool->slot[slot];

	job_pipe_free(place->pipe);
	place->pipe = NULL;
	worker_done(&place->process);
	completion_queue_reset_lane(pool->queue, slot);
	gauge_reset(pool->board, slot);
	offload_trial_abandon(pool->trial);
	pool->alive--;
}

unsigned pool_slots(const struct worker_pool *pool)
{
	return pool->setup.slots;
}

unsigned pool_alive(const struct worker_pool *pool)
{
	return pool->alive;
}

struct worker_process *pool_worker(struct worker_pool *pool, unsigned slot)
{
	return &pool->slot[slot].process;
}

bool pool_has(const struct worker_pool *pool, unsigned slot)
{
	return pool->slot[slot].pipe != NULL;
}

struct completion_queue *pool_queue(struct worker_pool *pool)
{
	return pool->queue;
}

struct gauge_board *pool_board(struct worker_pool *pool)
{
	return pool->board;
}
