// SPDX-License-Identifier: GPL-2.0-or-later
/* Calls that wait for a datagram: what ends the wait, and what does not. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "udp-server.h"

#define MANY 50

/* A thread that waits in recvfrom(2) with an address. */
struct waiter {
	pthread_t thread;
	_Atomic pid_t tid;
	int fd;
	ssize_t result;
	int error;
	struct sockaddr_storage from;
	socklen_t length;
	char buffer[32];
};

/*
 * Wait until a thread waits in its call. Under reseat it is there a moment before its socket is
 * looked up, as the kernel does it at once; calls are dealt with in turn, so when one of ours is
 * answered that has happened.
 */
static void wait_waiting(pid_t tid, int fd)
{
	struct sockaddr_storage name;
	socklen_t length = sizeof(name);

	wait_blocked(tid, SYS_recvfrom);
	must(getsockname(fd, (struct sockaddr *)&name, &length));
}

static void *wait_there(void *argument)
{
	struct waiter *waiter = argument;

	waiter->length = sizeof(waiter->from);
	waiter->tid = gettid();
	waiter->result = recvfrom(waiter->fd, waiter->buffer, sizeof(waiter->buffer) - 1, 0,
				  (struct sockaddr *)&waiter->from, &waiter->length);
	waiter->error = errno;
	return NULL;
}

static void start(struct waiter *waiter, int fd)
{
	memset(waiter, 0, sizeof(*waiter));
	waiter->fd = fd;
	must(-pthread_create(&waiter->thread, NULL, wait_there, waiter));
	while (!waiter->tid)
		sched_yield();
	wait_waiting(waiter->tid, fd);
}

static void say_waiter(const char *what, struct waiter *waiter)
{
	must(-pthread_join(waiter->thread, NULL));
	if (waiter->result < 0) {
		say("%s: -1 %s", what, errno_name(waiter->error));
		return;
	}
	say("%s: %zd %s, address of %u", what, waiter->result, waiter->buffer, waiter->length);
	if (waiter->length)
		say_address(what, &waiter->from, waiter->length, PEER);
}

static void datagram(void)
{
	struct server server = udp_open(SITE, "server");
	int fd = udp_connected(&server, 0);
	struct sockaddr_in client = udp_address(&server, fd);
	struct waiter waiter;

	for (int i = 0; i < 3; i++) {
		start(&waiter, fd);
		udp_send(&server, &client, i ? "again" : "hello");
		say_waiter("recvfrom", &waiter);
	}
	say_recvfrom("nothing is left", fd, MSG_DONTWAIT);
	close(fd);
	server_close(&server);
}

/* One datagram for each of two that wait. */
static void two(void)
{
	struct server server = udp_open(SITE, "server");
	int fd = udp_connected(&server, 0);
	struct sockaddr_in client = udp_address(&server, fd);
	struct waiter first, second;

	start(&first, fd);
	start(&second, fd);
	udp_send(&server, &client, "hello");
	udp_send(&server, &client, "hello");
	say_waiter("first", &first);
	say_waiter("second", &second);
	say_recvfrom("nothing is left", fd, MSG_DONTWAIT);
	close(fd);
	server_close(&server);
}

static void many(void)
{
	struct server server = udp_open(SITE, "server");
	static struct waiter waiters[MANY];
	struct sockaddr_in clients[MANY];
	unsigned int came = 0, addresses = 0;

	for (int i = 0; i < MANY; i++) {
		int fd = udp(0);

		socklen_t length = sizeof(clients[i]);

		must(do_connect(fd, &server.addr, sizeof(server.addr)));
		must(getsockname(fd, (struct sockaddr *)&clients[i], &length));
		clients[i].sin_addr = server.addr.sin_addr;
		start(&waiters[i], fd);
	}
	for (int i = MANY; i-- > 0;)
		udp_send(&server, &clients[i], "hello");
	for (int i = 0; i < MANY; i++) {
		must(-pthread_join(waiters[i].thread, NULL));
		came += waiters[i].result == 5;
		addresses += waiters[i].length == sizeof(struct sockaddr_in);
		close(waiters[i].fd);
	}
	say("datagrams: %u, addresses: %u", came, addresses);
	server_close(&server);
}

