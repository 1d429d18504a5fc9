// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a program does with a socket while its connect is in flight: nothing has come back from the
 * server, which is 80 ms away, until the network is told to release.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/select.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "distance.h"
#include "watching.h"

#define ALL (EPOLLIN | EPOLLOUT | EPOLLRDHUP)

/* A connect that is in flight. */
struct flight {
	struct server server;
	int fd;
};

static struct flight take_off(void)
{
	struct flight flight = { .fd = tcp(SOCK_NONBLOCK) };

	network_begin();
	network_hold();
	flight.server = server_away(HELD);
	return flight;
}

static void land(struct flight *flight)
{
	int peer = server_accept(&flight->server);

	say_error(flight->fd);
	say_peer(flight->fd);
	say_local(flight->fd);
	say_echo(flight->fd, peer);
	say_no_more_connections(&flight->server);
	say_asked();
	close(peer);
	close(flight->fd);
	server_close(&flight->server);
}

/* What every program can ask about a socket that is not connected yet. */
static void asked(void)
{
	struct flight flight = take_off();
	struct tcp_info info;
	socklen_t length = sizeof(info);

	say_connect(flight.fd, &flight.server.addr);
	must(getsockopt(flight.fd, IPPROTO_TCP, TCP_INFO, &info, &length));
	say("state: %d", info.tcpi_state);
	say_error(flight.fd);
	say_peer(flight.fd);
	say_local(flight.fd);
	say_poll(flight.fd, POLLIN | POLLOUT | POLLRDHUP);
	say_result("recv", recv(flight.fd, &(char){ 0 }, 1, 0));
	say_result("send", send(flight.fd, "x", 1, MSG_NOSIGNAL));
	say_result("listen", listen(flight.fd, 1));
	network_release();
	wait_poll(flight.fd, POLLOUT);
	land(&flight);
}

static void again(void)
{
	struct flight flight = take_off();

	say_connect(flight.fd, &flight.server.addr);
	say_connect(flight.fd, &flight.server.addr);
	say_connect(flight.fd, &flight.server.addr);
	network_release();
	wait_poll(flight.fd, POLLOUT);
	say_connect(flight.fd, &flight.server.addr);
	say_connect(flight.fd, &flight.server.addr);
	land(&flight);
}

/* Elsewhere while it is in flight: the first one stays. */
static void again_elsewhere(void)
{
	struct flight flight = take_off();
	struct sockaddr_in other = inet(AWAY, flight.server.addr.sin_port);

	say_connect(flight.fd, &flight.server.addr);
	say_connect(flight.fd, &other);
	network_release();
	wait_poll(flight.fd, POLLOUT);
	land(&flight);
}

static void watch(int ep, bool before, uint32_t flags)
{
	struct flight flight = take_off();

	if (before) {
		say_add(ep, flight.fd, ALL | flags, 0xfeed);
		say_ready("fresh", ep);
	}
	say_connect(flight.fd, &flight.server.addr);
	if (!before)
		say_add(ep, flight.fd, ALL | flags, 0xfeed);
	say_ready("in flight", ep);
	say_quiet("in flight", ep);
	network_release();
	say_wait("arrived", ep);
	if (flags & (EPOLLET | EPOLLONESHOT))
		say_quiet("then", ep);
	else
		say_ready("then", ep);
	say_items("at the end", ep);
	land(&flight);
	close(ep);
}

static void epoll_edge(void)
{
	watch(epoll(), true, EPOLLET);
}

static void epoll_level(void)
{
	watch(epoll(), true, 0);
}

static void epoll_edge_after(void)
{
	watch(epoll(), false, EPOLLET);
}

static void epoll_oneshot_after(void)
{
	watch(epoll(), false, EPOLLONESHOT);
}

/* Changed, deleted and added while in flight. */
static void epoll_changed(void)
{
	struct flight flight = take_off();
	int ep = epoll();

	say_add(ep, flight.fd, EPOLLIN | EPOLLET, 1);
	say_connect(flight.fd, &flight.server.addr);
	say_mod(ep, flight.fd, ALL | EPOLLET, 2);
	say_ready("changed", ep);
	say_del(ep, flight.fd);
	say_del(ep, flight.fd);
	say_add(ep, flight.fd, ALL | EPOLLET, 3);
	say_add(ep, flight.fd, ALL, 4);
	say_quiet("in flight", ep);
	network_release();
	say_wait("arrived", ep);
	say_quiet("then", ep);
	land(&flight);
	close(ep);
}

