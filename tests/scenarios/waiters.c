// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Threads that are blocked on a socket while another thread connects it. Natively they go on waiting on the
 * same socket, and hear what comes.
 *
 * Datagram sockets, because on those that are not connected nearly every call waits; of a fresh TCP socket
 * only a select for exceptional conditions does.
 */
#include <errno.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server.h"
#include "waiting.h"

/* Every way of waiting: connect while the thread waits, then let a datagram come. */
static void wakes(long timeout)
{
	for (enum way way = 0; way < WAYS; way++) {
		struct waiting waiting = {
			.way = way, .fd = waiting_socket(), .timeout = timeout, .other = -1,
		};
		int server;

		/* A call without a timeout of its own is run once. */
		if (timeout >= 0 && !way_has_timeout(way)) {
			close(waiting.fd);
			continue;
		}
		server = waiting_server();
		waiting_start(&waiting);
		waiting_connect(waiting.fd, server);
		waiting_answer(waiting.fd, server, "hello");
		waiting_join(&waiting);
		close(waiting.fd);
		close(server);
	}
}

static void wakes_endless(void)
{
	wakes(-1);
}

static void wakes_timed(void)
{
	wakes(20000);
}

/*
 * The time that was asked for has passed when the call ends, not more. One that began anew when the socket was
 * connected ends later than what counts as in time, however long the connect took:
 *
 *     since    blocked       connected       asked for         anew
 *       |---------|--- 500 ------|---- 300 ----|                |
 *                                |----------- 800 --------------|
 *
 * All of it is longer on a slow machine: the thread may be as late as 500 ms, and the connect take 300. The clocks
 * of some calls tick every few milliseconds.
 */
static void expires(enum way way)
{
	const int wait = 300 + slowly(200);
	struct waiting waiting = {
		.way = way, .fd = waiting_socket(), .timeout = wait + slowly(300), .other = -1,
	};
	int server = waiting_server();
	struct pollfd none = { .fd = -1 };
	long blocked, connected, least;

	waiting_start(&waiting);
	blocked = now_ms();
	while (now_ms() - blocked < wait)
		poll(&none, 1, 10);
	connected = now_ms();
	waiting_connect(waiting.fd, server);
	waiting_join(&waiting);
	least = waiting.timeout - 20;
	if (waiting.until - waiting.since < least)
		say("%s in time: no, after %ld ms", way_name(way), waiting.until - waiting.since);
	else
		say("%s in time: %s", way_name(way),
		    waiting.until - connected < least ? "yes" : "no, begun anew");
	close(waiting.fd);
	close(server);
}

static void expires_poll(void)
{
	expires(WAY_POLL);
}

static void expires_ppoll(void)
{
	expires(WAY_PPOLL);
}

static void expires_select(void)
{
	expires(WAY_SELECT);
}

static void expires_pselect(void)
{
	expires(WAY_PSELECT);
}

/* Their time starts anew, and the verdict says so. */
static void expires_anew_receive(void)
{
	expires(WAY_RECV_RCVTIMEO);
}

static void expires_anew_read_only(void)
{
	expires(WAY_PSELECT_READ_ONLY);
}

static void duplicate(void)
{
	static const enum way ways[] = { WAY_RECV, WAY_POLL, WAY_SELECT };

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		int fd = waiting_socket(), server = waiting_server();
		struct waiting waiting = {
			.way = ways[i], .fd = must(dup(fd)), .timeout = -1, .other = -1,
		};

		waiting_start(&waiting);
		waiting_connect(fd, server);
		waiting_answer(fd, server, "dup");
		waiting_join(&waiting);
		close(waiting.fd);
		close(fd);
		close(server);
	}
}

/* The number was closed while a thread waited on it, and is another socket's when that is connected: the
 * thread goes on with the one that it waits on, which nobody else has any more. */
