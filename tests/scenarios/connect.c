// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * connect(2) on a blocking socket: outcomes, repeated calls, and what is not for reseat to change.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/un.h>
#include <unistd.h>

#include "server.h"
#include "watching.h"

static void ok(void)
{
	struct server server = server_open(LOOPBACK);
	int fd = tcp(0), peer;

	say_connect(fd, &server.addr);
	peer = server_accept(&server);
	say_poll(fd, POLLIN | POLLOUT | POLLRDHUP);
	say_error(fd);
	say_peer(fd);
	say_local(fd);
	say_echo(fd, peer);
	say_no_more_connections(&server);
	close(fd);
	say_recv("server", peer);
	close(peer);
	server_close(&server);
}

static void ok_site(void)
{
	struct server server = server_open(SITE);
	int fd = tcp(SOCK_CLOEXEC), peer;

	say_connect(fd, &server.addr);
	peer = server_accept(&server);
	say_peer(fd);
	say_local(fd);
	say_echo(fd, peer);
	close(peer);
	say_recv("client", fd);
	close(fd);
	server_close(&server);
}

/* The port of the address 0.0.0.0 is this host (stress-ng connects there). */
static void ok_any(void)
{
	struct server server = server_open("0.0.0.0");
	int fd = tcp(0), peer;

	say_connect(fd, &server.addr);
	peer = server_accept(&server);
	say_peer(fd);
	say_echo(fd, peer);
	close(peer);
	close(fd);
	server_close(&server);
}

static void refused(void)
{
	struct server server = server_refusing(LOOPBACK);
	int fd = tcp(0);

	say_connect(fd, &server.addr);
	say_error(fd);
	say_poll(fd, POLLIN | POLLOUT);
	say_peer(fd);
	close(fd);
	server_close(&server);
}

static void twice(void)
{
	struct server server = server_open(LOOPBACK);
	struct server other = server_open(SITE);
	int fd = tcp(0), peer;

	say_connect(fd, &server.addr);
	say_connect(fd, &server.addr);
	say_connect(fd, &other.addr);
	say_connect(fd, &server.addr);
	peer = server_accept(&server);
	say_echo(fd, peer);
	say_no_more_connections(&server);
	say_no_more_connections(&other);
	close(peer);
	say_recv("client", fd);
	say_connect(fd, &server.addr);
	close(fd);
	server_close(&server);
	server_close(&other);
}

/* Connect again and again after a refusal, then to a server that answers. */
static void after_refusal(void)
{
	struct server refusing = server_refusing(LOOPBACK);
	struct server server = server_open(LOOPBACK);
	int fd = tcp(0), peer;

	for (int i = 0; i < 4; i++)
		say_connect(fd, &refusing.addr);
	say_error(fd);
	say_connect(fd, &refusing.addr);
	say_poll(fd, POLLIN | POLLOUT);
	if (say_connect(fd, &server.addr) < 0)
		say_connect(fd, &server.addr);
	peer = server_accept(&server);
	say_peer(fd);
	say_echo(fd, peer);
	say_no_more_connections(&server);
	close(fd);
	close(peer);
	server_close(&server);
	server_close(&refusing);
}

static int disconnect(int fd)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };

	return say_result("disconnect", do_connect(fd, &none, sizeof(none)));
}

static void unspec_again(void)
{
	struct server server = server_open(LOOPBACK);
	struct server other = server_open(SITE);
	int fd = tcp(0), peer;

	disconnect(fd);
	say_connect(fd, &server.addr);
	peer = server_accept(&server);
	say_echo(fd, peer);
	disconnect(fd);
	say_peer(fd);
	say_poll(fd, POLLIN | POLLOUT);
	disconnect(fd);
	say_connect(fd, &other.addr);
	close(peer);
	peer = server_accept(&other);
	say_peer(fd);
	say_echo(fd, peer);
	say_no_more_connections(&server);
	close(fd);
	say_recv("server", peer);
	close(peer);
	server_close(&server);
	server_close(&other);
}

/* Disconnected, then bound as an IPv4 socket is, then connected. */
static void unspec_bind(void)
{
	struct server server = server_open(LOOPBACK);
	struct sockaddr_in mine = inet(LOOPBACK, 0);
	int fd = tcp(0), peer;

	say_connect(fd, &server.addr);
	peer = server_accept(&server);
	disconnect(fd);
	close(peer);
	say_result("bind", bind(fd, (struct sockaddr *)&mine, sizeof(mine)));
	say_local(fd);
	say_connect(fd, &server.addr);
	peer = server_accept(&server);
	say_echo(fd, peer);
	close(fd);
	close(peer);
	server_close(&server);
}

