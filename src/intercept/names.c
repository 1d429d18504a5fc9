// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a program asks about its socket: getpeername(2), getsockname(2), and by getsockopt(2) SO_DOMAIN,
 * SO_PEERNAME, IP_MTU and whatever is of IPPROTO_IPV6.
 *
 * As long as nothing was given another peer the kernel's answers are right and nothing is looked up.
 * Results are written as the kernel writes them (move_addr_to_user() in net/socket.c, sk_getsockopt()
 * in net/core/sock.c): the length that the program gave bounds what is copied, and is set to the
 * whole length.
 */
#include "intercept/handlers.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/compat.h"
#include "base/linger.h"
#include "intercept/kernel.h"

static int min_int(int a, int b)
{
	return a < b ? a : b;
}

/* Our duplicate of the socket that is asked about, or an error, for which the kernel answers. */
static int get_socket(struct handlers *handlers, const struct notification *notification,
		      const struct call *call, int *ret)
{
	if (!swap_translates(handlers->swap))
		return -ENODATA;
	/* What is written afterwards is written to who still waits. */
	return caller_peek_file(&notification->caller, (int)call->args[0], ret) < 0 ? -ENODATA : 0;
}

static void resume(struct handlers *handlers, struct notification *notification,
		   const struct call *call)
{
	swap_sent_on(handlers->swap, notification->caller.tid, (int)call->args[0]);
	if (notification_resume(notification) == -ENOENT)
		handlers->unheard++;
}

/* What is written where. */
struct result {
	uint64_t value_at, length_at;
	const void *value;
	int copied; /* bytes of the value */
	int length; /* what the program's length becomes */
};

static int write_result(const struct caller *caller, const struct result *result, bool length_first)
{
	int r = 0;

	if (length_first)
		r = caller_write(caller, result->length_at, &result->length, sizeof(int));
	if (r == 0 && result->copied)
		r = caller_write(caller, result->value_at, result->value, result->copied);
	if (r == 0 && !length_first)
		r = caller_write(caller, result->length_at, &result->length, sizeof(int));
	return r == 0 || r == -EFAULT ? r : -ENODATA;
}

/*
 * The length that the program gave. Return: 0; the error that the program is to see: -EFAULT, -EINVAL; or
 * -ENODATA where the kernel is to answer.
 */
static int read_length(const struct caller *caller, uint64_t at, int *ret)
{
	int r = caller_read(caller, at, ret, sizeof(*ret));

	if (r < 0)
		return r == -EFAULT ? r : -ENODATA;
	return *ret < 0 ? -EINVAL : 0;
}

void answer_asker(struct handlers *handlers, struct notification *notification, const struct call *call,
		  int r)
{
	if (r == -ENODATA)
		resume(handlers, notification, call);
	else if (notification_return(notification, -r) == -ENOENT)
		handlers->unheard++;
}

void handle_name(struct handlers *handlers, struct notification *notification, const struct call *call)
{
	const struct caller *caller = &notification->caller;
	_cleanup_linger_close_ int fd = -EBADF;
	union address name;
	int length;
	int r;

	r = get_socket(handlers, notification, call, &fd);
	if (r == 0 && !swap_name(handlers->swap, fd, call->kind == CALL_GETPEERNAME, &name))
		r = -ENODATA;
	fd = linger_close(fd);
	if (r == 0)
		r = read_length(caller, call->args[2], &length);
	if (r == 0) {
		const struct result result = {
			.value_at = call->args[1],
			.length_at = call->args[2],
			.value = &name,
			.copied = min_int(length, (int)address_size(&name)),
			.length = (int)address_size(&name),
		};

		r = write_result(caller, &result, kernel_length_comes_first());
	}
	answer_asker(handlers, notification, call, r);
}

/* What getsockopt(2) says. */
struct told {
	union address value;
	int size;
	bool whole;	   /* told in full or not at all: who asks for more than there is gets EINVAL */
	bool length_first; /* the length is written before the value */
};

static void tell_int(struct told *told, int value)
{
	memcpy(&told->value, &value, sizeof(value));
	told->size = sizeof(value);
}

/*
 * Return: 0 with @ret; the error that the program is to see, negative; or -ENODATA where the kernel is to
 * answer. Through socketcall(2) every getsockopt comes here.
 */
static int tell_option(struct handlers *handlers, int fd, int level, int name, struct told *ret)
{
	int mtu;

	if (level == IPPROTO_IPV6)
		return swap_inet6_level(handlers->swap, fd, false, name);
	if (level == IPPROTO_IP && name == IP_MTU) {
		if (!swap_mtu(handlers->swap, fd, &mtu))
			return -ENODATA;
		tell_int(ret, mtu);
		/* do_ip_getsockopt() */
		ret->length_first = true;
		return 0;
	}
	if (level == SOL_SOCKET && name == SO_DOMAIN) {
		if (!swap_believes_inet(handlers->swap, fd))
			return -ENODATA;
		tell_int(ret, AF_INET);
		return 0;
	}
	if (level == SOL_SOCKET && name == SO_PEERNAME) {
		if (!swap_name(handlers->swap, fd, true, &ret->value))
			return -ENODATA;
		ret->size = (int)address_size(&ret->value);
		ret->whole = true;
		return 0;
	}
	return -ENODATA;
}

static bool concerns_names(int level, int name)
{
	return level == IPPROTO_IPV6 || (level == IPPROTO_IP && name == IP_MTU) ||
	       (level == SOL_SOCKET && (name == SO_DOMAIN || name == SO_PEERNAME));
}

void handle_option(struct handlers *handlers, struct notification *notification,
		   const struct call *call)
{
	const struct caller *caller = &notification->caller;
	int level = (int)call->args[1], name = (int)call->args[2];
	_cleanup_linger_close_ int fd = -EBADF;
	struct told told = {0};
	int length;
	int r;

	if (level == SOL_SOCKET && (name == SO_SNDTIMEO || name == SO_SNDTIMEO_NEW)) {
		timeouts_settle(handlers->timeouts, caller->tid);
		return resume(handlers, notification, call);
	}
	r = concerns_names(level, name) ? get_socket(handlers, notification, call, &fd) : -ENODATA;
	if (r == 0)
		r = tell_option(handlers, fd, level, name, &told);
	fd = linger_close(fd);
	if (r == 0)
		r = read_length(caller, call->args[4], &length);
	if (r == 0 && told.whole && length > told.size)
		r = -EINVAL;
	if (r == 0) {
		const struct result result = {
			.value_at = call->args[3],
			.length_at = call->args[4],
			.value = &told.value,
			.copied = min_int(length, told.size),
			.length = min_int(length, told.size),
		};

		r = write_result(caller, &result, told.length_first);
	}
	answer_asker(handlers, notification, call, r);
}