static void reused(void)
{
	static const enum way ways[] = { WAY_RECV, WAY_READ, WAY_RECVMSG };

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		struct waiting waiting = {
			.way = ways[i], .fd = waiting_socket(), .timeout = -1, .other = -1,
		};
		struct sockaddr_in address = inet(LOOPBACK, 0);
		socklen_t length = sizeof(address);
		int server = waiting_server(), other = waiting_socket();

		must(bind(waiting.fd, (struct sockaddr *)&address, length));
		must(getsockname(waiting.fd, (struct sockaddr *)&address, &length));
		waiting_start(&waiting);
		must(dup2(other, waiting.fd));
		close(other);
		waiting_connect(waiting.fd, server);
		must(sendto(server, "first", 5, 0, (struct sockaddr *)&address, length));
		waiting_join(&waiting);
		waiting_answer(waiting.fd, server, "second");
		say_recv("second", waiting.fd);
		close(waiting.fd);
		close(server);
	}
}

/* Two sockets in one call, connected one after the other: kicked twice, the second time in
 * restart_syscall(2) where the first was in poll with a timeout. */
static void two(long timeout)
{
	static const enum way ways[] = { WAY_POLL, WAY_PPOLL, WAY_PSELECT };

	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		struct waiting waiting = {
			.way = ways[i], .fd = waiting_socket(), .other = waiting_socket(), .timeout = timeout,
		};
		int server = waiting_server(), second = waiting_server();

		waiting_start(&waiting);
		waiting_connect(waiting.other, second);
		waiting_connect(waiting.fd, server);
		waiting_answer(waiting.fd, server, "two");
		waiting_join(&waiting);
		waiting_answer(waiting.other, second, "other");
		say_recv("other", waiting.other);
		close(waiting.fd);
		close(waiting.other);
		close(server);
		close(second);
	}
}

static void two_endless(void)
{
	two(-1);
}

static void two_timed(void)
{
	two(20000);
}

/* Several threads on one socket: each gets one datagram. */
static void many(void)
{
	struct waiting waiting[12];
	int fd = waiting_socket(), server = waiting_server();
	unsigned int woken = 0;

	for (size_t i = 0; i < ARRAY_SIZE(waiting); i++) {
		waiting[i] = (struct waiting){
			.way = WAY_RECV, .fd = fd, .timeout = -1, .other = -1, .quiet = true,
		};
		waiting_start(&waiting[i]);
	}
	waiting_connect(fd, server);
	for (size_t i = 0; i < ARRAY_SIZE(waiting); i++)
		waiting_answer(fd, server, "many");
	for (size_t i = 0; i < ARRAY_SIZE(waiting); i++) {
		waiting_join(&waiting[i]);
		woken += waiting[i].result == 4;
	}
	say("woken: %u", woken);
	close(fd);
	close(server);
}

/* Until what came has been taken. */
static void wait_poll_empty(int fd)
{
	struct pollfd item = { .fd = fd, .events = POLLIN };
	long start = now_ms();

	while (must(poll(&item, 1, 0)))
		if (now_ms() - start > DEADLINE)
			fail("nobody takes the datagram");
}

/* A call that waits for two datagrams has none yet, or one; with one it returns early. */
static void several(bool begun)
{
	struct waiting waiting = {
		.way = WAY_RECVMMSG_TWO, .fd = waiting_socket(), .timeout = -1, .other = -1,
	};
	struct sockaddr_in address = inet(LOOPBACK, 0);
	socklen_t length = sizeof(address);
	int server = waiting_server();

	must(bind(waiting.fd, (struct sockaddr *)&address, length));
	must(getsockname(waiting.fd, (struct sockaddr *)&address, &length));
	waiting_start(&waiting);
	if (begun) {
		must(sendto(server, "one", 3, 0, (struct sockaddr *)&address, length));
		wait_poll_empty(waiting.fd);
		waiting_until_blocked(&waiting);
	}
	waiting_connect(waiting.fd, server);
	if (!begun)
		waiting_answer(waiting.fd, server, "one");
	waiting_answer(waiting.fd, server, "two");
	waiting_join(&waiting);
	close(waiting.fd);
	close(server);
}

static void several_fresh(void)
{
	several(false);
}

static void several_begun(void)
{
	several(true);
}

/* A thread in epoll_wait(2) must not see EINTR. */
static void epoll(void)
{
	struct waiting waiting = {
		.way = WAY_EPOLL, .fd = waiting_socket(), .timeout = 20000, .other = -1,
	};
	int server = waiting_server();

	waiting_start(&waiting);
	waiting_connect(waiting.fd, server);
	waiting_answer(waiting.fd, server, "epoll");
	waiting_join(&waiting);
	close(waiting.fd);
	close(server);
}

