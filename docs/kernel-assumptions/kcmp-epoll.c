// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kcmp(KCMP_EPOLL_TFD) confirms an item quickly, and proves no absence: an item that was registered
 * under a duplicate's number, closed since, is not found by the number that is left. fdinfo shows
 * it.
 */
#include <errno.h>
#include <linux/kcmp.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "assume.h"

static long item(int ep, int number, int fd)
{
	struct kcmp_epoll_slot slot = { .efd = ep, .tfd = number };

	return syscall(SYS_kcmp, getpid(), getpid(), KCMP_EPOLL_TFD, fd, &slot);
}

static bool in_fdinfo(int ep, int number, uint32_t events, uint64_t data)
{
	char path[64], line[256];
	bool found = false;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", ep);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file)) {
		unsigned long long seen;
		unsigned int mask;
		int tfd;

		found |= sscanf(line, "tfd: %d events: %x data: %llx", &tfd, &mask, &seen) == 3 &&
			 tfd == number && mask == events && seen == data;
	}
	if (file)
		fclose(file);
	return found;
}

int main(void)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.u64 = 0xfeedf00d12345678 };
	int ep = must(epoll_create1(0)), fd = must(socket(AF_INET, SOCK_STREAM, 0)), other;

	must(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event));
	if (item(ep, fd, fd) < 0)
		missing("kcmp(2) with KCMP_EPOLL_TFD");
	check(!item(ep, fd, fd), "the item is not found");
	check(in_fdinfo(ep, fd, EPOLLIN | EPOLLET | EPOLLERR | EPOLLHUP, event.data.u64),
	      "fdinfo does not show the item");
	must(epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL));
	other = must(dup(fd));
	must(epoll_ctl(ep, EPOLL_CTL_ADD, other, &event));
	close(other);
	check(item(ep, fd, fd) < 0 && errno == ENOENT, "the item is found under another number");
	check(!item(ep, other, fd), "the item is not found under the number that was closed");
	check(in_fdinfo(ep, other, EPOLLIN | EPOLLET | EPOLLERR | EPOLLHUP, event.data.u64),
	      "fdinfo does not show the item of the closed number");
	return 0;
}
