// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The server is another thread: once it has accepted, the client's number names a connected socket, whatever the client's
 * own call is at.
 */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "server.h"

#define ROUNDS 150

struct client {
	pthread_t thread;
	struct server *server;
	int fd;
};

static void *connects(void *argument)
{
	struct client *client = argument;

	if (do_connect(client->fd, &client->server->addr, sizeof(client->server->addr)) < 0 && errno != EINPROGRESS)
		say_result("connect", -1);
	return NULL;
}

static void *sends(void *argument)
{
	struct client *client = argument;

	/* Blocking: without a cookie it connects, and sends then. */
	if (sendto(client->fd, "q", 1, MSG_FASTOPEN, (struct sockaddr *)&client->server->addr,
		   sizeof(client->server->addr)) != 1)
		say_result("sendto", -1);
	return NULL;
}

static void rounds(int flags, void *(*how)(void *))
{
	struct server server = server_open(LOOPBACK);
	int unconnected = 0, nameless = 0, hung_up = 0;

	for (int i = 0; i < ROUNDS; i++) {
		struct client client = { .server = &server, .fd = tcp(flags) };
		struct pollfd item = { .fd = client.fd, .events = POLLIN | POLLOUT };
		struct sockaddr_in name;
		socklen_t length = sizeof(name);
		int peer;

		must(-pthread_create(&client.thread, NULL, how, &client));
		peer = server_accept(&server);
		must(poll(&item, 1, 0));
		hung_up += (item.revents & POLLHUP) != 0;
		unconnected += recv(client.fd, &(char){ 0 }, 1, MSG_DONTWAIT) < 0 && errno != EAGAIN;
		nameless += getpeername(client.fd, (struct sockaddr *)&name, &length) < 0;
		pthread_join(client.thread, NULL);
		close(peer);
		close(client.fd);
	}
	say("accepted, but hung up: %d not connected: %d without a peer: %d", hung_up, unconnected, nameless);
	server_close(&server);
}

static void blocking(void)
{
	rounds(0, connects);
}

static void nonblocking(void)
{
	rounds(SOCK_NONBLOCK, connects);
}

static void fastopen(void)
{
	rounds(0, sends);
}

/* Refused, while another thread looks: the number names the same socket before and after. */
static void *refused_in_thread(void *argument)
{
	struct client *client = argument;

	for (int i = 0; i < ROUNDS; i++)
		if (do_connect(client->fd, &client->server->addr, sizeof(client->server->addr)) == 0 ||
		    errno != ECONNREFUSED)
			say_result("connect", -1);
	return NULL;
}

static void refused(void)
{
	struct server refusing = server_refusing(LOOPBACK);
	struct client client = { .server = &refusing, .fd = tcp(0) };
	int other = dup(client.fd);

	must(set(client.fd, SOL_SOCKET, SO_KEEPALIVE, 1));
	must(-pthread_create(&client.thread, NULL, refused_in_thread, &client));
	pthread_join(client.thread, NULL);
	say("the same: %d", same_file(client.fd, other));
	say_poll(client.fd, POLLIN | POLLOUT);
	close(other);
	close(client.fd);
	server_close(&refusing);
}

/* Edges and all: by the time that connect returns they have been heard of. */
static void watched(void)
{
	struct server server = server_open(LOOPBACK);
	struct client client = { .server = &server, .fd = tcp(0) };
	struct epoll_event item = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.u64 = 7 }, seen;
	int epoll = must(epoll_create1(0));

	must(epoll_ctl(epoll, EPOLL_CTL_ADD, client.fd, &item));
	must(epoll_wait(epoll, &seen, 1, 0));
	must(-pthread_create(&client.thread, NULL, connects, &client));
	server_accept(&server);
	pthread_join(client.thread, NULL);
	for (int i = 0; i < 2; i++) {
		int n = must(epoll_wait(epoll, &seen, 1, 0));

		say("events: %d: %#x of %d", n, n ? seen.events : 0, n ? (int)seen.data.u64 : 0);
	}
	close(epoll);
	close(client.fd);
	server_close(&server);
}

const struct scenario scenarios[] = {
	{ "blocking", blocking, MUST_SWAP },
	{ "nonblocking", nonblocking, MUST_SWAP },
	{ "fastopen", fastopen, MUST_TRACE },
	{ "refused", refused, MUST_TRACE },
	{ "watched", watched, MUST_SWAP | MUST_EXACT },
	{ 0 },
};
const struct scenario helpers[] = { { 0 } };
