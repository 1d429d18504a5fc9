// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * recvfrom(2), recvmsg(2), recvmmsg(2): where a datagram or an error came from, on a socket that
 * presents itself as another.
 *
 * The message is received here, through our duplicate of the socket and never waiting, and written
 * to the program's memory as the kernel would write it (____sys_recvmsg() in net/socket.c). As
 * natively, a datagram whose memory turns out to be unwritable is lost. A call that has to wait is
 * held (held.h).
 *
 * Stream sockets tell no address in recvfrom(2) and recvmsg(2), whatever their family
 * (inet_recvmsg()); of theirs only the error queue is of interest.
 */
#include "intercept/handlers.h"

#include <errno.h>
#include <linux/time_types.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/linger.h"
#include "intercept/control.h"
#include "intercept/message.h"
#include "target/signals.h"

/* MSG_CMSG_COMPAT in include/linux/socket.h: the kernel's own, refused from 64-bit programs. */
#define FLAG_COMPAT 0x80000000U

/* One call, as far as it has got. */
struct receive {
	struct held_call held; /* the first member */
	struct swap *swap;
	struct call call;
	unsigned int flags;
	bool blocking;
	bool timed;	       /* SO_RCVTIMEO: an interrupted call is not restarted */
	enum present_form form;
	/* recvmmsg(2). */
	unsigned int done;
	bool read;	       /* @message is the next element already */
	bool has_until;
	uint64_t until;	       /* of its timeout, which is looked at after each message only */
	struct message message;
};

/* What one recvmsg(2) of ours brought. */
struct arrived {
	ssize_t result;
	size_t size; /* of the data in @data */
	unsigned char *data;
	struct msghdr header;
	union address from;
	struct control_out control;
	_Alignas(struct cmsghdr) unsigned char told[CONTROL_MAX];
};

/* A blocking call ends with 0 when nothing more can come (__skb_wait_for_more_packets()). */
static bool is_shut(int fd)
{
	struct pollfd now = {.fd = fd, .events = POLLRDHUP};

	return poll(&now, 1, 0) > 0 && (now.revents & POLLRDHUP);
}

