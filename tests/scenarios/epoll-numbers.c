// SPDX-License-Identifier: GPL-2.0-or-later
/* epoll items and numbers: duplicates, epoll_ctl(2) after connect, threads that wait, closing. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "server.h"
#include "watching.h"

/* What epoll_wait(3) is on aarch64, which has no epoll_wait(2). */
#ifndef SYS_epoll_wait
#define SYS_epoll_wait SYS_epoll_pwait
#endif

#define DATA 0x0123456789abcdefULL
#define EVENTS (EPOLLIN | EPOLLOUT | EPOLLET)

static void finish(int ep, int fd, int peer, struct server *server)
{
	say_echo(fd, peer);
	close(fd);
	say_recv("server", peer);
	say_items("epoll", ep);
	close(peer);
	close(ep);
	server_close(server);
}

/* uvloop and Node.js add again and expect EEXIST, then MOD. */
static void add_again(void)
{
	struct server server = server_open(LOOPBACK);
	int ep = epoll(), fd = tcp(SOCK_NONBLOCK);

	add(ep, fd, EPOLLIN, DATA);
	say_connect(fd, &server.addr);
	if (say_add(ep, fd, EPOLLOUT, DATA + 1) < 0)
		say_mod(ep, fd, EPOLLOUT, DATA + 2);
	say_wait("connected", ep);
	say_items("epoll", ep);
	finish(ep, fd, server_accept(&server), &server);
}

/* trio and JDK 25 MOD a socket that is not there and expect ENOENT, then ADD. */
static void add_after(void)
{
	struct server server = server_open(LOOPBACK);
	int ep = epoll(), fd = tcp(SOCK_NONBLOCK);

	say_connect(fd, &server.addr);
	if (say_mod(ep, fd, EPOLLOUT | EPOLLONESHOT, DATA) < 0)
		say_add(ep, fd, EPOLLOUT | EPOLLONESHOT, DATA);
	say_wait("connected", ep);
	say_quiet("spent", ep);
	say_del(ep, fd);
	say_del(ep, fd);
	finish(ep, fd, server_accept(&server), &server);
}

static void mod_and_del(void)
{
	struct server server = server_open(LOOPBACK);
	int ep = epoll(), fd = tcp(SOCK_NONBLOCK), peer;

	add(ep, fd, EPOLLIN | EPOLLRDHUP | EPOLLET, DATA);
	say_connect(fd, &server.addr);
	say_mod(ep, fd, EPOLLOUT | EPOLLRDHUP | EPOLLET, DATA + 1);
	say_wait("connected", ep);
	peer = server_accept(&server);
	say_del(ep, fd);
	must(send(peer, "x", 1, 0));
	wait_poll(fd, POLLIN);
	say_quiet("deleted", ep);
	say_mod(ep, fd, EPOLLIN, DATA);
	say_add(ep, fd, EPOLLIN, DATA + 2);
	say_wait("added again", ep);
	say_recv("client", fd);
	finish(ep, fd, peer, &server);
}

static void add_del_before(void)
{
	struct server server = server_open(LOOPBACK);
	int ep = epoll(), fd = tcp(SOCK_NONBLOCK);

	add(ep, fd, EVENTS, DATA);
	say_del(ep, fd);
	say_connect(fd, &server.addr);
	wait_poll(fd, POLLOUT);
	say_quiet("epoll", ep);
	say_add(ep, fd, EVENTS, DATA + 1);
	say_wait("connected", ep);
	finish(ep, fd, server_accept(&server), &server);
}

/* The item stands under the duplicate's number; the original connects. */
static void dup_item(void)
{
	struct server server = server_open(LOOPBACK);
	int ep = epoll(), fd = tcp(SOCK_NONBLOCK), other = must(dup(fd)), peer;

	add(ep, other, EVENTS, DATA);
	say_ready("before", ep);
	say_connect(fd, &server.addr);
	say_wait("connected", ep);
	say_quiet("edge", ep);
	say_items("epoll", ep);
	say("same file: %s", same_file(fd, other) ? "yes" : "no");
	say_mod(ep, fd, EPOLLIN, DATA);
	say_mod(ep, other, EPOLLIN, DATA + 1);
	peer = server_accept(&server);
	must(send(peer, "x", 1, 0));
	say_wait("data", ep);
	say_recv("duplicate", other);
	close(other);
	finish(ep, fd, peer, &server);
}

/* The number of the item is closed; the item stays as long as the file. */
static void dup_item_closed(void)
{
	struct server server = server_open(LOOPBACK);
	int ep = epoll(), fd = tcp(SOCK_NONBLOCK), other = must(dup(fd)), peer;

	add(ep, other, EVENTS, DATA);
	close(other);
	say_items("epoll", ep);
	say_ready("before", ep);
	say_connect(fd, &server.addr);
	say_wait("connected", ep);
	say_quiet("edge", ep);
	say_items("epoll", ep);
	say_del(ep, fd);
	peer = server_accept(&server);
	must(send(peer, "x", 1, 0));
	say_wait("data", ep);
	say_recv("client", fd);
	finish(ep, fd, peer, &server);
}

