// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The minimal swap: as little as can be done to put another socket under a program's number.
 *
 *     minimal-swap PORT COMMAND [ARGUMENT]...
 *
 * Every connect gets a fresh non-blocking AF_INET6 socket, connected to ::ffff:127.0.0.1 port PORT,
 * whatever it asked for. Nothing of the program is looked at, not even the address; nothing of the
 * old socket is copied, nothing repaired: the rest is what a swap that can be used costs.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "supervise.h"

static int swap(int listener, const struct seccomp_notif *notification,
		const struct sockaddr_in6 *peer)
{
	struct seccomp_notif_addfd add = {
		.id = notification->id,
		.flags = SECCOMP_ADDFD_FLAG_SETFD,
		.newfd = (uint32_t)notification->data.args[0],
	};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int error = 0;

	if (fd < 0)
		return errno;
	if (connect(fd, (const struct sockaddr *)peer, sizeof(*peer)) < 0)
		error = errno;
	add.srcfd = (uint32_t)fd;
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add) < 0)
		error = errno;
	close(fd);
	return error;
}

int main(int argc, char **argv)
{
	const int calls[] = {SYS_connect, 0};
	struct sockaddr_in6 peer = {.sin6_family = AF_INET6};
	struct seccomp_notif notification;
	int listener;

	if (argc < 3)
		errx(2, "usage: minimal-swap PORT COMMAND [ARGUMENT]...");
	peer.sin6_port = htons((uint16_t)atoi(argv[1]));
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &peer.sin6_addr);
	listener = supervise(calls, argv + 2);
	for (;;) {
		supervise_receive(listener, &notification);
		supervise_answer(listener, notification.id, 0, swap(listener, &notification, &peer));
	}
}
