// SPDX-License-Identifier: GPL-2.0-or-later
/* A connect that has to wait: SO_SNDTIMEO, signals with and without SA_RESTART, a late answer. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server.h"

static void set_timeout(int fd, long ms)
{
	struct timeval time = { ms / 1000, ms % 1000 * 1000 };

	must(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, sizeof(time)));
}

static void say_timeout(int fd)
{
	struct timeval time;
	socklen_t length = sizeof(time);

	must(getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &time, &length));
	say("SO_SNDTIMEO: %ld ms", (long)(time.tv_sec * 1000 + (time.tv_usec + 500) / 1000));
}

static void sndtimeo_expires(void)
{
	struct server silent = server_silent(LOOPBACK);
	int fd = tcp(0);
	long start;

	set_timeout(fd, 300);
	start = now_ms();
	say_connect(fd, &silent.addr);
	say_elapsed("first", start, 300);
	say_timeout(fd);
	say_poll(fd, POLLIN | POLLOUT);
	start = now_ms();
	say_connect(fd, &silent.addr);
	say_elapsed("second", start, 300);
	say_timeout(fd);
	say_error(fd);
	say_peer(fd);
	close(fd);
	server_close(&silent);
}

/* The timeout expires, the server answers later, the next connect says so. */
static void sndtimeo_late(void)
{
	struct server silent = server_silent(LOOPBACK);
	int fd = tcp(0), peer;

	set_timeout(fd, 200);
	say_connect(fd, &silent.addr);
	server_drain(&silent);
	wait_poll(fd, POLLOUT);
	say_connect(fd, &silent.addr);
	say_connect(fd, &silent.addr);
	peer = server_accept(&silent);
	say_echo(fd, peer);
	say_timeout(fd);
	say_no_more_connections(&silent);
	close(peer);
	close(fd);
	server_close(&silent);
}

static void sndtimeo_ok(void)
{
	struct server server = server_open(LOOPBACK);
	struct server refusing = server_refusing(LOOPBACK);
	int fd = tcp(0), peer;

	set_timeout(fd, 700);
	say_connect(fd, &server.addr);
	say_timeout(fd);
	peer = server_accept(&server);
	say_echo(fd, peer);
	close(peer);
	close(fd);
	fd = tcp(0);
	set_timeout(fd, 700);
	say_connect(fd, &refusing.addr);
	say_timeout(fd);
	close(fd);
	server_close(&server);
	server_close(&refusing);
}

/* The timeout of the socket still holds for send(2) afterwards. */
static void sndtimeo_send(void)
{
	static char block[65536];
	struct server server = server_open(LOOPBACK);
	int fd = tcp(0), peer;
	ssize_t sent;
	long start;

	set_timeout(fd, 250);
	say_connect(fd, &server.addr);
	peer = server_accept(&server);
	do {
		start = now_ms();
		sent = send(fd, block, sizeof(block), 0);
	} while (sent >= 0);
	say_result("send", sent);
	say_elapsed("send", start, 250);
	close(peer);
	close(fd);
	server_close(&server);
}

/* A thread that waits in connect(2), and what another one does to its socket's number. */
struct waiter {
	struct server server;
	pthread_t thread;
	pid_t tid;
	int fd;
	long limit; /* milliseconds */
	int result, error;
	long since, until;
};

static void *wait_to_connect(void *argument)
{
	struct waiter *waiter = argument;

	__atomic_store_n(&waiter->tid, gettid(), __ATOMIC_RELEASE);
	waiter->since = now_ms();
	waiter->result = do_connect(waiter->fd, &waiter->server.addr, sizeof(waiter->server.addr));
	waiter->error = errno;
	waiter->until = now_ms();
	return NULL;
}

static void waiter_start(struct waiter *waiter, const struct server *server, long limit)
{
	long start = now_ms();

	*waiter = (struct waiter){ .server = *server, .fd = tcp(0), .limit = limit };
	set_timeout(waiter->fd, limit);
	must(-pthread_create(&waiter->thread, NULL, wait_to_connect, waiter));
	wait_tcp_state(waiter->fd, TCP_SYN_SENT);
	wait_blocked(waiter->tid, SYS_connect);
	/* Until then it is not with the kernel; natively it always is. */
	while (sleeps_in(waiter->tid, "seccomp") && now_ms() - start < DEADLINE)
		sched_yield();
	wait_blocked(waiter->tid, SYS_connect);
}

static void waiter_join(struct waiter *waiter)
{
	long passed;

	pthread_join(waiter->thread, NULL);
	passed = waiter->until - waiter->since;
	errno = waiter->error;
	say_result("connect", waiter->result);
	say("in time: %s", passed >= waiter->limit - 20 && passed < waiter->limit + slowly(1500) ? "yes" : "no");
}

