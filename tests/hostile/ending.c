// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Targets that end, or are interrupted, at any step of a connect: nothing is left, nothing comes
 * twice.
 */
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server.h"

/* Longer than the second after which a SYN is sent again. */
#define RETRANSMISSION 1300

/* Wait until the socket at the child's number is connecting: its connect(2) waits in the kernel. */
static void wait_connecting(pid_t child, int number)
{
	int pidfd = must(syscall(SYS_pidfd_open, child, 0)), fd;
	long start = now_ms();

	wait_blocked(child, SYS_connect);
	for (;;) {
		struct tcp_info info = { 0 };
		socklen_t length = sizeof(info);

		fd = must(syscall(SYS_pidfd_getfd, pidfd, number, 0));
		must(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length));
		close(fd);
		if (info.tcpi_state == TCP_SYN_SENT)
			break;
		if (now_ms() - start > DEADLINE)
			fail("the child does not connect");
		sched_yield();
	}
	close(pidfd);
}

/* Killed while connect(2) waits; a socket that somebody still held would connect later. */
static void killed_pending(void)
{
	struct server silent = server_silent(LOOPBACK);
	struct pollfd item = { .fd = silent.fd, .events = POLLIN };
	pid_t child = must(fork());
	int status;

	if (!child) {
		int fd = tcp(0);

		do_connect(fd, &silent.addr, sizeof(silent.addr));
		_exit(1);
	}
	/* The first number above those of the parent is the child's socket. */
	wait_connecting(child, silent.filler + 1);
	must(kill(child, SIGKILL));
	must(waitpid(child, &status, 0));
	say("child: %x", status);
	server_drain(&silent);
	say("a connection afterwards: %d", must(poll(&item, 1, RETRANSMISSION)));
	server_close(&silent);
}

static void *wait_for_ever(void *argument)
{
	struct server *silent = argument;
	int fd = tcp(0);

	do_connect(fd, &silent->addr, sizeof(silent->addr));
	return NULL;
}

/* exit_group(2) and exec by one thread while another waits in connect(2). */
static void ended_by_thread(bool exec)
{
	struct server silent = server_silent(LOOPBACK);
	struct pollfd item = { .fd = silent.fd, .events = POLLIN };
	pid_t child = must(fork());
	int status;

	if (!child) {
		pthread_t thread;
		struct server *shared = &silent;

		must(-pthread_create(&thread, NULL, wait_for_ever, shared));
		/* The first number above those of the parent is the thread's socket. */
		wait_tcp_state(silent.filler + 1, TCP_SYN_SENT);
		if (exec)
			exec_helper("nothing", "");
		_exit(6);
	}
	must(waitpid(child, &status, 0));
	say("child: %x", status);
	server_drain(&silent);
	/* exec closes only what is CLOEXEC; the socket was not, and the helper's end closed it. */
	say("a connection afterwards: %d", must(poll(&item, 1, RETRANSMISSION)));
	server_close(&silent);
}

static void exit_pending(void)
{
	ended_by_thread(false);
}

static void exec_pending(void)
{
	ended_by_thread(true);
}

static void nothing_helper(void)
{
	exit(6);
}

/*
 * Killed at any moment, many times; every connection that came to be ends. Not counted for the
 * trace: of a call that was killed before anybody received it there is none.
 */
#define KILLS 100

static void kill_any_moment(void)
{
	struct server server = server_open(LOOPBACK);
	unsigned int random = 4711, ended = 0, seen = 0, killed = 0;

	for (int i = 0; i < KILLS; i++) {
		int ready[2], status, peer;
		pid_t child;
		char byte;

		must(pipe(ready));
		child = must(fork());
		if (!child) {
			int ep = must(epoll_create1(0));

			for (bool said = false;; said = true) {
				struct epoll_event event = { .events = EPOLLIN | EPOLLET };
				int fd = tcp(said ? 0 : SOCK_NONBLOCK);

				must(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event));
				connect(fd, (struct sockaddr *)&server.addr, sizeof(server.addr));
				if (!said)
					must(write(ready[1], "r", 1));
				close(fd);
			}
		}
		close(ready[1]);
		must(read(ready[0], &byte, 1));
		close(ready[0]);
		random = random * 1103515245 + 12345;
		for (unsigned int j = 0; j < (random >> 16) % 20000; j++)
			__asm__ volatile("" ::: "memory");
		must(kill(child, SIGKILL));
		must(waitpid(child, &status, 0));
		killed += status == SIGKILL;
		while (poll(&(struct pollfd){ .fd = server.fd, .events = POLLIN }, 1, 0) == 1) {
			peer = server_accept(&server);
			seen++;
			wait_poll(peer, POLLIN);
			ended += recv(peer, &byte, 1, MSG_DONTWAIT) <= 0;
			close(peer);
		}
	}
	note("connections: %u", seen);
	say("killed: %u, connections that did not end: %u", killed, seen - ended);
	server_close(&server);
}

/*
 * Signals all the time. With SA_RESTART no call may end with EINTR. Without it, a non-blocking connect natively never
 * does; before the supervisor has received the notification it can. How often depends on how soon the kernel lets whoever
 * is waited for run, so the same is tried beside it with somebody who does nothing but that: a helper that takes a byte
 * from a pipe. Either way the server sees one connection for each socket.
 */
