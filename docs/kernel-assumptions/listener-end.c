// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The listener hangs up when the last user of the filter is gone, once it has been reaped at the
 * latest. A child of the target counts as a user.
 */
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assume.h"

static int hold[2];

static int target(void)
{
	char byte;

	close(hold[1]);
	if (!must(fork())) {
		must(read(hold[0], &byte, 1));
		_exit(0);
	}
	return 0;
}

int main(void)
{
	struct target t;
	int status;

	must(pipe(hold));
	t = target_start(target, SYS_connect, 0);
	must(waitpid(t.pid, &status, 0));
	check(!wait_for(t.listener, POLLIN, 50), "hang-up while a child uses the filter");
	close(hold[1]);
	check(wait_for(t.listener, POLLIN, DEADLINE) & POLLHUP, "no hang-up at the end");
	return 0;
}
