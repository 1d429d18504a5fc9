// SPDX-License-Identifier: GPL-2.0-or-later
/* What comes back after 80 ms, or never: an answer, a refusal, an unreachable host, a lost packet. */
#include <errno.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "distance.h"
#include "watching.h"

#define ALL (EPOLLIN | EPOLLOUT | EPOLLRDHUP)
#define CROWD 200
#define LINES 40

static void blocking_answer(void)
{
	struct server server = server_away(AWAY);
	int fd = tcp(0), peer;
	long start;

	network_begin();
	start = now_ms();
	say_connect(fd, &server.addr);
	say_elapsed("connect", start, ROUND_TRIP);
	peer = server_accept(&server);
	say_peer(fd);
	say_local(fd);
	say_echo(fd, peer);
	say_no_more_connections(&server);
	say_asked();
	close(peer);
	close(fd);
	server_close(&server);
}

/* The answer to a blocking connect, and what the next one says. */
static void blocking(struct server server)
{
	int fd = tcp(0);
	long start = now_ms();

	say_connect(fd, &server.addr);
	say_elapsed("connect", start, ROUND_TRIP);
	say_error(fd);
	say_poll(fd, POLLIN | POLLOUT);
	start = now_ms();
	say_connect(fd, &server.addr);
	say_elapsed("once more", start, ROUND_TRIP);
	say_asked();
	close(fd);
	server_close(&server);
}

static void blocking_refused(void)
{
	network_begin();
	blocking(server_away_refusing(AWAY));
}

static void blocking_unreachable(void)
{
	network_begin();
	blocking(server_away(UNREACHABLE));
}

/*
 * An ICMP error wakes who waits twice: when it is noted, and when the socket has closed for it. What is seen of the socket by who
 * was woken first is a matter of processors, natively, too.
 */
static void say_wait_twice(int ep, int fd)
{
	uint32_t seen = 0;
	int times = 0;

	do {
		struct epoll_event event;

		if (must(epoll_wait(ep, &event, 1, times ? QUIET : DEADLINE)) == 0)
			break;
		seen |= event.events;
		wait_tcp_state(fd, TCP_CLOSE);
	} while (++times < 3);
	say("answered: %s, once or twice: %s", events_name(seen), times == 1 || times == 2 ? "yes" : "no");
}

static void watched(struct server server, bool twice)
{
	int fd = tcp(SOCK_NONBLOCK), ep = epoll();

	add(ep, fd, ALL | EPOLLET, 0xfeed);
	say_ready("fresh", ep);
	say_connect(fd, &server.addr);
	say_ready("in flight", ep);
	if (twice) {
		say_wait_twice(ep, fd);
	} else {
		say_wait("answered", ep);
		say_quiet("then", ep);
	}
	say_connect(fd, &server.addr);
	if (errno == ECONNABORTED)
		say_connect(fd, &server.addr);
	say_error(fd);
	say_asked();
	close(ep);
	close(fd);
	server_close(&server);
}

static void watched_refused(void)
{
	network_begin();
	watched(server_away_refusing(AWAY), false);
}

static void watched_unreachable(void)
{
	network_begin();
	watched(server_away(UNREACHABLE), true);
}

/* The state is that after all of what wakes; say_wait_twice(). */
static void polled(struct server server)
{
	int fd = tcp(SOCK_NONBLOCK);

	say_connect(fd, &server.addr);
	wait_poll(fd, POLLIN | POLLOUT);
	wait_tcp_state(fd, TCP_CLOSE);
	say("poll: %s", events_name(wait_poll(fd, POLLIN | POLLOUT)));
	say_error(fd);
	say_error(fd);
	say_asked();
	close(fd);
	server_close(&server);
}

static void polled_refused(void)
{
	network_begin();
	polled(server_away_refusing(AWAY));
}

static void polled_unreachable(void)
{
	network_begin();
	polled(server_away(UNREACHABLE));
}

/* Time runs out for the socket: by TCP_USER_TIMEOUT, which is looked at with the first retransmission. */
static void black_hole(int flags)
{
	struct server server = server_away(BLACK_HOLE);
	int fd = tcp(flags), ep = epoll();
	long start;

	network_begin();
	must(set(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, 500));
	add(ep, fd, ALL | EPOLLET, 1);
	say_ready("fresh", ep);
	start = now_ms();
	say_connect(fd, &server.addr);
	if (flags)
		say_quiet("in flight", ep);
	say_wait("given up", ep);
	say("after a second at the earliest: %s", now_ms() - start > 450 ? "yes" : "no");
	say_error(fd);
	say_quiet("then", ep);
	say_asked();
	close(ep);
	close(fd);
	server_close(&server);
}

static void black_hole_blocking(void)
{
	black_hole(0);
}

static void black_hole_watched(void)
{
	black_hole(SOCK_NONBLOCK);
}

/* ... or by the number of SYNs: the first and one more, which is given 2 seconds. */
static void black_hole_syncnt(void)
{
	struct server server = server_away(BLACK_HOLE);
	int fd = tcp(0);
	long start = now_ms();

	network_begin();
	must(set(fd, IPPROTO_TCP, TCP_SYNCNT, 1));
	say_connect(fd, &server.addr);
	say("after more than 2 seconds: %s", now_ms() - start > 2000 ? "yes" : "no");
	say_error(fd);
	say_asked();
	close(fd);
	server_close(&server);
}

