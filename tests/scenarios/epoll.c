// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Sockets registered with epoll before connect: every kind of item goes on as if nothing had
 * happened.
 */
#include <errno.h>
#include <unistd.h>

#include "server.h"
#include "watching.h"

#define DATA 0xfeedf00dcafe0001ULL

/* One connection through all that an item sees in its life. */
static void life(uint32_t events, int ep, int fd, struct server *server)
{
	int peer;

	say_ready("before", ep);
	say_connect(fd, &server->addr);
	say_wait("connected", ep);
	if (events & EPOLLET)
		say_quiet("edge", ep);
	say_error(fd);
	peer = server_accept(server);
	must(send(peer, "data", 4, 0));
	wait_poll(fd, POLLIN);
	say_wait("data", ep);
	if (events & EPOLLET)
		say_quiet("edge", ep);
	say_recv("client", fd);
	say_items("epoll", ep);
	close(peer);
	wait_poll(fd, POLLIN);
	say_wait("end", ep);
	say_recv("client", fd);
	close(fd);
	say_quiet("closed", ep);
	say_items("epoll", ep);
	close(ep);
	server_close(server);
}

static void with(uint32_t events)
{
	struct server server = server_open(LOOPBACK);
	int ep = epoll(), fd = tcp(SOCK_NONBLOCK);

	add(ep, fd, events, DATA);
	life(events, ep, fd, &server);
}

static void level(void)
{
	with(EPOLLIN | EPOLLOUT);
}

static void level_rdhup(void)
{
	with(EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI);
}

static void edge(void)
{
	with(EPOLLIN | EPOLLOUT | EPOLLET);
}

