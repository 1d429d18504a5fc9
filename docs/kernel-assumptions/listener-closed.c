// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * When the listener closes, the target's calls give ENOSYS, those that wait and those that follow.
 */
#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "assume.h"

static int target(void)
{
	int fd = must(socket(AF_INET, SOCK_STREAM, 0));

	check(connect_to(fd, AF_INET, htons(9)) == -ENOSYS, "the waiting call is not ENOSYS");
	check(connect_to(fd, AF_INET, htons(9)) == -ENOSYS, "the next call is not ENOSYS");
	return 0;
}

int main(void)
{
	struct target t = target_start(target, SYS_connect, 0);

	receive(&t);
	close(t.listener);
	t.listener = -1;
	check(!target_end(&t), "the target differs");
	return 0;
}
