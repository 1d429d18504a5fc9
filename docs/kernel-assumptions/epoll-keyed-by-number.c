// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An item is keyed by (open file, number in the caller's table).
 *
 * A process with a table of its own that holds the replacement at the target's number can add an
 * item that the target's later MOD and DEL of that number find. The initial event of an edge-
 * triggered item comes once. The item goes with the last reference to the file.
 */
#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assume.h"

#define NUMBER 400

int main(void)
{
	struct epoll_event event = { .events = EPOLLOUT | EPOLLET, .data.u64 = 42 }, seen;
	int ep = must(epoll_create1(0)), fd = must(socket(AF_INET, SOCK_STREAM, 0)), status;
	in_port_t port;
	int listening = server(AF_INET, 8, &port);
	pid_t child;

	must(connect_to(fd, AF_INET, port));
	child = must(fork());
	if (!child) {
		must(dup2(fd, NUMBER));
		must(epoll_ctl(ep, EPOLL_CTL_ADD, NUMBER, &event));
		_exit(0);
	}
	must(waitpid(child, &status, 0));
	check(!status, "the child could not add");
	check(epoll_wait(ep, &seen, 1, 0) == 1 && seen.data.u64 == 42 && seen.events == EPOLLOUT,
	      "no initial event");
	check(epoll_wait(ep, &seen, 1, 0) == 0, "a second initial event");
	check(epoll_ctl(ep, EPOLL_CTL_MOD, fd, &event) < 0 && errno == ENOENT,
	      "the item is found under another number");
	must(dup2(fd, NUMBER));
	close(fd);
	check(!epoll_ctl(ep, EPOLL_CTL_MOD, NUMBER, &event), "the item is not found by its number");
	check(epoll_wait(ep, &seen, 1, 0) == 1, "MOD gives no event");
	close(NUMBER);
	check(epoll_wait(ep, &seen, 1, 0) == 0, "the item outlives its file");
	close(listening);
	return 0;
}
