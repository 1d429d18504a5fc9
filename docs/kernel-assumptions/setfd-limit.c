// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * ADDFD over a number at or above the target's RLIMIT_NOFILE fails, though the number is open and
 * native connect(2) works there: such a socket cannot be swapped.
 */
#include <errno.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "assume.h"

#define NUMBER 200

static int target(void)
{
	struct rlimit limits = { 100, 100 };
	int fd = must(socket(AF_INET, SOCK_STREAM, 0));

	must(dup2(fd, NUMBER));
	must(setrlimit(RLIMIT_NOFILE, &limits));
	connect_to(NUMBER, AF_INET, htons(9));
	connect_to(fd, AF_INET, htons(9));
	return 0;
}

int main(void)
{
	struct target t = target_start(target, SYS_connect, 0);
	int fd = must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
	struct seccomp_notif notification = receive(&t);

	check(notification.data.args[0] == NUMBER, "another number");
	check(replace(&t, notification.id, fd, NUMBER, 0) == -EBADF, "no EBADF above the limit");
	must(answer(&t, notification.id, 0, 0, 0));
	notification = receive(&t);
	check(replace(&t, notification.id, fd, notification.data.args[0], 0) >= 0,
	      "below the limit");
	must(answer(&t, notification.id, 0, 0, 0));
	check(!target_end(&t), "the target differs");
	return 0;
}
