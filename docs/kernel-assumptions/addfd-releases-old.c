// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ADDFD over a number closes what stood there, as dup2(2) does: with the last reference its epoll
 * items go, and a connection gets its FIN. A duplicate that the supervisor keeps prevents both.
 */
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "assume.h"

static in_port_t port;

/* Connected before the filter is asked: the call that is notified is getppid. */
static int target(void)
{
	struct epoll_event event = { .events = EPOLLOUT }, seen;
	int ep = must(epoll_create1(0)), fd = must(socket(AF_INET, SOCK_STREAM, 0));

	must(connect_to(fd, AF_INET, port));
	must(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event));
	check(epoll_wait(ep, &seen, 1, 0) == 1, "no event");
	syscall(SYS_getppid, fd);
	check(epoll_wait(ep, &seen, 1, 0) == 1, "the item went though the file is held");
	syscall(SYS_getppid, fd);
	check(epoll_wait(ep, &seen, 1, 0) == 0, "the item outlives the file");
	return 0;
}

int main(void)
{
	int listening = server(AF_INET, 8, &port), peer, old, number;
	struct target t = target_start(target, SYS_getppid, 0);
	struct seccomp_notif notification = receive(&t);
	char byte;

	peer = must(accept(listening, NULL, NULL));
	number = notification.data.args[0];
	old = copy_of(&t, number);
	must(replace(&t, notification.id, t.pidfd, number, 0));
	check(!wait_for(peer, POLLIN, 50), "FIN while a duplicate is held");
	must(answer(&t, notification.id, 0, 0, 0));
	notification = receive(&t);
	close(old);
	check(wait_for(peer, POLLIN, DEADLINE) && recv(peer, &byte, 1, 0) == 0, "no FIN");
	must(answer(&t, notification.id, 0, 0, 0));
	check(!target_end(&t), "the target differs");
	return 0;
}
