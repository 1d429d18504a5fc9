// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * io_uring_setup(2), where it is allowed; else the filter itself answers ENOSYS (filter.c).
 *
 * What a program does through a ring never reaches us: IORING_OP_CONNECT connects where the program said.
 * And a ring holds files, of which nothing tells. The process is remembered, so that a swap can say what it
 * is that goes on with the old socket.
 */
#include "intercept/handlers.h"

#include <errno.h>

void handle_ring(struct handlers *handlers, struct notification *notification,
		 const struct call *call)
{
	swap_ring(handlers->swap, &notification->caller);
	if (notification_resume(notification) == -ENOENT)
		handlers->unheard++;
}
