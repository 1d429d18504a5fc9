// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Sends with MSG_FASTOPEN: a connect with data (tcp_sendmsg_fastopen()).
 *
 * On a non-blocking socket the data goes with our connect, and its result is the answer. A blocking one is
 * connected with nothing, and its own call, resumed, waits and sends: only so can it wait natively.
 */
#include "intercept/handlers.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/linger.h"
#include "intercept/outgoing.h"

/* More does not fit into a SYN, and a non-blocking send that connects takes no more. */
#define DATA_MAX 65535

static struct message message; /* the receiving thread's */

static int flags_of(const struct call *call)
{
	const uint64_t flags = call->args[call->kind == CALL_SENDMSG ? 2 : 3];

	return (int)flags & (OUTGOING_FLAGS | MSG_FASTOPEN);
}

/* One more message of sendmmsg(2), on a socket that was connected by the first. Return: its length, or
 * whatever ends the call, negative. */
static ssize_t send_more(const struct caller *caller, const struct call *call, unsigned int index,
			 int fd, const union address *peer)
{
	_cleanup_outgoing_ struct outgoing_data data = {0};
	const int flags = flags_of(call);
	ssize_t n;
	int r = message_of_call(caller, call, index, &message);

	if (r == 0)
		r = outgoing_gather(caller, &message, flags, DATA_MAX, &data);
	if (r < 0)
		return r;
	n = sendto(fd, data.bytes, data.size, flags | MSG_DONTWAIT | MSG_NOSIGNAL, &peer->sa,
		   address_size(peer));
	return n < 0 ? -errno : n;
}

/* The rest of sendmmsg(2): it counts messages, and tells their lengths apart. */
static void send_rest(const struct caller *caller, const struct call *call,
		      struct swap_outcome *outcome)
{
	const unsigned int count = call->args[2] < IOV_MAX ? (unsigned int)call->args[2] : IOV_MAX;
	_cleanup_linger_close_ int fd = -EBADF;
	ssize_t sent = (ssize_t)outcome->sent;
	unsigned int done = 0;

	if (call->kind != CALL_SENDMMSG || outcome->resume || outcome->error)
		return;
	while (sent >= 0) {
		if (message_write_length(caller, call, done, (uint32_t)sent) < 0 || ++done == count ||
		    (fd < 0 && caller_get_file(caller, (int)call->args[0], &fd) < 0))
			break;
		sent = send_more(caller, call, done, fd, &outcome->made);
	}
	outcome->sent = done;
}

/* Return: 0 with @ret; a negative errno: the kernel has something to say about it. */
static int connect_with_data(struct handlers *handlers, const struct caller *caller,
			     const struct call *call, struct swap_outcome *ret)
{
	_cleanup_outgoing_ struct outgoing_data data = {0};
	struct swap_request request = {
		.purpose = SWAP_TO_FASTOPEN,
		.number = (int)call->args[0],
		.flags = flags_of(call) & ~MSG_FASTOPEN,
	};
	int r;

	if (call->kind == CALL_SENDMMSG && !call->args[2])
		return -EINVAL;
	r = message_of_call(caller, call, 0, &message);
	if (r < 0)
		return r;
	/* Without an address it is a plain send. */
	if (!message.name)
		return -EINVAL;
	r = outgoing_gather(caller, &message, request.flags, DATA_MAX, &data);
	/* The kernel connects before it looks at the data. */
	if (r < 0 && r != -EFAULT)
		return r;
	request.address = message.name;
	request.length = (uint32_t)message.name_length;
	request.data = data.bytes;
	request.size = r == 0 ? data.size : 0;
	return swap_connect(handlers->swap, caller, &request, ret);
}

void handle_fastopen(struct handlers *handlers, struct notification *notification,
		     const struct call *call, uint64_t received)
{
	const struct caller *caller = &notification->caller;
	struct swap_outcome outcome;

	timeouts_forget(handlers->timeouts, caller->tid);
	if (connect_with_data(handlers, caller, call, &outcome) < 0)
		outcome = (struct swap_outcome){.resume = true};
	else
		send_rest(caller, call, &outcome);
	conclude(handlers, notification, call, &outcome, received);
}
