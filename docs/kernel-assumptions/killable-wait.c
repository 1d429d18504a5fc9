// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * With WAIT_KILLABLE_RECV (Linux 5.19) a signal interrupts a notified call before RECV, not after.
 * Without it, after RECV too, and the answer finds nobody.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "assume.h"

/* The handler says that it ran. */
static int ran[2];

static void handler(int number)
{
	must(write(ran[1], "r", 1));
}

static int target(void)
{
	struct sigaction action = { .sa_handler = handler };
	int fd = must(socket(AF_INET, SOCK_STREAM, 0));

	must(sigaction(SIGUSR1, &action, NULL));
	check(connect_to(fd, AF_INET, htons(9)) == -EINTR, "not interrupted before RECV");
	return -connect_to(fd, AF_INET, htons(9));
}

static void try(unsigned long flags, bool killable)
{
	struct seccomp_notif notification;
	struct target t;
	char byte;
	int status;

	must(pipe(ran));
	t = target_start(target, SYS_connect, flags);
	check(wait_for(t.listener, POLLIN, DEADLINE) & POLLIN, "no notification");
	must(kill(t.pid, SIGUSR1));
	check(wait_for(ran[0], POLLIN, DEADLINE), "not interrupted before RECV");
	must(read(ran[0], &byte, 1));
	notification = receive(&t);
	must(kill(t.pid, SIGUSR1));
	if (killable) {
		check(!wait_for(ran[0], POLLIN, 50), "interrupted after RECV");
		check(!answer(&t, notification.id, -EPERM, 0, 0), "the answer finds nobody");
	} else {
		check(wait_for(ran[0], POLLIN, DEADLINE), "not interrupted after RECV");
		check(answer(&t, notification.id, -EPERM, 0, 0) == -ENOENT,
		      "the answer finds somebody");
	}
	status = target_end(&t);
	check(status == (killable ? EPERM : EINTR) << 8, "status %x", status);
	close(ran[0]);
	close(ran[1]);
}

int main(void)
{
	try(0, false);
	try(SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, true);
	return 0;
}
