// SPDX-License-Identifier: GPL-2.0-or-later
/* Calls that wait for descriptors to be ready. */
#include <err.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/select.h>
#include <unistd.h>

#include "call.h"

enum { EVENTS_MAX = 16 };

/* "a:in|out" -> descriptor and events; the word is left as it is. */
static int watched(const char *word, uint32_t *ret_events)
{
	char name[8];
	const char *colon = strchr(word, ':');

	if (!colon || (size_t)(colon - word) >= sizeof(name))
		errx(1, "not FD:EVENTS: %s", word);
	memcpy(name, word, colon - word);
	name[colon - word] = '\0';
	*ret_events = constant(colon + 1);
	return descriptor(name);
}

/* poll TIMEOUT FD:EVENTS... */
long do_poll(struct call *call)
{
	struct pollfd items[POLL_MAX] = { 0 };
	unsigned int count = call->count - 1;
	uint32_t events;
	int r;

	for (unsigned int i = 0; i < count; i++) {
		items[i].fd = watched(call->words[i + 1], &events);
		items[i].events = (short)events;
	}
	r = poll(items, count, (int)constant(call->words[0]));
	tell_result(call->result, r);
	for (unsigned int i = 0; r > 0 && i < count; i++) {
		tell(call->result, " %.1s:", call->words[i + 1]);
		tell_events(call->result, (uint16_t)items[i].revents);
	}
	return -1;
}

/* select TIMEOUT FD:EVENTS..., of which in, out and pri count */
long do_select(struct call *call)
{
	static const uint32_t kinds[3] = { EPOLLIN, EPOLLOUT, EPOLLPRI };
	int timeout = (int)constant(call->words[0]), most = -1, r;
	struct timeval time = { .tv_sec = timeout / 1000, .tv_usec = timeout % 1000 * 1000 };
	int fds[POLL_MAX];
	fd_set sets[3];

	memset(sets, 0, sizeof(sets));
	for (unsigned int i = 1; i < call->count; i++) {
		uint32_t events;

		fds[i - 1] = watched(call->words[i], &events);
		if (fds[i - 1] < 0 || fds[i - 1] >= FD_SETSIZE)
			continue;
		most = fds[i - 1] > most ? fds[i - 1] : most;
		for (int k = 0; k < 3; k++)
			if (events & kinds[k])
				FD_SET(fds[i - 1], &sets[k]);
	}
	r = select(most + 1, &sets[0], &sets[1], &sets[2], timeout < 0 ? NULL : &time);
	tell_result(call->result, r);
	for (unsigned int i = 1; r > 0 && i < call->count; i++) {
		uint32_t events = 0;

		for (int k = 0; fds[i - 1] >= 0 && k < 3; k++)
			if (FD_ISSET(fds[i - 1], &sets[k]))
				events |= kinds[k];
		tell(call->result, " %.1s:", call->words[i]);
		tell_events(call->result, events);
	}
	return -1;
}

/* epoll_ctl EPOLL add|mod|del FD [EVENTS DATA] */
long do_epoll_ctl(struct call *call)
{
	struct epoll_event event = { 0 };

	if (call->count > 4) {
		event.events = constant(call->words[3]);
		event.data.u64 = strtoull(call->words[4], NULL, 0);
	}
	return epoll_ctl(descriptor(call->words[0]), (int)constant(call->words[1]),
			 descriptor(call->words[2]), call->count > 3 ? &event : NULL);
}

static int by_data(const void *a, const void *b)
{
	const struct epoll_event *one = a, *other = b;

	if (one->data.u64 != other->data.u64)
		return one->data.u64 < other->data.u64 ? -1 : 1;
	return one->events < other->events ? -1 : one->events > other->events;
}

/* epoll_wait EPOLL MAX TIMEOUT: the events in the order of their data; the kernel promises none. */
long do_epoll_wait(struct call *call)
{
	struct epoll_event events[EVENTS_MAX];
	int most = (int)constant(call->words[1]);
	int r = epoll_wait(descriptor(call->words[0]), events, most < EVENTS_MAX ? most : EVENTS_MAX,
			   (int)constant(call->words[2]));

	tell_result(call->result, r);
	if (r > 0)
		qsort(events, r, sizeof(events[0]), by_data);
	for (int i = 0; i < r; i++) {
		tell(call->result, " %llu:", (unsigned long long)events[i].data.u64);
		tell_events(call->result, events[i].events);
	}
	return -1;
}

/* The items of an epoll instance, which open a file for a moment. */
long do_items(struct call *call)
{
	look_items(call->result, getpid(), descriptor(call->words[0]));
	return -1;
}
