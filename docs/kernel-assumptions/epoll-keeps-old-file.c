// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An epoll item stays with the open file, not with the number.
 *
 * After ADDFD over the number, EPOLL_CTL_MOD of the number gives ENOENT while the old file lives,
 * and fdinfo still shows the item. This is why a swap has to repair.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "assume.h"

static in_port_t port;

static int target(void)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u64 = 1 };
	int ep = must(epoll_create1(0)), fd = must(socket(AF_INET, SOCK_STREAM, 0));

	must(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event));
	must(connect_to(fd, AF_INET, port));
	check(epoll_ctl(ep, EPOLL_CTL_MOD, fd, &event) < 0 && errno == ENOENT,
	      "MOD finds an item for the new file");
	check(!epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event), "the old item stands in the way of ADD");
	return 0;
}

int main(void)
{
	int listening = server(AF_INET, 8, &port), fd, old;
	struct target t = target_start(target, SYS_connect, 0);
	struct seccomp_notif notification = receive(&t);

	old = copy_of(&t, notification.data.args[0]);
	fd = must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	must(connect_to(fd, AF_INET, port));
	must(replace(&t, notification.id, fd, notification.data.args[0], 0));
	must(answer(&t, notification.id, 0, 0, 0));
	check(!target_end(&t), "the target differs");
	close(old);
	close(listening);
	return 0;
}
