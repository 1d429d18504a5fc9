// SPDX-License-Identifier: GPL-2.0-or-later
/* Duplicates of the socket: each number is the same open file afterwards, as before. */
#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server.h"
#include "watching.h"

static void say_flags(const char *what, int fd)
{
	say("%s: CLOEXEC %s, O_NONBLOCK %s", what,
	    must(fcntl(fd, F_GETFD)) & FD_CLOEXEC ? "yes" : "no",
	    must(fcntl(fd, F_GETFL)) & O_NONBLOCK ? "yes" : "no");
}

static void all_numbers(int flags)
{
	struct server server = server_open(LOOPBACK);
	int fds[5], peer;

	fds[0] = tcp(flags);
	fds[1] = must(dup(fds[0]));
	fds[2] = must(dup2(fds[0], 40));
	fds[3] = must(fcntl(fds[0], F_DUPFD_CLOEXEC, 60));
	fds[4] = must(dup3(fds[0], 20, O_CLOEXEC));
	/* Connect by one in the middle. */
	say_connect(fds[2], &server.addr);
	peer = server_accept(&server);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		say("%d is the socket: %s", fds[i], same_file(fds[i], fds[0]) ? "yes" : "no");
		say_flags("flags", fds[i]);
		say_peer(fds[i]);
	}
	must(fcntl(fds[3], F_SETFL, O_NONBLOCK));
	say_flags("status flags are shared", fds[1]);
	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		say_echo(fds[i], peer);
		close(fds[i]);
	}
	say_recv("server", peer);
	close(peer);
	server_close(&server);
}

static void blocking(void)
{
	all_numbers(0);
}

static void cloexec(void)
{
	all_numbers(SOCK_CLOEXEC | SOCK_NONBLOCK);
}

/* Close the number that connected; the duplicate is the connection. */
static void close_first(void)
{
	struct server server = server_open(LOOPBACK);
	int fd = tcp(0), other = must(dup(fd)), peer;

	say_connect(fd, &server.addr);
	peer = server_accept(&server);
	say_result("close", close(fd));
	say_echo(other, peer);
	say_result("close", close(other));
	say_recv("server", peer);
	close(peer);
	server_close(&server);
}

/* Connected by one number, asked again by the other. */
static void connect_other(void)
{
	struct server server = server_open(LOOPBACK);
	int fd = tcp(SOCK_NONBLOCK), other = must(dup(fd)), peer;

	say_connect(fd, &server.addr);
	wait_poll(other, POLLOUT);
	say_connect(other, &server.addr);
	say_connect(fd, &server.addr);
	peer = server_accept(&server);
	say_echo(other, peer);
	say_no_more_connections(&server);
	close(fd);
	close(other);
	close(peer);
	server_close(&server);
}

static void refused(void)
{
	struct server refusing = server_refusing(LOOPBACK);
	struct server server = server_open(LOOPBACK);
	int fd = tcp(0), other = must(dup(fd)), peer;

	say_connect(fd, &refusing.addr);
	say("same file: %s", same_file(fd, other) ? "yes" : "no");
	say_connect(other, &server.addr);
	say("same file: %s", same_file(fd, other) ? "yes" : "no");
	peer = server_accept(&server);
	say_echo(fd, peer);
	close(fd);
	close(other);
	close(peer);
	server_close(&server);
	server_close(&refusing);
}

/* git dups the socket after connect. */
static void after(void)
{
	struct server server = server_open(LOOPBACK);
	int fd = tcp(0), other, peer;

	say_connect(fd, &server.addr);
	other = must(dup(fd));
	say("same file: %s", same_file(fd, other) ? "yes" : "no");
	say_peer(other);
	peer = server_accept(&server);
	say_echo(other, peer);
	close(fd);
	say_echo(other, peer);
	close(other);
	say_recv("server", peer);
	close(peer);
	server_close(&server);
}

/* Standard input and output are the socket, as inetd and shells do it. */
static void standard(void)
{
	struct server server = server_open(LOOPBACK);
	int fd = tcp(0), peer;

	must(dup2(fd, 0));
	close(fd);
	say_connect(0, &server.addr);
	say_flags("flags", 0);
	peer = server_accept(&server);
	say_echo(0, peer);
	close(0);
	say_recv("server", peer);
	close(peer);
	server_close(&server);
}

