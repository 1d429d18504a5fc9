// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The bare notification: every call that reseat traps is answered CONTINUE, and that is all.
 *
 *     bare COMMAND [ARGUMENT]...
 */
#include <err.h>
#include <sys/syscall.h>

#include "supervise.h"

int main(int argc, char **argv)
{
	const int calls[] = {SYS_connect, SYS_getpeername, SYS_getsockname, 0};
	struct seccomp_notif notification;
	int listener;

	if (argc < 2)
		errx(2, "usage: bare COMMAND [ARGUMENT]...");
	listener = supervise(calls, argv + 1);
	for (;;) {
		supervise_receive(listener, &notification);
		supervise_answer(listener, notification.id, SECCOMP_USER_NOTIF_FLAG_CONTINUE, 0);
	}
}
