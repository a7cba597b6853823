/*
 * A chained hash table keyed by (device, inode). An ordered tree would keep
 * its worst case and lost: the keys are inode numbers, which hash well, and the
 * table only holds inodes with links still unseen.
 */
#include "master/link_table.h"

#include "base/cleanup.h"

#include <string.h>

enum link_state { FIRST_PENDING, FIRST_COPIED };

struct link_inode {
	struct link_inode *next;
	uint64_t dev, ino;
	uint32_t nlink, seen;
	enum link_state state;
	bool keep;
	char *first; /* path of the copy, once FIRST_COPIED */
	struct link_waiter *waiters, **last;
};

struct link_table {
	struct link_inode **bucket;
	size_t n_buckets; /* a power of two */
	size_t count;
	char *answer; /* the path last returned, when its inode is gone already */
};

static size_t hash(const struct link_table *table, uint64_t dev, uint64_t ino)
{
	uint64_t h = (ino ^ (dev << 32 | dev >> 32)) * UINT64_C(0x9E3779B97F4A7C15);

	return (h >> 32) & (table->n_buckets - 1);
}

static void *must(void *block)
{
	if (!block)
		abort();
	return block;
}

struct link_table *link_table_new(void)
{
	struct link_table *table = must(calloc(1, sizeof(*table)));

	table->n_buckets = 64;
	table->bucket = must(calloc(table->n_buckets, sizeof(*table->bucket)));
	return table;
}

void link_waiter_free(struct link_waiter *waiter)
{
	dir_node_unref(waiter->dir);
	free(waiter);
}

static void inode_free(struct link_inode *inode)
{
	while (inode->waiters) {
		struct link_waiter *waiter = inode->waiters;

		inode->waiters = waiter->next;
		link_waiter_free(waiter);
	}
	free(inode->first);
	free(inode);
}

void link_table_free(struct link_table *table)
{
	if (!table)
		return;
	for (size_t i = 0; i < table->n_buckets; i++)
		while (table->bucket[i]) {
			struct link_inode *inode = table->bucket[i];

			table->bucket[i] = inode->next;
			inode_free(inode);
		}
	free(table->bucket);
	free(table->answer);
	free(table);
}

static struct link_inode **find(struct link_table *table, uint64_t dev, uint64_t ino)
{
	struct link_inode **at = &table->bucket[hash(table, dev, ino)];

	while (*at && ((*at)->ino != ino || (*at)->dev != dev))
		at = &(*at)->next;
	return at;
}

static void grow(struct link_table *table)
{
	size_t old_size = table->n_buckets;
	struct link_inode **old = table->bucket;

	table->n_buckets *= 2;
	table->bucket = must(calloc(table->n_buckets, sizeof(*table->bucket)));
	for (size_t i = 0; i < old_size; i++)
		while (old[i]) {
			struct link_inode *inode = old[i];
			size_t h = hash(table, inode->dev, inode->ino);

			old[i] = inode->next;
			inode->next = table->bucket[h];
			table->bucket[h] = inode;
		}
	free(old);
}

static void forget(struct link_table *table, struct link_inode **at)
{
	struct link_inode *inode = *at;

	*at = inode->next;
	table->count--;
	inode_free(inode);
}

static bool complete(const struct link_inode *inode)
{
	return inode->state == FIRST_COPIED && !inode->keep && inode->seen >= inode->nlink;
}

enum link_verdict link_table_seen(struct link_table *table, uint64_t dev, uint64_t ino, uint32_t nlink, bool keep,
                                  const char **ret_first)
{
	struct link_inode **at = find(table, dev, ino);

	if (!*at) {
		struct link_inode *inode = must(calloc(1, sizeof(*inode)));

		*inode = (struct link_inode){ .dev = dev, .ino = ino, .nlink = nlink, .seen = 1, .keep = keep };
		inode->last = &inode->waiters;
		*at = inode;
		if (++table->count > table->n_buckets)
			grow(table);
		return LINK_COPY;
	}
	(*at)->seen++;
	if ((*at)->state == FIRST_PENDING)
		return LINK_WAIT;

	free(table->answer);
	table->answer = must(strdup((*at)->first));
	*ret_first = table->answer;
	if (complete(*at))
		forget(table, at);
	return LINK_NOW;
}

void link_table_wait(struct link_table *table, uint64_t dev, uint64_t ino, struct dir_node *dir, const char *name,
                     uint32_t mode, uint64_t size)
{
	struct link_inode *inode = *find(table, dev, ino);
	size_t len = strlen(name);
	struct link_waiter *waiter = must(calloc(1, sizeof(*waiter) + len + 1));

	waiter->dir = dir_node_ref(dir);
	waiter->mode = mode;
	waiter->size = size;
	memcpy(waiter->name, name, len + 1);
	*inode->last = waiter;
	inode->last = &waiter->next;
}

struct link_waiter *link_table_copied(struct link_table *table, uint64_t dev, uint64_t ino, const char *path)
{
	struct link_inode **at = find(table, dev, ino);
	struct link_inode *inode = *at;

	if (!inode || inode->state == FIRST_COPIED)
		return NULL;
	struct link_waiter *waiters = inode->waiters;

	inode->waiters = NULL;
	inode->last = &inode->waiters;
	inode->state = FIRST_COPIED;
	inode->first = must(strdup(path));
	if (complete(inode))
		forget(table, at);
	return waiters;
}

struct link_waiter *link_table_failed(struct link_table *table, uint64_t dev, uint64_t ino)
{
	struct link_inode **at = find(table, dev, ino);
	struct link_inode *inode = *at;

	if (!inode || inode->state == FIRST_COPIED)
		return NULL;
	struct link_waiter *next = inode->waiters;

	if (next) {
		inode->waiters = next->next;
		if (!inode->waiters)
			inode->last = &inode->waiters;
		next->next = NULL;
		return next;
	}
	forget(table, at); /* nobody waits: a later name starts over */
	return NULL;
}

uint64_t link_table_size(const struct link_table *table)
{
	return table->count;
}
