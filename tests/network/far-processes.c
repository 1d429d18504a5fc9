// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Processes, signals and time while a blocking connect waits for a server that is 80 ms away, or for
 * as long as the network holds its packets.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "distance.h"

static struct server begin(const char *address)
{
	network_begin();
	network_hold();
	return server_away(address);
}

static void end(struct server *server, int fd)
{
	int peer = server_accept(server);

	say_peer(fd);
	say_echo(fd, peer);
	say_no_more_connections(server);
	say_asked();
	close(peer);
	close(fd);
	server_close(server);
}

/* SO_SNDTIMEO ends while it is in flight, twice; the third time the answer comes. */
static void timeout_in_flight(void)
{
	struct timeval short_one = { 0, 150000 }, long_one = { 5, 0 };
	struct server server = begin(HELD);
	int fd = tcp(0);
	long start = now_ms();

	must(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &short_one, sizeof(short_one)));
	say_connect(fd, &server.addr);
	say_elapsed("first", start, 150);
	say_peer(fd);
	say_poll(fd, POLLIN | POLLOUT);
	start = now_ms();
	say_connect(fd, &server.addr);
	say_elapsed("second", start, 150);
	must(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &long_one, sizeof(long_one)));
	network_release();
	say_connect(fd, &server.addr);
	end(&server, fd);
}

static volatile sig_atomic_t caught;

static void handler(int number)
{
	caught++;
}

static void catch(int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	must(sigaction(SIGUSR1, &action, NULL));
}

/* Sends the main thread signals once it waits in connect(2), then has the network release. */
static void *disturb(void *argument)
{
	int count = *(int *)argument;
	sigset_t all;

	/* The handler is the other thread's. */
	sigfillset(&all);
	must(-pthread_sigmask(SIG_SETMASK, &all, NULL));
	for (int i = 0; i < count; i++) {
		wait_connecting(getpid());
		must(tgkill(getpid(), getpid(), SIGUSR1));
		while (caught <= i)
			poll(NULL, 0, 1);
	}
	if (count > 1)
		wait_connecting(getpid());
	network_release();
	return NULL;
}

static void interrupted(void)
{
	struct server server = begin(HELD);
	int fd = tcp(0), count = 1;
	pthread_t thread;

	catch(0);
	must(-pthread_create(&thread, NULL, disturb, &count));
	say_connect(fd, &server.addr);
	say("caught: %d", caught);
	say_poll(fd, POLLIN);
	say_connect(fd, &server.addr);
	pthread_join(thread, NULL);
	say_connect(fd, &server.addr);
	end(&server, fd);
}

static void restarted(void)
{
	struct server server = begin(HELD);
	int fd = tcp(0), count = 3;
	pthread_t thread;

	catch(SA_RESTART);
	must(-pthread_create(&thread, NULL, disturb, &count));
	say_connect(fd, &server.addr);
	say("caught: %d", caught);
	pthread_join(thread, NULL);
	end(&server, fd);
}

/* A child that connects and says how that went. */
static pid_t start_child(const struct server *server)
{
	pid_t child;

	fflush(stdout);
	child = must(fork());
	if (child)
		return child;
	int fd = tcp(0);

	say_connect(fd, &server->addr);
	say_peer(fd);
	say_recv("recv", fd);
	_exit(0);
}

static void say_end(pid_t child)
{
	int status;

	must(waitpid(child, &status, 0));
	if (WIFSIGNALED(status))
		say("child: signal %d", WTERMSIG(status));
	else
		say("child: exit %d", WEXITSTATUS(status));
}

/* Stopped while in flight; the answer comes while it is stopped, or after it goes on. */
static void stopped(bool answered)
{
	struct server server = begin(HELD);
	pid_t child = start_child(&server);
	int status, peer;

	wait_connecting(child);
	must(kill(child, SIGSTOP));
	must(waitpid(child, &status, WUNTRACED));
	say("stopped: %d", WIFSTOPPED(status));
	if (!answered) {
		must(kill(child, SIGCONT));
		wait_connecting(child);
	}
	network_release();
	peer = server_accept(&server);
	if (answered)
		must(kill(child, SIGCONT));
	must(send(peer, "hello", 5, MSG_NOSIGNAL));
	say_end(child);
	say_no_more_connections(&server);
	say_asked();
	close(peer);
	server_close(&server);
}

static void stopped_answered(void)
{
	stopped(true);
}

static void stopped_continued(void)
{
	stopped(false);
}

static void killed(void)
{
	struct server server = begin(HELD);
	pid_t child = start_child(&server);

	wait_connecting(child);
	must(kill(child, SIGKILL));
	say_end(child);
	network_release();
	say_no_more_connections(&server);
	say_asked();
	server_close(&server);
}

