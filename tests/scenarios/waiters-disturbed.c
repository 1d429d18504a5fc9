// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Threads that are blocked on a socket while another thread connects it (waiters.c), under what makes that
 * hard: parents, ends, signals, repetition.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server.h"
#include "waiting.h"

/* The parent of a program must see none of its kicks. */
static void child_waits(void)
{
	struct waiting waiting = { .way = WAY_RECV, .timeout = -1, .other = -1, .quiet = true };

	for (int i = 0; i < 20; i++) {
		int server = waiting_server();

		waiting.fd = waiting_socket();
		waiting_start(&waiting);
		waiting_connect(waiting.fd, server);
		waiting_answer(waiting.fd, server, "child");
		waiting_join(&waiting);
		close(waiting.fd);
		close(server);
	}
}

/*
 * The process executes another program, or ends, while its threads are kicked: its parent sees how it ended
 * and nothing else. The connect may come to nothing, so it is not counted.
 */
static void *connect_once(void *argument)
{
	const int *fds = argument;
	struct sockaddr_in address;
	socklen_t length = sizeof(address);

	must(getsockname(fds[1], (struct sockaddr *)&address, &length));
	connect(fds[0], (struct sockaddr *)&address, length);
	return NULL;
}

static void end_while_kicked(int round)
{
	struct waiting waiting[6];
	int fds[2] = { waiting_socket(), waiting_server() };
	struct pollfd none = { .fd = -1 };
	pthread_t thread;
	long start;

	for (size_t i = 0; i < ARRAY_SIZE(waiting); i++) {
		waiting[i] = (struct waiting){
			.way = i % 2 ? WAY_RECV : WAY_POLL, .fd = fds[0], .timeout = -1, .other = -1,
		};
		waiting_start(&waiting[i]);
	}
	must(-pthread_create(&thread, NULL, connect_once, fds));
	/* A little later each time. */
	start = now_ns();
	while (now_ns() - start < round * 20000L)
		poll(&none, 1, 0);
	if (round % 2)
		exec_helper("end", "7");
	_exit(7);
}

static void ends(void)
{
	unsigned int right = 0, children = 0;

	for (int round = 0; round < 80; round++) {
		pid_t child = must(fork());
		int status;

		if (!child)
			end_while_kicked(round);
		while (must(waitpid(-1, &status, WUNTRACED | WCONTINUED)) != child)
			;
		right += WIFEXITED(status) && WEXITSTATUS(status) == 7;
		children += waitpid(-1, &status, WNOHANG) < 0 && errno == ECHILD;
	}
	say("ended with 7: %u, nothing left: %u", right, children);
	/* Something that certainly is swapped. */
	child_waits();
}

static void end(void)
{
	_exit(atoi(helper_argument));
}

static volatile sig_atomic_t signals;

static void count_signal(int signal)
{
	signals = signals + 1;
}

static void parent(void)
{
	struct sigaction action = { .sa_handler = count_signal, .sa_flags = SA_RESTART };
	pid_t child;
	int status = -1;

	must(sigaction(SIGCHLD, &action, NULL));
	child = must(fork());
	if (!child) {
		child_waits();
		_exit(9);
	}
	say("waited for the child: %s", must(waitpid(-1, &status, WUNTRACED | WCONTINUED)) == child ?
	    "yes" : "no");
	say("exited: %s, status %d, signals %d", WIFEXITED(status) ? "yes" : "no",
	    WEXITSTATUS(status), (int)signals);
}

/* Signals that arrive at the waiting thread all the time: no call is lost, none shows EINTR that
 * natively would not. */
static void alarms(void)
{
	const struct itimerval often = { { 0, 500 }, { 0, 500 } }, never = { 0 };
	struct sigaction action = { .sa_handler = count_signal, .sa_flags = SA_RESTART };
	unsigned int woken = 0, interrupted = 0;
	sigset_t set;

	must(sigaction(SIGALRM, &action, NULL));
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	must(setitimer(ITIMER_REAL, &often, NULL));
	for (int i = 0; i < 60; i++) {
		struct waiting waiting = {
			.way = i % 2 ? WAY_RECV : WAY_READV, .fd = waiting_socket(), .timeout = -1, .other = -1,
			.quiet = true, .signalled = true,
		};
		int server = waiting_server();

		waiting_start(&waiting);
		waiting_connect(waiting.fd, server);
		waiting_answer(waiting.fd, server, "alarm");
		waiting_join(&waiting);
		woken += waiting.result == 5;
		interrupted += waiting.error == EINTR;
		close(waiting.fd);
		close(server);
	}
	must(setitimer(ITIMER_REAL, &never, NULL));
	say("woken: %u, EINTR: %u", woken, interrupted);
}

/* Again and again, every way in turn; the thread may just begin to wait when the other connects. */
static void often(bool settled)
{
	static const enum way ways[] = { WAY_RECV, WAY_POLL, WAY_SELECT, WAY_PPOLL, WAY_READ };
	unsigned int woken = 0;

	for (int i = 0; i < 300; i++) {
		struct waiting waiting = {
			.way = ways[i % ARRAY_SIZE(ways)], .fd = waiting_socket(), .timeout = -1, .other = -1,
			.quiet = true, .unsettled = !settled, .delay = settled ? 0 : i * 2000L,
		};
		int server = waiting_server();

		waiting_start(&waiting);
		waiting_connect(waiting.fd, server);
		waiting_answer(waiting.fd, server, "often");
		waiting_join(&waiting);
		woken += !strcmp(waiting.data, "often");
		close(waiting.fd);
		close(server);
	}
	say("woken: %u", woken);
}

static void often_settled(void)
{
	often(true);
}

static void often_racing(void)
{
	often(false);
}

const struct scenario scenarios[] = {
	{ "parent", parent, MUST_SWAP },
	{ "ends", ends, MUST_SWAP | SLOW },
	{ "alarms", alarms, MUST_SWAP },
	{ "often-settled", often_settled, MUST_SWAP | SLOW },
	{ "often-racing", often_racing, MUST_SWAP | SLOW },
	{ 0 },
};
const struct scenario helpers[] = { { "end", end, 0 }, { 0 } };
