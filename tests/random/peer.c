// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The other side of a program's connections: listens on the ports of the roles, accepts, talks. Nothing here waits
 * for longer than it takes loopback to carry what was sent; what has not come by then is told as EAGAIN.
 */
#include <err.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "program.h"

enum { PATIENCE_MS = 3, DATA_MAX = 512 };

static int listener = -1, listener6 = -1, datagrams = -1, datagrams6 = -1;
static int connections[VARIABLES];
static struct sockaddr_storage source;
static socklen_t source_length;
static int source_socket = -1;

static int must(int r, const char *what)
{
	if (r < 0)
		err(1, "%s", what);
	return r;
}

static int bound(const char *name, int type)
{
	const int yes = 1;
	struct sockaddr_storage address;
	socklen_t length = address_by_name(name, &address);
	int fd = must(socket(address.ss_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");

	must(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)), "SO_REUSEADDR");
	must(bind(fd, (struct sockaddr *)&address, length), name);
	return fd;
}

static bool is_mentioned(const char *text)
{
	for (unsigned int i = 0; i < program.count; i++)
		if (strstr(program.lines[i].text, text))
			return true;
	return false;
}

/* What the program has use for. */
void peer_open(void)
{
	memset(connections, 0xff, sizeof(connections));
	source_length = 0;
	if (!is_mentioned("/listening"))
		return;
	if (is_mentioned("stream")) {
		listener = bound("lo/listening", SOCK_STREAM);
		must(listen(listener, 16), "listen");
	}
	if (is_mentioned("dgram"))
		datagrams = bound("lo/listening", SOCK_DGRAM);
	if (!is_mentioned("six:"))
		return;
	if (is_mentioned("stream")) {
		listener6 = bound("six:lo/listening", SOCK_STREAM);
		must(listen(listener6, 16), "listen");
	}
	if (is_mentioned("dgram"))
		datagrams6 = bound("six:lo/listening", SOCK_DGRAM);
}

static void wait_for(int fd)
{
	struct pollfd item = { .fd = fd, .events = POLLIN };

	poll(&item, 1, PATIENCE_MS);
}

static int accept_from(int from, struct result *result)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);
	int fd;

	wait_for(from);
	fd = accept4(from, (struct sockaddr *)&address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		tell(result, "%s", errno_name(errno));
		return -1;
	}
	tell(result, "accepted");
	tell_address(result, &address, length);
	return fd;
}

static void receive(int fd, struct result *result)
{
	char data[DATA_MAX];
	ssize_t n;

	wait_for(fd);
	n = recv(fd, data, sizeof(data), 0);
	tell_result(result, n);
	if (n > 0)
		tell_data(result, data, n);
}

static void receive_datagram(int fd, struct result *result)
{
	char data[DATA_MAX];
	ssize_t n;

	wait_for(fd);
	source_length = sizeof(source);
	n = recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&source, &source_length);
	tell_result(result, n);
	if (n < 0) {
		source_length = 0;
		return;
	}
	source_socket = fd;
	tell_data(result, data, n);
	tell_address(result, &source, source_length);
}

