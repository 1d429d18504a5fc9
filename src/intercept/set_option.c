// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * setsockopt(2): of interest for what cannot be read back from a socket, and for sockets that their program
 * believes to be AF_INET, and are not.
 *
 * What cannot be looked at or is wrong with the call is the kernel's to say: the call is resumed, on the
 * IPv4 side of the socket.
 */
#include "intercept/handlers.h"

#include <errno.h>
#include <netinet/in.h>

#include "base/linger.h"

/* The options that concern us are ints, of which ip_setsockopt() takes four bytes or one. */
#define LENGTH_MAX 256

static int set_ip(struct handlers *handlers, const struct caller *caller, int fd, const struct call *call)
{
	union {
		int number;
		unsigned char bytes[LENGTH_MAX];
	} value = {0};
	int length = (int)call->args[4];

	if (length <= 0 || length > LENGTH_MAX ||
	    caller_read(caller, call->args[3], &value,
			length < (int)sizeof(int) ? 1 : sizeof(int)) < 0)
		return -ENODATA;
	return swap_set_ip(handlers->swap, fd, (int)call->args[2], &value, (socklen_t)length);
}

/* What to answer: 0 or a negative errno; -ENODATA: the kernel's own answer is right. */
static int set_swapped(struct handlers *handlers, const struct caller *caller, const struct call *call)
{
	int level = (int)call->args[1];
	_cleanup_linger_close_ int fd = -EBADF;

	/* Through socketcall(2) every setsockopt comes here. A length below 0 is EINVAL on any socket. */
	if (!swap_translates(handlers->swap) || (level != IPPROTO_IP && level != IPPROTO_IPV6) ||
	    (int)call->args[4] < 0 || caller_get_file(caller, (int)call->args[0], &fd) < 0)
		return -ENODATA;
	if (level == IPPROTO_IP)
		return set_ip(handlers, caller, fd, call);
	return swap_inet6_level(handlers->swap, fd, true, (int)call->args[2]);
}

void handle_set_option(struct handlers *handlers, struct notification *notification,
		       const struct call *call)
{
	swap_lose(handlers->swap, &notification->caller, (int)call->args[0], (int)call->args[1],
		  (int)call->args[2]);
	answer_asker(handlers, notification, call, set_swapped(handlers, &notification->caller, call));
}
