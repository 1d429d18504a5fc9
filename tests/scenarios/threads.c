// SPDX-License-Identifier: GPL-2.0-or-later
/* Several threads: connecting at once, with tables of their own, without their leader. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server.h"

#define THREADS 8
#define ROUNDS 25

struct worker {
	pthread_t thread;
	struct server server;
	unsigned int connected, events, echoed;
	bool blocking;
};

/* Register, connect, wait for the edge, exchange a byte, close. */
static void *work(void *argument)
{
	struct worker *worker = argument;
	int ep = must(epoll_create1(EPOLL_CLOEXEC));

	for (int i = 0; i < ROUNDS; i++) {
		int fd = tcp(worker->blocking ? 0 : SOCK_NONBLOCK), peer;
		struct epoll_event event = {
			.events = EPOLLIN | EPOLLOUT | EPOLLET,
			.data.u64 = i + 1,
		};
		char byte;

		must(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event));
		if (!do_connect(fd, &worker->server.addr, sizeof(worker->server.addr)) ||
		    errno == EINPROGRESS)
			worker->connected++;
		wait_poll(fd, POLLOUT);
		if (epoll_wait(ep, &event, 1, DEADLINE) == 1 && event.data.u64 == (unsigned)i + 1 &&
		    event.events == EPOLLOUT)
			worker->events++;
		peer = server_accept(&worker->server);
		must(send(peer, "x", 1, 0));
		if (epoll_wait(ep, &event, 1, DEADLINE) == 1 &&
		    event.events == (EPOLLIN | EPOLLOUT) && recv(fd, &byte, 1, 0) == 1)
			worker->echoed++;
		close(fd);
		close(peer);
	}
	close(ep);
	return NULL;
}

static void at_once(bool blocking)
{
	struct worker workers[THREADS] = { 0 };
	unsigned int connected = 0, events = 0, echoed = 0;

	for (int i = 0; i < THREADS; i++) {
		workers[i].server = server_open(LOOPBACK);
		workers[i].blocking = blocking;
	}
	for (int i = 0; i < THREADS; i++)
		must(-pthread_create(&workers[i].thread, NULL, work, &workers[i]));
	for (int i = 0; i < THREADS; i++) {
		pthread_join(workers[i].thread, NULL);
		connected += workers[i].connected;
		events += workers[i].events;
		echoed += workers[i].echoed;
		server_close(&workers[i].server);
	}
	say("of %d: connected %u, edges %u, data %u", THREADS * ROUNDS, connected, events, echoed);
}

static void nonblocking(void)
{
	at_once(false);
}

static void blocking(void)
{
	at_once(true);
}

/*
 * A thread with a descriptor table of its own. At its socket's number stands something else in the
 * table of the leader, which must not be touched.
 */
static void *unshared(void *argument)
{
	struct server *server = argument;
	int fd, peer;
	char byte = 0;

	must(unshare(CLONE_FILES));
	close(100);
	fd = tcp(0);
	must(dup2(fd, 100));
	close(fd);
	say_connect(100, &server->addr);
	peer = server_accept(server);
	say_peer(100);
	say_echo(100, peer);
	say_result("another thread's socket", send(101, &byte, 1, MSG_NOSIGNAL));
	close(100);
	say_recv("server", peer);
	return NULL;
}

static void own_table(void)
{
	struct server server = server_open(LOOPBACK);
	int fds[2];
	pthread_t thread;
	char byte;

	must(pipe(fds));
	must(dup2(fds[0], 100));
	must(dup2(fds[1], 101));
	must(-pthread_create(&thread, NULL, unshared, &server));
	pthread_join(thread, NULL);
	must(write(fds[1], "p", 1));
	say_result("read at the number", read(100, &byte, 1));
	close(fds[0]);
	close(fds[1]);
	close(100);
	close(101);
	server_close(&server);
}

static void *survivor(void *argument)
{
	struct server *server = argument;
	int fd = tcp(0), peer;
	long start = now_ms();

	/* Wait until the leader is a zombie. */
	for (;;) {
		FILE *file = fopen("/proc/self/stat", "re");
		char state = 0;

		if (!file || fscanf(file, "%*d %*s %c", &state) != 1)
			fail("no /proc/self/stat");
		fclose(file);
		if (state == 'Z')
			break;
		if (now_ms() - start > DEADLINE)
			fail("the leader does not end");
		sched_yield();
	}
	say_connect(fd, &server->addr);
	peer = server_accept(server);
	say_peer(fd);
	say_local(fd);
	say_echo(fd, peer);
	close(fd);
	say_recv("server", peer);
	_exit(7);
}