static void unspec_refused(void)
{
	struct server refusing = server_refusing(LOOPBACK);
	struct server server = server_open(LOOPBACK);
	int fd = tcp(0), peer;

	say_connect(fd, &refusing.addr);
	disconnect(fd);
	say_error(fd);
	say_connect(fd, &server.addr);
	peer = server_accept(&server);
	say_echo(fd, peer);
	close(fd);
	close(peer);
	server_close(&server);
	server_close(&refusing);
}

static void unreachable(void)
{
	struct sockaddr_in to = inet(NOWHERE, htons(80));
	struct server server = server_open(LOOPBACK);
	int fd = tcp(0), peer;

	say_connect(fd, &to);
	say_error(fd);
	say_poll(fd, POLLIN | POLLOUT);
	say_connect(fd, &to);
	/* The socket is none the worse. */
	say_connect(fd, &server.addr);
	peer = server_accept(&server);
	say_echo(fd, peer);
	close(peer);
	close(fd);
	fd = tcp(SOCK_NONBLOCK);
	say_connect(fd, &to);
	say_poll(fd, POLLIN | POLLOUT);
	close(fd);
	server_close(&server);
}

static void odd_destinations(void)
{
	static const struct {
		const char *address;
		int port;
	} cases[] = {
		{ LOOPBACK, 0 },	  { SITE, 0 },		 { "255.255.255.255", 80 },
		{ "198.51.100.255", 80 }, { "224.0.0.1", 80 },	 { "0.0.0.0", 0 },
		{ "127.255.255.255", 80 }, { "169.254.1.1", 80 }, { "240.0.0.1", 80 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct sockaddr_in to = inet(cases[i].address, htons(cases[i].port));
		int fd = tcp(SOCK_NONBLOCK);

		say("%s port %d", cases[i].address, cases[i].port);
		say_connect(fd, &to);
		close(fd);
	}
}

static void listening(void)
{
	struct server server = server_open(LOOPBACK);
	struct server other = server_open(LOOPBACK);
	int fd = tcp(0), peer;

	say_connect(server.fd, &other.addr);
	say_no_more_connections(&other);
	/* It goes on listening. */
	say_connect(fd, &server.addr);
	peer = server_accept(&server);
	say_echo(fd, peer);
	close(fd);
	close(peer);
	server_close(&server);
	server_close(&other);
}

/* A socket that was connected once, and then listens: what accept(2) gives is of its own family. */
static void listen_after(void)
{
	struct server server = server_open(SITE);
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	struct sockaddr_in own = inet(LOOPBACK, 0), from;
	socklen_t size = sizeof(own);
	int fd = tcp(0), client = tcp(0), ep = epoll(), accepted, domain = 0;

	set(fd, IPPROTO_TCP, TCP_NODELAY, 1);
	add(ep, fd, EPOLLIN, 1);
	say_connect(fd, &server.addr);
	say_result("disconnect", do_connect(fd, &none, sizeof(none)));
	say_result("bind", bind(fd, (struct sockaddr *)&own, sizeof(own)));
	say_result("listen", listen(fd, 5));
	must(getsockname(fd, (struct sockaddr *)&own, &size));
	name_port(own.sin_port, "own");
	say_local(fd);
	say_connect(client, &own);
	say_wait("listening", ep);
	size = sizeof(from);
	accepted = must(accept(fd, (struct sockaddr *)&from, &size));
	say("length %u, family %d", size, from.sin_family);
	size = sizeof(domain);
	must(getsockopt(accepted, SOL_SOCKET, SO_DOMAIN, &domain, &size));
	say("SO_DOMAIN: %d", domain);
	say_local(accepted);
	say_echo(client, accepted);
	say_result("listen again", listen(fd, 5));
	say_connect(fd, &server.addr);
	close(accepted);
	close(client);
	close(fd);
	close(ep);
	server_close(&server);
}

static void reset(void)
{
	struct server server = server_open(LOOPBACK);
	int fd = tcp(0);

	say_connect(fd, &server.addr);
	server_reset(&server);
	say("poll: %s", events_name(wait_poll(fd, POLLIN)));
	say_error(fd);
	say_recv("client", fd);
	say_peer(fd);
	say_connect(fd, &server.addr);
	close(fd);
	server_close(&server);
}

static void shut_down(void)
{
	struct server server = server_open(LOOPBACK);
	int fd = tcp(0), peer;

	say_connect(fd, &server.addr);
	peer = server_accept(&server);
	say_result("shutdown", shutdown(fd, SHUT_WR));
	say_recv("server", peer);
	must(send(peer, "last", 4, 0));
	say_recv("client", fd);
	close(peer);
	say_recv("client", fd);
	close(fd);
	server_close(&server);
}

/*
 * On a fresh socket shutdown(2) fails, and shuts down all the same: what the server sends is
 * refused.
 */
static void shut_down_before(void)
{
	struct server server = server_open(LOOPBACK);
	int fd = tcp(0), peer;

	say_result("shutdown", shutdown(fd, SHUT_RD));
	say_poll(fd, POLLIN | POLLOUT | POLLRDHUP);
	say_connect(fd, &server.addr);
	peer = server_accept(&server);
	say_poll(fd, POLLIN | POLLOUT | POLLRDHUP);
	say_recv("client", fd);
	must(send(fd, "data", 4, 0));
	say_recv("server", peer);
	close(peer);
	close(fd);
	server_close(&server);
}

static void udp(void)
{
	struct sockaddr_in to = inet(LOOPBACK, 0);
	socklen_t length = sizeof(to);
	int server = must(socket(AF_INET, SOCK_DGRAM, 0));
	int fd = must(socket(AF_INET, SOCK_DGRAM, 0));

	must(bind(server, (struct sockaddr *)&to, sizeof(to)));
	must(getsockname(server, (struct sockaddr *)&to, &length));
	name_port(to.sin_port, "server");
	say_connect(fd, &to);
	say_connect(fd, &to);
	say_peer(fd);
	must(send(fd, "datagram", 8, 0));
	say_recv("server", server);
	close(fd);
	close(server);
}

static void unix_stream(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX, .sun_path = "\0reseat-scenario" };
	socklen_t length = offsetof(struct sockaddr_un, sun_path) + 16;
	int server = must(socket(AF_UNIX, SOCK_STREAM, 0));
	int fd = must(socket(AF_UNIX, SOCK_STREAM, 0)), peer;

	say_result("connect", do_connect(fd, &to, length));
	must(bind(server, (struct sockaddr *)&to, length));
	must(listen(server, 1));
	say_result("connect", do_connect(fd, &to, length));
	peer = must(accept(server, NULL, NULL));
	say_echo(fd, peer);
	say_result("connect", do_connect(fd, &to, length));
	close(fd);
	close(peer);
	close(server);
}

