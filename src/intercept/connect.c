// SPDX-License-Identifier: LGPL-2.1-or-later
/* connect(2), and how what connects is answered and told of. */
#include "intercept/handlers.h"

#include <errno.h>

#include "base/clock.h"
#include "base/fault.h"

static int answer(struct notification *notification, const struct swap_outcome *outcome)
{
	if (outcome->resume)
		return notification_resume(notification);
	if (outcome->error)
		return notification_return(notification, outcome->error);
	return notification_return_value(notification, (int64_t)outcome->sent);
}

void conclude(struct handlers *handlers, struct notification *notification, const struct call *call,
	      const struct swap_outcome *outcome, uint64_t received)
{
	const struct caller *caller = &notification->caller;
	const bool tells = (handlers->trace || handlers->summary) && outcome->concerns_ipv4;
	unsigned int usec = 0;
	struct trace_who who;
	int r;

	if (tells) {
		usec = (unsigned int)(clock_usec() - received);
		usec -= outcome->aside_usec < usec ? outcome->aside_usec : usec;
		trace_identify(caller->tid, &who);
	}
	/* Before the answer, after which the program may end and the summary be asked for. */
	if (tells && handlers->summary)
		summary_add(handlers->summary, &who, outcome, usec);
	fault_point("answering");
	r = answer(notification, outcome);
	fault_point("answered");
	if (r == -ENOENT)
		handlers->unheard++;
	else if (outcome->has_timeout)
		timeouts_add(handlers->timeouts, caller->tid, call->nr, notification->request->data.args,
			     outcome->number, outcome->inode, &outcome->timeout, received);
	if (tells && handlers->trace)
		trace_connect(handlers->trace, &who, outcome, usec);
}

void handle_connect(struct handlers *handlers, struct notification *notification,
		    const struct call *call, uint64_t received)
{
	const struct swap_request request = {
		.number = (int)call->args[0],
		.address = call->args[1],
		.length = (uint32_t)call->args[2],
	};
	struct swap_outcome outcome;

	timeouts_forget(handlers->timeouts, notification->caller.tid);
	if (call->hidden) {
		swap_leave_hidden(&outcome, -1);
		conclude(handlers, notification, call, &outcome, received);
		return;
	}
	if (swap_connect(handlers->swap, &notification->caller, &request, &outcome) < 0) {
		/* The caller is gone: an answer to nobody, which costs nothing and cannot be wrong. */
		notification_resume(notification);
		handlers->unheard++;
		return;
	}
	conclude(handlers, notification, call, &outcome, received);
}
