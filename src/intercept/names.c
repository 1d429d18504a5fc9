// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a program asks about its socket: getpeername(2), getsockname(2), SO_DOMAIN.
 *
 * As long as nothing was given another peer the kernel's answers are right and nothing is looked up.
 * Results are written as the kernel writes them (move_addr_to_user() in net/socket.c, sk_getsockopt()
 * in net/core/sock.c): the length that the program gave bounds what is copied, and is set to the
 * whole length. Where a pointer is bad, the kernel is left to say so.
 */
#include "intercept/handlers.h"

#include <errno.h>
#include <sys/socket.h>

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
	return caller_get_file(&notification->caller, (int)call->args[0], ret);
}

static void resume(struct handlers *handlers, struct notification *notification)
{
	if (notification_resume(notification) == -ENOENT)
		handlers->unheard++;
}

/* Write a value and its length; -ENODATA where the kernel is to answer. */
static int write_value(const struct caller *caller, uint64_t value_at, uint64_t length_at,
		       const void *value, int size, bool report_whole)
{
	int length;
	int copied;
	int r;

	if (caller_read(caller, length_at, &length, sizeof(length)) < 0 || length < 0)
		return -ENODATA;
	copied = min_int(length, size);
	if (!caller_valid(caller))
		return -ENOENT;
	r = copied ? caller_write(caller, value_at, value, copied) : 0;
	if (r < 0)
		return -ENODATA;
	length = report_whole ? size : copied;
	return caller_write(caller, length_at, &length, sizeof(length)) < 0 ? -ENODATA : 0;
}

static void finish(struct handlers *handlers, struct notification *notification, int r)
{
	if (r < 0)
		resume(handlers, notification);
	else if (notification_return(notification, 0) == -ENOENT)
		handlers->unheard++;
}

void handle_name(struct handlers *handlers, struct notification *notification, const struct call *call)
{
	_cleanup_close_ int fd = -EBADF;
	union address name;
	int r;

	r = get_socket(handlers, notification, call, &fd);
	if (r == 0 && !swap_name(handlers->swap, fd, call->kind == CALL_GETPEERNAME, &name))
		r = -ENODATA;
	fd = fd_close(fd);
	if (r == 0)
		r = write_value(&notification->caller, call->args[1], call->args[2], &name,
				(int)address_size(&name), true);
	finish(handlers, notification, r);
}

void handle_domain(struct handlers *handlers, struct notification *notification,
		   const struct call *call)
{
	_cleanup_close_ int fd = -EBADF;
	const int domain = AF_INET;
	int r;

	/* socketcall(2) cannot be told apart in the filter. */
	if ((int)call->args[1] != SOL_SOCKET || (int)call->args[2] != SO_DOMAIN)
		return resume(handlers, notification);
	r = get_socket(handlers, notification, call, &fd);
	if (r == 0 && !swap_believes_inet(handlers->swap, fd))
		r = -ENODATA;
	fd = fd_close(fd);
	if (r == 0)
		r = write_value(&notification->caller, call->args[3], call->args[4], &domain,
				(int)sizeof(domain), false);
	finish(handlers, notification, r);
}
