// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The minimal swap: as little as can be done to put another socket under a program's number.
 *
 *     minimal-swap [--blind PORT] COMMAND [ARGUMENT]...
 *
 * The address of a connect is read from the program, and what it asked for becomes a fresh non-blocking
 * AF_INET6 socket, connected to that address, IPv4-mapped, and port. Nothing of the old socket is
 * looked at or copied, nothing repaired: the rest is what a swap that can be used costs.
 *
 * With --blind the address is not even read: everything goes to 127.0.0.1 port PORT. That is no swap
 * that anybody could use; it is there to tell what the reading costs.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "supervise.h"

/* ::ffff:0.0.0.0 */
static const struct sockaddr_in6 mapped = {
	.sin6_family = AF_INET6,
	.sin6_addr.s6_addr = {[10] = 0xff, [11] = 0xff},
};

static void map(const struct sockaddr_in *address, struct sockaddr_in6 *ret)
{
	*ret = mapped;
	ret->sin6_port = address->sin_port;
	memcpy(&ret->sin6_addr.s6_addr[12], &address->sin_addr, sizeof(address->sin_addr));
}

/* Where the program wants to. Return: 0 or an errno. */
static int read_address(const struct seccomp_notif *notification, struct sockaddr_in6 *ret)
{
	struct sockaddr_in asked;
	struct iovec here = {&asked, sizeof(asked)};
	struct iovec there = {(void *)(uintptr_t)notification->data.args[1], sizeof(asked)};

	if (process_vm_readv((pid_t)notification->pid, &here, 1, &there, 1, 0) != sizeof(asked))
		return EFAULT;
	if (asked.sin_family != AF_INET)
		return EAFNOSUPPORT;
	map(&asked, ret);
	return 0;
}

/* @blind: where to, whatever was asked for; or NULL. Return: 0 or an errno. */
static int swap(int listener, const struct seccomp_notif *notification, const struct sockaddr_in6 *blind)
{
	struct seccomp_notif_addfd add = {
		.id = notification->id,
		.flags = SECCOMP_ADDFD_FLAG_SETFD,
		.newfd = (uint32_t)notification->data.args[0],
	};
	struct sockaddr_in6 peer;
	int error = 0;
	int fd;

	if (blind)
		peer = *blind;
	else
		error = read_address(notification, &peer);
	if (error)
		return error;
	fd = socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return errno;
	if (connect(fd, (const struct sockaddr *)&peer, sizeof(peer)) < 0)
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
	const struct sockaddr_in6 *blind = NULL;
	struct sockaddr_in6 peer;
	struct seccomp_notif notification;
	char **command = argv + 1;
	int listener;

	if (argc > 2 && strcmp(argv[1], "--blind") == 0) {
		map(&(const struct sockaddr_in){.sin_port = htons((uint16_t)atoi(argv[2])),
						.sin_addr.s_addr = htonl(INADDR_LOOPBACK)},
		    &peer);
		blind = &peer;
		command += 2;
	}
	if (!command[0])
		errx(2, "usage: minimal-swap [--blind PORT] COMMAND [ARGUMENT]...");
	listener = supervise(calls, command);
	for (;;) {
		supervise_receive(listener, &notification);
		supervise_answer(listener, notification.id, 0, swap(listener, &notification, blind));
	}
}
