// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SO_NETNS_COOKIE (Linux 5.14) tells which network namespace a socket lives in: the same for two of
 * one, different across unshare(2), and kept by a socket that was made before.
 */
#include <errno.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "assume.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

static uint64_t cookie(int fd)
{
	uint64_t value = 0;
	socklen_t length = sizeof(value);

	if (getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &value, &length) < 0)
		missing("SO_NETNS_COOKIE (Linux 5.14)");
	return value;
}

int main(void)
{
	int first = must(socket(AF_INET, SOCK_STREAM, 0)),
	    second = must(socket(AF_INET6, SOCK_DGRAM, 0));
	uint64_t outer = cookie(first);

	check(outer == cookie(second), "two cookies in one namespace");
	if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
		missing("a network namespace: errno %d", errno);
	check(cookie(first) == outer, "the cookie of a socket changed");
	check(cookie(must(socket(AF_INET, SOCK_STREAM, 0))) != outer,
	      "one cookie in two namespaces");
	return 0;
}
