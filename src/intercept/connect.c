// SPDX-License-Identifier: LGPL-2.1-or-later
/* connect(2). */
#include "intercept/handlers.h"

#include <errno.h>

#include "base/clock.h"

void handle_connect(struct handlers *handlers, struct notification *notification,
		    const struct call *call, uint64_t received)
{
	const struct caller *caller = &notification->caller;
	const struct swap_request request = {
		.number = (int)call->args[0],
		.address = call->args[1],
		.length = (uint32_t)call->args[2],
	};
	struct swap_outcome outcome;
	struct trace_who who;
	uint64_t done;
	int r;

	timeouts_forget(handlers->timeouts, caller->tid);
	r = swap_connect(handlers->swap, caller, &request, &outcome);
	if (r < 0) {
		/* The caller is gone: an answer to nobody, which costs nothing and cannot be wrong. */
		notification_resume(notification);
		handlers->unheard++;
		return;
	}
	done = clock_usec();
	if (handlers->trace && outcome.concerns_ipv4)
		trace_identify(caller->tid, &who);
	r = outcome.resume ? notification_resume(notification)
			   : notification_return(notification, outcome.error);
	if (r == -ENOENT)
		handlers->unheard++;
	else if (outcome.has_timeout)
		timeouts_add(handlers->timeouts, caller->tid, call->nr, call->multiplexed,
			     request.number, outcome.inode, &outcome.timeout, received);
	if (handlers->trace && outcome.concerns_ipv4)
		trace_connect(handlers->trace, &who, &outcome, (unsigned int)(done - received));
}
