// SPDX-License-Identifier: GPL-2.0-or-later
/* Datagram sockets that connect: to whom they go, what they are called, what they keep. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "server.h"
#include "watching.h"

#define DATA 0xfeedf00dcafe0001ULL

static int udp(int flags)
{
	return must(socket(AF_INET, SOCK_DGRAM | flags, 0));
}

/* A bound socket, whose port is printed by a name. */
static int bound(const char *address, const char *name, struct sockaddr_in *ret)
{
	socklen_t size = sizeof(*ret);
	int fd = udp(0);

	*ret = inet(address, 0);
	must(bind(fd, (struct sockaddr *)ret, size));
	must(getsockname(fd, (struct sockaddr *)ret, &size));
	name_port(ret->sin_port, name);
	return fd;
}

static void name_own_port(int fd)
{
	struct sockaddr_in6 own;
	socklen_t size = sizeof(own);

	must(getsockname(fd, (struct sockaddr *)&own, &size));
	name_port(own.sin6_port, "own");
}

/* A datagram each way, over a connected socket. */
static void say_exchange(int fd, int server)
{
	struct sockaddr_in from;
	socklen_t size = sizeof(from);
	char buffer[16];

	say_result("send", send(fd, "ping", 4, 0));
	wait_poll(server, POLLIN);
	say_result("server", recvfrom(server, buffer, sizeof(buffer), 0, (struct sockaddr *)&from, &size));
	must(sendto(server, "pong", 4, 0, (struct sockaddr *)&from, size));
	wait_poll(fd, POLLIN);
	say_recv("client", fd);
}

static void say_names(int fd)
{
	say_peer(fd);
	say_local(fd);
}

static void life(void)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	struct sockaddr_in at, other;
	int server = bound(LOOPBACK, "server", &at), second = bound(LOOPBACK, "second", &other);
	int fd = udp(0);

	say_names(fd);
	say_connect(fd, &at);
	name_own_port(fd);
	say_names(fd);
	say_exchange(fd, server);
	/* The port stays. */
	say_connect(fd, &other);
	say_names(fd);
	say_exchange(fd, second);
	say_result("disconnect", do_connect(fd, &none, sizeof(none)));
	say_peer(fd);
	say_connect(fd, &at);
	name_own_port(fd);
	say_names(fd);
	say_exchange(fd, server);
	close(fd);
	close(server);
	close(second);
}

static void after_bind(void)
{
	struct sockaddr_in at, own;
	int server = bound(SITE, "server", &at), fd = bound("0.0.0.0", "own", &own), third = udp(0);

	say_connect(fd, &at);
	say_names(fd);
	say_exchange(fd, server);
	say_result("a third binds", bind(third, (struct sockaddr *)&own, sizeof(own)));
	set(third, SOL_SOCKET, SO_REUSEADDR, 1);
	say_result("a third binds", bind(third, (struct sockaddr *)&own, sizeof(own)));
	close(fd);
	say_result("a third binds", bind(third, (struct sockaddr *)&own, sizeof(own)));
	close(third);
	close(server);
}

static void after_bind_address(void)
{
	struct sockaddr_in at, own;
	int server = bound(SITE, "server", &at), fd = bound(SITE2, "own", &own);

	say_connect(fd, &at);
	say_names(fd);
	say_exchange(fd, server);
	close(fd);
	close(server);
}

/* What waits is kept with the old socket. */
static void queued(void)
{
	struct sockaddr_in at, own;
	int server = bound(LOOPBACK, "server", &at), fd = bound(LOOPBACK, "own", &own);

	must(sendto(server, "early", 5, 0, (struct sockaddr *)&own, sizeof(own)));
	wait_poll(fd, POLLIN);
	say_connect(fd, &at);
	say_recv("client", fd);
	say_exchange(fd, server);
	close(fd);
	close(server);
}

static void refused(void)
{
	struct sockaddr_in at;
	int server = bound(LOOPBACK, "server", &at), fd = udp(0);
	char byte;

	close(server);
	say_connect(fd, &at);
	say_result("send", send(fd, "x", 1, 0));
	say_poll(fd, POLLIN | POLLOUT);
	say_result("recv", recv(fd, &byte, 1, MSG_DONTWAIT));
	say_result("recv", recv(fd, &byte, 1, MSG_DONTWAIT));
	say_result("send", send(fd, "x", 1, 0));
	say_result("send", send(fd, "x", 1, 0));
	close(fd);
}

static void errors(void)
{
	static const struct {
		const char *address;
		in_port_t port;
	} cases[] = { { NOWHERE, 53 }, { "255.255.255.255", 53 }, { "127.0.0.1", 0 }, { "0.0.0.0", 53 } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct sockaddr_in to = inet(cases[i].address, htons(cases[i].port));
		int fd = udp(0);

		say("%s port %d", cases[i].address, cases[i].port);
		name_port(htons(53), "53");
		say_connect(fd, &to);
		say_peer(fd);
		close(fd);
	}
}

