// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * sendto(2), sendmsg(2), sendmmsg(2): datagrams to an address.
 *
 * On a socket that stands for another the address means something else, and only the policy knows
 * what. The datagram is sent here, through our duplicate and never waiting, to where it goes; a
 * call that has to wait for room is held (held.h). It is our send, with our rights: a control message
 * for which the kernel may ask for a capability is sent with none that the program lacks, so the
 * kernel's own answer is the program's.
 *
 * Where the policy wants it, a socket is put in place by its first datagram to an address.
 */
#include "intercept/handlers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/linger.h"
#include "intercept/control.h"
#include "intercept/outgoing.h"
#include "target/capability.h"
#include "target/signals.h"

/* MSG_CMSG_COMPAT in include/linux/socket.h: the kernel's own, refused from 64-bit programs. */
#define FLAG_COMPAT 0x80000000U

/* What fits into an IPv4 packet behind its header and UDP's, and into any that the kernel makes. */
#define PAYLOAD_MAX (65535 - 20 - 8)
#define SIZE_MAX_UDP 65535

/* One call, as far as it has got. */
struct send {
	struct held_call held; /* the first member */
	struct swap *swap;
	struct call call;
	unsigned int flags;
	bool blocking;
	bool timed;	   /* SO_SNDTIMEO: an interrupted call is not restarted */
	enum present_form form;
	unsigned int done; /* sendmmsg(2) */
	bool read;	   /* @message is the next one already */
	struct message message;
};

/* What is passed to sendmsg(2). */
struct outgoing {
	union any_address asked; /* by the program */
	union any_address to;
	socklen_t length;
	bool translated; /* @to is not what was asked for */
	unsigned char from[CONTROL_MAX]; /* control messages, the program's */
	struct control_in control;
};

/* move_addr_to_kernel(), and where the datagram goes. Return: 0 or what the program is to see. */
static int find_destination(const struct send *send, const struct caller *caller, int fd,
			    struct outgoing *out)
{
	const struct message *message = &send->message;
	int r;

	memset(&out->asked, 0, sizeof(out->asked));
	memset(&out->to, 0, sizeof(out->to));
	out->length = 0;
	if (!message->name)
		return 0;
	if (message->name_length < 0 || message->name_length > (int)sizeof(out->asked))
		return -EINVAL;
	r = caller_read(caller, message->name, &out->asked, (size_t)message->name_length);
	if (r < 0)
		return r;
	r = swap_destination(send->swap, caller, fd, &out->asked.inet, (socklen_t)message->name_length,
			     &out->to.inet);
	if (r < 0)
		return r;
	out->length = r ? address_size(&out->to.inet) : (socklen_t)message->name_length;
	out->translated = r;
	if (!r)
		out->to = out->asked;
	return 0;
}

/* Whether an IPv6 packet comes of it where the program knows of an IPv4 one. */
static bool is_translated(const struct send *send, int fd, const struct outgoing *out)
{
	union address peer = out->to.inet;
	socklen_t size = sizeof(peer);

	if (out->length)
		return out->translated && peer.sa.sa_family == AF_INET6 && !address_is_mapped(&peer);
	if (getpeername(fd, &peer.sa, &size) < 0 || peer.sa.sa_family != AF_INET6 ||
	    address_is_mapped(&peer))
		return false;
	return send->form == PRESENT_INET ||
	       (swap_source(send->swap, fd, &peer, &peer) && address_is_mapped(&peer));
}

static int read_control(const struct send *send, const struct caller *caller, bool translate,
			struct outgoing *out)
{
	const struct message *message = &send->message;
	int r;

	out->control.used = 0;
	if (!message->control || !message->control_length)
		return 0;
	if (message->control_length > sizeof(out->from))
		return -ENOBUFS;
	r = caller_read(caller, message->control, out->from, message->control_length);
	if (r < 0)
		return r;
	return control_sent(out->from, message->control_length, message->compat, translate,
			    &out->control);
}