/* Receive, without waiting. Return: as recvmsg(2), or a negative errno. */
static ssize_t take(const struct receive *receive, int fd, unsigned int flags, struct arrived *arrived)
{
	struct iovec iov = {.iov_base = arrived->data, .iov_len = arrived->size};
	ssize_t n;

	memset(&arrived->from, 0, sizeof(arrived->from));
	arrived->header = (struct msghdr){
		.msg_name = &arrived->from,
		.msg_namelen = sizeof(arrived->from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = arrived->told,
		.msg_controllen = sizeof(arrived->told),
	};
	n = recvmsg(fd, &arrived->header, (int)(flags | MSG_DONTWAIT));
	if (n >= 0)
		return n;
	if (errno != EAGAIN || !receive->blocking || !is_shut(fd))
		return -errno;
	arrived->header.msg_namelen = 0;
	arrived->header.msg_controllen = 0;
	arrived->header.msg_flags = (int)(flags & MSG_CMSG_CLOEXEC);
	return 0;
}

/* The address as the program is to see it, and its length. */
static int translate(const struct receive *receive, int fd, struct arrived *arrived, union address *ret)
{
	*ret = arrived->from;
	if (arrived->header.msg_namelen == 0)
		return 0;
	if (swap_source(receive->swap, fd, &arrived->from, ret))
		return (int)address_size(ret);
	return (int)arrived->header.msg_namelen;
}

/* What recvmsg(2) tells besides: control messages, flags, and the room that the former took. */
static int write_rest(const struct caller *caller, const struct message *message,
		      const struct arrived *arrived)
{
	const struct control_out *control = &arrived->control;
	unsigned int flags = (unsigned int)arrived->header.msg_flags & ~(FLAG_COMPAT | MSG_CTRUNC);
	uint64_t used = control->used;
	int r;

	if (control->truncated)
		flags |= MSG_CTRUNC;
	r = caller_write(caller, message->flags_at, &flags, sizeof(flags));
	if (r == 0)
		r = caller_write(caller, message->control_length_at, &used,
				 message->compat ? sizeof(uint32_t) : sizeof(uint64_t));
	return r;
}

static int write_back(const struct receive *receive, const struct caller *caller, int fd,
		      struct arrived *arrived)
{
	const struct message *message = &receive->message;
	size_t copied = (size_t)arrived->result < arrived->size ? (size_t)arrived->result
								: arrived->size;
	union address shown;
	int length = translate(receive, fd, arrived, &shown);
	int r;

	r = caller_scatter(caller, message->places, message->count, arrived->data, copied);
	if (r < 0)
		return r;
	arrived->control.compat = message->compat;
	arrived->control.long_times = receive->call.long_times;
	arrived->control.room = message->control ? message->control_length : 0;
	control_received(receive->swap, fd, receive->form, &arrived->header, &arrived->from,
			 &arrived->control);
	/* The kernel's own buffer being unwritable is no error either. */
	if (arrived->control.used)
		caller_write(caller, message->control, arrived->control.bytes, arrived->control.used);
	if (message->name) {
		r = message_write_name(caller, message, &shown, length);
		if (r < 0)
			return r;
	}
	return message->flags_at ? write_rest(caller, message, arrived) : 0;
}

/* One message. Return: as the call; -EAGAIN where it would wait. */
static int64_t receive_one(const struct receive *receive, const struct caller *caller, int fd,
			   unsigned int flags)
{
	_cleanup_free_ struct arrived *arrived = malloc(sizeof(*arrived));
	_cleanup_free_ unsigned char *data = NULL;
	int r;

	if (!arrived)
		return -ENOMEM;
	arrived->size = receive->message.size < MESSAGE_DATA_MAX ? receive->message.size
								 : MESSAGE_DATA_MAX;
	data = malloc(arrived->size + 1);
	if (!data)
		return -ENOMEM;
	arrived->data = data;
	arrived->control.used = 0;
	arrived->control.truncated = false;
	arrived->result = take(receive, fd, flags, arrived);
	if (arrived->result < 0)
		return arrived->result;
	r = write_back(receive, caller, fd, arrived);
	return r < 0 ? r : arrived->result;
}

/* What is left of recvmmsg(2)'s timeout, where the program had it. */
static int write_timeout(const struct receive *receive, const struct caller *caller, uint64_t now)
{
	const uint64_t left = receive->until > now ? receive->until - now : 0;
	const struct __kernel_timespec wide = {(int64_t)(left / 1000000),
					       (long long)(left % 1000000) * 1000};
	const int32_t narrow[2] = {(int32_t)wide.tv_sec, (int32_t)wide.tv_nsec};

	if (receive->call.compat && !receive->call.time64)
		return caller_write(caller, receive->call.args[4], narrow, sizeof(narrow));
	return caller_write(caller, receive->call.args[4], &wide, sizeof(wide));
}

/* The end of recvmmsg(2), with what came, or, where nothing did, an error. */
static int64_t finish_many(const struct receive *receive, const struct caller *caller, int64_t error)
{
	if (receive->done == 0)
		return error;
	if (receive->has_until && write_timeout(receive, caller, clock_usec()) < 0)
		return -EFAULT;
	return receive->done;
}

/* As do_recvmmsg(). Return: false where it would wait, or others have waited for long enough. */
static bool attempt_many(struct receive *receive, const struct caller *caller, int fd, int64_t *ret)
{
	const unsigned int count = (unsigned int)receive->call.args[2];
	const unsigned int before = receive->done;
	const uint64_t since = clock_usec();
	int64_t r = 0;

	while (receive->done < count) {
		if (held_pauses(&receive->held, receive->done - before, since))
			return false;
		if (!receive->read)
			r = message_of_call(caller, &receive->call, receive->done, &receive->message);
		if (r < 0)
			break;
		receive->read = true;
		r = receive_one(receive, caller, fd, receive->flags & ~(unsigned int)MSG_WAITFORONE);
		if (r == -EAGAIN && receive->blocking)
			return false;
		if (r < 0)
			break;
		r = message_write_length(caller, &receive->call, receive->done, (uint32_t)r);
		if (r < 0)
			break;
		receive->read = false;
		receive->done++;
		if (receive->flags & MSG_WAITFORONE)
			receive->blocking = false;
		if (receive->has_until && clock_usec() >= receive->until)
			break;
	}
	*ret = finish_many(receive, caller, r);
	return true;
}

static bool attempt(struct held_call *held, const struct caller *caller, int fd, int64_t *ret)
{
	struct receive *receive = (struct receive *)held;
	int64_t r;

	if (receive->call.kind == CALL_RECVMMSG)
		return attempt_many(receive, caller, fd, ret);
	r = receive_one(receive, caller, fd, receive->flags);
	if (r == -EAGAIN && receive->blocking)
		return false;
	*ret = r;
	return true;
}

static int64_t end(struct held_call *held, const struct caller *caller, int error)
{
	const struct receive *receive = (const struct receive *)held;

	/* sock_intr_errno(): with a timeout there is no telling how much of it a restart would have. */
	if (error == -SIGNALS_RESTART && receive->timed)
		error = -EINTR;
	return finish_many(receive, caller, error);
}

static void free_receive(struct held_call *held)
{
	free(held);
}

/* recvmmsg(2)'s timeout. Return: 0, -EFAULT, -EINVAL, or as caller_read(). */
static int read_timeout(struct receive *receive, const struct caller *caller, uint64_t received)
{
	struct __kernel_timespec wide = {0};
	int32_t narrow[2];
	int r;

	if (receive->call.kind != CALL_RECVMMSG || !receive->call.args[4])
		return 0;
	if (receive->call.compat && !receive->call.time64) {
		r = caller_read(caller, receive->call.args[4], narrow, sizeof(narrow));
		wide.tv_sec = narrow[0];
		wide.tv_nsec = narrow[1];
	} else {
		r = caller_read(caller, receive->call.args[4], &wide, sizeof(wide));
	}
	if (r < 0)
		return r;
	if (wide.tv_sec < 0 || wide.tv_nsec < 0 || wide.tv_nsec >= 1000000000)
		return -EINVAL;
	receive->has_until = true;
	/* As good as never, where the sum would not fit. */
	receive->until = wide.tv_sec > UINT32_MAX ? UINT64_MAX
						  : received + (uint64_t)wide.tv_sec * 1000000 +
							    (uint64_t)wide.tv_nsec / 1000;
	return 0;
}

static unsigned int flags_of(const struct call *call)
{
	return (unsigned int)call->args[call->kind == CALL_RECVMSG ? 2 : 3];
}

/*
 * Whether a call on the socket is ours to make: a socket that presents itself as another, and may
 * tell of that.
 */
static bool concerns_us(struct receive *receive, int fd)
{
	int type = 0;
	socklen_t size = sizeof(type);

	receive->form = swap_form(receive->swap, fd);
	if (receive->form == PRESENT_ITSELF ||
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0)
		return false;
	return type == SOCK_DGRAM || (receive->flags & MSG_ERRQUEUE);
}

/* What the program passed. Return: 0, or what it is to see, negative. */
static int read_call(struct receive *receive, const struct caller *caller)
{
	if (receive->call.kind == CALL_RECVMMSG)
		return 0;
	return message_of_call(caller, &receive->call, 0, &receive->message);
}

/*
 * @fd: our duplicate, closed before the answer, after which the program may rely on having the only
 * one.
 * Return: 0: answered or held; -ENOENT; -ENODATA: the kernel's own answer is right.
 */
static int work(struct handlers *handlers, struct notification *notification, struct receive *receive,
		int *fd, uint64_t received)
{
	const struct caller *caller = &notification->caller;
	struct receive *kept;
	int64_t value;
	int r;

	r = read_call(receive, caller);
	if (r == 0)
		r = read_timeout(receive, caller, received);
	/* What cannot be looked at cannot be written to either. */
	if (r == -EPERM)
		return -ENODATA;
	receive->blocking = held_waits(&receive->held, *fd, (int)receive->flags, received,
				       &receive->timed);
	value = r;
	if (r == 0 && !attempt(&receive->held, caller, *fd, &value)) {
		kept = malloc(sizeof(*kept));
		if (kept) {
			*kept = *receive;
			if (held_add(handlers->held, notification, *fd, &kept->held) == 0)
				return 0;
			free(kept);
		}
		value = end(&receive->held, caller, -ENOMEM);
	}
	*fd = linger_close(*fd);
	return notification_return_value(notification, value) == -ENOENT ? -ENOENT : 0;
}

void handle_receive(struct handlers *handlers, struct notification *notification,
		    const struct call *call, uint64_t received)
{
	static struct receive receive; /* the receiving thread's */
	_cleanup_linger_close_ int fd = -EBADF;
	int r = -ENODATA;

	receive.held = (struct held_call){
		.events = EPOLLIN,
		.attempt = attempt,
		.end = end,
		.free = free_receive,
	};
	receive.swap = handlers->swap;
	receive.call = *call;
	receive.flags = flags_of(call);
	receive.timed = receive.read = receive.has_until = false;
	receive.done = 0;
	/* Through socketcall(2) every recvfrom comes here. */
	if (swap_translates(handlers->swap) && (call->compat || !(receive.flags & FLAG_COMPAT)) &&
	    (call->kind != CALL_RECVFROM || call->args[4] || (receive.flags & MSG_ERRQUEUE)) &&
	    caller_get_file(&notification->caller, (int)call->args[0], &fd) == 0 &&
	    concerns_us(&receive, fd)) {
		receive.flags &= ~FLAG_COMPAT;
		r = work(handlers, notification, &receive, &fd, received);
	}
	fd = linger_close(fd);
	if (r == -ENODATA)
		r = notification_resume(notification);
	if (r == -ENOENT)
		handlers->unheard++;
}