/* A thread whose sandbox forbids restart_syscall(2). */
static void own_filter(void)
{
	for (int timed = 0; timed < 2; timed++) {
		struct waiting waiting = {
			.way = WAY_POLL, .fd = waiting_socket(), .timeout = timed ? 20000 : -1, .other = -1,
			.sandboxed = true,
		};
		int server = waiting_server();

		waiting_start(&waiting);
		waiting_connect(waiting.fd, server);
		waiting_answer(waiting.fd, server, "sandboxed");
		waiting_join(&waiting);
		close(waiting.fd);
		close(server);
	}
}

/*
 * A thread that its own program traces cannot be kicked. The child connects; its thread waits until its time
 * is over.
 */
static void traced(void)
{
	int ready[2], go[2];
	int status = -1;
	pid_t child, tid;
	char byte = 0;

	must(pipe(ready));
	must(pipe(go));
	child = must(fork());
	if (!child) {
		struct waiting waiting = {
			.way = WAY_POLL, .fd = waiting_socket(), .timeout = slowly(1000), .other = -1,
		};
		int server = waiting_server();

		waiting_start(&waiting);
		must(write(ready[1], &waiting.tid, sizeof(waiting.tid)));
		must(read(go[0], &byte, 1));
		waiting_connect(waiting.fd, server);
		waiting_answer(waiting.fd, server, "traced");
		waiting_join(&waiting);
		say("before its time: %s", waiting.until - waiting.since < waiting.timeout - 100 ? "yes" : "no");
		_exit(0);
	}
	must(read(ready[0], &tid, sizeof(tid)));
	must(ptrace(PTRACE_SEIZE, tid, NULL, NULL));
	must(write(go[1], &byte, 1));
	/* The thread's end is told to its tracer, too. */
	while (must(waitpid(-1, &status, __WALL)) != child)
		;
	say("child: %x", status);
	for (int i = 0; i < 2; i++) {
		close(ready[i]);
		close(go[i]);
	}
}

/* TCP: a select for exceptional conditions alone waits on a fresh socket. */
static void exceptional(void)
{
	for (int timed = 0; timed < 2; timed++) {
		struct server server = server_open(LOOPBACK);
		struct waiting waiting = {
			.way = WAY_SELECT_EXCEPTIONAL, .fd = tcp(0), .other = -1,
			.timeout = timed ? 20000 : -1,
		};
		int peer;

		waiting_start(&waiting);
		say_connect(waiting.fd, &server.addr);
		peer = server_accept(&server);
		must(send(peer, "x", 1, MSG_OOB));
		waiting_join(&waiting);
		close(peer);
		close(waiting.fd);
		server_close(&server);
	}
}

const struct scenario scenarios[] = {
	{ "wakes-endless", wakes_endless, MUST_SWAP },
	{ "wakes-timed", wakes_timed, MUST_SWAP },
	{ "expires-poll", expires_poll, MUST_SWAP },
	{ "expires-ppoll", expires_ppoll, MUST_SWAP },
	{ "expires-select", expires_select, MUST_SWAP },
	{ "expires-pselect", expires_pselect, MUST_SWAP },
	{ "expires-anew-receive", expires_anew_receive, MUST_SWAP },
	{ "expires-anew-read-only", expires_anew_read_only, MUST_SWAP },
	{ "duplicate", duplicate, MUST_SWAP },
	{ "reused", reused, MUST_SWAP },
	{ "two-endless", two_endless, MUST_SWAP },
	{ "two-timed", two_timed, MUST_SWAP },
	{ "many", many, MUST_SWAP },
	{ "several-fresh", several_fresh, MUST_SWAP },
	{ "several-begun", several_begun, MUST_SWAP },
	{ "epoll", epoll, MUST_SWAP },
	{ "own-filter", own_filter, MUST_SWAP },
	{ "traced", traced, MUST_SWAP },
	{ "exceptional", exceptional, MUST_SWAP },
	{ 0 },
};
const struct scenario helpers[] = { { 0 } };