static void leader_exited(void)
{
	struct server server = server_open(LOOPBACK);
	pthread_t thread;
	pid_t child = must(fork());
	int status;

	if (!child) {
		must(-pthread_create(&thread, NULL, survivor, &server));
		pthread_exit(NULL);
	}
	must(waitpid(child, &status, 0));
	say("child: %x", status);
	server_close(&server);
}

/* Others ask for names and options of the socket all the time that it is being connected. */
struct asker {
	pthread_t thread;
	int fd, stop;
	unsigned int sockname, peername, domain; /* odd answers */
};

static void *ask(void *argument)
{
	struct asker *asker = argument;

	while (!__atomic_load_n(&asker->stop, __ATOMIC_ACQUIRE)) {
		int fd = __atomic_load_n(&asker->fd, __ATOMIC_ACQUIRE), domain = -1;
		struct sockaddr_storage address;
		socklen_t length = sizeof(address);

		if (fd < 0)
			continue;
		if (!getsockname(fd, (struct sockaddr *)&address, &length) &&
		    (address.ss_family != AF_INET || length != sizeof(struct sockaddr_in)))
			asker->sockname++;
		length = sizeof(address);
		if (!getpeername(fd, (struct sockaddr *)&address, &length) &&
		    (address.ss_family != AF_INET || length != sizeof(struct sockaddr_in)))
			asker->peername++;
		length = sizeof(domain);
		if (!getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) && domain != AF_INET)
			asker->domain++;
	}
	return NULL;
}

static void asked_meanwhile(void)
{
	struct server server = server_open(LOOPBACK);
	struct asker asker = { .fd = -1 };
	unsigned int connected = 0;

	must(-pthread_create(&asker.thread, NULL, ask, &asker));
	for (int i = 0; i < 100; i++) {
		int fd = tcp(0), peer;

		__atomic_store_n(&asker.fd, fd, __ATOMIC_RELEASE);
		connected += !do_connect(fd, &server.addr, sizeof(server.addr));
		peer = server_accept(&server);
		__atomic_store_n(&asker.fd, -1, __ATOMIC_RELEASE);
		close(fd);
		close(peer);
	}
	__atomic_store_n(&asker.stop, 1, __ATOMIC_RELEASE);
	pthread_join(asker.thread, NULL);
	say("connected %u, odd answers: getsockname %u, getpeername %u, SO_DOMAIN %u", connected,
	    asker.sockname, asker.peername, asker.domain);
	server_close(&server);
}

/* One instance for all, one thread that waits, others that register and connect. */
#define SHARED 60

struct shared {
	pthread_t thread;
	int ep;
	unsigned int seen[SHARED], wrong;
};

static void *collect(void *argument)
{
	struct shared *shared = argument;

	for (int left = SHARED; left > 0;) {
		struct epoll_event event;

		if (epoll_wait(shared->ep, &event, 1, DEADLINE) != 1)
			break;
		/* The hang-up of a fresh socket may be seen before its connect, or not. */
		if (event.events & EPOLLHUP)
			continue;
		if (event.data.u64 >= SHARED || event.events != EPOLLOUT)
			shared->wrong++;
		else if (!shared->seen[event.data.u64]++)
			left--;
	}
	return NULL;
}

static void shared_epoll(void)
{
	struct server server = server_open(LOOPBACK);
	struct shared shared = { .ep = must(epoll_create1(0)) };
	unsigned int once = 0;
	int fds[SHARED], peer;

	must(-pthread_create(&shared.thread, NULL, collect, &shared));
	for (int i = 0; i < SHARED; i++) {
		struct epoll_event event = { .events = EPOLLOUT | EPOLLET, .data.u64 = i };

		fds[i] = tcp(SOCK_NONBLOCK);
		must(epoll_ctl(shared.ep, EPOLL_CTL_ADD, fds[i], &event));
		if (do_connect(fds[i], &server.addr, sizeof(server.addr)) && errno != EINPROGRESS)
			say_result("connect", -1);
		peer = server_accept(&server);
		close(peer);
	}
	pthread_join(shared.thread, NULL);
	for (int i = 0; i < SHARED; i++) {
		/* Closed by the server, the connection gives another edge, which is no second. */
		once += shared.seen[i] >= 1;
		close(fds[i]);
	}
	say("of %d: seen %u, wrong %u", SHARED, once, shared.wrong);
	close(shared.ep);
	server_close(&server);
}

const struct scenario scenarios[] = {
	{ "nonblocking", nonblocking, MUST_SWAP },
	{ "blocking", blocking, MUST_SWAP },
	{ "own-table", own_table, MUST_TRACE },
	{ "leader-exited", leader_exited, MUST_TRACE },
	{ "asked-meanwhile", asked_meanwhile, MUST_SWAP },
	{ "shared-epoll", shared_epoll, MUST_SWAP },
	{ 0 },
};
const struct scenario helpers[] = { { 0 } };
