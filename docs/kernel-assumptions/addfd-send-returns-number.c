// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SECCOMP_ADDFD_FLAG_SEND makes the call return the number, and connect(2) must return 0: so ADDFD
 * and the answer are two steps. ADDFD alone leaves the notification open, and may be repeated.
 */
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "assume.h"

#ifndef SECCOMP_ADDFD_FLAG_SEND
#define SECCOMP_ADDFD_FLAG_SEND (1UL << 1)
#endif

static int target(void)
{
	int fd = must(socket(AF_INET, SOCK_STREAM, 0));

	check(connect_to(fd, AF_INET, htons(9)) == 0, "the answer is not what was sent");
	check(syscall(SYS_connect, fd, NULL, 0) == fd, "the call does not return the number");
	return 0;
}

int main(void)
{
	int fd = must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	struct target t = target_start(target, SYS_connect, 0);
	struct seccomp_notif notification = receive(&t);
	int number = notification.data.args[0];

	check(replace(&t, notification.id, fd, number, 0) == number,
	      "ADDFD does not return the number");
	check(replace(&t, notification.id, fd, number, 0) == number, "ADDFD cannot be repeated");
	must(answer(&t, notification.id, 0, 0, 0));
	notification = receive(&t);
	check(replace(&t, notification.id, fd, number, SECCOMP_ADDFD_FLAG_SEND) == number,
	      "ADDFD with SEND fails");
	check(!target_end(&t), "the target differs");
	return 0;
}
