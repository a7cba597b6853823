/*
 * waitid(WSTOPPED) tells a parent that its child was stopped. A worker in
 * uninterruptible sleep (hung network storage) is not stopped and cannot be
 * killed: the display names it, and the end of the run does not wait for it.
 */
#include "master/watch.h"

#include "base/clock.h"

#include <sys/wait.h>

#define STOPPED_PATIENCE (2 * NS_PER_S)

void watch_init(struct watch *watch, struct worker_pool *pool)
{
	*watch = (struct watch){ .pool = pool };
}

void watch_stopped_workers(struct watch *watch, uint64_t now_ns)
{
	for (unsigned slot = 0; slot < pool_slots(watch->pool); slot++) {
		siginfo_t info = { 0 };
		uint64_t *since = &watch->stopped_since[slot];

		if (!pool_has(watch->pool, slot)) {
			*since = 0;
			continue;
		}
		struct worker_process *worker = pool_worker(watch->pool, slot);

		if (waitid(P_PID, (id_t)worker_pid(worker), &info, WSTOPPED | WCONTINUED | WNOHANG) == 0 && info.si_pid)
			*since = info.si_code == CLD_STOPPED || info.si_code == CLD_TRAPPED ? now_ns : 0;
		if (*since && now_ns - *since >= STOPPED_PATIENCE) {
			worker_terminate(worker);
			*since = 0;
		}
	}
}

void watch_forgive(struct watch *watch, uint64_t now_ns)
{
	for (unsigned slot = 0; slot < pool_slots(watch->pool); slot++)
		if (watch->stopped_since[slot])
			watch->stopped_since[slot] = now_ns;
}
