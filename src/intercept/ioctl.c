// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ioctl(2) for the IPv4 address of an interface, on sockets that their program believes to be AF_INET, and
 * are not.
 */
#include "intercept/handlers.h"

#include <errno.h>
#include <net/if.h>

#include "base/linger.h"

/* struct compat_ifreq in include/linux/compat.h: its union has no longs. */
#define COMPAT_SIZE 32

/* What to answer: 0 or a negative errno; -ENODATA: the kernel's own answer is right. */
static int ask(struct handlers *handlers, const struct caller *caller, const struct call *call)
{
	size_t size = call->compat ? COMPAT_SIZE : sizeof(struct ifreq);
	_cleanup_linger_close_ int fd = -EBADF;
	struct ifreq interface = {0};
	int r;

	if (!swap_translates(handlers->swap) ||
	    caller_get_file(caller, (int)call->args[0], &fd) < 0 ||
	    !swap_believes_inet(handlers->swap, fd))
		return -ENODATA;
	r = caller_read(caller, call->args[2], &interface, size);
	if (r < 0)
		return r == -EFAULT ? r : -ENODATA;
	r = swap_interface(handlers->swap, fd, (unsigned int)call->args[1], &interface);
	if (r < 0)
		return r;
	r = caller_write(caller, call->args[2], &interface, size);
	return r == 0 || r == -EFAULT ? r : -ENODATA;
}

void handle_ioctl(struct handlers *handlers, struct notification *notification,
		  const struct call *call)
{
	answer_asker(handlers, notification, call, ask(handlers, &notification->caller, call));
}