/*
 * A child has a duplicate that it inherited before the parent connected. Natively it is the
 * connection; reseat cannot reach the child's table, so only the parent's view is compared here.
 * The trace has to say that the connection is approximate.
 */
static void child_holds(void)
{
	struct server server = server_open(LOOPBACK);
	int fd = tcp(0), hold[2], peer, status;
	pid_t child;
	char byte;

	must(pipe(hold));
	child = must(fork());
	if (!child) {
		close(hold[1]);
		must(read(hold[0], &byte, 1));
		_exit(0);
	}
	close(hold[0]);
	say_connect(fd, &server.addr);
	peer = server_accept(&server);
	say_echo(fd, peer);
	close(hold[1]);
	must(waitpid(child, &status, 0));
	say("child: %d", status);
	close(fd);
	say_recv("server", peer);
	close(peer);
	server_close(&server);
}

/* The child of a fork after connect has the connection. */
static void child_inherits(void)
{
	struct server server = server_open(LOOPBACK);
	int fd = tcp(0), peer, status;
	pid_t child;

	say_connect(fd, &server.addr);
	peer = server_accept(&server);
	child = must(fork());
	if (!child) {
		say_peer(fd);
		say_echo(fd, peer);
		_exit(0);
	}
	must(waitpid(child, &status, 0));
	say("child: %d", status);
	close(fd);
	say_recv("server", peer);
	close(peer);
	server_close(&server);
}

/* Which numbers are open is the same before and after. */
static void numbers(void)
{
	struct server server = server_open(LOOPBACK);
	int fd = tcp(0), next;

	say_open();
	say_connect(fd, &server.addr);
	say_open();
	next = must(dup(fd));
	say("the next number: %d", next);
	close(next);
	close(fd);
	say_open();
	server_close(&server);
}

/* More numbers than a kernel lets follow at once (EMLINK), each of them watched: all of them follow all the same. */
#define MANY 1100

static void many(void)
{
	struct server server = server_open(LOOPBACK);
	static struct epoll_event events[2 * MANY];
	int ep = epoll(), fd = tcp(SOCK_NONBLOCK), peer, same = 0;
	struct rlimit limit;
	struct stat first, status;
	int numbers[MANY];

	must(getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = limit.rlim_max;
	must(setrlimit(RLIMIT_NOFILE, &limit));
	for (int i = 0; i < MANY; i++) {
		numbers[i] = must(dup(fd));
		add(ep, numbers[i], EPOLLIN, (uint64_t)i);
	}
	say_connect(fd, &server.addr);
	peer = server_accept(&server);
	must(fstat(fd, &first));
	for (int i = 0; i < MANY; i++)
		same += !fstat(numbers[i], &status) && status.st_ino == first.st_ino;
	say("numbers of the socket: %d", same);
	must(send(peer, "x", 1, 0));
	wait_poll(fd, POLLIN);
	say("items that report: %d", must(epoll_wait(ep, events, 2 * MANY, 0)));
	for (int i = 0; i < MANY; i++)
		close(numbers[i]);
	close(fd);
	say_recv("server", peer);
	close(peer);
	close(ep);
	server_close(&server);
}

const struct scenario scenarios[] = {
	{ "blocking", blocking, MUST_SWAP | MUST_EXACT },
	{ "cloexec", cloexec, MUST_SWAP | MUST_EXACT },
	{ "close-first", close_first, MUST_SWAP | MUST_EXACT },
	{ "connect-other", connect_other, MUST_SWAP | MUST_EXACT },
	{ "refused", refused, MUST_SWAP },
	{ "after", after, MUST_SWAP | MUST_EXACT },
	{ "standard", standard, MUST_SWAP | MUST_EXACT },
	{ "child-holds", child_holds, MUST_TRACE | MUST_APPROXIMATE },
	{ "child-inherits", child_inherits, MUST_SWAP },
	{ "numbers", numbers, MUST_SWAP },
	{ "many", many, MUST_SWAP | MUST_EXACT | MAY_ASK },
	{ 0 },
};
const struct scenario helpers[] = { { 0 } };