/* The number of the item is another file's by now. */
static void dup_item_reused(void)
{
	struct server server = server_open(LOOPBACK);
	int ep = epoll(), fd = tcp(SOCK_NONBLOCK), other = must(dup(fd)), fds[2], peer;
	char byte;

	add(ep, other, EVENTS, DATA);
	must(pipe(fds));
	must(dup2(fds[0], other));
	say_ready("before", ep);
	say_connect(fd, &server.addr);
	say_wait("connected", ep);
	say_items("epoll", ep);
	must(write(fds[1], "p", 1));
	say_result("read of the pipe", read(other, &byte, 1));
	peer = server_accept(&server);
	close(other);
	close(fds[0]);
	close(fds[1]);
	finish(ep, fd, peer, &server);
}

/* Both numbers of the file are registered. */
static void both_items(void)
{
	struct server server = server_open(LOOPBACK);
	int ep = epoll(), fd = tcp(SOCK_NONBLOCK), other = must(dup(fd)), peer;

	add(ep, fd, EVENTS, 1);
	add(ep, other, EPOLLIN | EPOLLRDHUP, 2);
	say_connect(other, &server.addr);
	wait_poll(fd, POLLOUT);
	say_ready("connected", ep);
	peer = server_accept(&server);
	must(send(peer, "x", 1, 0));
	wait_poll(fd, POLLIN);
	say_ready("data", ep);
	say_recv("client", other);
	close(other);
	say_items("epoll", ep);
	finish(ep, fd, peer, &server);
}

static void dup_epoll(void)
{
	struct server server = server_open(LOOPBACK);
	int ep = epoll(), same = must(dup(ep)), fd = tcp(SOCK_NONBLOCK), peer;

	add(ep, fd, EVENTS, DATA);
	say_ready("before", same);
	say_connect(fd, &server.addr);
	say_wait("connected", same);
	say_quiet("edge", ep);
	say_items("epoll", ep);
	say_items("duplicate", same);
	say_mod(same, fd, EPOLLIN, DATA + 1);
	close(ep);
	peer = server_accept(&server);
	must(send(peer, "x", 1, 0));
	say_wait("data", same);
	say_recv("client", fd);
	finish(same, fd, peer, &server);
}

/* The number of the epoll instance is as low as can be, the socket's higher, and the reverse. */
static void low_numbers(void)
{
	struct server server = server_open(LOOPBACK);
	int fd = tcp(SOCK_NONBLOCK), ep = epoll(), moved;

	moved = must(dup2(fd, 0));
	close(fd);
	must(dup3(ep, 200, O_CLOEXEC));
	close(ep);
	add(200, moved, EVENTS, DATA);
	say_connect(moved, &server.addr);
	say_wait("connected", 200);
	say_items("epoll", 200);
	finish(200, moved, server_accept(&server), &server);
}

/* A high number, far above what the supervisor uses. */
static void high_number(void)
{
	struct server server = server_open(LOOPBACK);
	int fd = tcp(SOCK_NONBLOCK), ep = epoll();

	must(dup2(fd, 900));
	close(fd);
	add(ep, 900, EVENTS, DATA);
	say_connect(900, &server.addr);
	say_wait("connected", ep);
	say_items("epoll", ep);
	finish(ep, 900, server_accept(&server), &server);
}

/*
 * The highest that there may be, and a low one: all numbers between them are searched, and the supervisor needs the
 * high one in a table of its own.
 */
#define DESCRIPTORS_MAX 1000000

