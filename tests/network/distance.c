// SPDX-License-Identifier: GPL-2.0-or-later
/* Servers at a distance, and what the network is told. */
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "distance.h"

/* Answers are single packets; a network that does not answer is not there. */
static int tell(const char *word)
{
	static const struct sockaddr_un network = { .sun_family = AF_UNIX, .sun_path = "\0delay" };
	const socklen_t length = offsetof(struct sockaddr_un, sun_path) + sizeof("\0delay") - 1;
	int fd = must(socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
	char answer[16] = { 0 };

	/* Any name, to be answered at. */
	must(bind(fd, (const struct sockaddr *)&network, sizeof(sa_family_t)));
	must(sendto(fd, word, strlen(word), 0, (const struct sockaddr *)&network, length));
	wait_poll(fd, POLLIN);
	must(recv(fd, answer, sizeof(answer) - 1, 0));
	close(fd);
	return atoi(answer);
}

void network_begin(void)
{
	tell("begin");
}

void network_hold(void)
{
	tell("hold");
}

void network_release(void)
{
	tell("release");
}

void say_asked(void)
{
	say("asked for: %d", tell("count"));
}

void wait_asked(int count)
{
	long start = now_ms();

	while (tell("count") < count) {
		if (now_ms() - start > DEADLINE)
			fail("not asked for %d connections within %d ms", count, DEADLINE);
		poll(NULL, 0, 1);
	}
}

void wait_connecting(pid_t tid)
{
	long start = now_ms();

	wait_blocked(tid, SYS_connect);
	/* A call whose notification is not answered yet sleeps in seccomp's functions. */
	while (!sleeps_in(tid, "wait")) {
		if (now_ms() - start > DEADLINE)
			fail("thread %d: not in connect(2) within %d ms", tid, DEADLINE);
		poll(NULL, 0, 1);
	}
}

static struct server bound(const char *address, const char *name)
{
	struct server server = { .filler = -1 };
	struct sockaddr_in6 any = inet6("::", 0);
	socklen_t length = sizeof(any);

	server.fd = must(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
	must(bind(server.fd, (struct sockaddr *)&any, length));
	must(getsockname(server.fd, (struct sockaddr *)&any, &length));
	server.addr = inet(address, any.sin6_port);
	name_port(server.addr.sin_port, name);
	return server;
}

struct server server_away(const char *address)
{
	struct server server = bound(address, "server");

	must(listen(server.fd, 512));
	return server;
}

struct server server_away_refusing(const char *address)
{
	return bound(address, "refusing");
}
