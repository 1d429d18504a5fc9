// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Which epoll items watch a file can be read from the file: they are a chain, the latest first, in which each points back
 * to the place that led to it, so that one that has gone is told by its link. Each has the number that it was added
 * under, and whether it is ready. Where none ever was there is no chain.
 */
#include <sys/epoll.h>
#include <sys/socket.h>

#include "bpf/lists-load.h"

#define COUNT 3

static void add(int epoll, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events };

	must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
}

static void check_chain(int file, const int *numbers, unsigned int count)
{
	const struct lists *lists = lists_of(file);

	check(lists->item_count == count, "%u items, not %u", lists->item_count, count);
	for (unsigned int i = 0; i < count; i++) {
		check(lists->items[i].number == numbers[i], "item %u has number %d", i, lists->items[i].number);
		check(lists->items[i].is_files, "item %u has another file", i);
		check(lists->items[i].linked, "item %u does not point back", i);
	}
}

int main(void)
{
	int pair[2], epolls[COUNT], numbers[COUNT], latest[COUNT];

	load_lists();
	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	check(!lists_of(pair[0])->watched, "a chain, and nobody watches");
	for (int i = 0; i < COUNT; i++) {
		epolls[i] = must(epoll_create1(0));
		numbers[i] = i ? must(dup(pair[0])) : pair[0];
		latest[COUNT - 1 - i] = numbers[i];
		add(epolls[i], numbers[i], EPOLLIN | (i == 1 ? EPOLLEXCLUSIVE : 0));
		check_chain(pair[0], &latest[COUNT - 1 - i], i + 1);
	}
	for (int i = 0; i < COUNT; i++)
		check(!lists_of(pair[0])->items[i].ready, "item %d is ready", i);
	must(write(pair[1], "x", 1));
	for (int i = 0; i < COUNT; i++)
		check(lists_of(pair[0])->items[i].ready, "item %d is not ready", i);
	must(epoll_ctl(epolls[1], EPOLL_CTL_DEL, numbers[1], NULL));
	latest[1] = latest[2];
	check_chain(pair[0], latest, 2);
	close(epolls[2]);
	check_chain(pair[0], latest + 1, 1);
	close(epolls[0]);
	check_chain(pair[0], latest, 0);
	check(lists_of(epolls[1])->is_socket == 0, "an epoll instance is taken for a socket");
	return 0;
}
