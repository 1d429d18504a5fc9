// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * TCP Fast Open: sends that connect, and connects that wait for the first send. With a cookie the data goes
 * in the SYN.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <unistd.h>

#include "udp-server.h"
#include "watching.h"

#define DATA 0xfeedf00dcafe0001ULL

enum way { SENDTO, SENDMSG, SENDMMSG, WAYS };

static const char *const way_names[] = { "sendto", "sendmsg", "sendmmsg" };

static struct server fast_server(void)
{
	struct server server = server_open(LOOPBACK);

	must(setsockopt(server.fd, IPPROTO_TCP, TCP_FASTOPEN, &(int){ 5 }, sizeof(int)));
	return server;
}

/* From here on the kernel has a cookie for the server's address. */
static void fetch_cookie(const struct server *server)
{
	int fd = tcp(SOCK_NONBLOCK);

	sendto(fd, "x", 1, MSG_FASTOPEN, (const struct sockaddr *)&server->addr, sizeof(server->addr));
	wait_poll(fd, POLLOUT);
	close(server_accept(server));
	close(fd);
}

static void say_send(enum way way, int fd, const struct sockaddr_in *to)
{
	struct iovec parts[] = { { "he", 2 }, { "llo", 3 } };
	struct mmsghdr messages[2] = {
		{ .msg_hdr = { .msg_name = (void *)to, .msg_namelen = sizeof(*to), .msg_iov = parts,
			       .msg_iovlen = 2 } },
	};
	long r = -1;

	messages[1] = messages[0];
	switch (way) {
	case SENDTO:
		r = sendto(fd, "hello", 5, MSG_FASTOPEN, (const struct sockaddr *)to, sizeof(*to));
		break;
	case SENDMSG:
		r = sendmsg(fd, &messages[0].msg_hdr, MSG_FASTOPEN);
		break;
	case SENDMMSG:
		r = sendmmsg(fd, messages, 2, MSG_FASTOPEN);
		if (r > 0)
			say("length: %u", messages[0].msg_len);
		break;
	case WAYS:
		break;
	}
	say_result(way_names[way], r);
}

static void attempt(enum way way, int flags, const struct server *server)
{
	int fd = tcp(flags), peer;

	say_send(way, fd, &server->addr);
	peer = server_accept(server);
	if (flags & SOCK_NONBLOCK) {
		wait_poll(fd, POLLOUT);
		/* What was not taken along. */
		say_result("send", send(fd, "more", 4, 0));
	}
	shutdown(fd, SHUT_WR);
	say_recv("server", peer);
	say_recv("server", peer);
	say_peer(fd);
	close(fd);
	close(peer);
}

static void ways(int flags)
{
	struct server server = fast_server();

	fetch_cookie(&server);
	for (enum way way = 0; way < WAYS; way++)
		for (int i = 0; i < 2; i++)
			attempt(way, flags, &server);
	server_close(&server);
}

static void blocking(void)
{
	ways(0);
}

static void nonblocking(void)
{
	ways(SOCK_NONBLOCK);
}

static void refused(void)
{
	struct server server = server_refusing(LOOPBACK);

	for (int i = 0; i < 2; i++) {
		int fd = tcp(i ? SOCK_NONBLOCK : 0);

		for (int j = 0; j < 3; j++) {
			say_send(SENDTO, fd, &server.addr);
			say_poll(fd, POLLOUT);
		}
		close(fd);
	}
	server_close(&server);
}

static void timeout(void)
{
	/* Where no other scenario goes: there is no cookie. */
	struct server server = server_silent(SITE2);
	struct timeval limit = { .tv_usec = 300000 };
	int fd = tcp(0);
	long start = now_ms();

	must(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)));
	say_send(SENDTO, fd, &server.addr);
	say_elapsed("back", start, 300);
	close(fd);
	server_close(&server);
}

