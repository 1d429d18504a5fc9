// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A supervisor with a fault, to see whether random twins find it.
 *
 *	forgetful FAULT COMMAND [ARGUMENT]...
 *
 * It swaps the fresh AF_INET TCP sockets of a command, as `reseat run --netns 0.0.0.0/0=self` does, but looks after nothing
 * else than their flags, and
 *
 *	items	repairs no epoll registration
 *	flags	leaves the replacement blocking, and repairs no epoll registration
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/compat.h"
#include "supervise.h"

enum fault { ITEMS, FLAGS, FAULTS };

/* TCP_CLOSE of the kernel, which linux/tcp.h lacks. */
#define STATE_CLOSE 7

static int get_socket(pid_t tid, int number)
{
	int pidfd = (int)syscall(SYS_pidfd_open, tid, PIDFD_THREAD);
	int fd;

	if (pidfd < 0)
		pidfd = (int)syscall(SYS_pidfd_open, tid, 0);
	fd = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
	if (pidfd >= 0)
		close(pidfd);
	return fd;
}

/* O_CLOEXEC where a number has it; the kernel tells it among the flags, proc(5). */
static uint32_t close_on_exec(pid_t tid, int number)
{
	char path[64], line[64] = "";
	unsigned int flags = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", tid, number);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, "flags: %o", &flags) == 1)
			break;
	if (file)
		fclose(file);
	return flags & O_CLOEXEC;
}

static bool is_fresh_tcp(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t size = sizeof(info);
	int domain = 0;
	socklen_t length = sizeof(domain);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length) == 0 && domain == AF_INET &&
	       getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 && info.tcpi_state == STATE_CLOSE &&
	       info.tcpi_segs_out == 0;
}

/* Return: the errno to answer with; -1: the kernel answers. */
static int swap(int listener, const struct seccomp_notif *notification, enum fault fault)
{
	struct seccomp_notif_addfd add = {
		.id = notification->id,
		.flags = SECCOMP_ADDFD_FLAG_SETFD,
		.newfd = (uint32_t)notification->data.args[0],
		.newfd_flags = close_on_exec((pid_t)notification->pid, (int)notification->data.args[0]),
	};
	struct sockaddr_in to = { 0 };
	struct iovec local = { &to, sizeof(to) }, remote = { (void *)notification->data.args[1], sizeof(to) };
	int old = get_socket((pid_t)notification->pid, (int)notification->data.args[0]);
	int flags, error = 0, new;

	if (old < 0)
		return -1;
	if (process_vm_readv((pid_t)notification->pid, &local, 1, &remote, 1, 0) != sizeof(to) ||
	    to.sin_family != AF_INET || notification->data.args[2] < sizeof(to) || !is_fresh_tcp(old)) {
		close(old);
		return -1;
	}
	flags = fcntl(old, F_GETFL);
	close(old);
	new = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (new < 0)
		return errno;
	if (connect(new, (struct sockaddr *)&to, sizeof(to)) < 0)
		error = errno;
	if (error == EINPROGRESS) {
		fcntl(new, F_SETFL, fault == FLAGS ? flags & ~O_NONBLOCK : flags);
		add.srcfd = (uint32_t)new;
		ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add);
	}
	close(new);
	return error == EINPROGRESS && !(flags & O_NONBLOCK) ? -1 : error;
}

int main(int argc, char **argv)
{
	static const char *const names[] = { [ITEMS] = "items", [FLAGS] = "flags" };
	const int calls[] = { SYS_connect, 0 };
	struct seccomp_notif notification;
	unsigned int fault = 0;
	int listener, error;

	while (argc > 2 && fault < FAULTS && strcmp(argv[1], names[fault]) != 0)
		fault++;
	if (argc < 3 || fault == FAULTS)
		errx(2, "usage: forgetful items|flags COMMAND [ARGUMENT]...");
	listener = supervise(calls, argv + 2);
	for (;;) {
		supervise_receive(listener, &notification);
		error = swap(listener, &notification, fault);
		supervise_answer(listener, notification.id, error < 0 ? SECCOMP_USER_NOTIF_FLAG_CONTINUE : 0,
				 error < 0 ? 0 : error);
	}
}
