// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Another process that wants a program's bound port for itself, all the time, while the socket that holds it
 * is swapped, a thousand times. Natively the kernel refuses it each time.
 */
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <signal.h>
#include <unistd.h>

#include "server.h"

#define ROUNDS 1000

/*
 * How many may get in without privileges: there is a window of a microsecond (handover.c), and the other tries
 * every 5 to 10. Held from bind(2) to the answer, it was most of them.
 */
#define FEW (ROUNDS / 2)

struct shared {
	atomic_int port;   /* to be had, in network order; 0: hands off */
	atomic_int trying; /* the other is at it */
	atomic_ulong tries;
	atomic_ulong intruders;
	atomic_ulong other_errors;
};

static struct shared *shared;

/* To 127.0.0.1, to any address, or to any of IPv6, which stands for IPv4 as well. */
static int try_bind(int type, int port, int option, unsigned int turn)
{
	struct sockaddr_in in = inet(turn % 3 ? "0.0.0.0" : LOOPBACK, (in_port_t)port);
	struct sockaddr_in6 in6 = inet6("::", (in_port_t)port);
	bool six = turn % 3 == 2;
	int fd = must(socket(six ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC, 0));
	int r;

	must(set(fd, SOL_SOCKET, option, 1));
	r = six ? bind(fd, (struct sockaddr *)&in6, sizeof(in6))
		: bind(fd, (struct sockaddr *)&in, sizeof(in));
	r = r < 0 ? errno : 0;
	close(fd);
	return r;
}

static void other(int type)
{
	for (unsigned int turn = 0;; turn++) {
		int port, r;

		atomic_store(&shared->trying, 1);
		port = atomic_load(&shared->port);
		if (port) {
			r = try_bind(type, port, turn & 1 ? SO_REUSEPORT : SO_REUSEADDR, turn);
			if (r == 0)
				atomic_fetch_add(&shared->intruders, 1);
			else if (r != EADDRINUSE)
				atomic_fetch_add(&shared->other_errors, 1);
			atomic_fetch_add(&shared->tries, 1);
		}
		atomic_store(&shared->trying, 0);
		if (!port)
			sched_yield();
	}
}

/* Until it has tried every way once more, from which on it would be for good. */
static void wait_tried(void)
{
	unsigned long before = atomic_load(&shared->tries);
	long start = now_ms();

	while (atomic_load(&shared->tries) < before + 7) {
		if (now_ms() - start > DEADLINE)
			fail("the other does not come");
		sched_yield();
	}
}

/* Until it is past what it was trying. */
static void wait_idle(void)
{
	long start = now_ms();

	atomic_store(&shared->port, 0);
	while (atomic_load(&shared->trying)) {
		if (now_ms() - start > DEADLINE)
			fail("the other does not end");
		sched_yield();
	}
}

static void one_round(int type, const struct server *server)
{
	struct sockaddr_in mine = inet(LOOPBACK, 0);
	socklen_t length = sizeof(mine);
	int fd = must(socket(AF_INET, type | SOCK_CLOEXEC, 0)), peer = -1;
	int reuse = -1;

	must(bind(fd, (struct sockaddr *)&mine, sizeof(mine)));
	must(getsockname(fd, (struct sockaddr *)&mine, &length));
	atomic_store(&shared->port, mine.sin_port);
	must(do_connect(fd, &server->addr, sizeof(server->addr)));
	if (type == SOCK_STREAM)
		peer = server_accept(server);
	wait_tried();
	wait_idle();
	length = sizeof(reuse);
	must(getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, &length));
	if (reuse)
		say("SO_REUSEADDR: %d", reuse);
	/* The server closes first and keeps the TIME_WAIT. */
	if (peer >= 0)
		close(peer);
	close(fd);
}

static void hold(int type)
{
	const bool exact = geteuid() == 0;
	struct server server = server_open(LOOPBACK);
	pid_t pid;
	unsigned long in;

	if (type == SOCK_DGRAM) {
		socklen_t length = sizeof(server.addr);

		close(server.fd);
		server.addr = inet(LOOPBACK, 0);
		server.fd = must(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
		must(bind(server.fd, (struct sockaddr *)&server.addr, sizeof(server.addr)));
		must(getsockname(server.fd, (struct sockaddr *)&server.addr, &length));
	}
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		fail("mmap");
	pid = must(fork());
	if (pid == 0) {
		must(prctl(PR_SET_PDEATHSIG, SIGKILL));
		other(type);
	}
	for (int i = 0; i < ROUNDS; i++)
		one_round(type, &server);
	must(kill(pid, SIGKILL));
	must(waitpid(pid, NULL, 0));
	in = atomic_load(&shared->intruders);
	note("%lu of %lu tries got in during %d connects", in,
	     atomic_load(&shared->tries), ROUNDS);
	say("other errors: %lu", atomic_load(&shared->other_errors));
	if (exact)
		say("got in: %lu", in);
	else
		say("got in: %s", in <= FEW ? "few or none" : "many");
	server_close(&server);
}

static void tcp_port(void)
{
	hold(SOCK_STREAM);
}

static void udp_port(void)
{
	hold(SOCK_DGRAM);
}

const struct scenario scenarios[] = {
	{ "tcp", tcp_port, MUST_SWAP | SLOW | COUNTS },
	{ "udp", udp_port, MUST_SWAP | SLOW | COUNTS },
	{ 0 },
};
const struct scenario helpers[] = { { 0 } };
