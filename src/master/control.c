/*
 * One epoll descriptor stands for the socket and all its clients, so that the
 * loop watches a single descriptor for as long as the copy runs and knows
 * nothing of connections.
 *
 * A client is hung up on after its one answer, so whoever has been connected
 * for longest has least to say, and is the one that goes when there are too
 * many: eight silent ones cannot lock the owner out. The listening socket is
 * edge-triggered: when no descriptor is left to accept with, the loop would
 * otherwise spin on a connection it cannot take.
 *
 * Whose socket it is: the name has the process number, the directory is one
 * only we can write to, the mode is 0600, and the peer's credentials are asked
 * all the same. A name left by a killed process goes when its number is free
 * and nobody listens: in another PID namespace a number that is free here may
 * be a running copy.
 *
 * A name in the abstract namespace lost: it has no mode. A FIFO lost: an answer
 * could not go to the one who asked.
 */
#include "master/control.h"

#include "base/cleanup.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define ACCEPTS 32 /* at one go, so that a flood of connections does not keep us */

struct client {
	int fd;
	size_t used;
	char line[CONTROL_LINE];
};

struct control {
	int listen_fd, epoll_fd;
	struct sockaddr_un address;
	char dir[sizeof(((struct sockaddr_un *)0)->sun_path)];
	unsigned n_clients;
	struct client client[CONTROL_CLIENTS]; /* the oldest first */
};

bool control_dir(unsigned nth, uid_t uid, char *buf, size_t size)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	int len = 0;

	buf[0] = '\0'; /* no directory: control_dir_check() refuses it */
	switch (nth) {
	case 0:
		if (runtime && *runtime == '/')
			len = snprintf(buf, size, "%s", runtime);
		break;
	case 1:
		len = snprintf(buf, size, "/run/user/%u", uid);
		break;
	case 2:
		len = snprintf(buf, size, "/tmp/pcopy-%u", uid);
		break;
	default:
		return false;
	}
	if ((size_t)len >= size)
		buf[0] = '\0';
	return true;
}

