/* What the tests of the master's bookkeeping share: one operand, a directory, about to be listed by slot 0. */
#pragma once

#include "base/policy.h"
#include "master/intake.h"
#include "master/tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

struct fixture {
	struct copy_policy policy;
	struct tree_root root;
	int after;
	struct operands operands;
	struct tally tally;
	struct options options;
	struct report report;
	struct intake intake;
	struct job *scan;     /* of the operand, sent to slot 0 */
	struct dir_node *dir; /* the operand's */
};

/* The next job of the class, which is of @kind, sent to slot 0. */
static inline struct job *send_next(struct fixture *f, enum job_class class, enum job_kind kind)
{
	struct job *job = ledger_peek(f->intake.ledger, class);

	assert_non_null(job);
	assert_int_equal(job->kind, kind);
	ledger_sent(f->intake.ledger, job, 0, 1);
	return job;
}

static inline struct fixture *intake_fixture(unsigned jobs)
{
	static struct fixture f;

	f = (struct fixture){
		.policy = { .preserve = PRESERVE_ALL },
		.root = { .source = "src", .mode = S_IFDIR | 0755, .dest_dir = "", .dest_leaf = "" },
		.after = -1,
	};
	f.operands = (struct operands){ .tree = { .roots = &f.root, .n_roots = 1 }, .after = &f.after };
	f.report = (struct report){ .options = &f.options, .tree = &f.operands.tree, .tally = &f.tally };
	f.intake = (struct intake){
		.policy = &f.policy, .operands = &f.operands, .ledger = ledger_new(jobs), .links = link_table_new(),
		.tally = &f.tally, .report = &f.report, .jobs = jobs, .batch_limit = 16,
	};
	intake_begin(&f.intake);
	f.scan = send_next(&f, CLASS_SCAN, JOB_SCAN);
	f.dir = f.scan->dir;
	return &f;
}

static inline int tear_down(void **state)
{
	struct fixture *f = *state;

	intake_done(&f->intake);
	ledger_free(f->intake.ledger);
	link_table_free(f->intake.links);
	tally_done(&f->tally);
	return 0;
}