/* Two at once, of which the one that answers is kept (RFC 8305). */
static void race(void)
{
	struct server server = server_away(AWAY);
	struct sockaddr_in hole = inet(BLACK_HOLE, server.addr.sin_port);
	int slow = tcp(SOCK_NONBLOCK), fast = tcp(SOCK_NONBLOCK), ep = epoll(), peer;

	network_begin();
	add(ep, slow, EPOLLOUT | EPOLLET, 1);
	add(ep, fast, EPOLLOUT | EPOLLET, 2);
	say_ready("fresh", ep);
	say_connect(slow, &hole);
	say_connect(fast, &server.addr);
	say_wait("first", ep);
	close(slow);
	say_quiet("then", ep);
	peer = server_accept(&server);
	say_echo(fast, peer);
	say_asked();
	close(peer);
	close(fast);
	close(ep);
	server_close(&server);
}

/* Many in flight at once, in one instance: each arrives once. */
static void crowd(void)
{
	struct server server = server_away(AWAY);
	int fds[CROWD], peers[CROWD], seen[CROWD] = { 0 }, ep = epoll(), twice = 0, wrong = 0;
	struct epoll_event events[16];

	network_begin();
	for (int i = 0; i < CROWD; i++) {
		fds[i] = tcp(SOCK_NONBLOCK);
		add(ep, fds[i], EPOLLOUT | EPOLLET, i);
	}
	while (epoll_wait(ep, events, 16, 0) > 0)
		;
	for (int i = 0; i < CROWD; i++)
		if (do_connect(fds[i], &server.addr, sizeof(server.addr)) == 0 || errno != EINPROGRESS)
			wrong++;
	say("not in progress: %d", wrong);
	for (int left = CROWD; left;) {
		int count = must(epoll_wait(ep, events, 16, DEADLINE));

		if (!count)
			fail("%d did not arrive", left);
		for (int i = 0; i < count; i++) {
			twice += seen[events[i].data.u64]++ > 0;
			left -= seen[events[i].data.u64] == 1;
		}
	}
	say("arrived twice: %d", twice);
	say_quiet("then", ep);
	for (int i = 0; i < CROWD; i++)
		peers[i] = server_accept(&server);
	say_no_more_connections(&server);
	say_asked();
	for (int i = 0; i < CROWD; i++) {
		close(fds[i]);
		close(peers[i]);
	}
	close(ep);
	server_close(&server);
}

/* Of each five packets one is lost: what arrives is all of it, in order, whichever is repeated. */
static void lossy(void)
{
	struct server server = server_away(LOSSY);
	int fd = tcp(0), peer, good = 0;
	char line[64], back[64];

	network_begin();
	say_connect(fd, &server.addr);
	peer = server_accept(&server);
	for (int i = 0; i < LINES; i++) {
		memset(line, 'a' + i % 26, sizeof(line));
		must(send(fd, line, sizeof(line), MSG_NOSIGNAL));
	}
	for (int i = 0; i < LINES; i++) {
		memset(line, 'a' + i % 26, sizeof(line));
		wait_poll(peer, POLLIN);
		must(recv(peer, back, sizeof(back), MSG_WAITALL));
		good += !memcmp(line, back, sizeof(line));
	}
	say("lines: %d", good);
	say_no_more_connections(&server);
	say_asked();
	close(peer);
	close(fd);
	server_close(&server);
}

/* Datagrams take as long, and an error that comes back for one shows. */
static void datagrams(void)
{
	struct sockaddr_in6 any = inet6("::", 0), from;
	socklen_t length = sizeof(any);
	int server = must(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	int fd = must(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0)), ep = epoll();
	struct sockaddr_in to;
	char byte;

	network_begin();
	must(bind(server, (struct sockaddr *)&any, sizeof(any)));
	must(getsockname(server, (struct sockaddr *)&any, &length));
	to = inet(AWAY, any.sin6_port);
	name_port(to.sin_port, "server");
	add(ep, fd, EPOLLIN | EPOLLET, 1);
	say_connect(fd, &to);
	say_peer(fd);
	must(send(fd, "q", 1, 0));
	say_result("recv", recv(fd, &byte, 1, 0));
	wait_poll(server, POLLIN);
	length = sizeof(from);
	must(recvfrom(server, &byte, 1, 0, (struct sockaddr *)&from, &length));
	must(sendto(server, "a", 1, 0, (struct sockaddr *)&from, length));
	say_wait("answered", ep);
	say_recv("recv", fd);
	to = inet(UNREACHABLE, any.sin6_port);
	must(set(fd, IPPROTO_IP, IP_RECVERR, 1));
	say_connect(fd, &to);
	must(send(fd, "q", 1, 0));
	say_wait("unreachable", ep);
	say_result("recv", recv(fd, &byte, 1, 0));
	close(ep);
	close(fd);
	close(server);
}

const struct scenario scenarios[] = {
	{ "blocking-answer", blocking_answer, MUST_SWAP },
	{ "blocking-refused", blocking_refused, MUST_SWAP },
	{ "blocking-unreachable", blocking_unreachable, MUST_SWAP },
	{ "watched-refused", watched_refused, MUST_SWAP | MUST_EXACT },
	{ "watched-unreachable", watched_unreachable, MUST_SWAP | MUST_EXACT },
	{ "polled-refused", polled_refused, MUST_SWAP },
	{ "polled-unreachable", polled_unreachable, MUST_SWAP },
	{ "black-hole-blocking", black_hole_blocking, MUST_SWAP | SLOW },
	{ "black-hole-watched", black_hole_watched, MUST_SWAP | SLOW },
	{ "black-hole-syncnt", black_hole_syncnt, MUST_SWAP | SLOW },
	{ "race", race, MUST_SWAP },
	{ "crowd", crowd, MUST_SWAP },
	{ "lossy", lossy, MUST_SWAP },
	{ "datagrams", datagrams, MUST_SWAP },
	{ 0 },
};
const struct scenario helpers[] = { { 0 } };
