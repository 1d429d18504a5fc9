// SPDX-License-Identifier: GPL-2.0-or-later
/* Saying what epoll instances report. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "watching.h"

#define MAX_EVENTS 16

int epoll(void)
{
	return must(epoll_create1(EPOLL_CLOEXEC));
}

static int control(const char *what, int ep, int operation, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event event = { .events = events, .data.u64 = data };

	return say_result(what, epoll_ctl(ep, operation, fd, &event));
}

int say_add(int ep, int fd, uint32_t events, uint64_t data)
{
	return control("ADD", ep, EPOLL_CTL_ADD, fd, events, data);
}

int say_mod(int ep, int fd, uint32_t events, uint64_t data)
{
	return control("MOD", ep, EPOLL_CTL_MOD, fd, events, data);
}

int say_del(int ep, int fd)
{
	return control("DEL", ep, EPOLL_CTL_DEL, fd, 0, 0);
}

void add(int ep, int fd, uint32_t events, uint64_t data)
{
	struct epoll_event event = { .events = events, .data.u64 = data };

	must(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event));
}

static int by_data(const void *a, const void *b)
{
	const struct epoll_event *x = a, *y = b;

	return x->data.u64 < y->data.u64 ? -1 : x->data.u64 > y->data.u64;
}

static int ready(const char *what, int ep, int timeout)
{
	struct epoll_event events[MAX_EVENTS];
	int count = must(epoll_wait(ep, events, MAX_EVENTS, timeout));

	qsort(events, count, sizeof(events[0]), by_data);
	for (int i = 0; i < count; i++)
		say("%s: 0x%" PRIx64 " %s", what, events[i].data.u64,
		    events_name(events[i].events));
	return count;
}

void say_ready(const char *what, int ep)
{
	if (!ready(what, ep, 0))
		say("%s: none", what);
}

void say_wait(const char *what, int ep)
{
	if (!ready(what, ep, DEADLINE))
		fail("%s: nothing within %d ms", what, DEADLINE);
}

void say_quiet(const char *what, int ep)
{
	if (!ready(what, ep, QUIET))
		say("%s quiet: yes", what);
}

struct item {
	int number;
	unsigned int events;
	uint64_t data;
};

static int by_number(const void *a, const void *b)
{
	return ((const struct item *)a)->number - ((const struct item *)b)->number;
}

void say_items(const char *what, int ep)
{
	struct item items[MAX_EVENTS];
	char path[64], line[256];
	size_t count = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/thread-self/fdinfo/%d", ep);
	file = fopen(path, "re");
	if (!file)
		fail("no %s", path);
	while (fgets(line, sizeof(line), file) && count < MAX_EVENTS)
		if (sscanf(line, "tfd: %d events: %x data: %" SCNx64, &items[count].number,
			   &items[count].events, &items[count].data) == 3)
			count++;
	fclose(file);
	qsort(items, count, sizeof(items[0]), by_number);
	if (!count)
		say("%s items: none", what);
	for (size_t i = 0; i < count; i++)
		say("%s items: %d %s 0x%" PRIx64, what, items[i].number,
		    events_name(items[i].events), items[i].data);
}
