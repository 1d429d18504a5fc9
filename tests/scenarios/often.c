// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One connect after another, by a program that does so all the time: what a supervisor keeps, foresees or makes ahead must
 * not show, nor what one socket had on the next.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "server.h"
#include "watching.h"

#define ROUNDS 60

/* What is at each round besides, one bit each. */
enum {
	WATCHED = 1,	/* by an epoll instance */
	TWICE = 2,	/* ... and by another, under another number */
	SHARED = 4,	/* that instance has another descriptor */
	DUPLICATE = 8,	/* the socket has one */
	THREAD = 16,	/* another thread is there, and does nothing */
	CLOEXEC = 32,
	BLOCKING = 64,
};

/* So many rounds saw what they should. */
struct seen {
	unsigned int connected, first, edges, second, named, data, kept, flags, ended;
};

static void *until_told(void *context)
{
	char byte;

	return read(*(int *)context, &byte, 1) < 0 ? context : NULL;
}

static bool is_event(int ep, uint32_t events, uint64_t data)
{
	struct epoll_event got = {0};

	return epoll_wait(ep, &got, 1, DEADLINE) == 1 && got.events == events && got.data.u64 == data;
}

static bool is_quiet(int ep)
{
	struct epoll_event got;

	return epoll_wait(ep, &got, 1, 0) == 0;
}

static void round_of(unsigned int what, unsigned int number, const struct server *server, int ep, int other, struct seen *seen)
{
	const uint32_t edge = EPOLLIN | EPOLLOUT | EPOLLET;
	struct sockaddr_in name;
	socklen_t size = sizeof(name);
	int fd = tcp((what & BLOCKING ? 0 : SOCK_NONBLOCK) | (what & CLOEXEC ? SOCK_CLOEXEC : 0));
	int duplicate = -1, further = -1, peer, ends[2];
	pthread_t thread;
	char byte = 0;

	if (what & DUPLICATE)
		duplicate = must(fcntl(fd, F_DUPFD_CLOEXEC, 200));
	if (what & WATCHED)
		add(ep, fd, edge, number);
	if (what & TWICE)
		add(other, duplicate >= 0 ? duplicate : fd, EPOLLIN, number + 1000);
	if (what & SHARED)
		further = must(dup(ep));
	if (what & THREAD) {
		must(pipe(ends));
		must(-pthread_create(&thread, NULL, until_told, &ends[0]));
	}
	seen->connected += do_connect(fd, &server->addr, sizeof(server->addr)) == 0 || errno == EINPROGRESS;
	wait_poll(fd, POLLOUT);
	seen->first += !(what & WATCHED) || is_event(ep, EPOLLOUT, number);
	seen->edges += is_quiet(ep);
	peer = server_accept(server);
	seen->named += getpeername(fd, (struct sockaddr *)&name, &size) == 0 && size == sizeof(name) &&
		       memcmp(&name, &server->addr, sizeof(name)) == 0;
	must(send(peer, "x", 1, 0));
	wait_poll(fd, POLLIN);
	seen->second += !(what & TWICE) || is_event(other, EPOLLIN, number + 1000);
	seen->data += recv(duplicate >= 0 ? duplicate : fd, &byte, 1, 0) == 1 && byte == 'x';
	seen->kept += !(what & WATCHED) || (epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL) == 0 && is_quiet(ep));
	seen->flags += fcntl(fd, F_GETFD) == (what & CLOEXEC ? FD_CLOEXEC : 0) &&
		       fcntl(fd, F_GETFL) == (O_RDWR | (what & BLOCKING ? 0 : O_NONBLOCK));
	if (what & THREAD) {
		close(ends[1]);
		pthread_join(thread, NULL);
		close(ends[0]);
	}
	if (further >= 0)
		close(further);
	if (duplicate >= 0)
		close(duplicate);
	close(fd);
	/* That was the last descriptor of it. */
	seen->ended += recv(peer, &byte, 1, 0) == 0;
	close(peer);
}