static void refused(void)
{
	struct sockaddr_in refusing = udp_refusing(SITE);
	struct waiter waiter;
	int fd = udp(0);

	say_connect(fd, &refusing);
	start(&waiter, fd);
	say_result("send", send(fd, "x", 1, 0));
	say_waiter("recvfrom", &waiter);
	close(fd);
}

/* The wait goes on where the socket is closed or its number given away: it is the file that is waited for. */
static void closed(void)
{
	struct server server = udp_open(SITE, "server"), other = udp_open(SITE2, "other");
	int fd = udp_connected(&server, 0), third;
	struct sockaddr_in client = udp_address(&server, fd);
	struct waiter waiter;

	start(&waiter, fd);
	close(fd);
	third = udp_connected(&other, 0);
	say("the same number: %s", third == fd ? "yes" : "no");
	udp_send(&server, &client, "hello");
	say_waiter("recvfrom", &waiter);
	close(third);
	server_close(&other);
	server_close(&server);
}

static void shut(void)
{
	struct server server = udp_open(SITE, "server");
	int fd = udp_connected(&server, 0);
	struct waiter waiter;

	start(&waiter, fd);
	say_result("shutdown", shutdown(fd, SHUT_RD));
	say_waiter("recvfrom", &waiter);
	say_recvfrom("once more", fd, 0);
	say_recvfrom("and without waiting", fd, MSG_DONTWAIT);
	close(fd);
	server_close(&server);
}

static void timeout(void)
{
	struct server server = udp_open(SITE, "server");
	int fd = udp_connected(&server, 0);
	struct timeval time = { .tv_usec = 150000 };
	long since;

	must(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &time, sizeof(time)));
	since = now_ms();
	say_recvfrom("recvfrom", fd, 0);
	say_elapsed("it waited", since, 150);
	close(fd);
	server_close(&server);
}

static volatile sig_atomic_t ran;
static volatile pid_t ran_in;

static void handler(int number)
{
	/* In this order: who sees the first has the second. */
	ran_in = gettid();
	ran++;
}

static void handle(int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	ran = 0;
	must(sigaction(SIGUSR1, &action, NULL));
}

/* A signal for the thread, or for the process; with SA_RESTART the call goes on. */
static void signalled(const char *what, int flags, const struct timeval *time, bool process)
{
	struct server server = udp_open(SITE, "server");
	int fd = udp_connected(&server, 0);
	struct sockaddr_in client = udp_address(&server, fd);
	struct waiter waiter;
	long since;

	say("%s", what);
	handle(flags);
	if (time)
		must(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, time, sizeof(*time)));
	start(&waiter, fd);
	since = now_ms();
	must(process ? kill(getpid(), SIGUSR1) : tgkill(getpid(), waiter.tid, SIGUSR1));
	while (!ran && now_ms() - since < DEADLINE)
		sched_yield();
	say("handler: %d, in the waiting thread: %s, soon: %s", ran, ran_in == waiter.tid ? "yes" : "no",
	    now_ms() - since < 250 ? "yes" : "no");
	if ((flags & SA_RESTART) && !time) {
		wait_blocked(waiter.tid, SYS_recvfrom);
		udp_send(&server, &client, "hello");
	}
	say_waiter("recvfrom", &waiter);
	say_recvfrom("nothing is left", fd, MSG_DONTWAIT);
	close(fd);
	server_close(&server);
}

static void signals(void)
{
	static const struct timeval time = { .tv_sec = 20 };

	signalled("without SA_RESTART", 0, NULL, false);
	signalled("with SA_RESTART", SA_RESTART, NULL, false);
	signalled("with SO_RCVTIMEO", 0, &time, false);
	signalled("with SA_RESTART and SO_RCVTIMEO", SA_RESTART, &time, false);
}

/* A signal for the process, which the main thread has blocked: only the one that waits can take it. */
static void process_signals(void)
{
	sigset_t set, before;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	/* The waiter has to have it unblocked. */
	handle(0);
	for (int i = 0; i < 2; i++) {
		struct server server = udp_open(SITE, "server");
		int fd = udp_connected(&server, 0);
		struct sockaddr_in client = udp_address(&server, fd);
		struct waiter waiter;
		long since;

		handle(i ? SA_RESTART : 0);
		must(-pthread_sigmask(SIG_UNBLOCK, &set, &before));
		start(&waiter, fd);
		must(-pthread_sigmask(SIG_BLOCK, &set, NULL));
		since = now_ms();
		must(kill(getpid(), SIGUSR1));
		while (!ran && now_ms() - since < DEADLINE)
			sched_yield();
		say("handler: %d, in the waiting thread: %s, soon: %s", ran,
		    ran_in == waiter.tid ? "yes" : "no", now_ms() - since < 250 ? "yes" : "no");
		if (i) {
			wait_blocked(waiter.tid, SYS_recvfrom);
			udp_send(&server, &client, "hello");
		}
		say_waiter("recvfrom", &waiter);
		close(fd);
		server_close(&server);
	}
}

