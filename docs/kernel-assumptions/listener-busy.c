// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * One listener for a chain of filters: a second is EBUSY as long as somebody holds the first. When
 * it closes, its filter stays (its calls give ENOSYS), and another listener may be made.
 */
#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "assume.h"

int main(void)
{
	int listener = load_filter(SYS_connect, 0);

	if (listener < 0)
		missing("seccomp notification: errno %d", -listener);
	check(load_filter(SYS_getpeername, 0) == -EBUSY, "a second listener");
	close(listener);
	check(load_filter(SYS_getpeername, 0) >= 0, "no listener after the first closed");
	return 0;
}