/* The call has the file: that its number is closed, or another file's, does not end it, and its time ends all the same. */
static void sndtimeo_closed(void)
{
	struct server silent = server_silent(LOOPBACK);
	struct waiter waiter;

	waiter_start(&waiter, &silent, 700);
	say_result("close", close(waiter.fd));
	waiter_join(&waiter);
	say_open();
	server_close(&silent);
}

static void sndtimeo_moved(void)
{
	struct server silent = server_silent(LOOPBACK);
	struct waiter waiter;
	int moved;

	waiter_start(&waiter, &silent, 700);
	moved = must(dup(waiter.fd));
	close(waiter.fd);
	waiter_join(&waiter);
	say_timeout(moved);
	say_poll(moved, POLLIN | POLLOUT);
	say_connect(moved, &silent.addr);
	close(moved);
	server_close(&silent);
}

static void sndtimeo_dup2(void)
{
	struct server silent = server_silent(LOOPBACK);
	int zero = must(open("/dev/zero", O_RDONLY | O_CLOEXEC));
	struct waiter waiter;
	char byte = 1;

	waiter_start(&waiter, &silent, 700);
	must(dup2(zero, waiter.fd));
	waiter_join(&waiter);
	say_result("read", read(waiter.fd, &byte, 1));
	say("byte: %d", byte);
	close(waiter.fd);
	close(zero);
	server_close(&silent);
}

/* Two calls wait at once on sockets that had the same number. */
static void sndtimeo_same_number(void)
{
	struct server silent = server_silent(LOOPBACK);
	struct waiter first, other;

	waiter_start(&first, &silent, 1200);
	close(first.fd);
	waiter_start(&other, &silent, 600);
	say("same number: %s", other.fd == first.fd ? "yes" : "no");
	waiter_join(&other);
	waiter_join(&first);
	say_timeout(other.fd);
	close(other.fd);
	server_close(&silent);
}

/* There are as many processes as the user may have, if that is few: ending the call must not take another one. */
static void sndtimeo_processes(void)
{
	struct server server = server_open(LOOPBACK), silent;
	int until[2], fd = tcp(0), error = 0;
	pid_t children[40], child;
	size_t count = 0;
	char byte;

	/* Whatever runs beside is there by then. */
	say_connect(fd, &server.addr);
	close(fd);
	must(pipe2(until, O_CLOEXEC));
	while (count < ARRAY_SIZE(children)) {
		child = fork();
		if (child < 0) {
			error = errno;
			break;
		}
		if (!child) {
			close(until[1]);
			_exit(read(until[0], &byte, 1) != 0);
		}
		children[count++] = child;
	}
	say("fork: %s", errno_name(error));
	silent = server_silent(LOOPBACK);
	fd = tcp(0);
	set_timeout(fd, 400);
	say_connect(fd, &silent.addr);
	say_timeout(fd);
	close(fd);
	close(until[1]);
	while (count)
		must(waitpid(children[--count], NULL, 0));
	close(until[0]);
	server_close(&silent);
	server_close(&server);
}

static volatile sig_atomic_t caught;

static void handler(int signal)
{
	caught++;
}

static void catch(int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	must(sigaction(SIGUSR1, &action, NULL));
}

/* A thread that does what a scenario wants done once connect(2) waits in the kernel. */
struct helper {
	pthread_t thread;
	pthread_t main;
	pid_t tid;
	int fd;
	struct server *server;
	bool interrupt, drain;
};

static void *help(void *argument)
{
	struct helper *helper = argument;

	wait_tcp_state(helper->fd, TCP_SYN_SENT);
	wait_blocked(helper->tid, SYS_connect);
	if (helper->interrupt)
		pthread_kill(helper->main, SIGUSR1);
	if (helper->drain) {
		long start = now_ms();

		while (helper->interrupt && !caught && now_ms() - start < DEADLINE)
			sched_yield();
		server_drain(helper->server);
	}
	return NULL;
}

static void start(struct helper *helper)
{
	helper->main = pthread_self();
	helper->tid = gettid();
	caught = 0;
	must(-pthread_create(&helper->thread, NULL, help, helper));
}