static void connected(void)
{
	struct server server = fast_server();
	int fd = tcp(0), peer;

	say_connect(fd, &server.addr);
	peer = server_accept(&server);
	say_send(SENDTO, fd, &server.addr);
	say_result("without an address", sendto(fd, "x", 1, MSG_FASTOPEN, NULL, 0));
	close(fd);
	close(peer);
	server_close(&server);
}

static void bad_input(void)
{
	struct server server = fast_server();
	struct sockaddr_in to = server.addr;
	int fd = tcp(0);

	say_result("no address", sendto(fd, "x", 1, MSG_FASTOPEN, NULL, 0));
	say_result("short address", sendto(fd, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&to, 4));
	say_result("bad address", sendto(fd, "x", 1, MSG_FASTOPEN, (struct sockaddr *)8, sizeof(to)));
	to.sin_family = AF_UNIX;
	say_result("wrong family", sendto(fd, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&to, sizeof(to)));
	say_result("no messages", sendmmsg(fd, NULL, 0, MSG_FASTOPEN));
	say_result("no socket", sendto(999, "x", 1, MSG_FASTOPEN, (struct sockaddr *)&server.addr,
				       sizeof(to)));
	close(fd);
	server_close(&server);
}

/* connect(2) says 0, and the first send connects. */
static void deferred(int flags)
{
	struct server server = fast_server();

	fetch_cookie(&server);
	for (int i = 0; i < 2; i++) {
		int ep = epoll(), fd = tcp(flags), peer;

		set(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, 1);
		add(ep, fd, i ? EPOLLIN | EPOLLOUT | EPOLLET : EPOLLIN | EPOLLET, DATA);
		say_ready("before", ep);
		say_connect(fd, &server.addr);
		say_quiet("connected", ep);
		say_peer(fd);
		wait_poll(fd, POLLOUT);
		say_result("send", send(fd, "hello", 5, 0));
		peer = server_accept(&server);
		say_recv("server", peer);
		say_connect(fd, &server.addr);
		close(fd);
		close(peer);
		close(ep);
	}
	server_close(&server);
}

static void deferred_blocking(void)
{
	deferred(0);
}

static void deferred_nonblocking(void)
{
	deferred(SOCK_NONBLOCK);
}

static void *waits(void *pipe)
{
	must(read(((int *)pipe)[0], &(char){ 0 }, 1));
	return NULL;
}

/* Others could look on. */
static void deferred_beside_thread(void)
{
	pthread_t thread;
	int pipe[2];

	must(pipe2(pipe, O_CLOEXEC));
	must(-pthread_create(&thread, NULL, waits, pipe));
	deferred(0);
	must(write(pipe[1], "x", 1));
	pthread_join(thread, NULL);
}

/* On a datagram socket the flag means nothing. */
static void datagrams(void)
{
	struct server server = udp_open(SITE, "server");
	struct sockaddr *to = (struct sockaddr *)&server.addr;
	int fd = udp(0);

	say_result("to an address", sendto(fd, "one", 3, MSG_FASTOPEN, to, sizeof(server.addr)));
	say_arrived(&server);
	say_connect(fd, &server.addr);
	say_result("connected", sendto(fd, "four", 4, MSG_FASTOPEN, to, sizeof(server.addr)));
	say_arrived(&server);
	say_result("without an address", sendto(fd, "three", 5, MSG_FASTOPEN, NULL, 0));
	say_arrived(&server);
	close(fd);
	server_close(&server);
}

const struct scenario scenarios[] = {
	{ "blocking", blocking, MUST_SWAP },
	{ "nonblocking", nonblocking, MUST_SWAP },
	{ "refused", refused, MUST_SWAP },
	{ "timeout", timeout, MUST_SWAP },
	{ "connected", connected, MUST_SWAP },
	{ "bad-input", bad_input },
	{ "datagrams", datagrams, MUST_SWAP },
	{ "deferred-blocking", deferred_blocking, MUST_SWAP },
	{ "deferred-nonblocking", deferred_nonblocking, MUST_SWAP },
	{ "deferred-beside-thread", deferred_beside_thread, MUST_SWAP },
	{ NULL },
};

const struct scenario helpers[] = { { NULL } };
