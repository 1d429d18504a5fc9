/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One handler for each trapped call. Each answers its notification. */
#pragma once

#include "intercept/call.h"
#include "intercept/notification.h"
#include "intercept/timeouts.h"
#include "intercept/trace.h"
#include "swap/swap.h"

/* What the handlers work with; the receiving thread's. */
struct handlers {
	struct swap *swap;
	struct trace *trace; /* or NULL */
	struct timeouts *timeouts;
	unsigned long unheard; /* answers that found nobody */
};

void handle_connect(struct handlers *handlers, struct notification *notification,
		    const struct call *call, uint64_t received);

/* getpeername(2) and getsockname(2). */
void handle_name(struct handlers *handlers, struct notification *notification,
		 const struct call *call);

/* getsockopt(2) of SO_DOMAIN, SO_PEERNAME and SO_SNDTIMEO. */
void handle_option(struct handlers *handlers, struct notification *notification,
		   const struct call *call);

/* bind(2). */
void handle_bind(struct handlers *handlers, struct notification *notification,
		 const struct call *call);

/* landlock_restrict_self(2). */
void handle_restrict(struct handlers *handlers, struct notification *notification,
		     const struct call *call);
