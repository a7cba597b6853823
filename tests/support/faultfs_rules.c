/*
 * What happens to a request: it is counted, and may hang, fail or be cut short.
 *
 * The number waiting at once is recorded, to prove that they wait side by side, as
 * they would on a network.
 */
#include "faultfs.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static const char *const op_names[FAULT_OPS] = {
#define X(name) #name,
	FAULTFS_OPS(X)
#undef X
};

static const struct {
	const char *name;
	int error;
} errors[] = {
	{"EIO", EIO}, {"EPERM", EPERM}, {"EACCES", EACCES}, {"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT},
	{"ENOSYS", ENOSYS}, {"EOPNOTSUPP", EOPNOTSUPP}, {"EINVAL", EINVAL}, {"EXDEV", EXDEV},
	{"ESTALE", ESTALE}, {"EROFS", EROFS}, {"ENOENT", ENOENT}, {"EINTR", EINTR}, {"EBUSY", EBUSY},
	{"ENOMEM", ENOMEM}, {"EMLINK", EMLINK}, {"ENAMETOOLONG", ENAMETOOLONG}, {"ETIMEDOUT", ETIMEDOUT},
};

static _Atomic uint64_t counts[FAULT_OPS];
static _Atomic uint64_t most_waiting, hanging, bytes_read, bytes_written;

static int op_parse(const char *name, size_t length)
{
	for (int op = 0; op < FAULT_OPS; op++) {
		if (strlen(op_names[op]) == length && strncmp(op_names[op], name, length) == 0)
			return op;
	}
	fprintf(stderr, "faultfs: unknown request '%.*s'\n", (int)length, name);
	return -1;
}

static int error_parse(const char *name)
{
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (strcmp(errors[i].name, name) == 0)
			return errors[i].error;
	}
	fprintf(stderr, "faultfs: unknown error '%s'\n", name);
	return -1;
}

/* OP:NAME for hang, OP:NAME:BYTES for short, OP:NAME[:ERROR[:BYTES]] for fail. NAME is a pattern. */
int rule_parse(enum rule_kind kind, const char *text)
{
	struct rule *rule = &faultfs.rules[faultfs.n_rules];
	char error[32] = "EIO", bytes[32] = "0";
	int op, n_fields;
	size_t op_length = strcspn(text, ":");

	if (faultfs.n_rules == sizeof(faultfs.rules) / sizeof(faultfs.rules[0]))
		return -1;
	op = op_parse(text, op_length);
	if (op < 0 || text[op_length] != ':')
		return -1;
	if (kind == RULE_FAIL)
		n_fields = sscanf(text + op_length + 1, "%255[^:]:%31[^:]:%31s", rule->pattern, error, bytes);
	else
		n_fields = sscanf(text + op_length + 1, "%255[^:]:%31s", rule->pattern, bytes);
	if (n_fields < 1 || (kind == RULE_SHORT && n_fields < 2))
		return -1;
	rule->kind = kind;
	rule->op = (enum fault_op)op;
	rule->error = error_parse(error);
	rule->bytes = strtoull(bytes, NULL, 0);
	if (rule->error < 0)
		return -1;
	faultfs.n_rules++;
	return 0;
}

int refuse_parse(const char *list)
{
	while (*list) {
		size_t length = strcspn(list, ",");

		if (length == 5 && strncmp(list, "xattr", 5) == 0) {
			faultfs.refused[FAULT_OP_setxattr] = faultfs.refused[FAULT_OP_getxattr] = true;
			faultfs.refused[FAULT_OP_removexattr] = faultfs.refused[FAULT_OP_listxattr] = true;
		} else {
			int op = op_parse(list, length);

			if (op < 0)
				return -1;
			faultfs.refused[op] = true;
		}
		list += length + (list[length] == ',');
	}
	return 0;
}

static void sleep_ns(uint64_t ns)
{
	struct timespec left = {.tv_sec = (time_t)(ns / 1000000000), .tv_nsec = (long)(ns % 1000000000)};

	while (nanosleep(&left, &left) < 0 && errno == EINTR)
		;
}

void stats_waiting(uint64_t now)
{
	if (now > atomic_load(&most_waiting))
		atomic_store(&most_waiting, now);
}

bool rules_hang(void)
{
	for (unsigned i = 0; i < faultfs.n_rules; i++) {
		if (faultfs.rules[i].kind == RULE_HANG)
			return true;
	}
	return false;
}