/* A thread that waits in its own way for the arrival. */
struct waiter {
	pthread_t thread;
	pid_t tid;
	int fd, ep;
	const char *what;
};

static void *in_poll(void *argument)
{
	struct waiter *waiter = argument;
	struct pollfd item = { .fd = waiter->fd, .events = POLLIN | POLLOUT };

	__atomic_store_n(&waiter->tid, gettid(), __ATOMIC_RELEASE);
	say_result("poll in the thread", poll(&item, 1, DEADLINE));
	say("thread: %s", events_name(item.revents));
	return NULL;
}

static void *in_select(void *argument)
{
	struct waiter *waiter = argument;
	struct timeval timeout = { DEADLINE / 1000, 0 };
	fd_set out;

	FD_ZERO(&out);
	FD_SET(waiter->fd, &out);
	__atomic_store_n(&waiter->tid, gettid(), __ATOMIC_RELEASE);
	say_result("select in the thread", select(waiter->fd + 1, NULL, &out, NULL, &timeout));
	return NULL;
}

static void *in_epoll(void *argument)
{
	struct waiter *waiter = argument;
	struct epoll_event event = { 0 };

	__atomic_store_n(&waiter->tid, gettid(), __ATOMIC_RELEASE);
	say_result("epoll_wait in the thread", epoll_wait(waiter->ep, &event, 1, DEADLINE));
	say("thread: %s", events_name(event.events));
	return NULL;
}

static void in_thread(void *(*wait)(void *), const long *numbers, size_t count)
{
	struct flight flight = take_off();
	struct waiter waiter = { .fd = flight.fd, .ep = epoll() };
	pid_t tid;

	add(waiter.ep, flight.fd, EPOLLOUT | EPOLLET, 1);
	say_ready("fresh", waiter.ep);
	say_connect(flight.fd, &flight.server.addr);
	must(-pthread_create(&waiter.thread, NULL, wait, &waiter));
	while (!(tid = __atomic_load_n(&waiter.tid, __ATOMIC_ACQUIRE)))
		poll(NULL, 0, 1);
	wait_blocked_in_one(tid, numbers, count);
	network_release();
	pthread_join(waiter.thread, NULL);
	close(waiter.ep);
	land(&flight);
}

/* The older calls are not on every architecture. */
static const long polls[] = {
#ifdef SYS_poll
	SYS_poll,
#endif
	SYS_ppoll,
};
static const long selects[] = {
#ifdef SYS_select
	SYS_select,
#endif
	SYS_pselect6,
};
static const long epolls[] = {
#ifdef SYS_epoll_wait
	SYS_epoll_wait,
#endif
	SYS_epoll_pwait,
};

static void thread_poll(void)
{
	in_thread(in_poll, polls, ARRAY_SIZE(polls));
}

static void thread_select(void)
{
	in_thread(in_select, selects, ARRAY_SIZE(selects));
}

static void thread_epoll(void)
{
	in_thread(in_epoll, epolls, ARRAY_SIZE(epolls));
}

static void closed(void)
{
	struct flight flight = take_off();
	int ep = epoll();

	add(ep, flight.fd, ALL, 1);
	say_connect(flight.fd, &flight.server.addr);
	say_result("close", close(flight.fd));
	say_ready("closed", ep);
	say_items("closed", ep);
	network_release();
	say_no_more_connections(&flight.server);
	say_asked();
	close(ep);
	server_close(&flight.server);
}

/* Another file over its number: the connect goes with it. */
static void covered(void)
{
	struct flight flight = take_off();
	struct server server = server_away(AWAY);
	int other = tcp(SOCK_NONBLOCK), peer;

	say_connect(flight.fd, &flight.server.addr);
	say_result("dup2", dup2(other, flight.fd) == flight.fd ? 0 : -1);
	close(other);
	network_release();
	say_connect(flight.fd, &server.addr);
	wait_poll(flight.fd, POLLOUT);
	peer = server_accept(&server);
	say_echo(flight.fd, peer);
	say_no_more_connections(&flight.server);
	say_asked();
	close(peer);
	close(flight.fd);
	server_close(&server);
	server_close(&flight.server);
}

