// SPDX-License-Identifier: LGPL-2.1-or-later
/* landlock_restrict_self(2): from here on the thread may be under rules that only its own calls meet. */
#include "intercept/handlers.h"

#include <errno.h>

void handle_restrict(struct handlers *handlers, struct notification *notification,
		     const struct call *call)
{
	swap_restrict(handlers->swap, &notification->caller, (int)call->args[0]);
	if (notification_resume(notification) == -ENOENT)
		handlers->unheard++;
}