/* Rounds of one kind and, if @now_and_then, every so often one of another. */
static void rounds(unsigned int usual, unsigned int other, unsigned int now_and_then)
{
	struct server server = server_open(LOOPBACK);
	struct seen seen = {0};
	int first = epoll(), second = epoll();

	for (unsigned int i = 0; i < ROUNDS; i++)
		round_of(now_and_then && i % now_and_then == now_and_then - 1 ? other : usual, i, &server, first, second,
			 &seen);
	say("connected %u, first %u, edges %u, second %u, named %u, data %u, kept %u, flags %u, ended %u", seen.connected,
	    seen.first, seen.edges, seen.second, seen.named, seen.data, seen.kept, seen.flags, seen.ended);
	say_items("first", first);
	say_items("second", second);
	close(first);
	close(second);
	server_close(&server);
	say_open();
}

static void bare(void)
{
	rounds(0, 0, 0);
}

static void watched(void)
{
	rounds(WATCHED, 0, 0);
}

static void watched_twice(void)
{
	rounds(WATCHED | TWICE, 0, 0);
}

static void blocking(void)
{
	rounds(WATCHED | BLOCKING | CLOEXEC, WATCHED, 4);
}

static void duplicates(void)
{
	rounds(WATCHED | TWICE, WATCHED | TWICE | DUPLICATE, 5);
}

static void shared(void)
{
	rounds(WATCHED, WATCHED | SHARED, 3);
}

static void thread(void)
{
	rounds(WATCHED, WATCHED | THREAD, 3);
}

static void all(void)
{
	struct server server = server_open(LOOPBACK);
	struct seen seen = {0};
	int first = epoll(), second = epoll();

	for (unsigned int what = 0; what < 128; what++)
		for (unsigned int i = 0; i < 3; i++)
			round_of(what, what, &server, first, second, &seen);
	say("connected %u, first %u, edges %u, second %u, named %u, data %u, kept %u, flags %u, ended %u", seen.connected,
	    seen.first, seen.edges, seen.second, seen.named, seen.data, seen.kept, seen.flags, seen.ended);
	server_close(&server);
}

static const struct {
	const char *text;
	int level, name, value;
} options[] = {
	{"TCP_NODELAY", IPPROTO_TCP, TCP_NODELAY, 1},
	{"SO_KEEPALIVE", SOL_SOCKET, SO_KEEPALIVE, 1},
	{"IP_TOS", IPPROTO_IP, IP_TOS, 16},
	{"IP_TTL", IPPROTO_IP, IP_TTL, 33},
	{"SO_RCVBUF", SOL_SOCKET, SO_RCVBUF, 20000},
	{"TCP_SYNCNT", IPPROTO_TCP, TCP_SYNCNT, 3},
	{"IP_MULTICAST_ALL", IPPROTO_IP, IP_MULTICAST_ALL, 1},
	{"SO_RCVLOWAT", SOL_SOCKET, SO_RCVLOWAT, 2},
};

/* One is set before each connect; all are read after it. */
static void with_options(void)
{
	struct server server = server_open(LOOPBACK);

	for (unsigned int i = 0; i < ROUNDS; i++) {
		const unsigned int which = i % (ARRAY_SIZE(options) + 2);
		int fd = tcp(SOCK_NONBLOCK), peer;

		if (which < ARRAY_SIZE(options))
			must(set(fd, options[which].level, options[which].name, options[which].value));
		do_connect(fd, &server.addr, sizeof(server.addr));
		wait_poll(fd, POLLOUT);
		peer = server_accept(&server);
		for (unsigned int j = 0; j < ARRAY_SIZE(options); j++) {
			int value = 0;
			socklen_t size = sizeof(value);

			must(getsockopt(fd, options[j].level, options[j].name, &value, &size));
			if (i < ARRAY_SIZE(options) + 2 || i >= ROUNDS - ARRAY_SIZE(options) - 2)
				say("round %u %s: %d", i, options[j].text, value);
		}
		close(fd);
		close(peer);
	}
	server_close(&server);
}

const struct scenario scenarios[] = {
	{ "bare", bare, MUST_SWAP | MUST_EXACT },
	{ "watched", watched, MUST_SWAP },
	{ "watched-twice", watched_twice, MUST_SWAP },
	{ "blocking", blocking, MUST_SWAP },
	{ "duplicates", duplicates, MUST_SWAP },
	{ "shared", shared, MUST_SWAP },
	{ "thread", thread, MUST_SWAP },
	{ "all", all, MUST_SWAP },
	{ "options", with_options, MUST_SWAP },
	{ 0 },
};
const struct scenario helpers[] = { { 0 } };