/* nginx, every upstream socket. */
static void edge_rdhup(void)
{
	with(EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
}

/* Apache Traffic Server. */
static void exclusive(void)
{
	with(EPOLLIN | EPOLLOUT | EPOLLEXCLUSIVE | EPOLLET);
}

static void exclusive_level(void)
{
	with(EPOLLIN | EPOLLOUT | EPOLLEXCLUSIVE);
}

/* The edge of the connection is not lost where nobody looked before. */
static void edge_unread(void)
{
	struct server server = server_open(LOOPBACK);
	int ep = epoll(), fd = tcp(SOCK_NONBLOCK);

	add(ep, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, DATA);
	say_connect(fd, &server.addr);
	wait_poll(fd, POLLOUT);
	say_ready("connected", ep);
	say_quiet("edge", ep);
	close(server_accept(&server));
	wait_poll(fd, POLLIN);
	say_wait("end", ep);
	say_quiet("edge", ep);
	close(fd);
	close(ep);
	server_close(&server);
}

/* A blocking connect with an edge item: ready when the call returns. */
static void edge_blocking(void)
{
	struct server server = server_open(LOOPBACK);
	int ep = epoll(), fd = tcp(0), peer;

	add(ep, fd, EPOLLIN | EPOLLOUT | EPOLLET, DATA);
	say_ready("before", ep);
	say_connect(fd, &server.addr);
	say_wait("connected", ep);
	say_quiet("edge", ep);
	peer = server_accept(&server);
	say_echo(fd, peer);
	close(peer);
	close(fd);
	close(ep);
	server_close(&server);
}

static void oneshot_armed(void)
{
	struct server server = server_open(LOOPBACK);
	int ep = epoll(), fd = tcp(SOCK_NONBLOCK), peer;

	add(ep, fd, EPOLLIN | EPOLLOUT | EPOLLONESHOT, DATA);
	say_connect(fd, &server.addr);
	wait_poll(fd, POLLOUT);
	say_wait("connected", ep);
	say_quiet("spent", ep);
	say_items("epoll", ep);
	peer = server_accept(&server);
	must(send(peer, "x", 1, 0));
	wait_poll(fd, POLLIN);
	say_quiet("spent", ep);
	say_mod(ep, fd, EPOLLIN | EPOLLONESHOT, DATA + 1);
	say_wait("armed again", ep);
	close(peer);
	close(fd);
	close(ep);
	server_close(&server);
}

/* Spent before connect (HUP of the fresh socket); armed again afterwards (nng, Boost.Asio). */
static void oneshot_spent(void)
{
	struct server server = server_open(LOOPBACK);
	int ep = epoll(), fd = tcp(SOCK_NONBLOCK), peer;

	add(ep, fd, EPOLLOUT | EPOLLONESHOT, DATA);
	say_ready("before", ep);
	say_connect(fd, &server.addr);
	wait_poll(fd, POLLOUT);
	say_quiet("spent", ep);
	peer = server_accept(&server);
	say_mod(ep, fd, EPOLLOUT | EPOLLONESHOT, DATA + 1);
	say_wait("armed again", ep);
	say_quiet("spent", ep);
	say_echo(fd, peer);
	close(peer);
	close(fd);
	close(ep);
	server_close(&server);
}

/* A spent item reports neither error nor hang-up; an item re-created from outside could. */
static void oneshot_spent_error(void)
{
	struct server server = server_open(LOOPBACK);
	int ep = epoll(), fd = tcp(SOCK_NONBLOCK);

	add(ep, fd, EPOLLOUT | EPOLLONESHOT, DATA);
	say_ready("before", ep);
	say_connect(fd, &server.addr);
	wait_poll(fd, POLLOUT);
	server_reset(&server);
	wait_poll(fd, POLLIN);
	say_quiet("spent", ep);
	close(fd);
	close(ep);
	server_close(&server);
}

/* nng: registered with no events, MOD after connect. */
static void no_events(void)
{
	struct server server = server_open(LOOPBACK);
	int ep = epoll(), fd = tcp(SOCK_NONBLOCK), peer;

	add(ep, fd, 0, DATA);
	say_ready("before", ep);
	say_connect(fd, &server.addr);
	wait_poll(fd, POLLOUT);
	say_quiet("no events", ep);
	say_mod(ep, fd, EPOLLOUT | EPOLLERR | EPOLLONESHOT, DATA + 1);
	say_wait("connected", ep);
	say_quiet("spent", ep);
	peer = server_accept(&server);
	say_echo(fd, peer);
	close(peer);
	close(fd);
	close(ep);
	server_close(&server);
}

static void nested(void)
{
	struct server server = server_open(LOOPBACK);
	int inner = epoll(), outer = epoll(), fd = tcp(SOCK_NONBLOCK), peer;

	add(inner, fd, EPOLLIN | EPOLLRDHUP, DATA);
	add(outer, inner, EPOLLIN, 7);
	say_ready("outer before", outer);
	say_connect(fd, &server.addr);
	wait_poll(fd, POLLOUT);
	say_ready("inner", inner);
	peer = server_accept(&server);
	say_quiet("outer", outer);
	must(send(peer, "x", 1, 0));
	say_wait("outer", outer);
	say_wait("inner", inner);
	say_mod(inner, fd, EPOLLOUT, DATA);
	say_wait("outer", outer);
	close(fd);
	say_quiet("outer", outer);
	close(peer);
	close(inner);
	close(outer);
	server_close(&server);
}

static void several(void)
{
	static const uint32_t events[] = {
		EPOLLIN | EPOLLOUT,
		EPOLLIN | EPOLLOUT | EPOLLET,
		EPOLLOUT | EPOLLONESHOT,
		EPOLLIN | EPOLLRDHUP,
	};
	static const char *const names[] = { "first", "second", "third", "fourth" };
	struct server server = server_open(LOOPBACK);
	int ep[ARRAY_SIZE(events)], fd = tcp(SOCK_NONBLOCK), peer;

	for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
		ep[i] = epoll();
		add(ep[i], fd, events[i], DATA + i);
	}
	say_connect(fd, &server.addr);
	wait_poll(fd, POLLOUT);
	for (size_t i = 0; i < ARRAY_SIZE(events); i++)
		say_ready(names[i], ep[i]);
	peer = server_accept(&server);
	must(send(peer, "x", 1, 0));
	wait_poll(fd, POLLIN);
	for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
		say_ready(names[i], ep[i]);
		say_items(names[i], ep[i]);
	}
	say_del(ep[0], fd);
	say_quiet("first", ep[0]);
	close(fd);
	say_recv("server", peer);
	for (size_t i = 0; i < ARRAY_SIZE(events); i++) {
		say_items(names[i], ep[i]);
		close(ep[i]);
	}
	close(peer);
	server_close(&server);
}

