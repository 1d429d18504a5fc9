// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who asks for a socket's names: the process that connected it, or any that it came to. What was asked for does
 * not show from where the socket went, because many addresses lead there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rights.h"
#include "server.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

/* Reached at any address of this host, of either family. */
static struct server server_anywhere(void)
{
	struct sockaddr_in6 any = inet6("::", 0);
	struct server server = { .filler = -1 };
	socklen_t length = sizeof(any);

	server.fd = must(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
	must(bind(server.fd, (struct sockaddr *)&any, length));
	must(listen(server.fd, 64));
	must(getsockname(server.fd, (struct sockaddr *)&any, &length));
	server.addr = inet(SITE, any.sin6_port);
	name_port(any.sin6_port, "server");
	return server;
}

/* A socket connected to an address of the server. */
static int connected(int fd, const struct server *server, const char *address)
{
	struct sockaddr_in to = inet(address, server->addr.sin_port);

	say_connect(fd, &to);
	return fd;
}

static void say_names(const char *who, int fd)
{
	say("%s", who);
	say_peer(fd);
	say_local(fd);
}

static void wait_child(pid_t child)
{
	int status;

	must(waitpid(child, &status, 0));
	say("child: %d", status);
}

/* Two sockets that went to one address. */
struct two {
	struct server server;
	int first, second;
};

static struct two two_open(int type, int protocol)
{
	struct two two = { .server = server_anywhere() };

	two.first = must(socket(AF_INET, type, protocol));
	two.second = must(socket(AF_INET, type, protocol));
	connected(two.first, &two.server, SITE);
	connected(two.second, &two.server, SITE2);
	return two;
}

static void two_say(const char *who, const struct two *two)
{
	say_names(who, two->first);
	say_names(who, two->second);
}

static void two_close(struct two *two)
{
	close(two->first);
	close(two->second);
	server_close(&two->server);
}

static void itself(void)
{
	struct two two = two_open(SOCK_STREAM, 0);

	two_say("the process", &two);
	/* Back to itself, and out again. */
	must(do_connect(two.first, &(struct sockaddr){ .sa_family = AF_UNSPEC }, sizeof(struct sockaddr)));
	say_peer(two.first);
	connected(two.first, &two.server, "198.51.100.3");
	two_say("once more", &two);
	two_close(&two);
}

static void forked(void)
{
	struct two two = two_open(SOCK_STREAM, 0);
	pid_t child = must(fork());

	if (!child) {
		two_say("the child", &two);
		_exit(0);
	}
	wait_child(child);
	two_say("the parent", &two);
	two_close(&two);
}

static void executed_helper(void)
{
	int first, second;
	unsigned int port;

	if (sscanf(helper_argument, "%u,%d,%d", &port, &first, &second) != 3)
		fail("no descriptors");
	name_port((in_port_t)port, "server");
	say_names("after exec", first);
	say_names("after exec", second);
	exit(0);
}

static void executed(void)
{
	struct two two = two_open(SOCK_STREAM, 0);
	pid_t child = must(fork());
	char argument[64];

	snprintf(argument, sizeof(argument), "%u,%d,%d", two.server.addr.sin_port, two.first, two.second);
	if (!child)
		exec_helper("executed", argument);
	wait_child(child);
	two_close(&two);
}

/*
 * A process that was there before the sockets, and has neither parent nor session in common with who connects
 * them. Sockets come to it in messages, after the port by whose name they go.
 */
static void stranger(int from)
{
	int first, second;
	in_port_t port;
	char byte;

	must(setsid());
	must(read(from, &port, sizeof(port)));
	name_port(port, "server");
	first = receive_descriptor(from);
	second = receive_descriptor(from);
	/* By then nobody else has them. */
	must(read(from, &byte, 1));
	say_names("the stranger", first);
	say_names("the stranger", second);
	must(write(from, "y", 1));
	_exit(0);
}

/* Return: our end of its socket. */
static int start_stranger(void)
{
	int ends[2];
	pid_t child;

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	child = must(fork());
	if (!child) {
		close(ends[0]);
		if (!must(fork()))
			stranger(ends[1]);
		_exit(0);
	}
	close(ends[1]);
	wait_child(child);
	return ends[0];
}

static void handed(int type, int protocol)
{
	int to = start_stranger();
	struct two two = two_open(type, protocol);
	char byte;

	two_say("the process", &two);
	must(write(to, &two.server.addr.sin_port, sizeof(in_port_t)));
	send_descriptor(to, two.first);
	send_descriptor(to, two.second);
	two_close(&two);
	must(write(to, "x", 1));
	must(read(to, &byte, 1));
	close(to);
}

static void handed_on(void)
{
	handed(SOCK_STREAM, 0);
}

static void handed_on_mptcp(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP);

	if (fd < 0)
		skip("MPTCP");
	close(fd);
	handed(SOCK_STREAM, IPPROTO_MPTCP);
}

static void handed_on_datagrams(void)
{
	handed(SOCK_DGRAM, 0);
}

/* Asked for by the parent, of sockets that its child connected. */
static void from_child(void)
{
	struct server server = server_anywhere();
	int ends[2], fd;
	pid_t child;

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	child = must(fork());
	if (!child) {
		send_descriptor(ends[1], connected(tcp(0), &server, SITE2));
		_exit(0);
	}
	fd = receive_descriptor(ends[0]);
	wait_child(child);
	say_names("the parent", fd);
	close(fd);
	close(ends[0]);
	close(ends[1]);
	server_close(&server);
}

#define BOTH (MUST_SWAP | MUST_EXACT | UNDER_TO | UNDER_TO_INET)

const struct scenario scenarios[] = {
	{ "itself", itself, BOTH },
	{ "forked", forked, BOTH },
	{ "executed", executed, BOTH },
	{ "handed-on", handed_on, BOTH },
	{ "handed-on-mptcp", handed_on_mptcp, BOTH },
	{ "handed-on-datagrams", handed_on_datagrams, BOTH },
	{ "from-child", from_child, BOTH },
	{ 0 },
};
const struct scenario helpers[] = {
	{ "executed", executed_helper },
	{ 0 },
};