/* A process that waits, which says what it got when it gets something. */
static pid_t child(int fd)
{
	pid_t pid = must(fork());

	if (!pid) {
		say_recvfrom("the child", fd, 0);
		_exit(0);
	}
	wait_waiting(pid, fd);
	return pid;
}

static void stopped(void)
{
	struct server server = udp_open(SITE, "server");
	int fd = udp_connected(&server, 0), status;
	struct sockaddr_in client = udp_address(&server, fd);
	pid_t pid = child(fd);

	must(kill(pid, SIGSTOP));
	must(waitpid(pid, &status, WUNTRACED));
	say("stopped: %s", WIFSTOPPED(status) ? "yes" : "no");
	udp_send(&server, &client, "hello");
	say("takes nothing: %s", waitpid(pid, &status, WNOHANG) ? "no" : "yes");
	must(kill(pid, SIGCONT));
	must(waitpid(pid, &status, 0));
	say("status %x", status);
	close(fd);
	server_close(&server);
}

/* All threads of a process stop, and its parent hears of it when the last has: also one that waits. */
static void stopped_threads(void)
{
	struct server server = udp_open(SITE, "server");
	int fd = udp_connected(&server, 0), status, pipes[2];
	struct sockaddr_in client = udp_address(&server, fd);
	pid_t pid;
	char byte;

	must(pipe(pipes));
	pid = must(fork());
	if (!pid) {
		struct waiter waiters[2];

		start(&waiters[0], fd);
		start(&waiters[1], fd);
		must(write(pipes[1], "x", 1));
		say_waiter("first", &waiters[0]);
		say_waiter("second", &waiters[1]);
		_exit(0);
	}
	must(read(pipes[0], &byte, 1));
	must(kill(pid, SIGSTOP));
	must(waitpid(pid, &status, WUNTRACED));
	say("stopped: %s", WIFSTOPPED(status) ? "yes" : "no");
	udp_send(&server, &client, "hello");
	udp_send(&server, &client, "hello");
	must(kill(pid, SIGCONT));
	must(waitpid(pid, &status, 0));
	say("status %x", status);
	close(pipes[0]);
	close(pipes[1]);
	close(fd);
	server_close(&server);
}

/* As strace -p attaches and goes away again. */
static void traced(void)
{
	struct server server = udp_open(SITE, "server");
	int fd = udp_connected(&server, 0), status;
	struct sockaddr_in client = udp_address(&server, fd);
	pid_t pid = child(fd);

	if (ptrace(PTRACE_SEIZE, pid, 0, 0) < 0)
		skip("ptrace(2) of a child: %s", strerror(errno));
	must(ptrace(PTRACE_INTERRUPT, pid, 0, 0));
	must(waitpid(pid, &status, 0));
	say("stopped: %s", WIFSTOPPED(status) && status >> 16 == PTRACE_EVENT_STOP ? "yes" : "no");
	must(ptrace(PTRACE_DETACH, pid, 0, 0));
	wait_waiting(pid, fd);
	udp_send(&server, &client, "hello");
	must(waitpid(pid, &status, 0));
	say("status %x", status);
	close(fd);
	server_close(&server);
}

static void killed(void)
{
	struct server server = udp_open(SITE, "server");
	int fd = udp_connected(&server, 0), status;
	struct sockaddr_in client = udp_address(&server, fd);
	pid_t pid = child(fd);

	must(kill(pid, SIGKILL));
	must(waitpid(pid, &status, 0));
	say("status %x", status);
	/* What comes now is for who is left. */
	udp_send(&server, &client, "hello");
	wait_poll(fd, POLLIN);
	say_recvfrom("recvfrom", fd, 0);
	close(fd);
	server_close(&server);
}

#define STORM 6
#define ROUNDS 400

struct stormy {
	pthread_t thread;
	_Atomic pid_t tid;
	int fd, odd;
	unsigned int datagrams;
};

