// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * listen(2): of interest only for a socket that was swapped before, refused or disconnected since.
 *
 * What accept(2) gives would show the family at every turn: the peer's address, the new socket's own. So the
 * socket becomes again what its program made it, and all that follows is native.
 */
#include "intercept/handlers.h"

#include <errno.h>

#include "base/fault.h"

void handle_listen(struct handlers *handlers, struct notification *notification,
		   const struct call *call)
{
	struct swap_outcome outcome = {.resume = true};
	int r = 0;

	if (swap_translates(handlers->swap))
		r = swap_restore(handlers->swap, &notification->caller, (int)call->args[0], &outcome);
	fault_point("answering");
	r = r < 0 || outcome.resume ? notification_resume(notification)
				    : notification_return(notification, outcome.error);
	fault_point("answered");
	if (r == -ENOENT)
		handlers->unheard++;
}
