// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who waits on a socket stands in its wait queue, a ring in which each points back to the one before. What it is says
 * the name of its wake function, which stays as it is: an epoll item; a thread in poll(2) or select(2), to which
 * struct poll_wqueues leads; a thread in a call on the socket itself.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <sys/socket.h>

#include "bpf/lists-load.h"

static void in_poll(int fd)
{
	poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, -1);
}

static void in_select(int fd)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fd, &set);
	select(fd + 1, &set, NULL, NULL, NULL);
}

static void in_recv(int fd)
{
	char byte;

	recv(fd, &byte, 1, 0);
}

static void in_accept(int fd)
{
	accept(fd, NULL, NULL);
}

static in_port_t silent_port;

static void in_connect(int fd)
{
	connect_to(fd, AF_INET, silent_port);
}

static int udp(void)
{
	return must(socket(AF_INET, SOCK_DGRAM, 0));
}

static int unconnected(void)
{
	return must(socket(AF_INET, SOCK_STREAM, 0));
}

static int connected(void)
{
	int fd = unconnected();
	in_port_t port;

	server(AF_INET, 8, &port);
	must(connect_to(fd, AF_INET, port));
	return fd;
}

static int listening(void)
{
	in_port_t port;

	return server(AF_INET, 8, &port);
}

static int local(void)
{
	int pair[2];

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	return pair[0];
}

static const struct {
	const char *what;
	int (*open)(void);
	void (*wait)(int fd);
	const char *function;
	bool polls;
} cases[] = {
	{ "poll", udp, in_poll, "pollwake", true },
	{ "select", udp, in_select, "pollwake", true },
	{ "recv, UDP", udp, in_recv, "receiver_wake_function", false },
	{ "recv, TCP", connected, in_recv, "woken_wake_function", false },
	{ "recv, local", local, in_recv, "autoremove_wake_function", false },
	{ "accept", listening, in_accept, "autoremove_wake_function", false },
	{ "connect", unconnected, in_connect, "woken_wake_function", false },
};

struct waiter {
	pthread_t thread;
	void (*wait)(int fd);
	int fd;
	uint64_t task;
};

static void *wait_there(void *context)
{
	struct waiter *waiter = context;

	__atomic_store_n(&waiter->task, lists_of(-1)->self, __ATOMIC_RELEASE);
	waiter->wait(waiter->fd);
	return NULL;
}

static void check_case(size_t i)
{
	struct waiter waiter = { .wait = cases[i].wait, .fd = cases[i].open() };
	struct epoll_event event = { .events = EPOLLIN };
	const struct lists *lists;
	long start = now_ms();
	int epoll = must(epoll_create1(0));
	uint64_t task;

	must(epoll_ctl(epoll, EPOLL_CTL_ADD, waiter.fd, &event));
	must(-pthread_create(&waiter.thread, NULL, wait_there, &waiter));
	while (!__atomic_load_n(&waiter.task, __ATOMIC_ACQUIRE))
		sched_yield();
	do {
		check(now_ms() - start < DEADLINE, "%s: nobody stands in the queue", cases[i].what);
		lists = lists_of(waiter.fd);
	} while (lists->wait_count < 2 || !lists->closed);
	check(lists->is_socket, "%s: no socket", cases[i].what);
	check(lists->wait_count == 2, "%s: %u in the queue", cases[i].what, lists->wait_count);
	for (int j = 0; j < 2; j++) {
		check(lists->waits[j].linked, "%s: does not point back", cases[i].what);
		if (!strcmp(lists->waits[j].name, "ep_poll_callback"))
			continue;
		check(!strcmp(lists->waits[j].name, cases[i].function), "%s: waits by %s", cases[i].what,
		      lists->waits[j].name);
		task = cases[i].polls ? lists->waits[j].polling : lists->waits[j].private;
		check(task == waiter.task, "%s: another task", cases[i].what);
		/* It goes on waiting, on this thread's stack, until the end. */
		return;
	}
	check(false, "%s: only epoll items", cases[i].what);
}

int main(void)
{
	silent_server(AF_INET, &silent_port);
	load_lists();
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check_case(i);
	_exit(0);
}
