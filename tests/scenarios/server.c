// SPDX-License-Identifier: GPL-2.0-or-later
/* Servers: listening, refusing, silent, resetting. */
#include <unistd.h>

#include "server.h"

static struct server bound(const char *address)
{
	struct server server = { .addr = inet(address, 0), .filler = -1 };
	socklen_t length = sizeof(server.addr);

	server.fd = tcp(SOCK_CLOEXEC);
	must(bind(server.fd, (struct sockaddr *)&server.addr, length));
	must(getsockname(server.fd, (struct sockaddr *)&server.addr, &length));
	return server;
}

struct server server_open(const char *address)
{
	struct server server = bound(address);

	must(listen(server.fd, 64));
	name_port(server.addr.sin_port, "server");
	return server;
}

struct server server_refusing(const char *address)
{
	struct server server = bound(address);

	name_port(server.addr.sin_port, "refusing");
	return server;
}

struct server server_silent(const char *address)
{
	struct server server = { .addr = inet(address, 0) };
	struct sockaddr_in6 any = inet6("::", 0), self;
	socklen_t length = sizeof(any);

	server.fd = must(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
	must(bind(server.fd, (struct sockaddr *)&any, sizeof(any)));
	must(getsockname(server.fd, (struct sockaddr *)&any, &length));
	/* A queue of length 0 takes one connection. */
	must(listen(server.fd, 0));
	self = inet6("::1", any.sin6_port);
	server.filler = must(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
	must(do_connect(server.filler, &self, sizeof(self)));
	server.addr.sin_port = any.sin6_port;
	name_port(server.addr.sin_port, "silent");
	return server;
}

void server_drain(struct server *server)
{
	must(close(must(accept4(server->fd, NULL, NULL, SOCK_CLOEXEC))));
}

int server_accept(const struct server *server)
{
	wait_poll(server->fd, POLLIN);
	return must(accept4(server->fd, NULL, NULL, SOCK_CLOEXEC));
}

void say_no_more_connections(const struct server *server)
{
	struct pollfd item = { .fd = server->fd, .events = POLLIN };

	say("another connection: %s", must(poll(&item, 1, QUIET)) ? "yes" : "no");
}

void server_reset(const struct server *server)
{
	struct linger linger = { .l_onoff = 1, .l_linger = 0 };
	int fd = server_accept(server);

	must(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)));
	close(fd);
}

void server_close(struct server *server)
{
	if (server->filler >= 0)
		close(server->filler);
	close(server->fd);
	server->fd = server->filler = -1;
}

struct connection connection_open(void)
{
	struct connection pair = { .server = server_open(LOOPBACK), .fd = tcp(0) };

	say_connect(pair.fd, &pair.server.addr);
	pair.peer = server_accept(&pair.server);
	return pair;
}

void connection_close(struct connection *pair)
{
	close(pair->fd);
	close(pair->peer);
	server_close(&pair->server);
}