/* sendmsg(2), with no more than the program's rights. Return: as the call, or a negative errno. */
static ssize_t send_as(const struct caller *caller, int fd, const struct msghdr *header, int flags)
{
	struct capabilities lowered;
	ssize_t n;
	int r = capabilities_lower(caller->tid, &lowered);

	if (r < 0)
		return r;
	/* It was the caller's thread that was looked at. */
	n = -ENOENT;
	if (caller_valid(caller)) {
		n = sendmsg(fd, header, flags);
		if (n < 0)
			n = -errno;
	}
	capabilities_restore(&lowered);
	return n;
}

/* One datagram. Return: as the call; -EAGAIN where it would wait. */
static int64_t send_one(const struct send *send, const struct caller *caller, int fd)
{
	const struct message *message = &send->message;
	_cleanup_free_ struct outgoing *out = malloc(sizeof(*out));
	_cleanup_outgoing_ struct outgoing_data data = {0};
	struct iovec iov;
	struct msghdr header = {.msg_iov = &iov, .msg_iovlen = 1};
	const int flags = (int)(send->flags & OUTGOING_FLAGS);
	bool translate;
	ssize_t n;
	int r;

	if (!out)
		return -ENOMEM;
	r = find_destination(send, caller, fd, out);
	if (r < 0)
		return r;
	translate = is_translated(send, fd, out);
	if (message->size > (translate ? PAYLOAD_MAX : SIZE_MAX_UDP))
		return -EMSGSIZE;
	r = read_control(send, caller, translate, out);
	if (r == 0)
		r = outgoing_gather(caller, message, flags, message->size, &data);
	if (r < 0)
		return r;
	iov.iov_base = data.bytes;
	iov.iov_len = data.size;
	if (out->length) {
		header.msg_name = &out->to;
		header.msg_namelen = out->length;
	}
	if (out->control.used) {
		header.msg_control = out->control.bytes;
		header.msg_controllen = out->control.used;
	}
	/* Pages that are pinned are accounted for, too. */
	if ((flags & MSG_ZEROCOPY) || !control_is_common(&out->control))
		return send_as(caller, fd, &header, flags | MSG_DONTWAIT | MSG_NOSIGNAL);
	n = sendmsg(fd, &header, flags | MSG_DONTWAIT | MSG_NOSIGNAL);
	return n < 0 ? -errno : n;
}

static unsigned int count_of(const struct call *call)
{
	const unsigned int count = (unsigned int)call->args[2];

	return count < IOV_MAX ? count : IOV_MAX;
}

/* As __sys_sendmmsg(). Return: false where it would wait, or others have waited for long enough. */
static bool attempt_many(struct send *send, const struct caller *caller, int fd, int64_t *ret)
{
	const unsigned int count = count_of(&send->call);
	const unsigned int before = send->done;
	const uint64_t since = clock_usec();
	int64_t r = 0;

	while (send->done < count) {
		if (held_pauses(&send->held, send->done - before, since))
			return false;
		if (!send->read)
			r = message_of_call(caller, &send->call, send->done, &send->message);
		if (r < 0)
			break;
		send->read = true;
		r = send_one(send, caller, fd);
		if (r == -EAGAIN && send->blocking)
			return false;
		if (r < 0)
			break;
		r = message_write_length(caller, &send->call, send->done, (uint32_t)r);
		if (r < 0)
			break;
		send->read = false;
		send->done++;
	}
	*ret = send->done ? send->done : r;
	return true;
}

static bool attempt(struct held_call *held, const struct caller *caller, int fd, int64_t *ret)
{
	struct send *send = (struct send *)held;
	int64_t r;

	if (send->call.kind == CALL_SENDMMSG)
		return attempt_many(send, caller, fd, ret);
	r = send_one(send, caller, fd);
	if (r == -EAGAIN && send->blocking)
		return false;
	*ret = r;
	return true;
}

static int64_t end(struct held_call *held, const struct caller *caller, int error)
{
	const struct send *send = (const struct send *)held;

	if (send->done)
		return send->done;
	return error == -SIGNALS_RESTART && send->timed ? -EINTR : error;
}

static void free_send(struct held_call *held)
{
	free(held);
}

