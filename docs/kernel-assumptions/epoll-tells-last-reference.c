// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * An epoll item tells whether its file has a reference left.
 *
 * It goes with the last one. So who adds a file to an epoll instance of its own and closes its
 * descriptor learns whether anybody else holds the file: kcmp(KCMP_EPOLL_TFD) finds the item by the
 * number that it was added under, whatever stands there now, and says ENOENT when it is gone. Nothing
 * that a socket reports is asked for: one that is connecting reports no event at all.
 *
 * The end of the file comes before close(2) returns, and so the item's. Another process, a message in
 * flight and the registered files of an io_uring keep it, and it goes when they let go.
 */
#include <errno.h>
#include <liburing.h>
#include <linux/kcmp.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assume.h"

static int ep;

static bool item(int number)
{
	struct kcmp_epoll_slot slot = {.efd = ep, .tfd = number};
	long r = syscall(SYS_kcmp, getpid(), getpid(), KCMP_EPOLL_TFD, ep, &slot);

	if (r < 0 && errno != ENOENT)
		missing("kcmp(2) with KCMP_EPOLL_TFD: errno %d", errno);
	return r >= 0;
}

/* Add the file and close the number. */
static void let_go(int fd)
{
	struct epoll_event event = {0};

	must(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &event));
	close(fd);
}

static void goes(const char *after, int number)
{
	long end = now_ms() + DEADLINE;

	while (item(number) && now_ms() < end)
		poll(NULL, 0, 1);
	check(!item(number), "the item stays after %s", after);
}

static void nobody(int type)
{
	for (int i = 0; i < 1000; i++) {
		int fd = must(socket(AF_INET, type, 0));

		let_go(fd);
		check(!item(fd), "round %d: the item outlives close(2)", i);
		/* Another file at the number is not taken for it. */
		check(must(dup(ep)) == fd, "another number");
		check(!item(fd), "the item is found for another file");
		close(fd);
	}
}

static void another_process(int type)
{
	int fd = must(socket(AF_INET, type, 0)), go[2], status;
	pid_t child;
	char byte;

	must(pipe(go));
	child = must(fork());
	if (!child) {
		close(go[1]);
		_exit(read(go[0], &byte, 1) != 0);
	}
	close(go[0]);
	let_go(fd);
	check(item(fd), "a child's descriptor is not seen");
	close(go[1]);
	must(waitpid(child, &status, 0));
	goes("the child's end", fd);
}

static void in_flight(void)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control = {.header = {CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS}};
	char byte = 0;
	struct iovec iov = {&byte, 1};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.space),
	};
	int fd = must(socket(AF_INET, SOCK_STREAM, 0)), ends[2];

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, ends));
	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	must(sendmsg(ends[0], &msg, 0));
	let_go(fd);
	check(item(fd), "a descriptor in flight is not seen");
	close(ends[0]);
	close(ends[1]);
	goes("the message's end", fd);
}

/* Connecting, it reports nothing: no event would be no proof. */
static void connecting(void)
{
	struct epoll_event seen;
	in_port_t port;
	int silent = silent_server(AF_INET, &port), other;
	int fd = must(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));

	check(connect_to(fd, AF_INET, port) == -EINPROGRESS, "not in progress");
	other = must(dup(fd));
	let_go(fd);
	check(epoll_wait(ep, &seen, 1, 0) == 0, "a connecting socket reports something");
	check(item(fd), "a connecting socket's item is not found");
	close(other);
	check(!item(fd), "it outlives the last descriptor");
	close(silent);
}

static void registered(void)
{
	int fd = must(socket(AF_INET, SOCK_STREAM, 0));
	struct io_uring ring;

	if (io_uring_queue_init(2, &ring, 0) < 0)
		return;
	check(!io_uring_register_files(&ring, &fd, 1), "the file cannot be registered");
	let_go(fd);
	check(item(fd), "a registered file is not seen");
	io_uring_unregister_files(&ring);
	goes("unregistering", fd);
	io_uring_queue_exit(&ring);
}

int main(void)
{
	ep = must(epoll_create1(EPOLL_CLOEXEC));
	nobody(SOCK_STREAM);
	nobody(SOCK_DGRAM);
	another_process(SOCK_STREAM);
	another_process(SOCK_DGRAM);
	in_flight();
	connecting();
	registered();
	return 0;
}