static void highest_number(void)
{
	struct server server = server_open(LOOPBACK);
	int low = tcp(SOCK_NONBLOCK), ep = epoll(), fd;
	struct rlimit limit;

	must(getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = limit.rlim_max < DESCRIPTORS_MAX ? limit.rlim_max : DESCRIPTORS_MAX;
	must(setrlimit(RLIMIT_NOFILE, &limit));
	fd = must(dup2(low, (int)limit.rlim_cur - 1));
	note("the number is %d", fd);
	add(ep, fd, EVENTS, DATA);
	say_connect(fd, &server.addr);
	say("the same file: %s", same_file(fd, low) ? "yes" : "no");
	say_wait("connected", ep);
	say_items("epoll", ep);
	close(low);
	finish(ep, fd, server_accept(&server), &server);
}

struct waiter {
	pthread_t thread;
	int ep;
	pid_t tid;
	struct epoll_event event;
	int count;
};

static void *wait_for_events(void *argument)
{
	struct waiter *waiter = argument;

	__atomic_store_n(&waiter->tid, gettid(), __ATOMIC_RELEASE);
	waiter->count = epoll_wait(waiter->ep, &waiter->event, 1, DEADLINE);
	return NULL;
}

static void start_waiter(struct waiter *waiter)
{
	pid_t tid;

	must(-pthread_create(&waiter->thread, NULL, wait_for_events, waiter));
	while (!(tid = __atomic_load_n(&waiter->tid, __ATOMIC_ACQUIRE)))
		sched_yield();
	wait_blocked(tid, SYS_epoll_wait);
}

static void say_waiter(struct waiter *waiter)
{
	pthread_join(waiter->thread, NULL);
	say("waiter: %d 0x%llx %s", waiter->count, (unsigned long long)waiter->event.data.u64,
	    waiter->count > 0 ? events_name(waiter->event.events) : "none");
}

/* A thread sits in epoll_wait while another connects (Netty, NIO, Boost.Asio). */
static void thread_waits(void)
{
	struct server server = server_open(LOOPBACK);
	struct waiter waiter = { .ep = epoll() };
	int fd = tcp(SOCK_NONBLOCK), peer;

	add(waiter.ep, fd, EPOLLIN | EPOLLRDHUP | EPOLLET, DATA);
	say_ready("before", waiter.ep);
	start_waiter(&waiter);
	say_connect(fd, &server.addr);
	say_mod(waiter.ep, fd, EPOLLOUT | EPOLLRDHUP | EPOLLET, DATA + 1);
	say_waiter(&waiter);
	peer = server_accept(&server);
	finish(waiter.ep, fd, peer, &server);
}

/* The waiting thread gets the edge of the connection itself. */
static void thread_waits_edge(void)
{
	struct server silent = server_silent(LOOPBACK);
	struct waiter waiter = { .ep = epoll() };
	int fd = tcp(SOCK_NONBLOCK), peer;

	add(waiter.ep, fd, EVENTS, DATA);
	say_ready("before", waiter.ep);
	start_waiter(&waiter);
	say_connect(fd, &silent.addr);
	server_drain(&silent);
	say_waiter(&waiter);
	say_quiet("edge", waiter.ep);
	peer = server_accept(&silent);
	finish(waiter.ep, fd, peer, &silent);
}

/* The thread waits for data of a connection that is not there yet. */
static void thread_waits_data(void)
{
	struct server server = server_open(LOOPBACK);
	struct waiter waiter = { .ep = epoll() };
	int fd = tcp(0), peer;

	add(waiter.ep, fd, EPOLLIN | EPOLLET, DATA);
	say_ready("before", waiter.ep);
	start_waiter(&waiter);
	say_connect(fd, &server.addr);
	peer = server_accept(&server);
	must(send(peer, "x", 1, 0));
	pthread_join(waiter.thread, NULL);
	wait_poll(fd, POLLIN);
	say("waiter: %d 0x%llx", waiter.count, (unsigned long long)waiter.event.data.u64);
	say_recv("client", fd);
	finish(waiter.ep, fd, peer, &server);
}

/* Closing the socket takes the item along, and the server hears of it at once. */
static void closed(void)
{
	struct server server = server_open(LOOPBACK);
	int ep = epoll(), outer = epoll(), fd = tcp(SOCK_NONBLOCK), peer;

	add(ep, fd, EPOLLIN | EPOLLOUT, DATA);
	add(outer, ep, EPOLLIN, 1);
	say_connect(fd, &server.addr);
	wait_poll(fd, POLLOUT);
	peer = server_accept(&server);
	close(fd);
	say_items("epoll", ep);
	say_ready("epoll", ep);
	say_poll(peer, POLLIN | POLLRDHUP);
	say_recv("server", peer);
	close(ep);
	say_items("outer", outer);
	close(outer);
	close(peer);
	server_close(&server);
}

/* Closing the epoll instance while a connection stands; the socket goes on. */
static void epoll_closed(void)
{
	struct server server = server_open(LOOPBACK);
	int ep = epoll(), second = epoll(), fd = tcp(SOCK_NONBLOCK), peer;

	add(ep, fd, EVENTS, DATA);
	say_connect(fd, &server.addr);
	close(ep);
	peer = server_accept(&server);
	say_add(second, fd, EVENTS, DATA);
	say_wait("second", second);
	finish(second, fd, peer, &server);
}

const struct scenario scenarios[] = {
	{ "add-again", add_again, MUST_SWAP },
	{ "add-after", add_after, MUST_SWAP },
	{ "mod-and-del", mod_and_del, MUST_SWAP },
	{ "add-del-before", add_del_before, MUST_SWAP },
	{ "dup-item", dup_item, MUST_SWAP },
	{ "dup-item-closed", dup_item_closed, MUST_SWAP },
	{ "dup-item-reused", dup_item_reused, MUST_SWAP },
	{ "both-items", both_items, MUST_SWAP },
	{ "dup-epoll", dup_epoll, MUST_SWAP },
	{ "low-numbers", low_numbers, MUST_SWAP },
	{ "high-number", high_number, MUST_SWAP },
	{ "highest-number", highest_number, MUST_SWAP },
	{ "thread-waits", thread_waits, MUST_SWAP },
	{ "thread-waits-edge", thread_waits_edge, MUST_SWAP | SLOW },
	{ "thread-waits-data", thread_waits_data, MUST_SWAP },
	{ "closed", closed, MUST_SWAP },
	{ "epoll-closed", epoll_closed, MUST_SWAP },
	{ 0 },
};
const struct scenario helpers[] = { { 0 } };
