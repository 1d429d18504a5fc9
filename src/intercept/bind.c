// SPDX-License-Identifier: LGPL-2.1-or-later
/* bind(2): of interest only for sockets that their program believes to be AF_INET, and are not. */
#include "intercept/handlers.h"

#include <errno.h>
#include <string.h>

#include "base/linger.h"

/* What to answer: 0 or a negative errno; -ENODATA: the kernel's own answer is right. */
static int bind_swapped(struct handlers *handlers, const struct caller *caller, const struct call *call)
{
	uint32_t length = (uint32_t)call->args[2];
	_cleanup_linger_close_ int fd = -EBADF;
	union any_address asked;
	union address *local = &asked.inet;

	if (!swap_translates(handlers->swap) || length > sizeof(asked) ||
	    caller_get_file(caller, (int)call->args[0], &fd) < 0 ||
	    !swap_binds(handlers->swap, caller, fd))
		return -ENODATA;
	/* As inet_bind() has it for AF_INET, where AF_UNSPEC stands for the any address. */
	if (length < sizeof(local->in))
		return -EINVAL;
	memset(&asked, 0, sizeof(asked));
	if (caller_read(caller, call->args[1], &asked, length) < 0)
		return -ENODATA;
	if (local->sa.sa_family != AF_INET &&
	    (local->sa.sa_family != AF_UNSPEC || local->in.sin_addr.s_addr != INADDR_ANY))
		return -EAFNOSUPPORT;
	local->sa.sa_family = AF_INET;
	return swap_bind(handlers->swap, caller, fd, local);
}

void handle_bind(struct handlers *handlers, struct notification *notification, const struct call *call)
{
	int r = bind_swapped(handlers, &notification->caller, call);

	r = r == -ENODATA ? notification_resume(notification) : notification_return(notification, -r);
	if (r == -ENOENT)
		handlers->unheard++;
}
