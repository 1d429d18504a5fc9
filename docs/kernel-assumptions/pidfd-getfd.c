// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * pidfd_getfd(2) gives the same open file (kcmp says so), its copy is CLOEXEC whatever the target's
 * number is, status flags are shared, and descriptor flags are not. newfd_flags of ADDFD sets
 * CLOEXEC.
 */
#include <fcntl.h>
#include <linux/kcmp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "assume.h"

static int target(void)
{
	int fd = must(socket(AF_INET, SOCK_STREAM, 0));

	must(connect_to(fd, AF_INET, htons(9)));
	check(fcntl(fd, F_GETFD) == FD_CLOEXEC, "newfd_flags does not set CLOEXEC");
	return 0;
}

int main(void)
{
	struct target t = target_start(target, SYS_connect, 0);
	struct seccomp_notif notification = receive(&t);
	int number = notification.data.args[0], copy = copy_of(&t, number);
	struct seccomp_notif_addfd addfd = {
		.id = notification.id,
		.flags = SECCOMP_ADDFD_FLAG_SETFD,
		.srcfd = copy,
		.newfd = number,
		.newfd_flags = O_CLOEXEC,
	};

	check(fcntl(copy, F_GETFD) == FD_CLOEXEC, "the copy is not CLOEXEC");
	if (syscall(SYS_kcmp, t.pid, getpid(), KCMP_FILE, number, copy) < 0)
		missing("kcmp(2)");
	check(!syscall(SYS_kcmp, t.pid, getpid(), KCMP_FILE, number, copy), "not the same file");
	check(syscall(SYS_kcmp, t.pid, getpid(), KCMP_FILE, number, t.listener),
	      "kcmp says 0 always");
	must(ioctl(t.listener, SECCOMP_IOCTL_NOTIF_ADDFD, &addfd));
	must(answer(&t, notification.id, 0, 0, 0));
	check(!target_end(&t), "the target differs");
	return 0;
}
