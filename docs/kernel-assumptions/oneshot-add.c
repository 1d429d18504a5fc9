// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A spent one-shot item cannot be re-created: fdinfo shows it with no events, and EPOLL_CTL_ADD
 * adds EPOLLERR and EPOLLHUP to whatever it is given.
 */
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "assume.h"

int main(void)
{
	struct epoll_event event = { .events = EPOLLOUT | EPOLLONESHOT }, seen;
	int ep = must(epoll_create1(0)), fd = must(socket(AF_INET, SOCK_STREAM, 0));

	/* A fresh socket is OUT and HUP. */
	must(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event));
	check(epoll_wait(ep, &seen, 1, 0) == 1, "no event of a fresh socket");
	check(epoll_wait(ep, &seen, 1, 0) == 0, "the item is not spent");
	must(epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL));
	event.events = EPOLLONESHOT;
	must(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event));
	check(epoll_wait(ep, &seen, 1, 0) == 1 && seen.events == EPOLLHUP,
	      "ADD does not force EPOLLHUP");
	/* Now it is spent: an ADD whose one event is taken at once comes as near as can be. */
	check(epoll_wait(ep, &seen, 1, 0) == 0, "the item is not spent");
	return 0;
}
