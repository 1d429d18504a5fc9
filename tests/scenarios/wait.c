// SPDX-License-Identifier: GPL-2.0-or-later
/* Making sockets, and waiting for conditions with a deadline. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "scenario.h"

int tcp(int flags)
{
	return must(socket(AF_INET, SOCK_STREAM | flags, 0));
}

struct sockaddr_in inet(const char *address, in_port_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = port };

	if (inet_pton(AF_INET, address, &in.sin_addr) != 1)
		fail("no IPv4 address: %s", address);
	return in;
}

struct sockaddr_in6 inet6(const char *address, in_port_t port)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = port };

	if (inet_pton(AF_INET6, address, &in6.sin6_addr) != 1)
		fail("no IPv6 address: %s", address);
	return in6;
}

int set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value));
}

long now_ms(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

long now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000L + time.tv_nsec;
}

short wait_poll(int fd, short events)
{
	struct pollfd item = { .fd = fd, .events = events };
	int count = must(poll(&item, 1, DEADLINE));

	if (!count)
		fail("descriptor %d: no %s within %d ms", fd, events_name((uint16_t)events),
		     DEADLINE);
	return item.revents;
}

/* Let others run between two looks at a condition. Return: whether to look again. */
static bool again(long start)
{
	struct pollfd none = { .fd = -1 };

	poll(&none, 1, 1);
	return now_ms() - start < DEADLINE;
}

void wait_tcp_state(int fd, int state)
{
	long start = now_ms();

	do {
		struct tcp_info info = { 0 };
		socklen_t length = sizeof(info);

		if (!getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &length) &&
		    info.tcpi_state == state)
			return;
	} while (again(start));
	fail("descriptor %d: not in TCP state %d within %d ms", fd, state, DEADLINE);
}

static bool is_one_of(long number, const long *numbers, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (numbers[i] == number)
			return true;
	return false;
}

void wait_blocked_in_one(pid_t tid, const long *numbers, size_t count)
{
	char path[64], line[256];
	long start = now_ms();

	snprintf(path, sizeof(path), "/proc/%d/syscall", tid);
	do {
		FILE *file = fopen(path, "re");

		if (!file)
			fail("%s: %s", path, strerror(errno));
		line[0] = 0;
		if (!fgets(line, sizeof(line), file))
			line[0] = 0;
		fclose(file);
		/* "running" while on a processor; "-1 ..." blocked outside a call */
		if (line[0] >= '0' && line[0] <= '9' && is_one_of(atol(line), numbers, count))
			return;
	} while (again(start));
	fail("thread %d: not in system call %ld within %d ms", tid, numbers[0], DEADLINE);
}

void wait_blocked(pid_t tid, long number)
{
	wait_blocked_in_one(tid, &number, 1);
}

bool sleeps_in(pid_t tid, const char *word)
{
	char path[64], where[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/wchan", tid);
	file = fopen(path, "re");
	if (!file)
		fail("%s: %s", path, strerror(errno));
	if (!fgets(where, sizeof(where), file))
		where[0] = 0;
	fclose(file);
	return strstr(where, word);
}