/* Return: 0: answered or held; -ENOENT; -ENODATA: the kernel's own sending is right. */
static int work(struct handlers *handlers, struct notification *notification, struct send *send, int *fd,
		uint64_t received)
{
	const struct caller *caller = &notification->caller;
	const struct call *call = &send->call;
	struct send *kept;
	int64_t value;
	int r = 0;

	if (call->kind != CALL_SENDMMSG)
		r = message_of_call(caller, call, 0, &send->message);
	/* What cannot be looked at cannot be sent either. */
	if (r == -EPERM)
		return -ENODATA;
	/* To the peer, with nothing that would have to be translated. */
	if (r == 0 && call->kind == CALL_SENDMSG && !send->message.name && !send->message.control)
		return -ENODATA;
	value = r;
	send->blocking = held_waits(&send->held, *fd, (int)send->flags, received, &send->timed);
	if (r == 0 && !attempt(&send->held, caller, *fd, &value)) {
		kept = malloc(sizeof(*kept));
		if (kept) {
			*kept = *send;
			if (held_add(handlers->held, notification, *fd, &kept->held) == 0)
				return 0;
			free(kept);
		}
		value = end(&send->held, caller, -ENOMEM);
	}
	*fd = linger_close(*fd);
	return notification_return_value(notification, value);
}

static unsigned int flags_of(const struct call *call)
{
	return (unsigned int)call->args[call->kind == CALL_SENDMSG ? 2 : 3];
}

/* The address that a message is sent to, in the caller's memory. Return: false: none. */
static bool find_name(const struct caller *caller, const struct call *call, unsigned int index,
		      struct swap_request *ret)
{
	static struct message message; /* the receiving thread's */

	if (message_of_call(caller, call, index, &message) < 0)
		return false;
	ret->address = message.name;
	ret->length = (uint32_t)message.name_length;
	return message.name != 0;
}

/* Tell of a socket that was put in place by a datagram, would have been, or could not be. */
static void tell(struct handlers *handlers, const struct caller *caller,
		 const struct swap_outcome *outcome, uint64_t received)
{
	unsigned int usec = (unsigned int)(clock_usec() - received);
	struct trace_who who;

	if (!handlers->trace && !handlers->summary)
		return;
	usec -= outcome->aside_usec < usec ? outcome->aside_usec : usec;
	trace_identify(caller->tid, &who);
	if (handlers->summary)
		summary_add(handlers->summary, &who, outcome, usec);
	if (handlers->trace)
		trace_connect(handlers->trace, &who, outcome, usec);
}

/* Whether something is to become of a socket, or of a message on it. */
static bool matters(const struct swap_outcome *outcome)
{
	return outcome->concerns_ipv4 && outcome->how != SWAP_PASS && outcome->how != SWAP_NATIVE;
}

/*
 * Put a socket in place for where its first message goes, if that is to be.
 *
 * Return: 1: it was; 0: it was not; or what the program is to see, negative.
 */
static int put_in_place(struct handlers *handlers, const struct caller *caller, const struct call *call,
			unsigned int index, struct swap_outcome *ret, uint64_t received)
{
	struct swap_request request = {.purpose = SWAP_TO_SEND, .number = (int)call->args[0]};

	*ret = (struct swap_outcome){0};
	if (!find_name(caller, call, index, &request))
		return 0;
	if (swap_connect(handlers->swap, caller, &request, ret) < 0)
		return -ENOENT;
	if (!matters(ret))
		return 0;
	tell(handlers, caller, ret, received);
	if (ret->resume)
		return 0;
	return ret->how == SWAP_SWAPPED || ret->how == SWAP_IN_PLACE ? 1 : -ret->error;
}

/*
 * How many messages of sendmmsg(2) go by the socket as it is, after what became of it by the first. The
 * next one is rejected, or wants another socket: it is dealt with when it comes as the first of a call.
 */
