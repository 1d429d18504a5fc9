// SPDX-License-Identifier: GPL-2.0-or-later
/* Sockets bound before connect: the server sees the port, others see it taken. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "server.h"

/* The socket's own port, printed as "mine" from now on. */
static in_port_t own_port(int fd)
{
	struct sockaddr_in mine;
	socklen_t length = sizeof(mine);

	must(getsockname(fd, (struct sockaddr *)&mine, &length));
	if (mine.sin_port)
		name_port(mine.sin_port, "mine");
	return mine.sin_port;
}

/* Accept, and say from where: the address that the server sees is the client's. */
static int accept_from(const struct server *server)
{
	struct sockaddr_in from;
	socklen_t length = sizeof(from);
	int fd;

	wait_poll(server->fd, POLLIN);
	fd = must(accept4(server->fd, (struct sockaddr *)&from, &length, SOCK_CLOEXEC));
	say_address("server sees", &from, length, PEER);
	return fd;
}

static int say_bind(int fd, const char *address, in_port_t port)
{
	struct sockaddr_in to = inet(address, port);

	return say_result("bind", bind(fd, (struct sockaddr *)&to, sizeof(to)));
}

static void finish(int fd, int peer, struct server *server)
{
	say_echo(fd, peer);
	close(fd);
	say_recv("server", peer);
	close(peer);
	server_close(server);
}

static void address_only(void)
{
	struct server server = server_open(SITE);
	int fd = tcp(0);

	say_bind(fd, SITE2, 0);
	own_port(fd);
	say_local(fd);
	say_connect(fd, &server.addr);
	say_local(fd);
	finish(fd, accept_from(&server), &server);
}

static void loopback(void)
{
	struct server server = server_open(LOOPBACK);
	int fd = tcp(0);

	say_bind(fd, "127.0.0.9", 0);
	own_port(fd);
	say_connect(fd, &server.addr);
	say_local(fd);
	finish(fd, accept_from(&server), &server);
}

/*
 * A port that nobody has now; the socket that had it never connected, so that no TIME_WAIT holds
 * it.
 */
static in_port_t free_port(void)
{
	struct sockaddr_in any = inet("0.0.0.0", 0);
	socklen_t length = sizeof(any);
	int fd = tcp(0);

	must(bind(fd, (struct sockaddr *)&any, sizeof(any)));
	must(getsockname(fd, (struct sockaddr *)&any, &length));
	close(fd);
	name_port(any.sin_port, "mine");
	return any.sin_port;
}

static void address_port(void)
{
	struct server server = server_open(SITE);
	in_port_t port = free_port();
	int fd = tcp(0), other = tcp(0), peer, on = 0;
	socklen_t length = sizeof(on);

	say_bind(fd, SITE, port);
	say_connect(fd, &server.addr);
	say_local(fd);
	peer = accept_from(&server);
	/* Nobody else gets the port, and SO_REUSEADDR is as the program left it. */
	say_bind(other, SITE, port);
	must(getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, &length));
	say("SO_REUSEADDR: %d", on);
	close(other);
	finish(fd, peer, &server);
}

static void any_port(void)
{
	struct server server = server_open(LOOPBACK);
	in_port_t port = free_port();
	int fd = tcp(0);

	say_bind(fd, "0.0.0.0", port);
	say_local(fd);
	say_connect(fd, &server.addr);
	say_local(fd);
	finish(fd, accept_from(&server), &server);
}

static void reuse_address(void)
{
	struct server server = server_open(SITE);
	in_port_t port = free_port();
	int fd = tcp(0), other = tcp(0), on = 0;
	socklen_t length = sizeof(on);

	must(set(fd, SOL_SOCKET, SO_REUSEADDR, 1));
	must(set(other, SOL_SOCKET, SO_REUSEADDR, 1));
	say_bind(fd, SITE, port);
	say_bind(other, SITE, port);
	say_connect(fd, &server.addr);
	say_local(fd);
	must(getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, &length));
	say("SO_REUSEADDR: %d", on);
	/* The same four numbers again. */
	say_connect(other, &server.addr);
	close(other);
	finish(fd, accept_from(&server), &server);
}

/* nginx with proxy_bind: an address now, a port at connect. */
static void no_port(void)
{
	struct server server = server_open(SITE);
	int fd = tcp(SOCK_NONBLOCK);

	must(set(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1));
	say_bind(fd, SITE2, 0);
	say_local(fd);
	say_connect(fd, &server.addr);
	wait_poll(fd, POLLOUT);
	own_port(fd);
	say_local(fd);
	finish(fd, accept_from(&server), &server);
}