/* An AF_INET6 socket takes both forms of an IPv4 address; glibc's getaddrinfo() asks for sources so. */
static void inet6_socket(void)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	struct sockaddr_in at;
	int server = bound(SITE, "server", &at);
	struct sockaddr_in6 mapped = inet6("::ffff:" SITE, at.sin_port), six = inet6("2001:db8::1", htons(9));
	int fd = must(socket(AF_INET6, SOCK_DGRAM, 0));

	name_port(htons(9), "nine");
	say_result("connect IPv6", do_connect(fd, &six, sizeof(six)));
	say_peer(fd);
	say_result("disconnect", do_connect(fd, &none, sizeof(none)));
	say_result("connect mapped", do_connect(fd, &mapped, sizeof(mapped)));
	name_own_port(fd);
	say_names(fd);
	say_exchange(fd, server);
	say_result("disconnect", do_connect(fd, &none, sizeof(none)));
	say_result("connect AF_INET", do_connect(fd, &at, sizeof(at)));
	name_own_port(fd);
	say_names(fd);
	say_exchange(fd, server);
	say_result("disconnect", do_connect(fd, &none, sizeof(none)));
	say_result("connect IPv6", do_connect(fd, &six, sizeof(six)));
	say_peer(fd);
	close(fd);
	close(server);
}

static void wrong_family(void)
{
	struct sockaddr_in6 six = inet6("2001:db8::1", htons(9));
	struct sockaddr_in at;
	int server = bound(LOOPBACK, "server", &at), fd = udp(0);

	say_result("connect IPv6", do_connect(fd, &six, sizeof(six)));
	say_connect(fd, &at);
	say_result("connect IPv6", do_connect(fd, &six, sizeof(six)));
	say_peer(fd);
	say_result("bind", bind(fd, (struct sockaddr *)&at, sizeof(at)));
	close(fd);
	close(server);
}

static void watched(uint32_t events, bool quiet)
{
	struct sockaddr_in at;
	int server = bound(LOOPBACK, "server", &at), fd = udp(SOCK_NONBLOCK), ep = epoll();

	add(ep, fd, events, DATA);
	say_ready("before", ep);
	say_connect(fd, &at);
	if (quiet)
		say_quiet("connected", ep);
	say_exchange(fd, server);
	say_items("epoll", ep);
	must(sendto(server, "x", 0, MSG_DONTWAIT, (struct sockaddr *)&at, sizeof(at)));
	close(fd);
	say_items("epoll", ep);
	close(ep);
	close(server);
}

static void level(void)
{
	watched(EPOLLIN | EPOLLOUT, false);
}

static void edge_in(void)
{
	watched(EPOLLIN | EPOLLET, true);
}

/* tokio. */
static void edge(void)
{
	watched(EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, true);
}

/* An instance that watches an instance is told of what is new there. */
static void edge_outside(void)
{
	struct sockaddr_in at;
	int server = bound(LOOPBACK, "server", &at), fd = udp(SOCK_NONBLOCK), inner = epoll(), outer = epoll();

	add(inner, fd, EPOLLIN | EPOLLOUT, DATA);
	add(outer, inner, EPOLLIN | EPOLLET, 7);
	say_ready("before", outer);
	say_connect(fd, &at);
	say_quiet("connected", outer);
	say_ready("inside", inner);
	say_exchange(fd, server);
	close(fd);
	close(inner);
	close(outer);
	close(server);
}

static void duplicates(void)
{
	struct sockaddr_in at;
	int server = bound(LOOPBACK, "server", &at), fd = udp(0), second = dup(fd);

	say_connect(fd, &at);
	name_own_port(fd);
	say_names(second);
	say_exchange(second, server);
	say("one file: %s", same_file(fd, second) ? "yes" : "no");
	close(fd);
	close(second);
	close(server);
}

static void shut_down(void)
{
	struct sockaddr_in at;
	int server = bound(LOOPBACK, "server", &at), fd = udp(0);
	char byte;

	say_result("shutdown", shutdown(fd, SHUT_RD));
	say_connect(fd, &at);
	say_result("recv", recv(fd, &byte, 1, 0));
	say_result("send", send(fd, "x", 1, 0));
	say_result("shutdown", shutdown(fd, SHUT_RDWR));
	say_poll(fd, POLLIN | POLLOUT);
	close(fd);
	close(server);
}

const struct scenario scenarios[] = {
	{ "life", life, MUST_SWAP },
	{ "after-bind", after_bind, MUST_SWAP },
	{ "after-bind-address", after_bind_address, MUST_SWAP },
	{ "queued", queued, MUST_TRACE },
	{ "refused", refused, MUST_SWAP },
	{ "errors", errors, MUST_TRACE },
	{ "inet6-socket", inet6_socket, MUST_SWAP },
	{ "wrong-family", wrong_family, MUST_SWAP },
	{ "level", level, MUST_SWAP },
	{ "edge-in", edge_in, MUST_SWAP },
	{ "edge", edge, MUST_SWAP },
	{ "edge-outside", edge_outside, MUST_SWAP },
	{ "duplicates", duplicates, MUST_SWAP },
	{ "shut-down", shut_down, MUST_SWAP },
	{ NULL },
};

const struct scenario helpers[] = { { NULL } };