/* A duplicate from before and one from now: the number itself may go. */
static void duplicated(void)
{
	struct flight flight = take_off();
	int before = must(dup(flight.fd)), now;

	say_connect(flight.fd, &flight.server.addr);
	now = must(dup(flight.fd));
	say("the same: %d %d", same_file(before, flight.fd), same_file(now, flight.fd));
	must(dup2(before, flight.fd));
	close(before);
	close(now);
	network_release();
	wait_poll(flight.fd, POLLOUT);
	land(&flight);
}

static void shut_down(int how)
{
	struct flight flight = take_off();
	int ep = epoll();

	add(ep, flight.fd, ALL | EPOLLET, 1);
	say_ready("fresh", ep);
	say_connect(flight.fd, &flight.server.addr);
	say_result("shutdown", shutdown(flight.fd, how));
	say_ready("shut down", ep);
	say_error(flight.fd);
	network_release();
	say_no_more_connections(&flight.server);
	say_ready("later", ep);
	say_poll(flight.fd, POLLIN | POLLOUT);
	say_connect(flight.fd, &flight.server.addr);
	wait_poll(flight.fd, POLLOUT);
	say_error(flight.fd);
	say_asked();
	close(ep);
	close(flight.fd);
	server_close(&flight.server);
}

static void shutdown_both(void)
{
	shut_down(SHUT_RDWR);
}

static void shutdown_write(void)
{
	shut_down(SHUT_WR);
}

static void disconnected(void)
{
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	struct flight flight = take_off();
	int ep = epoll();

	add(ep, flight.fd, ALL | EPOLLET, 1);
	say_ready("fresh", ep);
	say_connect(flight.fd, &flight.server.addr);
	say_result("disconnect", do_connect(flight.fd, &none, sizeof(none)));
	say_ready("disconnected", ep);
	say_error(flight.fd);
	say_peer(flight.fd);
	network_release();
	say_no_more_connections(&flight.server);
	say_connect(flight.fd, &flight.server.addr);
	say_wait("arrived", ep);
	close(ep);
	land(&flight);
}

/* Options set in flight are those of the connection. */
static void options(void)
{
	struct flight flight = take_off();
	int value = 0;
	socklen_t length = sizeof(value);

	say_connect(flight.fd, &flight.server.addr);
	say_result("TCP_NODELAY", set(flight.fd, IPPROTO_TCP, TCP_NODELAY, 1));
	say_result("SO_KEEPALIVE", set(flight.fd, SOL_SOCKET, SO_KEEPALIVE, 1));
	say_result("IP_TOS", set(flight.fd, IPPROTO_IP, IP_TOS, 0x20));
	say_result("O_NONBLOCK", fcntl(flight.fd, F_SETFL, 0));
	network_release();
	say_connect(flight.fd, &flight.server.addr);
	must(getsockopt(flight.fd, IPPROTO_TCP, TCP_NODELAY, &value, &length));
	say("TCP_NODELAY: %d", value);
	must(getsockopt(flight.fd, IPPROTO_IP, IP_TOS, &value, &length));
	say("IP_TOS: %d", value);
	land(&flight);
}

const struct scenario scenarios[] = {
	{ "asked", asked, MUST_SWAP },
	{ "again", again, MUST_SWAP },
	{ "again-elsewhere", again_elsewhere, MUST_SWAP },
	{ "epoll-edge", epoll_edge, MUST_SWAP | MUST_EXACT },
	{ "epoll-level", epoll_level, MUST_SWAP | MUST_EXACT },
	{ "epoll-edge-after", epoll_edge_after, MUST_SWAP | MUST_EXACT },
	{ "epoll-oneshot-after", epoll_oneshot_after, MUST_SWAP | MUST_EXACT },
	{ "epoll-changed", epoll_changed, MUST_SWAP | MUST_EXACT },
	{ "thread-poll", thread_poll, MUST_SWAP | MUST_EXACT },
	{ "thread-select", thread_select, MUST_SWAP | MUST_EXACT },
	{ "thread-epoll", thread_epoll, MUST_SWAP | MUST_EXACT },
	{ "closed", closed, MUST_SWAP },
	{ "covered", covered, MUST_SWAP },
	{ "duplicated", duplicated, MUST_SWAP },
	{ "shutdown-both", shutdown_both, MUST_SWAP },
	{ "shutdown-write", shutdown_write, MUST_SWAP },
	{ "disconnected", disconnected, MUST_SWAP },
	{ "options", options, MUST_SWAP },
	{ 0 },
};
const struct scenario helpers[] = { { 0 } };