/* curl --local-port: the next port while EADDRINUSE. */
static void port_range(void)
{
	struct server server = server_open(LOOPBACK);
	in_port_t port = free_port();
	int taken = tcp(0), fd = tcp(0);

	say_bind(taken, LOOPBACK, port);
	if (say_bind(fd, LOOPBACK, port) < 0) {
		port = free_port();
		say_bind(fd, LOOPBACK, port);
	}
	say_connect(fd, &server.addr);
	say_local(fd);
	close(taken);
	finish(fd, accept_from(&server), &server);
}

/* Bound, refused, then connected to another: the port stays. */
static void refused_then_ok(void)
{
	struct server refusing = server_refusing(SITE);
	struct server server = server_open(SITE);
	in_port_t port = free_port();
	int fd = tcp(0);

	say_bind(fd, SITE, port);
	say_connect(fd, &refusing.addr);
	say_local(fd);
	say_connect(fd, &server.addr);
	say_local(fd);
	server_close(&refusing);
	finish(fd, accept_from(&server), &server);
}

/*
 * A refused connect gives the port back that the kernel had chosen, while getsockname(2) goes on showing
 * it: another socket can have it, and the next connect takes another.
 */
static void given_back(void)
{
	struct server refusing = server_refusing(LOOPBACK);
	struct server server = server_open(LOOPBACK);
	int fd = tcp(0), other = tcp(0), peer;
	struct sockaddr_in from;
	socklen_t length = sizeof(from);
	in_port_t port;

	say_connect(fd, &refusing.addr);
	port = own_port(fd);
	/* An address of nobody else's, for a connection in TIME_WAIT may have the port at the server's. */
	say_bind(other, "127.0.0.77", port);
	say_connect(fd, &server.addr);
	wait_poll(server.fd, POLLIN);
	peer = must(accept4(server.fd, (struct sockaddr *)&from, &length, SOCK_CLOEXEC));
	say("the same port: %s", from.sin_port == port ? "yes" : "no");
	close(other);
	server_close(&refusing);
	finish(fd, peer, &server);
}

/* A socket bound to one address cannot reach what that address has no route to. */
static void wrong_source(void)
{
	struct server server = server_open(SITE);
	struct sockaddr_in nowhere = inet(NOWHERE, htons(80));
	int fd = tcp(0);

	say_bind(fd, LOOPBACK, 0);
	say_connect(fd, &nowhere);
	own_port(fd);
	say_connect(fd, &server.addr);
	say_local(fd);
	finish(fd, accept_from(&server), &server);
}

static void free_bind(void)
{
	struct server server = server_open(SITE);
	int fd = tcp(0);

	say_bind(fd, "192.0.2.77", 0);
	must(set(fd, IPPROTO_IP, IP_FREEBIND, 1));
	say_bind(fd, "192.0.2.77", 0);
	own_port(fd);
	say_local(fd);
	close(fd);
	server_close(&server);
}

/* Two connections from one port to two servers, by SO_REUSEPORT. */
static void reuse_port(void)
{
	struct server server = server_open(SITE);
	struct server other = server_open(SITE2);
	in_port_t port = free_port();
	int fd = tcp(0), second = tcp(0), peer;

	must(set(fd, SOL_SOCKET, SO_REUSEPORT, 1));
	must(set(second, SOL_SOCKET, SO_REUSEPORT, 1));
	say_bind(fd, SITE, port);
	say_bind(second, SITE, port);
	say_connect(fd, &server.addr);
	say_connect(second, &other.addr);
	peer = accept_from(&other);
	say_local(second);
	close(second);
	close(peer);
	server_close(&other);
	finish(fd, accept_from(&server), &server);
}

const struct scenario scenarios[] = {
	{ "address-only", address_only, MUST_SWAP },
	{ "loopback", loopback, MUST_SWAP },
	{ "address-port", address_port, MUST_SWAP },
	{ "any-port", any_port, MUST_SWAP },
	{ "reuse-address", reuse_address, MUST_SWAP },
	{ "no-port", no_port, MUST_SWAP },
	{ "port-range", port_range, MUST_SWAP },
	{ "refused-then-ok", refused_then_ok, MUST_SWAP },
	{ "given-back", given_back, MUST_SWAP },
	{ "wrong-source", wrong_source, MUST_SWAP },
	{ "free-bind", free_bind },
	{ "reuse-port", reuse_port, MUST_SWAP },
	{ 0 },
};
const struct scenario helpers[] = { { 0 } };
