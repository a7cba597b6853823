/*
 * The socket by which a running copy is steered from another terminal.
 *
 * Promises that only the owner of the process and root get an answer; that a
 * client which is slow, silent or hostile never makes the master wait and costs
 * at most a place among a few; and that the socket goes with the process, or
 * else at the start of the next one.
 *
 * The protocol: a client connects, writes one line of words, reads one line,
 * "ok TEXT" or "error TEXT", and is hung up on.
 *
 * Runs in: the master, after the first fork.  Blocks: never.
 * Allocates: at start.  Owns: the socket, its name and the clients.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <sys/un.h>

#define CONTROL_LINE 256    /* bytes of a request with its newline */
#define CONTROL_ANSWER 1100 /* bytes of an answer with its newline and NUL */
#define CONTROL_WORDS 2     /* a request has at most */
#define CONTROL_CLIENTS 8   /* at once; one more, and the oldest goes */

struct control;

/* Makes the socket, and removes those of processes that are gone. Returns 0 or
 * -errno: then there is none. */
int control_new(struct control **ret_control);

/* Removes the socket. */
void control_free(struct control *control);

/* Readable when control_serve() has something to do. */
int control_fd(const struct control *control);

/* Obeys one request: @words end with NULL. Writes "ok TEXT" or "error TEXT" to
 * @answer, which has room for CONTROL_ANSWER bytes. */
typedef void control_obey_fn(const char *const *words, char *answer, void *arg);

/* Answers whoever has asked. */
void control_serve(struct control *control, control_obey_fn *obey, void *arg);

/* For both ends: the @nth place, from 0, where a process of @uid has its socket
 * when the places before it were of no use. False when there is no such place.
 * The directory must then pass control_dir_check(). */
bool control_dir(unsigned nth, uid_t uid, char *buf, size_t size);

/* Returns 0 when @dir belongs to @uid and nobody else can make names in it,
 * else -errno. */
int control_dir_check(const char *dir, uid_t uid);

/* Fills in the address of the socket of @pid in @dir; false when it is too long. */
bool control_address(const char *dir, pid_t pid, struct sockaddr_un *ret_address);
