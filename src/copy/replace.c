/*
 * Mechanism: rename(2), which readers see as one step. Where the name has to be
 * free, renameat2(RENAME_NOREPLACE); where that is not to be had, link and
 * unlink; where there are no links, look and rename.
 *
 * A backup is a second link to the old file under its backup name, made before
 * the rename, so that the old name never vanishes. cp's way, renaming the old
 * file away first, is kept for file systems without links.
 *
 *	worker                              another process
 *	decides: the name is free
 *	copies
 *	                                    creates the name
 *	NOREPLACE: EEXIST, decides again
 */
#include "copy/replace.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "copy/temp_name.h"

#define DECISIONS 8
#define BACKUP_TRIES 100

static bool not_available(int err)
{
	return err == EINVAL || err == ENOSYS || err == EOPNOTSUPP || err == EPERM;
}

/* Gives @from the name @to, which must be free. Returns 0, -EEXIST or -errno. */
static int rename_to_free(int fd, const char *from, const char *to)
{
	struct stat st;

	if (renameat2(fd, from, fd, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (!not_available(errno))
		return -errno;
	if (linkat(fd, from, fd, to, 0) == 0) {
		unlinkat(fd, from, 0);
		return 0;
	}
	if (errno == EEXIST)
		return -EEXIST;
	if (fstatat(fd, to, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return -EEXIST;
	return errno == ENOENT && renameat(fd, from, fd, to) == 0 ? 0 : -errno;
}

int replace_backup_name(const struct copier *copier, const char *name, char *buf, size_t size)
{
	int n = snprintf(buf, size, "%s%s", name, copier->policy->backup_suffix);

	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

/* The number in @candidate when it is "@name.~N~", else 0. */
static uint64_t backup_number(const char *name, const char *candidate)
{
	size_t len = strlen(name);
	uint64_t number = 0;
	const char *p = candidate + len + 2;

	if (strncmp(candidate, name, len) != 0 || strncmp(candidate + len, ".~", 2) != 0 || *p < '1' || *p > '9')
		return 0;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (number > UINT64_MAX / 10 - 1)
			return 0;
		number = number * 10 + (uint64_t)(*p - '0');
	}
	return strcmp(p, "~") == 0 ? number : 0;
}

/* Sets *@ret to the highest number a backup of @name has, 0 when there is none. */
static int highest_backup(int dir_fd, const char *name, uint64_t *ret)
{
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *d;
	int err;

	*ret = 0;
	if (!dir) {
		err = errno;
		close_fd(fd);
		return -err;
	}
	while (errno = 0, (d = readdir(dir)) != NULL) {
		uint64_t number = backup_number(name, d->d_name);

		if (number > *ret)
			*ret = number;
	}
	err = errno;
	closedir(dir);
	return -err;
}

/* Makes @backup another name of @name, replacing an older backup when @over.
 * Returns 0, 1 when @name itself was moved there, or -errno. */
static int make_backup(const struct place *place, const char *name, const char *backup, bool over)
{
	int fd = place->dst_fd;
	char temp[TEMP_NAME_SIZE];
	int err;

	if (linkat(fd, name, fd, backup, 0) == 0)
		return 0;
	if (errno == EEXIST && !over)
		return -EEXIST;
	if (errno == EEXIST) {
		temp_name_next(temp);
		if (linkat(fd, name, fd, temp, 0) == 0) {
			err = renameat(fd, temp, fd, backup) < 0 ? -errno : 0;
			/* Still there too when the backup was this very inode: rename does nothing then. */
			unlinkat(fd, temp, 0);
			return err;
		}
	}
	/* No links here, or not of somebody else's file (protected_hardlinks), or too many. */
	if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS && errno != EMLINK && errno != EXDEV)
		return -errno;
	err = over ? (renameat(fd, name, fd, backup) < 0 ? -errno : 0) : rename_to_free(fd, name, backup);
	return err < 0 ? err : 1;
}

/* A backup's name can be taken by something no rename may replace either. */
static int check_backup_name(const struct place *place, const char *backup)
{
	struct stat st;

	if (fstatat(place->dst_fd, backup, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	return S_ISREG(st.st_mode) || S_ISLNK(st.st_mode) ? 0 : -EEXIST;
}

struct backup {
	char name[PATH_MAX]; /* as long as a system call takes */
	bool moved;    /* the old name is gone, and comes back on failure */
	bool numbered; /* it replaced nothing: it may be taken back */
};

static int number_backup(const struct place *place, const char *name, uint64_t number, struct backup *ret)
{
	int r = -EEXIST;

	for (int tries = 0; r == -EEXIST && tries < BACKUP_TRIES; tries++) {
		int n = snprintf(ret->name, sizeof ret->name, "%s.~%llu~", name, (unsigned long long)++number);

		if (n < 0 || (size_t)n >= sizeof ret->name)
			return -ENAMETOOLONG;
		r = make_backup(place, name, ret->name, false);
	}
	return r;
}

/* Backs up @name as the policy says. Returns 0 or -errno. */
static int back_up(const struct copier *copier, const struct place *place, const char *name, struct backup *ret)
{
	enum backup_mode mode = copier->policy->backup;
	uint64_t number = 0;
	int r = 0;

	*ret = (struct backup){ .numbered = mode == BACKUP_NUMBERED };
	if (mode != BACKUP_SIMPLE)
		r = highest_backup(place->dst_fd, name, &number);
	if (r < 0)
		return r;
	if (mode == BACKUP_EXISTING && number > 0)
		ret->numbered = true;
	if (ret->numbered) {
		r = number_backup(place, name, number, ret);
	} else {
		r = replace_backup_name(copier, name, ret->name, sizeof ret->name);
		if (r == 0)
			r = check_backup_name(place, ret->name);
		if (r == 0)
			r = make_backup(place, name, ret->name, true);
	}
	ret->moved = r == 1;
	return r < 0 ? r : 0;
}

/* The rename after it failed: as it was before, as far as that can be. */
static void undo_backup(const struct place *place, const char *name, const struct backup *backup)
{
	if (backup->moved)
		rename_to_free(place->dst_fd, backup->name, name);
	else if (backup->numbered)
		unlinkat(place->dst_fd, backup->name, 0);
}

static bool rename_failed(struct outcome *ret, int err)
{
	if (err == -EISDIR || err == -ENOTEMPTY)
		return entry_fail(ret, STAGE_IS_DIRECTORY, EISDIR);
	return entry_fail(ret, STAGE_RENAME, -err);
}

static bool replace_old(const struct copier *copier, const struct place *place, const char *name,
                        const char *temp, struct outcome *ret)
{
	struct backup backup;
	int fd = place->dst_fd, err;

	if (copier->policy->backup == BACKUP_NONE)
		return renameat(fd, temp, fd, name) == 0 || rename_failed(ret, -errno);
	err = back_up(copier, place, name, &backup);
	/* Gone by itself: there is nothing to keep. */
	if (err < 0 && err != -ENOENT)
		return entry_fail(ret, STAGE_BACKUP, -err);
	if (renameat(fd, temp, fd, name) == 0)
		return true;
	rename_failed(ret, -errno);
	if (err == 0)
		undo_backup(place, name, &backup);
	return false;
}

static bool publish(const struct copier *copier, const struct place *place, const struct entry *entry,
                    const struct stat *src, struct existing *existing, const char *temp, struct outcome *ret)
{
	struct outcome answer;

	for (int tries = 0; tries < DECISIONS; tries++) {
		int err;

		if (existing->present)
			return replace_old(copier, place, entry->dst_name, temp, ret);
		err = rename_to_free(place->dst_fd, temp, entry->dst_name);
		if (err == 0)
			return true;
		if (err != -EEXIST)
			return rename_failed(ret, err);
		/* In a directory of this run: another source name that falls on this one. */
		if (place->made && !entry->redo && !place->shared_name)
			return entry_fail(ret, STAGE_JUST_CREATED, EEXIST);
		if (!existing_decide(copier, place, entry, src, existing, &answer)) {
			*ret = answer;
			return false;
		}
	}
	return entry_fail(ret, STAGE_RENAME, EEXIST);
}

bool replace_publish(const struct copier *copier, const struct place *place, const struct entry *entry,
                     const struct stat *src, struct existing *existing, const char *temp, struct outcome *ret)
{
	if (publish(copier, place, entry, src, existing, temp, ret))
		return true;
	unlinkat(place->dst_fd, temp, 0);
	return false;
}