/* Without SA_RESTART the call ends with EINTR; the attempt goes on. */
static void eintr(void)
{
	struct server silent = server_silent(LOOPBACK);
	struct helper helper = { .fd = tcp(0), .server = &silent, .interrupt = true };
	int fd = helper.fd, peer;

	catch(0);
	start(&helper);
	say_connect(fd, &silent.addr);
	pthread_join(helper.thread, NULL);
	say("caught: %d", caught);
	say_poll(fd, POLLIN | POLLOUT);
	must(set(fd, SOL_SOCKET, SO_KEEPALIVE, 1));
	server_drain(&silent);
	wait_poll(fd, POLLOUT);
	say_error(fd);
	say_peer(fd);
	say_connect(fd, &silent.addr);
	say_connect(fd, &silent.addr);
	peer = server_accept(&silent);
	say_echo(fd, peer);
	say_no_more_connections(&silent);
	close(peer);
	close(fd);
	server_close(&silent);
}

/* With SA_RESTART the call is begun again and waits on. */
static void restart(void)
{
	struct server silent = server_silent(LOOPBACK);
	struct helper helper = {
		.fd = tcp(0), .server = &silent, .interrupt = true, .drain = true
	};
	int fd = helper.fd, peer;

	catch(SA_RESTART);
	start(&helper);
	say_connect(fd, &silent.addr);
	pthread_join(helper.thread, NULL);
	say("caught: %d", caught);
	peer = server_accept(&silent);
	say_peer(fd);
	say_echo(fd, peer);
	say_no_more_connections(&silent);
	close(peer);
	close(fd);
	server_close(&silent);
}

/* With SO_SNDTIMEO connect(2) is not restarted, whatever SA_RESTART says (signal(7)). */
static void sndtimeo_signal(void)
{
	for (int flags = 0; flags <= SA_RESTART; flags += SA_RESTART) {
		struct server silent = server_silent(LOOPBACK);
		struct helper helper = { .fd = tcp(0), .server = &silent, .interrupt = true };
		int fd = helper.fd;

		catch(flags);
		set_timeout(fd, 3000);
		start(&helper);
		say_connect(fd, &silent.addr);
		pthread_join(helper.thread, NULL);
		say("caught: %d", caught);
		say_timeout(fd);
		close(fd);
		server_close(&silent);
	}
}

/* The server answers while the call waits. */
static void late(void)
{
	struct server silent = server_silent(LOOPBACK);
	struct helper helper = { .fd = tcp(0), .server = &silent, .drain = true };
	int fd = helper.fd, peer;

	start(&helper);
	say_connect(fd, &silent.addr);
	pthread_join(helper.thread, NULL);
	peer = server_accept(&silent);
	say_local(fd);
	say_echo(fd, peer);
	close(peer);
	close(fd);
	server_close(&silent);
}

/* A second thread connects the same socket while the first waits. */
static void *second(void *argument)
{
	struct helper *helper = argument;

	wait_tcp_state(helper->fd, TCP_SYN_SENT);
	wait_blocked(helper->tid, SYS_connect);
	must(set(helper->fd, SOL_SOCKET, SO_KEEPALIVE, 1));
	server_drain(helper->server);
	say_connect(helper->fd, &helper->server->addr);
	return NULL;
}

static void two_threads(void)
{
	struct server silent = server_silent(LOOPBACK);
	struct helper helper = { .fd = tcp(0), .server = &silent, .tid = gettid() };
	int result, peer;

	must(-pthread_create(&helper.thread, NULL, second, &helper));
	result = do_connect(helper.fd, &silent.addr, sizeof(silent.addr));
	pthread_join(helper.thread, NULL);
	say_result("connect of the first", result);
	peer = server_accept(&silent);
	say_echo(helper.fd, peer);
	say_no_more_connections(&silent);
	close(peer);
	close(helper.fd);
	server_close(&silent);
}

const struct scenario scenarios[] = {
	{ "sndtimeo-expires", sndtimeo_expires, MUST_SWAP },
	{ "sndtimeo-late", sndtimeo_late, MUST_SWAP | SLOW },
	{ "sndtimeo-ok", sndtimeo_ok, MUST_SWAP },
	{ "sndtimeo-send", sndtimeo_send, MUST_SWAP },
	{ "sndtimeo-closed", sndtimeo_closed, MUST_SWAP },
	{ "sndtimeo-moved", sndtimeo_moved, MUST_SWAP },
	{ "sndtimeo-dup2", sndtimeo_dup2, MUST_SWAP },
	{ "sndtimeo-same-number", sndtimeo_same_number, MUST_SWAP },
	{ "sndtimeo-processes", sndtimeo_processes, MUST_SWAP },
	{ "eintr", eintr, MUST_SWAP | SLOW },
	{ "restart", restart, MUST_SWAP | SLOW },
	{ "sndtimeo-signal", sndtimeo_signal, MUST_SWAP },
	{ "late", late, MUST_SWAP | SLOW },
	{ "two-threads", two_threads, MUST_SWAP | SLOW },
	{ 0 },
};
const struct scenario helpers[] = { { 0 } };
