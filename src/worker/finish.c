/*
 * A directory that no worker died in was swept when it was listed, by whoever has it
 * open; JOB_REDO says of a FINISH that one did.
 */
#include "worker/finish.h"

#include "copy/directory.h"

bool finish_place(struct worker *worker, const struct job_view *job, const struct place *place,
                  struct outcome *ret)
{
	bool swept = place->swept && !(job->flags & JOB_REDO);

	directory_finish(&worker->copier, place->src_fd, place->dst_fd, place->made, swept, ret);
	open_dirs_drop(worker->dirs, job);
	return ret->status != OUTCOME_COPIED || ret->lost;
}

void finish_job(struct worker *worker, const struct job_view *job)
{
	struct outcome outcome = { 0 };
	const struct place *place = open_dirs_get(worker->dirs, job, &outcome);

	tell_activity(&worker->tell, ACTIVITY_METADATA);
	tell_in_hand(&worker->tell, 0);
	if (!place || finish_place(worker, job, place, &outcome))
		tell_result(&worker->tell, job, 0, &outcome);
	tell_done(&worker->tell, job);
}
