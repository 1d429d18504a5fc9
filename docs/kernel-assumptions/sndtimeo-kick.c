// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A thread that waits in a CONTINUEd connect(2) without SO_SNDTIMEO, interrupted by
 * PTRACE_INTERRUPT, comes back as a second notification: its time-out can be answered as native
 * does.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assume.h"

static in_port_t port;

static int target(void)
{
	int fd = must(socket(AF_INET, SOCK_STREAM, 0));

	check(connect_to(fd, AF_INET, port) == -EINPROGRESS, "the answer does not arrive");
	return 0;
}

int main(void)
{
	int listening = silent_server(AF_INET6, &port), fd, status;
	struct target t = target_start(target, SYS_connect, 0);
	struct seccomp_notif notification = receive(&t);
	uint64_t first = notification.id;

	fd = must(socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
	check(connect_to(fd, AF_INET6, port) == -EINPROGRESS, "connect does not begin");
	must(fcntl(fd, F_SETFL, 0));
	must(replace(&t, notification.id, fd, notification.data.args[0], 0));
	must(answer(&t, notification.id, 0, 0, SECCOMP_USER_NOTIF_FLAG_CONTINUE));
	wait_blocked(t.pid, SYS_connect);
	if (ptrace(PTRACE_SEIZE, t.pid, 0, 0) < 0)
		missing("ptrace(2) of a child: errno %d", errno);
	must(ptrace(PTRACE_INTERRUPT, t.pid, 0, 0));
	must(waitpid(t.pid, &status, __WALL));
	must(ptrace(PTRACE_DETACH, t.pid, 0, 0));
	notification = receive(&t);
	check(notification.id != first && notification.data.nr == SYS_connect,
	      "not a new notification");
	must(answer(&t, notification.id, -EINPROGRESS, 0, 0));
	check(!target_end(&t), "the target differs");
	close(listening);
	return 0;
}
