// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A target that went away: ID_VALID, ADDFD and SEND give ENOENT, and so does RECV where its
 * notification had not been received. Nothing else, and nothing is left.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assume.h"

static int target(void)
{
	connect_to(must(socket(AF_INET, SOCK_STREAM, 0)), AF_INET, htons(9));
	return 0;
}

int main(void)
{
	struct target t = target_start(target, SYS_connect, 0);
	struct seccomp_notif notification = receive(&t);
	int fd = must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));

	check(!ioctl(t.listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &notification.id), "not valid");
	must(kill(t.pid, SIGKILL));
	/* Not reaped: the listener knows all the same. */
	must(waitid(P_PID, t.pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT));
	check(ioctl(t.listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &notification.id) < 0 &&
		      errno == ENOENT, "the id is valid");
	check(replace(&t, notification.id, fd, notification.data.args[0], 0) == -ENOENT,
	      "ADDFD does not say ENOENT");
	check(answer(&t, notification.id, 0, 0, 0) == -ENOENT, "SEND does not say ENOENT");
	check(WTERMSIG(target_end(&t)) == SIGKILL, "the target ends otherwise");

	t = target_start(target, SYS_connect, 0);
	check(wait_for(t.listener, POLLIN, DEADLINE) & POLLIN, "no notification");
	must(kill(t.pid, SIGKILL));
	must(waitid(P_PID, t.pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT));
	notification = (struct seccomp_notif){ 0 };
	if (!(wait_for(t.listener, POLLIN, 0) & POLLHUP)) {
		/*
		 * Linux 6.1: no hang-up before the zombie is reaped, and RECV would wait for ever.
		 */
		target_end(&t);
		return 0;
	}
	check(ioctl(t.listener, SECCOMP_IOCTL_NOTIF_RECV, &notification) < 0 && errno == ENOENT,
	      "RECV does not say ENOENT");
	target_end(&t);
	return 0;
}