static unsigned int find_end(struct handlers *handlers, const struct caller *caller,
			     const struct call *call, const struct swap_outcome *first,
			     uint64_t received)
{
	const unsigned int count = count_of(call);
	struct swap_request request = {
		.purpose = SWAP_TO_SEND,
		.number = (int)call->args[0],
		.only_ask = true,
	};
	struct swap_outcome outcome;
	unsigned int i;

	for (i = 1; i < count; i++) {
		if (!find_name(caller, call, i, &request))
			continue;
		if (swap_connect(handlers->swap, caller, &request, &outcome) < 0)
			break;
		/* The first message's rule has been followed already, by the socket that it asks for. */
		if (!matters(&outcome) || (matters(first) && outcome.how != SWAP_REJECTED &&
					   outcome.decision.rule == first->decision.rule))
			continue;
		if (!outcome.observed)
			break;
		/* One of a call is told of. */
		if (!matters(first)) {
			put_in_place(handlers, caller, call, i, &outcome, received);
			return count;
		}
	}
	return i;
}

static bool is_datagram(int fd)
{
	int type = 0;
	socklen_t size = sizeof(type);

	return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 && type == SOCK_DGRAM;
}

/* Our duplicate, if a message on it is ours to send. Return: 1, 0, or what the program is to see. */
static int find_socket(struct handlers *handlers, const struct caller *caller, struct send *send, int *fd,
		       uint64_t received)
{
	const int number = (int)send->call.args[0];
	struct swap_outcome first;
	unsigned int end;
	int r;

	if ((!swap_translates(handlers->swap) && !swap_at_send(handlers->swap)) ||
	    caller_get_file(caller, number, fd) < 0 || !is_datagram(*fd))
		return 0;
	send->form = swap_form(send->swap, *fd);
	if (send->form != PRESENT_ITSELF)
		return 1;
	if (!swap_at_send(handlers->swap) ||
	    (send->call.kind == CALL_SENDMMSG && count_of(&send->call) == 0))
		return 0;
	*fd = linger_close(*fd);
	r = put_in_place(handlers, caller, &send->call, 0, &first, received);
	if (r < 0)
		return r;
	send->held.disturbed = r > 0;
	if (r > 0 && caller_get_file(caller, number, fd) == 0) {
		send->form = swap_form(send->swap, *fd);
		if (send->form != PRESENT_ITSELF)
			return 1;
	}
	if (send->call.kind != CALL_SENDMMSG)
		return 0;
	end = find_end(handlers, caller, &send->call, &first, received);
	if (end >= count_of(&send->call))
		return 0;
	/* Resumed, the kernel would send all of them. */
	send->call.args[2] = end;
	*fd = linger_close(*fd);
	return caller_get_file(caller, number, fd) == 0;
}

/* A send with MSG_FASTOPEN connects, but not on a datagram socket, where the flag means nothing. */
static bool connects(const struct caller *caller, const struct call *call)
{
	_cleanup_linger_close_ int fd = -EBADF;

	return caller_get_file(caller, (int)call->args[0], &fd) < 0 || !is_datagram(fd);
}

void handle_send(struct handlers *handlers, struct notification *notification,
		 const struct call *call, uint64_t received)
{
	static struct send send; /* the receiving thread's */
	_cleanup_linger_close_ int fd = -EBADF;
	int r = 0;

	send.held = (struct held_call){
		.events = EPOLLOUT,
		.attempt = attempt,
		.end = end,
		.free = free_send,
	};
	send.swap = handlers->swap;
	send.call = *call;
	send.flags = flags_of(call);
	send.done = 0;
	send.read = false;
	if ((send.flags & MSG_FASTOPEN) && connects(&notification->caller, call))
		return handle_fastopen(handlers, notification, call, received);
	/* Through socketcall(2) every sendto comes here. */
	if ((call->compat || !(send.flags & FLAG_COMPAT)) &&
	    (call->kind != CALL_SENDTO || call->args[4]))
		r = find_socket(handlers, &notification->caller, &send, &fd, received);
	send.flags &= ~FLAG_COMPAT;
	if (r > 0) {
		r = work(handlers, notification, &send, &fd, received);
	} else {
		fd = linger_close(fd);
		r = r < 0 ? notification_return_value(notification, r) : -ENODATA;
	}
	fd = linger_close(fd);
	if (r == -ENODATA)
		r = notification_resume(notification);
	if (r == -ENOENT)
		handlers->unheard++;
}