int control_dir_check(const char *dir, uid_t uid)
{
	struct stat st;

	if (lstat(dir, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	return st.st_uid != uid || (st.st_mode & (S_IWGRP | S_IWOTH)) ? -EPERM : 0;
}

bool control_address(const char *dir, pid_t pid, struct sockaddr_un *ret_address)
{
	int len;

	*ret_address = (struct sockaddr_un){ .sun_family = AF_UNIX };
	len = snprintf(ret_address->sun_path, sizeof(ret_address->sun_path), "%s/pcopy-%d.sock", dir, (int)pid);
	return (size_t)len < sizeof(ret_address->sun_path);
}

/* The process number in the name of a socket; 0: it is something else. */
static pid_t pid_of_name(const char *name)
{
	int pid;

	return sscanf(name, "pcopy-%9d.sock", &pid) == 1 && pid > 0 ? pid : 0;
}

/* Removes a socket that nobody listens at. */
static void remove_dead(const struct sockaddr_un *address)
{
	CLEANUP_FD int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat st;

	if (lstat(address->sun_path, &st) < 0 || !S_ISSOCK(st.st_mode))
		return; /* what else has such a name is not ours */
	if (fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0 && errno == ECONNREFUSED)
		unlink(address->sun_path);
}

static void remove_stale(const char *dir)
{
	DIR *stream = opendir(dir);
	struct dirent *entry;

	while (stream && (entry = readdir(stream)) != NULL) {
		pid_t pid = pid_of_name(entry->d_name);
		struct sockaddr_un address;

		/* Our own number: whoever had it before us is gone, here at least. */
		if (pid && (pid == getpid() || (kill(pid, 0) < 0 && errno == ESRCH)) &&
		    control_address(dir, pid, &address))
			remove_dead(&address);
	}
	if (stream)
		closedir(stream);
}

static int listen_in(struct control *control, const char *dir)
{
	CLEANUP_FD int fd = -1;
	int err = control_dir_check(dir, geteuid());

	if (err < 0)
		return err;
	if (!control_address(dir, getpid(), &control->address))
		return -ENAMETOOLONG;
	remove_stale(dir);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;

	mode_t before = umask(0177);

	err = bind(fd, (struct sockaddr *)&control->address, sizeof(control->address)) < 0 ? -errno : 0;
	umask(before);
	if (err == 0 && listen(fd, CONTROL_CLIENTS) < 0) {
		err = -errno;
		unlink(control->address.sun_path);
	}
	if (err == 0)
		control->listen_fd = take_fd(&fd);
	return err;
}

/* The place we make ourselves goes when the last socket in it does; another
 * process that has just found it there then finds it gone, and tries again. */
#define OUR_OWN_PLACE 2
#define TRIES 3

static int listen_anywhere(struct control *control)
{
	char *dir = control->dir;
	int err = -ENOENT;

	for (unsigned nth = 0; control_dir(nth, geteuid(), dir, sizeof(control->dir)); nth++) {
		for (int try = 0; try < TRIES; try++) {
			if (nth == OUR_OWN_PLACE && mkdir(dir, 0700) < 0 && errno != EEXIST)
				break;
			err = listen_in(control, dir);
			if (err != -ENOENT)
				break;
		}
		if (nth != OUR_OWN_PLACE || err < 0)
			dir[0] = '\0';
		if (err == 0)
			return 0;
	}
	return err;
}

static int watch_fd(struct control *control, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = fd };

	return epoll_ctl(control->epoll_fd, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int control_new(struct control **ret_control)
{
	struct control *control = calloc(1, sizeof(*control));
	int err;

	if (!control)
		return -ENOMEM;
	control->listen_fd = -1;
	control->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	err = control->epoll_fd < 0 ? -errno : listen_anywhere(control);
	if (err == 0)
		err = watch_fd(control, control->listen_fd, EPOLLIN | EPOLLET);
	if (err < 0) {
		control_free(control);
		return err;
	}
	*ret_control = control;
	return 0;
}

static void hang_up(struct control *control, struct client *client)
{
	unsigned at = (unsigned)(client - control->client);

	close_fd(client->fd);
	control->n_clients--;
	memmove(client, client + 1, (control->n_clients - at) * sizeof(*client));
}

void control_free(struct control *control)
{
	if (!control)
		return;
	while (control->n_clients)
		hang_up(control, &control->client[0]);
	if (control->listen_fd >= 0) {
		unlink(control->address.sun_path);
		if (*control->dir)
			rmdir(control->dir);
	}
	close_fd(control->listen_fd);
	close_fd(control->epoll_fd);
	free(control);
}

int control_fd(const struct control *control)
{
	return control->epoll_fd;
}

/* Sends what a fresh socket always has room for; who lets it fill up gets less. */
static void answer(int fd, char *text)
{
	size_t len = strcspn(text, "\n");

	text[len] = '\n';
	if (send(fd, text, len + 1, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return; /* it is gone, and hung up on in any case */
}

static void refuse(int fd, const char *why)
{
	char text[CONTROL_LINE];

	snprintf(text, sizeof(text), "error %s", why);
	answer(fd, text);
}

static bool may_ask(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && (peer.uid == geteuid() || peer.uid == 0);
}

static void accept_clients(struct control *control)
{
	for (int i = 0; i < ACCEPTS; i++) {
		CLEANUP_FD int fd = accept4(control->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			return;
		if (!may_ask(fd)) {
			refuse(fd, "this copy is another user's");
			continue;
		}
		if (control->n_clients == CONTROL_CLIENTS)
			hang_up(control, &control->client[0]);
		if (watch_fd(control, fd, EPOLLIN) < 0)
			continue;

		struct client *client = &control->client[control->n_clients++];

		client->used = 0;
		client->fd = take_fd(&fd);
	}
}

/* Takes the line apart; false when it is none of ours. */
static bool split(char *line, const char *words[static CONTROL_WORDS + 1])
{
	unsigned n = 0;
	char *rest = NULL;

	for (char *word = strtok_r(line, " ", &rest); word; word = strtok_r(NULL, " ", &rest)) {
		if (n == CONTROL_WORDS)
			return false;
		words[n++] = word;
	}
	words[n] = NULL;
	return n > 0;
}

static void obey_line(struct client *client, control_obey_fn *obey, void *arg)
{
	const char *words[CONTROL_WORDS + 1];
	char text[CONTROL_ANSWER] = "";

	if (!split(client->line, words)) {
		refuse(client->fd, "not a request");
		return;
	}
	obey(words, text, arg);
	answer(client->fd, text);
}

static void serve_client(struct control *control, struct client *client, control_obey_fn *obey, void *arg)
{
	size_t room = sizeof(client->line) - client->used;
	ssize_t len = recv(client->fd, client->line + client->used, room, MSG_DONTWAIT);

	if (len < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (len > 0) {
		client->used += (size_t)len;
		char *end = memchr(client->line, '\n', client->used);

		if (!end && client->used < sizeof(client->line))
			return;
		if (end && !memchr(client->line, '\0', (size_t)(end - client->line))) {
			*end = '\0';
			obey_line(client, obey, arg);
		} else {
			refuse(client->fd, "not a request");
		}
	}
	hang_up(control, client);
}

void control_serve(struct control *control, control_obey_fn *obey, void *arg)
{
	struct epoll_event event[CONTROL_CLIENTS + 1];
	int n = epoll_wait(control->epoll_fd, event, CONTROL_CLIENTS + 1, 0);

	for (int i = 0; i < n; i++) {
		int fd = event[i].data.fd;

		if (fd == control->listen_fd)
			accept_clients(control);
		for (unsigned c = 0; c < control->n_clients; c++)
			if (control->client[c].fd == fd) {
				serve_client(control, &control->client[c], obey, arg);
				break;
			}
	}
}