/* As many as come and go: each is killed at another moment of its connect, all of them asked for one at most. */
static void killed_at_random(void)
{
	struct server server = server_away(AWAY);
	int connections = 0, peer;

	network_begin();
	for (int i = 0; i < 20; i++) {
		pid_t child = must(fork());

		if (!child) {
			int fd = tcp(0);

			/* Not counted: some are killed before. */
			_exit(connect(fd, (struct sockaddr *)&server.addr, sizeof(server.addr)) < 0);
		}
		/* Up to twice the round trip. */
		usleep(i * 8000);
		must(kill(child, SIGKILL));
		must(waitpid(child, NULL, 0));
	}
	/* One that came after all of them. */
	peer = tcp(0);
	say_connect(peer, &server.addr);
	close(peer);
	while (poll(&(struct pollfd){ .fd = server.fd, .events = POLLIN }, 1, 2 * ROUND_TRIP) > 0) {
		connections++;
		close(must(accept(server.fd, NULL, NULL)));
	}
	say("no more than children: %s", connections <= 21 ? "yes" : "no");
	server_close(&server);
}

/* A child and its parent have it in common while it is in flight, and each may close it. */
static void forked(void)
{
	struct server server = begin(HELD);
	int fd = tcp(SOCK_NONBLOCK), peer;
	pid_t child;

	say_connect(fd, &server.addr);
	fflush(stdout);
	child = must(fork());
	if (!child) {
		wait_poll(fd, POLLOUT);
		say_peer(fd);
		say_recv("recv", fd);
		_exit(0);
	}
	close(fd);
	network_release();
	peer = server_accept(&server);
	must(send(peer, "hello", 5, MSG_NOSIGNAL));
	say_end(child);
	say_no_more_connections(&server);
	say_asked();
	close(peer);
	server_close(&server);
}

static void carried_on(void)
{
	int fd;

	must(sscanf(helper_argument, "%d", &fd));
	wait_poll(fd, POLLOUT);
	say_error(fd);
	say_recv("recv", fd);
}

/* exec(2) while it is in flight. */
static void executed(void)
{
	struct server server = begin(HELD);
	char text[16];
	int peer;
	pid_t child;

	fflush(stdout);
	child = must(fork());
	if (!child) {
		int fd = tcp(SOCK_NONBLOCK);

		say_connect(fd, &server.addr);
		snprintf(text, sizeof(text), "%d", fd);
		network_release();
		exec_helper("carried-on", text);
	}
	peer = server_accept(&server);
	must(send(peer, "hello", 5, MSG_NOSIGNAL));
	say_end(child);
	say_no_more_connections(&server);
	say_asked();
	close(peer);
	server_close(&server);
}

/* What a thread does on a socket whose blocking connect another one waits for. */
struct other {
	pthread_t thread;
	int fd;
};

static void *sends(void *argument)
{
	struct other *other = argument;

	wait_connecting(getpid());
	network_release();
	say_result("send", send(other->fd, "early", 5, MSG_NOSIGNAL));
	return NULL;
}

static void *closes(void *argument)
{
	struct other *other = argument;

	wait_connecting(getpid());
	say_result("close", close(other->fd));
	network_release();
	return NULL;
}

/* Another thread does something with the socket while it connects. Return: the socket. */
static int beside(void *(*does)(void *))
{
	struct server server = begin(HELD);
	struct other other = { .fd = tcp(0) };
	int peer;

	must(-pthread_create(&other.thread, NULL, does, &other));
	must(do_connect(other.fd, &server.addr, sizeof(server.addr)));
	pthread_join(other.thread, NULL);
	peer = server_accept(&server);
	say_recv("recv", peer);
	say_no_more_connections(&server);
	say_asked();
	close(peer);
	server_close(&server);
	return other.fd;
}

static void sent_by_thread(void)
{
	close(beside(sends));
}

/* close(2) by another thread does not end a connect: the call holds the file. */
static void closed_by_thread(void)
{
	beside(closes);
}

const struct scenario scenarios[] = {
	{ "timeout", timeout_in_flight, MUST_SWAP },
	{ "interrupted", interrupted, MUST_SWAP },
	{ "restarted", restarted, MUST_SWAP },
	{ "stopped-answered", stopped_answered, MUST_SWAP },
	{ "stopped-continued", stopped_continued, MUST_SWAP },
	{ "killed", killed, MUST_SWAP },
	{ "killed-at-random", killed_at_random, MUST_SWAP },
	{ "forked", forked, MUST_SWAP },
	{ "executed", executed, MUST_SWAP },
	{ "sent-by-thread", sent_by_thread, MUST_SWAP },
	{ "closed-by-thread", closed_by_thread, MUST_SWAP },
	{ 0 },
};
const struct scenario helpers[] = { { "carried-on", carried_on, 0 }, { 0 } };