/* Many, one after the other: numbers are reused, nothing accumulates. */
static void many(void)
{
	struct server server = server_open(LOOPBACK);
	unsigned int good = 0;

	for (int i = 0; i < 200; i++) {
		int fd = tcp(0), peer;

		if (!do_connect(fd, &server.addr, sizeof(server.addr)))
			good++;
		peer = server_accept(&server);
		close(fd);
		close(peer);
	}
	say("connected: %u", good);
	server_close(&server);
}

const struct scenario scenarios[] = {
	{ "ok", ok, MUST_SWAP },
	{ "ok-site", ok_site, MUST_SWAP },
	{ "ok-any", ok_any },
	{ "refused", refused, MUST_TRACE },
	{ "twice", twice, MUST_SWAP },
	{ "after-refusal", after_refusal, MUST_SWAP },
	{ "unspec-again", unspec_again, MUST_SWAP },
	{ "unspec-bind", unspec_bind, MUST_SWAP },
	{ "unspec-refused", unspec_refused, MUST_SWAP },
	{ "unreachable", unreachable, MUST_TRACE },
	{ "odd-destinations", odd_destinations, MUST_TRACE },
	{ "listen-after", listen_after, MUST_SWAP },
	{ "listening", listening, MUST_SWAP },
	{ "reset", reset, MUST_SWAP },
	{ "shutdown", shut_down, MUST_SWAP },
	{ "shutdown-before", shut_down_before, MUST_SWAP },
	{ "udp", udp },
	{ "unix", unix_stream },
	{ "many", many, MUST_SWAP },
	{ 0 },
};
const struct scenario helpers[] = { { 0 } };
