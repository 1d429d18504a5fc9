// SPDX-License-Identifier: GPL-2.0-or-later
/* Datagram sockets of a scenario; see udp-server.h. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "udp-server.h"

int udp(int flags)
{
	return must(socket(AF_INET, SOCK_DGRAM | flags, 0));
}

static int bound_to(const char *address, struct sockaddr_in *ret)
{
	socklen_t length = sizeof(*ret);
	int fd = udp(SOCK_CLOEXEC);

	*ret = inet(address, 0);
	must(bind(fd, (struct sockaddr *)ret, length));
	must(getsockname(fd, (struct sockaddr *)ret, &length));
	return fd;
}

struct server udp_open(const char *address, const char *name)
{
	struct server server = { .filler = -1 };

	server.fd = bound_to(address, &server.addr);
	name_port(server.addr.sin_port, name);
	return server;
}

struct sockaddr_in udp_refusing(const char *address)
{
	struct sockaddr_in addr;

	close(bound_to(address, &addr));
	name_port(addr.sin_port, "refusing");
	return addr;
}

int udp_connected(const struct server *server, int flags)
{
	int fd = udp(flags);

	say_connect(fd, &server->addr);
	return fd;
}

struct sockaddr_in udp_address(const struct server *server, int fd)
{
	struct sockaddr_in from;
	socklen_t length = sizeof(from);
	char byte;

	must(send(fd, "?", 1, 0));
	wait_poll(server->fd, POLLIN);
	must(recvfrom(server->fd, &byte, 1, 0, (struct sockaddr *)&from, &length));
	name_port(from.sin_port, "client");
	return from;
}

void udp_send(const struct server *server, const struct sockaddr_in *to, const char *text)
{
	must(sendto(server->fd, text, strlen(text), 0, (const struct sockaddr *)to, sizeof(*to)));
}

void say_arrived(const struct server *server)
{
	char buffer[100] = "";
	ssize_t n;

	wait_poll(server->fd, POLLIN);
	n = recv(server->fd, buffer, sizeof(buffer) - 1, MSG_TRUNC);
	say("server: %zd %s", n, buffer);
}

void say_recvfrom(const char *what, int fd, int flags)
{
	struct sockaddr_storage from = { 0 };
	socklen_t length = sizeof(from);
	char buffer[100] = "";
	ssize_t n = recvfrom(fd, buffer, sizeof(buffer) - 1, flags, (struct sockaddr *)&from, &length);

	if (n < 0) {
		say_result(what, n);
		return;
	}
	say("%s: %zd %s", what, n, buffer);
	if (length)
		say_address(what, &from, length, PEER);
	else
		say("%s: no address", what);
}