#define SIGNALLED 500

static volatile sig_atomic_t signals;

static void handler(int signal)
{
	signals++;
}

/* Takes requests as a supervisor receives notifications, and answers them. */
struct helper {
	pid_t pid;
	int to, from;
	unsigned int *taken; /* in memory of both */
	unsigned int asked;
};

static struct helper helper_start(void)
{
	struct helper helper = { .asked = 0 };
	int to[2], from[2];
	char byte;

	must(pipe(to));
	must(pipe(from));
	helper.taken = mmap(NULL, sizeof(*helper.taken), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (helper.taken == MAP_FAILED)
		fail("mmap");
	helper.pid = must(fork());
	if (!helper.pid) {
		close(to[1]);
		close(from[0]);
		while (read(to[0], &byte, 1) == 1) {
			__atomic_add_fetch(helper.taken, 1, __ATOMIC_RELEASE);
			must(write(from[1], &byte, 1));
		}
		_exit(0);
	}
	close(to[0]);
	close(from[1]);
	helper.to = to[1];
	helper.from = from[0];
	return helper;
}

/* Ask, and wait for the answer. Return: whether the wait ended with EINTR before anybody had taken the request. */
static bool helper_ask(struct helper *helper)
{
	bool interrupted = false;
	char byte = 'x';

	while (write(helper->to, &byte, 1) < 0 && errno == EINTR)
		;
	helper->asked++;
	while (read(helper->from, &byte, 1) < 0 && errno == EINTR)
		if (__atomic_load_n(helper->taken, __ATOMIC_ACQUIRE) != helper->asked)
			interrupted = true;
	return interrupted;
}

static void helper_end(struct helper *helper)
{
	int status;

	close(helper->to);
	close(helper->from);
	must(waitpid(helper->pid, &status, 0));
	munmap(helper->taken, sizeof(*helper->taken));
}

static void signal_storm(int action_flags, int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = action_flags };
	/* As often for a connect on a slow machine. */
	struct itimerval often = { { 0, slowly(300) }, { 0, slowly(300) } }, never = { 0 };
	struct helper helper = helper_start();
	struct server server = server_open(LOOPBACK);
	unsigned int interrupted = 0, beside = 0, good = 0, seen = 0, limit;

	must(sigaction(SIGALRM, &action, NULL));
	for (int i = 0; i < SIGNALLED; i++) {
		struct pollfd item = { .fd = server.fd, .events = POLLIN };
		int fd = tcp(flags), result, peer;
		short events;

		must(setitimer(ITIMER_REAL, &often, NULL));
		beside += helper_ask(&helper);
		result = do_connect(fd, &server.addr, sizeof(server.addr));
		interrupted += result < 0 && errno == EINTR;
		/* Not counted: the call before it may never have been received. */
		while (result < 0 && errno == EINTR)
			result = connect(fd, (struct sockaddr *)&server.addr, sizeof(server.addr));
		if (result < 0 && (errno == EINPROGRESS || errno == EALREADY || errno == EISCONN))
			result = 0;
		must(setitimer(ITIMER_REAL, &never, NULL));
		events = wait_poll(fd, POLLOUT);
		good += !result && events == POLLOUT;
		peer = server_accept(&server);
		seen++;
		close(fd);
		close(peer);
		while (poll(&item, 1, 0) == 1) {
			close(server_accept(&server));
			seen++;
		}
	}
	helper_end(&helper);
	note("interrupted: %u of %d, a helper: %u", interrupted, SIGNALLED, beside);
	say("connected %u, seen by the server %u", good, seen);
	limit = action_flags & SA_RESTART ? 0 : 2 * beside + SIGNALLED / 20;
	/* Natively there is no supervisor to be late: where the kernel is, that is what happens to programs there. */
	if (!(action_flags & SA_RESTART) && !must(prctl(PR_GET_SECCOMP)))
		limit = SIGNALLED;
	say("interrupted more than twice as often as a helper at most 5 in a hundred times: %s",
	    interrupted <= limit ? "yes" : "no");
	server_close(&server);
}

static void storm_restart(void)
{
	signal_storm(SA_RESTART, 0);
}

static void storm_nonblocking(void)
{
	signal_storm(0, SOCK_NONBLOCK);
}

static void storm_blocking(void)
{
	signal_storm(0, 0);
}

const struct scenario scenarios[] = {
	{ "killed-pending", killed_pending, MUST_SWAP | SLOW },
	{ "exit-pending", exit_pending, MUST_SWAP | SLOW },
	{ "exec-pending", exec_pending, MUST_SWAP | SLOW },
	{ "kill-any-moment", kill_any_moment, MUST_SWAP | SLOW },
	{ "storm-restart", storm_restart, MUST_SWAP | COUNTS },
	{ "storm-nonblocking", storm_nonblocking, MUST_SWAP | COUNTS },
	{ "storm-blocking", storm_blocking, MUST_SWAP | COUNTS },
	{ 0 },
};
const struct scenario helpers[] = {
	{ "nothing", nothing_helper },
	{ 0 },
};
