// SPDX-License-Identifier: LGPL-2.1-or-later
/* Making the socket that takes another's place; see replacement.h. */
#include "socket/replacement.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <unistd.h>

#include "base/fd.h"

static bool owned_by_us(const struct snapshot *seen)
{
	static uid_t uid = (uid_t)-1;
	static gid_t gid;

	/* They do not change in the life of a supervisor. */
	if (uid == (uid_t)-1) {
		uid = geteuid();
		gid = getegid();
	}
	return seen->uid == uid && seen->gid == gid;
}

/*
 * As the target's user: the socket's owner (ss(8), /proc/net/tcp) and what filters by owner look at
 * (f_cred->fsuid) come from the file system ids of who makes it. They are the thread's own.
 */
static int make_owned(const struct replacement *want, const struct snapshot *seen)
{
	uid_t uid = 0;
	gid_t gid = 0;
	bool other = !owned_by_us(seen);
	int fd;
	int error;

	if (other) {
		gid = (gid_t)setfsgid(seen->gid);
		uid = (uid_t)setfsuid(seen->uid);
	}
	fd = socket(want->family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, seen->protocol);
	error = errno;
	if (other) {
		setfsuid(uid);
		setfsgid(gid);
	}
	return fd < 0 ? -error : fd;
}

static int make_socket(const struct replacement *want, const struct snapshot *seen)
{
	int fd;

	if (want->netns >= 0 && setns(want->netns, CLONE_NEWNET) < 0)
		return -errno;
	fd = make_owned(want, seen);
	if (want->netns >= 0 && setns(want->home, CLONE_NEWNET) < 0)
		abort();
	return fd;
}

static int set_reuse(int fd, int value)
{
	return setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &value, sizeof(value)) < 0 ? -errno : 0;
}

/* Where the replacement is bound for the old one to have been bound to @seen->local. */
static void translate_local(const struct replacement *want, const union address *local,
			    union address *ret)
{
	bool mapped = address_is_mapped(local);
	in_port_t port = htons(address_port(local));

	*ret = *local;
	if (want->family == AF_INET) {
		if (mapped)
			address_unmap(local, ret);
		else if (local->sa.sa_family == AF_INET6) {
			memset(ret, 0, sizeof(*ret));
			ret->in.sin_family = AF_INET;
			ret->in.sin_port = port;
		}
		return;
	}
	if (address_is_mapped(&want->peer)) {
		if (local->sa.sa_family == AF_INET && !address_is_any(local))
			address_map(local, ret);
		if (local->sa.sa_family == AF_INET6 || !address_is_any(local))
			return;
	} else if (local->sa.sa_family == AF_INET6 && !mapped) {
		return;
	}
	memset(ret, 0, sizeof(*ret));
	ret->in6.sin6_family = AF_INET6;
	ret->in6.sin6_port = port;
}

static int bind_like(const struct replacement *want, int old, const struct snapshot *seen, int fd)
{
	union address local;
	int r;

	translate_local(want, &seen->local, &local);
	if (address_port(&local) != 0) {
		r = set_reuse(old, 1);
		if (r == 0)
			r = set_reuse(fd, 1);
		if (r < 0)
			return r;
	} else if (address_is_any(&local)) {
		/* Bound to an address that means nothing over there, with the port left open. */
		return 0;
	}
	return bind(fd, &local.sa, address_size(&local)) < 0 ? -errno : 0;
}

int replacement_make(const struct replacement *want, const struct option_set *options, int old,
		     const struct snapshot *seen, int *ret, const char **ret_refused)
{
	_cleanup_close_ int fd = -EBADF;
	int r;

	fd = make_socket(want, seen);
	if (fd < 0)
		return fd;
	option_copy(options, old, seen->family, seen->protocol, fd, want->family, want->netns >= 0,
		    ret_refused);
	r = present_mark(fd, want->family, want->form);
	if (r < 0 && r != -ENOPROTOOPT && r != -EOPNOTSUPP)
		return r;
	if (seen->owner.pid && fcntl(fd, F_SETOWN_EX, &seen->owner) < 0)
		return -errno;
	if (seen->signal && fcntl(fd, F_SETSIG, seen->signal) < 0)
		return -errno;
	/* Fails with ENOTCONN, as it did for the program, and has its effect. */
	if (seen->shut_read)
		shutdown(fd, SHUT_RD);
	/* net.ipv6.bindv6only may have made it IPv6-only. */
	if (want->form == PRESENT_INET && address_is_mapped(&want->peer)) {
		const int no = 0;

		if (setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no)) < 0)
			return -errno;
	}
	if (seen->bound) {
		r = bind_like(want, old, seen, fd);
		if (r < 0)
			return r;
	}
	*ret = fd_take(&fd);
	return 0;
}

void replacement_undo(int old, const struct snapshot *seen)
{
	if (seen->bound && !seen->reuse)
		set_reuse(old, 0);
}

int replacement_finish(int fd, const struct snapshot *seen)
{
	/* Of the access mode nothing can be changed; O_DIRECT is refused on sockets. */
	int flags = seen->status_flags & (O_NONBLOCK | O_APPEND | O_NOATIME | O_ASYNC);

	if (seen->bound && !seen->reuse)
		set_reuse(fd, 0);
	if (fcntl(fd, F_SETFL, flags) == 0)
		return 0;
	/* O_NOATIME wants the owner, and means nothing to a socket. */
	return fcntl(fd, F_SETFL, flags & ~O_NOATIME) < 0 ? -errno : 0;
}

int replacement_set_async(int number)
{
	int flags = fcntl(number, F_GETFL);

	return flags < 0 || fcntl(number, F_SETFL, flags | O_ASYNC) < 0 ? -errno : 0;
}
