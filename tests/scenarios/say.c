// SPDX-License-Identifier: GPL-2.0-or-later
/* Saying what was seen so that two native runs say the same: names instead of numbers. */
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <linux/kcmp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "scenario.h"

#define MAX_PORTS 32
#define MAX_OPEN 128

static struct {
	in_port_t port;
	const char *name;
} ports[MAX_PORTS];

const char *errno_name(int error)
{
	const char *name = strerrorname_np(error);

	return name ? name : "E?";
}

long say_result(const char *what, long result)
{
	int error = errno;

	if (result < 0)
		say("%s: %ld %s", what, result, errno_name(error));
	else
		say("%s: %ld", what, result);
	errno = error;
	return result;
}

const char *events_name(uint32_t events)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} names[] = {
		{ EPOLLIN, "IN" },	   { EPOLLPRI, "PRI" },
		{ EPOLLOUT, "OUT" },	   { EPOLLERR, "ERR" },
		{ EPOLLHUP, "HUP" },	   { POLLNVAL, "NVAL" },
		{ EPOLLRDNORM, "RDNORM" }, { EPOLLRDBAND, "RDBAND" },
		{ EPOLLWRNORM, "WRNORM" }, { EPOLLWRBAND, "WRBAND" },
		{ EPOLLMSG, "MSG" },	   { EPOLLRDHUP, "RDHUP" },
		{ EPOLLEXCLUSIVE, "EXCL" }, { EPOLLONESHOT, "ONESHOT" },
		{ EPOLLET, "ET" },
	};
	static __thread char buffers[4][128];
	static __thread unsigned int next;
	char *buffer = buffers[next++ % 4];
	size_t used = 0;

	snprintf(buffer, sizeof(buffers[0]), "none");
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		if (events & names[i].bit)
			used += snprintf(buffer + used, sizeof(buffers[0]) - used, "%s%s",
					 used ? " " : "", names[i].name);
	return buffer;
}

void name_port(in_port_t port, const char *name)
{
	for (size_t i = 0; i < MAX_PORTS; i++)
		if (!ports[i].name || ports[i].port == port) {
			ports[i].port = port;
			ports[i].name = name;
			return;
		}
	fail("too many named ports");
}

const char *port_name(in_port_t port)
{
	if (!port)
		return "0";
	for (size_t i = 0; i < MAX_PORTS && ports[i].name; i++)
		if (ports[i].port == port)
			return ports[i].name;
	return "some";
}

/*
 * Under a rule that changes the family a program is shown 192.0.0.2 (RFC 7335), a rule's own
 * choice, or the real address where that is an IPv4 one; a test must not depend on which.
 */
static bool is_local(struct in_addr address)
{
	uint32_t host = ntohl(address.s_addr);

	return host >> 24 == 127 || host >> 8 == 0xc63364 /* 198.51.100.0/24 */ ||
	       host >> 8 == 0xc00002 /* 192.0.2.0/24: tests/network/ */ ||
	       host == 0xc0000002 /* 192.0.0.2 */;
}

void say_address(const char *what, const void *address, socklen_t length, enum name_kind kind)
{
	const struct sockaddr_in *in = address;
	const struct sockaddr_in6 *in6 = address;
	char text[INET6_ADDRSTRLEN];
	struct in_addr inner;

	if (length < sizeof(sa_family_t)) {
		say("%s: length %u", what, length);
		return;
	}
	switch (in->sin_family) {
	case AF_INET:
		if (kind == LOCAL && is_local(in->sin_addr))
			strcpy(text, "local");
		else
			inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
		say("%s: length %u AF_INET %s port %s", what, length, text,
		    port_name(in->sin_port));
		break;
	case AF_INET6:
		inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
		memcpy(&inner, &in6->sin6_addr.s6_addr[12], sizeof(inner));
		if (kind == LOCAL && IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr) && is_local(inner))
			strcpy(text, "::ffff:local");
		say("%s: length %u AF_INET6 %s port %s flow %u scope %u", what, length, text,
		    port_name(in6->sin6_port), in6->sin6_flowinfo, in6->sin6_scope_id);
		break;
	default:
		say("%s: length %u family %d", what, length, in->sin_family);
	}
}

static void say_name(const char *what, int fd, int (*get)(int, struct sockaddr *, socklen_t *),
		     enum name_kind kind)
{
	struct sockaddr_storage address;
	socklen_t length = sizeof(address);

	memset(&address, 0x5a, sizeof(address));
	if (get(fd, (struct sockaddr *)&address, &length) < 0)
		say_result(what, -1);
	else
		say_address(what, &address, length, kind);
}

void say_peer(int fd)
{
	say_name("getpeername", fd, getpeername, PEER);
}

void say_local(int fd)
{
	say_name("getsockname", fd, getsockname, LOCAL);
}

void say_error(int fd)
{
	socklen_t length = sizeof(int);
	int error = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
		say_result("SO_ERROR", -1);
	else
		say("SO_ERROR: %s", error ? errno_name(error) : "0");
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

void say_open(void)
{
	char line[1024] = "";
	int numbers[MAX_OPEN];
	size_t count = 0, used = 0;
	struct dirent *entry;
	DIR *directory = opendir("/proc/thread-self/fd");

	if (!directory) {
		say("open: %s", errno_name(errno));
		return;
	}
	while ((entry = readdir(directory)) && count < MAX_OPEN)
		if (entry->d_name[0] != '.' && atoi(entry->d_name) != dirfd(directory))
			numbers[count++] = atoi(entry->d_name);
	closedir(directory);
	qsort(numbers, count, sizeof(numbers[0]), by_number);
	for (size_t i = 0; i < count; i++)
		used += snprintf(line + used, sizeof(line) - used, " %d", numbers[i]);
	say("open:%s", line);
}

int say_connect(int fd, const struct sockaddr_in *to)
{
	return say_result("connect", do_connect(fd, to, sizeof(*to)));
}

void say_poll(int fd, short events)
{
	struct pollfd item = { .fd = fd, .events = events };
	int count = must(poll(&item, 1, 0));

	say("poll: %d %s", count, events_name((uint16_t)item.revents));
}

void say_elapsed(const char *what, long since, long expected)
{
	long took = now_ms() - since;

	if (took >= expected - 20 && took <= expected + slowly(400))
		say("%s after %ld ms: yes", what, expected);
	else
		say("%s after %ld ms: no, %ld ms", what, expected, took);
}

void say_recv(const char *what, int fd)
{
	char buffer[128];
	ssize_t got;

	wait_poll(fd, POLLIN);
	got = recv(fd, buffer, sizeof(buffer) - 1, MSG_DONTWAIT);
	if (got < 0)
		say_result(what, got);
	else if (!got)
		say("%s: EOF", what);
	else
		say("%s: %zd %.*s", what, got, (int)got, buffer);
}

void say_echo(int client, int server)
{
	char byte = 0;
	bool good = true;

	good = good && send(client, "q", 1, MSG_NOSIGNAL) == 1;
	good = good && wait_poll(server, POLLIN) & POLLIN;
	good = good && recv(server, &byte, 1, MSG_DONTWAIT) == 1 && byte == 'q';
	good = good && send(server, "a", 1, MSG_NOSIGNAL) == 1;
	good = good && wait_poll(client, POLLIN) & POLLIN;
	good = good && recv(client, &byte, 1, MSG_DONTWAIT) == 1 && byte == 'a';
	say("echo: %s", good ? "yes" : "no");
}

bool same_file(int a, int b)
{
	return !must(syscall(SYS_kcmp, getpid(), getpid(), KCMP_FILE, a, b));
}
