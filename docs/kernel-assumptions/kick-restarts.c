// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A thread that is blocked on the old file in poll(2) or recv(2) begins its call again after
 * PTRACE_SEIZE, INTERRUPT, DETACH, on whatever its number names by then. With SO_RCVTIMEO recv(2)
 * ends with EINTR: such a thread must not be kicked.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assume.h"

/* What poll(3) is on aarch64, which has no poll(2). */
#ifndef SYS_poll
#define SYS_poll SYS_ppoll
#endif

enum call { POLL, RECV, RECV_TIMEOUT };

static int body(enum call call, int fd)
{
	struct pollfd item = { .fd = fd, .events = POLLIN };
	struct timeval timeout = { 20, 0 };
	char byte;

	switch (call) {
	case POLL:
		return poll(&item, 1, 20000) == 1 ? 0 : errno;
	case RECV_TIMEOUT:
		must(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)));
		/* fall through */
	default:
		return recv(fd, &byte, 1, 0) == 1 ? 0 : errno;
	}
}

static int kicked(enum call call)
{
	int pair[2], status;
	pid_t child;

	must(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	child = must(fork());
	if (!child) {
		must(prctl(PR_SET_PDEATHSIG, SIGKILL));
		close(pair[1]);
		_exit(body(call, pair[0]));
	}
	close(pair[0]);
	wait_blocked(child, call == POLL ? SYS_poll : SYS_recvfrom);
	if (ptrace(PTRACE_SEIZE, child, 0, 0) < 0)
		missing("ptrace(2) of a child: errno %d", errno);
	must(ptrace(PTRACE_INTERRUPT, child, 0, 0));
	must(waitpid(child, &status, __WALL));
	must(ptrace(PTRACE_DETACH, child, 0, 0));
	/* Ignored where the call ended and the child with it. */
	send(pair[1], "x", 1, MSG_NOSIGNAL);
	must(waitpid(child, &status, 0));
	close(pair[1]);
	return WEXITSTATUS(status);
}

int main(void)
{
	check(!kicked(POLL), "poll does not restart");
	check(!kicked(RECV), "recv does not restart");
	check(kicked(RECV_TIMEOUT) == EINTR, "recv with SO_RCVTIMEO restarts");
	return 0;
}