static void *weather(void *argument)
{
	struct stormy *one = argument;
	char buffer[8];

	one->tid = gettid();
	for (;;) {
		struct sockaddr_in from;
		socklen_t length = sizeof(from);
		ssize_t n = recvfrom(one->fd, buffer, sizeof(buffer), 0, (struct sockaddr *)&from, &length);

		if (n == 3)
			return NULL;
		if (n >= 0)
			one->datagrams++;
		else if (errno != EINTR)
			one->odd = errno;
	}
}

/* Signals for threads and for their process, and datagrams, as they come: nothing odd is ever returned. */
static void storm(int flags)
{
	struct server server = udp_open(SITE, "server");
	struct stormy all[STORM] = { 0 };
	struct sockaddr_in clients[STORM];
	unsigned int state = 1, sent[STORM] = { 0 };

	handle(flags);
	for (int i = 0; i < STORM; i++) {
		socklen_t length = sizeof(clients[i]);

		all[i].fd = udp(0);
		must(do_connect(all[i].fd, &server.addr, sizeof(server.addr)));
		must(getsockname(all[i].fd, (struct sockaddr *)&clients[i], &length));
		clients[i].sin_addr = server.addr.sin_addr;
		must(-pthread_create(&all[i].thread, NULL, weather, &all[i]));
		while (!all[i].tid)
			sched_yield();
	}
	for (int i = 0; i < ROUNDS; i++) {
		const int n = (state >> 16) % STORM;

		state = state * 1103515245 + 12345;
		switch (state >> 28 & 3) {
		case 0:
			must(tgkill(getpid(), all[n].tid, SIGUSR1));
			break;
		case 1:
			must(kill(getpid(), SIGUSR1));
			break;
		default:
			udp_send(&server, &clients[n], "x");
			sent[n]++;
		}
	}
	for (int i = 0; i < STORM; i++) {
		udp_send(&server, &clients[i], "end");
		must(-pthread_join(all[i].thread, NULL));
		say("odd: %s, all datagrams: %s", errno_name(all[i].odd),
		    all[i].datagrams == sent[i] ? "yes" : "no");
		close(all[i].fd);
	}
	server_close(&server);
}

static void storm_interrupts(void)
{
	storm(0);
}

static void storm_restarts(void)
{
	storm(SA_RESTART);
}

/* A timeout beyond what can be counted is none that has passed. */
static void endless(void)
{
	const struct timeval timeout = {
		.tv_sec = sizeof(time_t) > 4 ? (time_t)18446744073709ULL : INT_MAX,
	};
	struct server server = udp_open(SITE, "server");
	int fd = udp_connected(&server, 0);
	struct sockaddr_in client = udp_address(&server, fd);
	struct waiter waiter;

	must(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)));
	start(&waiter, fd);
	udp_send(&server, &client, "hello");
	say_waiter("recvfrom", &waiter);
	close(fd);
	server_close(&server);
}

/* Ends while others wait, and leaves nobody behind. */
static void left(void)
{
	struct server server = udp_open(SITE, "server");
	static struct waiter waiters[4];

	for (size_t i = 0; i < ARRAY_SIZE(waiters); i++) {
		int fd = udp(0);

		must(do_connect(fd, &server.addr, sizeof(server.addr)));
		start(&waiters[i], fd);
	}
	say("leaving");
}

const struct scenario scenarios[] = {
	{ "datagram", datagram, MUST_SWAP },
	{ "two", two, MUST_SWAP },
	{ "many", many, MUST_SWAP },
	{ "refused", refused, MUST_SWAP },
	{ "closed", closed, MUST_SWAP },
	{ "shut", shut, MUST_SWAP },
	{ "timeout", timeout, MUST_SWAP },
	{ "endless", endless, MUST_SWAP },
	{ "signals", signals, MUST_SWAP },
	{ "process-signals", process_signals, MUST_SWAP },
	{ "stopped", stopped, MUST_SWAP },
	{ "stopped-threads", stopped_threads, MUST_SWAP },
	{ "traced", traced, MUST_SWAP },
	{ "killed", killed, MUST_SWAP },
	{ "storm-interrupts", storm_interrupts, MUST_SWAP },
	{ "storm-restarts", storm_restarts, MUST_SWAP },
	{ "left", left, MUST_SWAP },
	{ 0 },
};

const struct scenario helpers[] = { { 0 } };