/* Other descriptors in the same instance are not disturbed. */
static void neighbours(void)
{
	struct server server = server_open(LOOPBACK);
	int ep = epoll(), fd = tcp(SOCK_NONBLOCK), idle = tcp(SOCK_NONBLOCK), fds[2], peer;

	must(pipe(fds));
	add(ep, fds[0], EPOLLIN | EPOLLET, 1);
	add(ep, fds[1], EPOLLOUT | EPOLLET, 2);
	add(ep, server.fd, EPOLLIN, 3);
	add(ep, fd, EPOLLOUT | EPOLLET, 4);
	add(ep, idle, EPOLLIN | EPOLLET, 5);
	say_ready("before", ep);
	say_connect(fd, &server.addr);
	wait_poll(fd, POLLOUT);
	wait_poll(server.fd, POLLIN);
	say_ready("connected", ep);
	peer = server_accept(&server);
	say_quiet("accepted", ep);
	must(write(fds[1], "x", 1));
	say_ready("pipe", ep);
	say_items("epoll", ep);
	close(peer);
	close(fd);
	close(idle);
	close(fds[0]);
	close(fds[1]);
	close(ep);
	server_close(&server);
}

static void refused(void)
{
	struct server refusing = server_refusing(LOOPBACK);
	struct server server = server_open(LOOPBACK);
	int ep = epoll(), fd = tcp(SOCK_NONBLOCK), peer;

	add(ep, fd, EPOLLIN | EPOLLOUT | EPOLLET, DATA);
	say_connect(fd, &refusing.addr);
	wait_poll(fd, POLLOUT);
	say_wait("refused", ep);
	say_quiet("edge", ep);
	say_error(fd);
	say_mod(ep, fd, EPOLLOUT | EPOLLET, DATA + 1);
	say_ready("modified", ep);
	if (say_connect(fd, &server.addr) < 0 && errno == ECONNABORTED)
		say_connect(fd, &server.addr);
	wait_poll(fd, POLLOUT);
	say_wait("connected", ep);
	peer = server_accept(&server);
	say_echo(fd, peer);
	say_items("epoll", ep);
	close(peer);
	close(fd);
	close(ep);
	server_close(&server);
	server_close(&refusing);
}

/* A connect that fails at once leaves the socket and its item alone. */
static void unreachable(void)
{
	struct sockaddr_in nowhere = inet(NOWHERE, htons(80));
	struct server server = server_open(LOOPBACK);
	int ep = epoll(), fd = tcp(SOCK_NONBLOCK), peer;

	add(ep, fd, EPOLLIN | EPOLLOUT | EPOLLET, DATA);
	say_ready("before", ep);
	say_connect(fd, &nowhere);
	say_quiet("unreachable", ep);
	say_connect(fd, &server.addr);
	say_wait("connected", ep);
	peer = server_accept(&server);
	say_echo(fd, peer);
	close(peer);
	close(fd);
	close(ep);
	server_close(&server);
}

/* Pending for a while: nothing is ready until it is. */
static void pending(void)
{
	struct server silent = server_silent(LOOPBACK);
	int ep = epoll(), fd = tcp(SOCK_NONBLOCK), peer;

	add(ep, fd, EPOLLIN | EPOLLOUT | EPOLLET, DATA);
	say_ready("before", ep);
	say_connect(fd, &silent.addr);
	say_quiet("pending", ep);
	say_mod(ep, fd, EPOLLIN | EPOLLOUT, DATA + 1);
	say_quiet("pending", ep);
	server_drain(&silent);
	say_wait("connected", ep);
	peer = server_accept(&silent);
	say_echo(fd, peer);
	close(peer);
	close(fd);
	close(ep);
	server_close(&silent);
}

const struct scenario scenarios[] = {
	{ "level", level, MUST_SWAP },
	{ "level-rdhup", level_rdhup, MUST_SWAP },
	{ "edge", edge, MUST_SWAP },
	{ "edge-rdhup", edge_rdhup, MUST_SWAP },
	{ "edge-unread", edge_unread, MUST_SWAP },
	{ "edge-blocking", edge_blocking, MUST_SWAP },
	{ "exclusive", exclusive, MUST_SWAP },
	{ "exclusive-level", exclusive_level, MUST_SWAP },
	{ "oneshot-armed", oneshot_armed, MUST_SWAP },
	{ "oneshot-spent", oneshot_spent, MUST_SWAP },
	{ "oneshot-spent-error", oneshot_spent_error, MUST_SWAP },
	{ "no-events", no_events, MUST_SWAP },
	{ "nested", nested, MUST_SWAP },
	{ "several", several, MUST_SWAP },
	{ "neighbours", neighbours, MUST_SWAP },
	{ "refused", refused, MUST_SWAP },
	{ "unreachable", unreachable, MUST_SWAP },
	{ "pending", pending, MUST_SWAP | SLOW },
	{ 0 },
};
const struct scenario helpers[] = { { 0 } };
