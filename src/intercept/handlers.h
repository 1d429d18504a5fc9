/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One handler for each trapped call. Each answers its notification. */
#pragma once

#include "intercept/call.h"
#include "intercept/held.h"
#include "intercept/notification.h"
#include "intercept/summary.h"
#include "intercept/timeouts.h"
#include "intercept/trace.h"
#include "swap/swap.h"

/* What the handlers work with; the receiving thread's. */
struct handlers {
	struct swap *swap;
	struct trace *trace; /* or NULL */
	struct summary *summary; /* or NULL: nobody observes */
	struct timeouts *timeouts;
	struct held *held;
	unsigned long unheard; /* answers that found nobody */
};

void handle_connect(struct handlers *handlers, struct notification *notification,
		    const struct call *call, uint64_t received);

/* A send with MSG_FASTOPEN, from handle_send(). */
void handle_fastopen(struct handlers *handlers, struct notification *notification,
		     const struct call *call, uint64_t received);

/* Answer what connects from its outcome, and tell of it. */
void conclude(struct handlers *handlers, struct notification *notification, const struct call *call,
	      const struct swap_outcome *outcome, uint64_t received);

/* Answer who asks about a socket, or sets something there: with 0 or a negative errno; -ENODATA: the kernel's
 * own answer is right, and is on its way from now on. */
void answer_asker(struct handlers *handlers, struct notification *notification, const struct call *call,
		  int r);

/* getpeername(2) and getsockname(2). */
void handle_name(struct handlers *handlers, struct notification *notification,
		 const struct call *call);

/* getsockopt(2) of SO_DOMAIN, SO_PEERNAME, SO_SNDTIMEO, IP_MTU and anything of IPPROTO_IPV6. */
void handle_option(struct handlers *handlers, struct notification *notification,
		   const struct call *call);

/* setsockopt(2) of IP-level options, and anything of IPPROTO_IPV6. */
void handle_set_option(struct handlers *handlers, struct notification *notification,
		       const struct call *call);

/* ioctl(2) of requests that show an IPv4 address. */
void handle_ioctl(struct handlers *handlers, struct notification *notification,
		  const struct call *call);

/* listen(2). */
void handle_listen(struct handlers *handlers, struct notification *notification,
		   const struct call *call);

/* sendto(2), sendmsg(2), sendmmsg(2): to an address. */
void handle_send(struct handlers *handlers, struct notification *notification,
		 const struct call *call, uint64_t received);

/* recvfrom(2) with an address, recvmsg(2), recvmmsg(2). */
void handle_receive(struct handlers *handlers, struct notification *notification,
		    const struct call *call, uint64_t received);

/* io_uring_setup(2), where it is allowed. */
void handle_ring(struct handlers *handlers, struct notification *notification,
		 const struct call *call);

/* bind(2). */
void handle_bind(struct handlers *handlers, struct notification *notification,
		 const struct call *call);

/* landlock_restrict_self(2). */
void handle_restrict(struct handlers *handlers, struct notification *notification,
		     const struct call *call);