static void close_connection(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Connects to where the program may listen. */
static int connect_to(const char *name, struct result *result)
{
	struct sockaddr_storage address;
	socklen_t length = address_by_name(name, &address);
	int fd = must(socket(address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), "socket");

	tell_result(result, connect(fd, (struct sockaddr *)&address, length));
	return fd;
}

/* Whether each thread of a process has stopped; or one is to do so first, when its supervisor has answered it. */
static bool has_stopped(const struct actor *first)
{
	bool stopped = true;

	for (unsigned int i = 0; i < ACTORS; i++) {
		const struct actor *actor = &shared->actors[i];
		enum look look = actor->pid == first->pid ? look_at(actor) : LOOK_GONE;

		if (look == LOOK_HELD)
			return true;
		if (look != LOOK_STOPPED && look != LOOK_GONE)
			stopped = false;
	}
	return stopped;
}

/* SIGSTOP and SIGCONT. */
static void pause_process(const struct actor *actor, struct result *result)
{
	int64_t until = now_ns() + 1000000000;

	kill(actor->pid, SIGSTOP);
	while (!has_stopped(actor) && now_ns() < until)
		futex_wait(&shared->events, shared->events, 60000);
	tell_result(result, kill(actor->pid, SIGCONT));
}

static void kill_process(const struct actor *actor, struct result *result)
{
	tell_result(result, kill(actor->pid, SIGKILL));
	while (look_at(actor) != LOOK_GONE)
		futex_wait(&shared->events, shared->events, 60000);
}

static void send_signal(const struct line *line, struct result *result)
{
	const struct actor *actor = &shared->actors[(unsigned int)line->words[1][0] % ACTORS];
	int number = !strcmp(line->words[2], "none") ? 0 : strcmp(line->words[2], "restart") ? SIGUSR2 : SIGUSR1;

	if (!actor->pid)
		tell(result, "nobody");
	else if (!strcmp(line->words[2], "pause"))
		pause_process(actor, result);
	else if (!strcmp(line->words[2], "kill"))
		kill_process(actor, result);
	else
		tell_result(result, syscall(SYS_tgkill, actor->pid, actor->tid, number));
}

void peer_execute(const struct line *line, unsigned int number, struct result *result)
{
	const char *call = line->words[0];
	int *fd = line->count > 1 ? &connections[(unsigned char)(line->words[1][0] - 'A') % VARIABLES] : NULL;
	int *target = line->target ? &connections[(unsigned char)(line->target - 'A') % VARIABLES] : NULL;
	char data[DATA_MAX];
	unsigned int size;

	memset(data, line_letter(number), sizeof(data));
	if (!strcmp(call, "accept") && target) {
		close_connection(target);
		*target = accept_from(listener, result);
	} else if (!strcmp(call, "accept6") && target) {
		close_connection(target);
		*target = accept_from(listener6, result);
	} else if (!strcmp(call, "connect") && target && fd) {
		close_connection(target);
		*target = connect_to(line->words[1], result);
	} else if (!strcmp(call, "send") && line->count == 3) {
		size = constant(line->words[2]);
		tell_result(result, send(*fd, data, size < DATA_MAX ? size : DATA_MAX, MSG_NOSIGNAL));
	} else if (!strcmp(call, "urgent") && fd) {
		tell_result(result, send(*fd, data, 1, MSG_NOSIGNAL | MSG_OOB));
	} else if (!strcmp(call, "recv") && fd) {
		receive(*fd, result);
	} else if (!strcmp(call, "shutdown") && fd) {
		tell_result(result, shutdown(*fd, SHUT_WR));
	} else if (!strcmp(call, "close") && fd) {
		tell_result(result, close(*fd));
		*fd = -1;
	} else if (!strcmp(call, "reset") && fd) {
		const struct linger linger = { .l_onoff = 1 };

		setsockopt(*fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
		tell_result(result, close(*fd));
		*fd = -1;
	} else if (!strcmp(call, "datagram")) {
		receive_datagram(datagrams, result);
	} else if (!strcmp(call, "datagram6")) {
		receive_datagram(datagrams6, result);
	} else if (!strcmp(call, "answer") && line->count == 2) {
		size = constant(line->words[1]);
		tell_result(result, sendto(source_length ? source_socket : -1, data,
					   size < DATA_MAX ? size : DATA_MAX, 0,
					   (struct sockaddr *)&source, source_length));
	} else if (!strcmp(call, "signal") && line->count == 3) {
		send_signal(line, result);
	} else {
		errx(1, "the other side does not: %s", line->text);
	}
}

/* What is left in a queue of connections, or of datagrams. */
static void rest_of(const char *name, int fd, bool stream)
{
	for (;;) {
		struct sockaddr_storage address;
		socklen_t length = sizeof(address);
		struct result result = { 0 };
		char data[DATA_MAX];
		ssize_t n;
		int connection = fd;

		if (stream)
			connection = accept4(fd, (struct sockaddr *)&address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (connection < 0)
			return;
		n = stream ? recv(connection, data, sizeof(data), 0) :
			     recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&address, &length);
		if (!stream && n < 0)
			return;
		tell_address(&result, &address, length);
		tell(&result, " ");
		tell_result(&result, n);
		if (n > 0)
			tell_data(&result, data, n);
		printf("rest of %s:%s\n", name, result.text);
		if (stream)
			close(connection);
	}
}

void peer_rest(void)
{
	for (unsigned int i = 0; i < VARIABLES; i++) {
		struct result result = { 0 };

		if (connections[i] < 0)
			continue;
		receive(connections[i], &result);
		printf("rest of %c: %s\n", 'A' + i, result.text);
	}
	rest_of("connections", listener, true);
	rest_of("connections6", listener6, true);
	rest_of("datagrams", datagrams, false);
	rest_of("datagrams6", datagrams6, false);
}

void peer_close(void)
{
	for (unsigned int i = 0; i < VARIABLES; i++)
		close_connection(&connections[i]);
	close_connection(&listener);
	close_connection(&listener6);
	close_connection(&datagrams);
	close_connection(&datagrams6);
}

/* A listener whose queue is full answers nobody. For as long as this process lives. Return: its port. */
in_port_t peer_silent(void)
{
	struct sockaddr_in self = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr_in6 any = { .sin6_family = AF_INET6 };
	socklen_t length = sizeof(any);
	int fd = must(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");

	must(bind(fd, (struct sockaddr *)&any, length), "bind");
	must(getsockname(fd, (struct sockaddr *)&any, &length), "getsockname");
	must(listen(fd, 0), "listen");
	/* A queue of length 0 takes one connection. */
	self.sin_port = any.sin6_port;
	fd = must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
	must(connect(fd, (struct sockaddr *)&self, sizeof(self)), "connect");
	return ntohs(self.sin_port);
}
