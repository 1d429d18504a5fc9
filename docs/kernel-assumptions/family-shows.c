// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What shows that a socket is an IPv6 one though the program made an IPv4 socket: the names and
 * SO_DOMAIN. These calls have to be answered. An IPv4 bind(2) gives EINVAL, and shows it too.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "assume.h"

int main(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_storage name;
	int fd = must(socket(AF_INET6, SOCK_STREAM, 0)), domain = 0;
	socklen_t length = sizeof(name);
	in_port_t port;
	int listening = server(AF_INET6, 8, &port);

	check(bind(fd, (struct sockaddr *)&in, sizeof(in)) < 0 && errno == EINVAL, "bind to IPv4");
	must(connect_to(fd, AF_INET6, port));
	must(getpeername(fd, (struct sockaddr *)&name, &length));
	check(length == sizeof(struct sockaddr_in6) && name.ss_family == AF_INET6, "getpeername");
	length = sizeof(name);
	must(getsockname(fd, (struct sockaddr *)&name, &length));
	check(length == sizeof(struct sockaddr_in6) && name.ss_family == AF_INET6, "getsockname");
	length = sizeof(domain);
	must(getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length));
	check(domain == AF_INET6, "SO_DOMAIN");
	close(listening);
	return 0;
}
