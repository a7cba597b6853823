/*
 * The socket is looked for in the same places and by the same rule as the
 * master makes it, for the user the process belongs to: root asks for another
 * user's copy, and a socket in a directory that is not that user's is nobody's.
 */
#include "master/control_client.h"

#include "base/cleanup.h"
#include "base/message.h"
#include "master/control.h"
#include "master/tally.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>

#define PATIENCE_S 5

static uid_t owner_of(pid_t pid)
{
	char path[40];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	return stat(path, &st) == 0 ? st.st_uid : geteuid();
}

static bool peer_is(int fd, uid_t uid)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.uid == uid;
}

static int connect_in(const char *dir, pid_t pid, uid_t uid, int *ret_fd)
{
	struct timeval patience = { .tv_sec = PATIENCE_S };
	struct sockaddr_un address;
	int err = control_dir_check(dir, uid);

	if (err < 0)
		return err;
	if (!control_address(dir, pid, &address))
		return -ENAMETOOLONG;
	CLEANUP_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	if (!peer_is(fd, uid))
		return -EPERM;
	*ret_fd = take_fd(&fd);
	return 0;
}

/* Where the process cannot be looked for is more to the point than where it is not. */
static int worse(int err, int other)
{
	return err == 0 || err == -ENOENT ? other : err;
}

static int connect_to(pid_t pid, int *ret_fd)
{
	char dir[sizeof(((struct sockaddr_un *)0)->sun_path)];
	uid_t uid = owner_of(pid);
	int err = 0;

	for (unsigned nth = 0; control_dir(nth, uid, dir, sizeof(dir)); nth++) {
		int failed = connect_in(dir, pid, uid, ret_fd);

		if (failed == 0)
			return 0;
		/* Of a directory that is not that user's there is nothing to say. */
		if (failed != -EPERM && failed != -ENOTDIR)
			err = worse(err, failed);
	}
	return err == 0 ? -ENOENT : err;
}

/* Reads the line that the answer is. Who refuses us hangs up without reading:
 * what it said before is still there, and an error after it is not ours. */
static int read_answer(int fd, char *buf, size_t size)
{
	size_t used = 0;

	while (used < size - 1) {
		ssize_t got = read(fd, buf + used, size - 1 - used);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return got < 0 ? -errno : -ECONNRESET;
		char *end = memchr(buf + used, '\n', (size_t)got);

		if (end) {
			*end = '\0';
			return 0;
		}
		used += (size_t)got;
	}
	return -EMSGSIZE;
}

static int ask(int fd, const char *const *words, char *buf, size_t size)
{
	char line[CONTROL_LINE];
	int len = snprintf(line, sizeof(line), "%s%s%s\n", words[0], words[1] ? " " : "", words[1] ? words[1] : "");

	if ((size_t)len >= sizeof(line))
		return -E2BIG;
	if (send(fd, line, (size_t)len, MSG_NOSIGNAL) < 0 && errno != EPIPE && errno != ECONNRESET)
		return -errno;
	return read_answer(fd, buf, size);
}

static const char *reason(int err)
{
	switch (err) {
	case -EAGAIN:
		return "it does not answer";
	case -ENOENT:
	case -ECONNREFUSED:
		return "it is no pcopy that can be controlled";
	default:
		return strerror(-err);
	}
}

int control_client_run(pid_t pid, const char *const *words)
{
	char text[CONTROL_ANSWER];
	CLEANUP_FD int fd = -1;
	int err;

	if (kill(pid, 0) < 0 && errno == ESRCH) {
		message_say("no process %d is running", (int)pid);
		return EXIT_CANNOT_START;
	}
	err = connect_to(pid, &fd);
	if (err == 0)
		err = ask(fd, words, text, sizeof(text));
	if (err < 0) {
		message_say("cannot control process %d: %s", (int)pid, reason(err));
		return EXIT_CANNOT_START;
	}
	if (strncmp(text, "ok ", 3) == 0) {
		message_list("%s", text + 3);
		return message_flush() < 0 ? EXIT_SOME_FAILED : EXIT_COPIED;
	}
	message_say("process %d refused: %s", (int)pid, strncmp(text, "error ", 6) == 0 ? text + 6 : text);
	return EXIT_SOME_FAILED;
}
