// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What cloning relies on: SO_SNDBUF and SO_RCVBUF read back doubled; SO_BUF_LOCK (Linux 5.14) says
 * whether the program set them; IP-level options can be set on an AF_INET6 socket.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "assume.h"

#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72
#endif

static int get(int fd, int level, int option)
{
	int value = -1;
	socklen_t length = sizeof(value);

	must(getsockopt(fd, level, option, &value, &length));
	return value;
}

static void set(int fd, int level, int option, int value)
{
	must(setsockopt(fd, level, option, &value, sizeof(value)));
}

int main(void)
{
	int fd = must(socket(AF_INET, SOCK_STREAM, 0)),
	    fd6 = must(socket(AF_INET6, SOCK_STREAM, 0));
	int lock;
	socklen_t length = sizeof(lock);

	if (getsockopt(fd, SOL_SOCKET, SO_BUF_LOCK, &lock, &length) < 0)
		missing("SO_BUF_LOCK (Linux 5.14)");
	check(lock == 0, "a fresh socket's buffers are locked");
	set(fd, SOL_SOCKET, SO_SNDBUF, 50000);
	check(get(fd, SOL_SOCKET, SO_SNDBUF) == 100000, "SO_SNDBUF is not doubled");
	check(get(fd, SOL_SOCKET, SO_BUF_LOCK) == 1, "SO_BUF_LOCK does not tell of SO_SNDBUF");
	set(fd, SOL_SOCKET, SO_RCVBUF, 50000);
	check(get(fd, SOL_SOCKET, SO_RCVBUF) == 100000, "SO_RCVBUF is not doubled");
	check(get(fd, SOL_SOCKET, SO_BUF_LOCK) == 3, "SO_BUF_LOCK does not tell of SO_RCVBUF");
	set(fd6, IPPROTO_IP, IP_TTL, 33);
	check(get(fd6, IPPROTO_IP, IP_TTL) == 33, "IP_TTL on an IPv6 socket");
	set(fd6, IPPROTO_IP, IP_TOS, 0x28);
	check(get(fd6, IPPROTO_IPV6, IPV6_TCLASS) != 0x28, "IP_TOS acts on IPV6_TCLASS by itself");
	return 0;
}
