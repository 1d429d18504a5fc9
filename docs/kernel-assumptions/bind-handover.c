// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A bound port is handed over with SO_REUSEADDR on both sockets while both exist: the second binds
 * the same address and port and connects; closing the first does not take the port along.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "assume.h"

static void reuse(int fd, int on)
{
	must(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)));
}

int main(void)
{
	struct sockaddr_in mine = { .sin_family = AF_INET,
				    .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 mapped = { .sin6_family = AF_INET6 }, seen;
	socklen_t length = sizeof(mine);
	in_port_t port;
	int listening = server(AF_INET, 8, &port);
	int old = must(socket(AF_INET, SOCK_STREAM, 0)),
	    new = must(socket(AF_INET6, SOCK_STREAM, 0));

	must(bind(old, (struct sockaddr *)&mine, length));
	must(getsockname(old, (struct sockaddr *)&mine, &length));
	mapped.sin6_port = mine.sin_port;
	mapped.sin6_addr.s6_addr32[2] = htonl(0xffff);
	mapped.sin6_addr.s6_addr32[3] = mine.sin_addr.s_addr;
	check(bind(new, (struct sockaddr *)&mapped, sizeof(mapped)) < 0 && errno == EADDRINUSE,
	      "the port is free without SO_REUSEADDR");
	reuse(new, 1);
	check(bind(new, (struct sockaddr *)&mapped, sizeof(mapped)) < 0 && errno == EADDRINUSE,
	      "SO_REUSEADDR on one is enough");
	reuse(old, 1);
	check(!bind(new, (struct sockaddr *)&mapped, sizeof(mapped)), "SO_REUSEADDR on both");
	close(old);
	reuse(new, 0);
	mapped.sin6_port = port;
	check(!connect(new, (struct sockaddr *)&mapped, sizeof(mapped)), "no connect: errno %d",
	      errno);
	length = sizeof(seen);
	must(getsockname(new, (struct sockaddr *)&seen, &length));
	check(seen.sin6_port == mine.sin_port, "the port changed");
	close(listening);
	return 0;
}
