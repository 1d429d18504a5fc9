// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a program asks about its socket: getpeername(2), getsockname(2), SO_DOMAIN, SO_PEERNAME.
 *
 * As long as nothing was given another peer the kernel's answers are right and nothing is looked up.
 * Results are written as the kernel writes them (move_addr_to_user() in net/socket.c, sk_getsockopt()
 * in net/core/sock.c): the length that the program gave bounds what is copied, and is set to the
 * whole length.
 */
#include "intercept/handlers.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/compat.h"
#include "base/fd.h"

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
	return caller_get_file(&notification->caller, (int)call->args[0], ret) < 0 ? -ENODATA : 0;
}

static void resume(struct handlers *handlers, struct notification *notification,
		   const struct call *call)
{
	swap_sent_on(handlers->swap, notification->caller.tid, (int)call->args[0]);
	if (notification_resume(notification) == -ENOENT)
		handlers->unheard++;
}

/*
 * Whether the kernel writes the length before the address: since Linux 6.18 it does, so that a bad address
 * still leaves the length changed.
 */
static bool length_comes_first(void)
{
	static int known; /* 1: yes, -1: no */

	if (!known) {
		_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		socklen_t length = 100;

		if (fd < 0)
			return false;
		syscall(SYS_getsockname, fd, (void *)1, &length);
		known = length != 100 ? 1 : -1;
	}
	return known > 0;
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

	if (!caller_valid(caller))
		return -ENODATA;
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

static void finish(struct handlers *handlers, struct notification *notification,
		   const struct call *call, int r)
{
	if (r != 0 && r != -EFAULT && r != -EINVAL)
		resume(handlers, notification, call);
	else if (notification_return(notification, -r) == -ENOENT)
		handlers->unheard++;
}

void handle_name(struct handlers *handlers, struct notification *notification, const struct call *call)
{
	const struct caller *caller = &notification->caller;
	_cleanup_close_ int fd = -EBADF;
	union address name;
	int length;
	int r;

	r = get_socket(handlers, notification, call, &fd);
	if (r == 0 && !swap_name(handlers->swap, fd, call->kind == CALL_GETPEERNAME, &name))
		r = -ENODATA;
	fd = fd_close(fd);
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

		r = write_result(caller, &result, length_comes_first());
	}
	finish(handlers, notification, call, r);
}

void handle_option(struct handlers *handlers, struct notification *notification,
		   const struct call *call)
{
	const struct caller *caller = &notification->caller;
	const bool peer = (int)call->args[2] == SO_PEERNAME;
	_cleanup_close_ int fd = -EBADF;
	const int domain = AF_INET;
	union address name;
	int length;
	int r;

	if ((int)call->args[1] == SOL_SOCKET &&
	    ((int)call->args[2] == SO_SNDTIMEO || (int)call->args[2] == SO_SNDTIMEO_NEW)) {
		timeouts_settle(handlers->timeouts, caller->tid);
		return resume(handlers, notification, call);
	}
	/* Through socketcall(2) every getsockopt comes here. */
	if ((int)call->args[1] != SOL_SOCKET || (!peer && (int)call->args[2] != SO_DOMAIN))
		return resume(handlers, notification, call);
	r = get_socket(handlers, notification, call, &fd);
	if (r == 0 && !(peer ? swap_name(handlers->swap, fd, true, &name)
			     : swap_believes_inet(handlers->swap, fd)))
		r = -ENODATA;
	fd = fd_close(fd);
	if (r == 0)
		r = read_length(caller, call->args[4], &length);
	/* SO_PEERNAME is told in full only to who asks for no more than there is. */
	if (r == 0 && peer && length > (int)address_size(&name))
		r = -EINVAL;
	if (r == 0) {
		const struct result result = {
			.value_at = call->args[3],
			.length_at = call->args[4],
			.value = peer ? (const void *)&name : &domain,
			.copied = peer ? length : min_int(length, (int)sizeof(domain)),
			.length = peer ? length : min_int(length, (int)sizeof(domain)),
		};

		r = write_result(caller, &result, false);
	}
	finish(handlers, notification, call, r);
}
