/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Messages over AF_UNIX sockets that carry descriptors (unix(7), SCM_RIGHTS). */
#pragma once

#include <stddef.h>
#include <sys/types.h>

/* As many descriptors as one message carries here. */
#define RIGHTS_MAX 2

/**
 * rights_send() - send a message with descriptors.
 * @socket: of a type that keeps messages apart
 * @fds, @count: borrowed; none, or at most RIGHTS_MAX
 *
 * Return: 0 or the negative errno of sendmsg(2); never a SIGPIPE.
 */
int rights_send(int socket, const void *data, size_t size, const int *fds, size_t count);

/**
 * rights_receive() - receive a message of up to @size bytes, and wait for it.
 * @ret_fds: receives @count descriptors, CLOEXEC, owned by the caller; -EBADF for those that did not come
 *
 * Return: the length of the message; 0: the other end is closed; -EMFILE: descriptors were sent, and not all
 * could be had: none is; another negative errno of recvmsg(2).
 */
ssize_t rights_receive(int socket, void *data, size_t size, int *ret_fds, size_t count);