/* Until the control file appears or the file system is taken down. PATH.hanging tells a test it has begun. */
static void hang(void)
{
	char marker[PATH_MAX];

	atomic_fetch_add(&hanging, 1);
	if (faultfs.control_path) {
		snprintf(marker, sizeof(marker), "%s.hanging", faultfs.control_path);
		close(open(marker, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	}
	while (!fuse_session_exited(faultfs.session)) {
		if (faultfs.control_path && access(faultfs.control_path, F_OK) == 0)
			break;
		sleep_ns(10000000);
	}
	atomic_fetch_sub(&hanging, 1);
}

static const struct rule *rule_find(enum rule_kind kind, enum fault_op op, struct node *node,
				    const char *name)
{
	char known[NAME_MAX + 1];

	if (faultfs.n_rules == 0)
		return NULL;
	if (!name) {
		node_name(node, known);
		name = known;
	}
	for (unsigned i = 0; i < faultfs.n_rules; i++) {
		const struct rule *rule = &faultfs.rules[i];

		if (rule->kind == kind && rule->op == op && fnmatch(rule->pattern, name, 0) == 0)
			return rule;
	}
	return NULL;
}

static int verdict(enum fault_op op, struct node *node, const char *name)
{
	const struct rule *rule;

	if (faultfs.refused[op])
		return op >= FAULT_OP_setxattr && op <= FAULT_OP_removexattr ? EOPNOTSUPP : EPERM;
	if (op == FAULT_OP_read || op == FAULT_OP_write)
		return 0; /* request_limit() knows the offset */
	rule = rule_find(RULE_FAIL, op, node, name);
	return rule ? rule->error : 0;
}

int request_admit(enum fault_op op, struct node *node, const char *name)
{
	atomic_fetch_add(&counts[op], 1);
	if (op == FAULT_OP_forget)
		return 0; /* has no answer */
	if (rule_find(RULE_HANG, op, node, name))
		hang();
	return verdict(op, node, name);
}

int request_part(enum fault_op op, struct node *node)
{
	atomic_fetch_add(&counts[op], 1);
	return verdict(op, node, NULL);
}

int request_limit(enum fault_op op, struct node *node, uint64_t offset, size_t *size)
{
	const struct rule *rule = rule_find(RULE_FAIL, op, node, NULL);

	if (rule && offset >= rule->bytes)
		return rule->error;
	if (rule && *size > rule->bytes - offset)
		*size = rule->bytes - offset;
	rule = rule_find(RULE_SHORT, op, node, NULL);
	if (rule && *size > rule->bytes)
		*size = rule->bytes;
	atomic_fetch_add(op == FAULT_OP_read ? &bytes_read : &bytes_written, *size);
	return 0;
}

bool request_is_limited(struct node *node)
{
	static const enum fault_op ops[] = {FAULT_OP_read, FAULT_OP_write};

	for (unsigned i = 0; i < 2; i++) {
		if (rule_find(RULE_FAIL, ops[i], node, NULL) || rule_find(RULE_SHORT, ops[i], node, NULL))
			return true;
	}
	return false;
}

/* By a new name and a rename, so that whoever waits for the file finds it whole. */
int stats_write(void)
{
	char temporary[PATH_MAX];
	uint64_t total = 0;
	FILE *out;

	if (!faultfs.stats_path)
		return 0;
	snprintf(temporary, sizeof(temporary), "%s.new", faultfs.stats_path);
	out = fopen(temporary, "we");
	if (!out)
		return -1;
	for (int op = 0; op < FAULT_OPS; op++) {
		uint64_t count = atomic_load(&counts[op]);

		/* The parts of a setattr came in one request; a forget costs no round trip. */
		if (op != FAULT_OP_forget && (op < FAULT_OP_chmod || op > FAULT_OP_utimens))
			total += count;
		if (count)
			fprintf(out, "%s %llu\n", op_names[op], (unsigned long long)count);
	}
	fprintf(out,
		"requests %llu\nrequests_at_once %llu\nhanging %llu\nbytes_read %llu\nbytes_written %llu\n",
		(unsigned long long)total, (unsigned long long)atomic_load(&most_waiting),
		(unsigned long long)atomic_load(&hanging), (unsigned long long)atomic_load(&bytes_read),
		(unsigned long long)atomic_load(&bytes_written));
	return fclose(out) == 0 ? rename(temporary, faultfs.stats_path) : -1;
}

void stats_reset(void)
{
	for (int op = 0; op < FAULT_OPS; op++)
		atomic_store(&counts[op], 0);
	atomic_store(&most_waiting, 0);
	atomic_store(&bytes_read, 0);
	atomic_store(&bytes_written, 0);
}
