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

#include "base/clock.h"
#include "base/fd.h"
#include "socket/handover.h"
#include "socket/label.h"

/* How long net.ipv6.bindv6only is taken to be as it was. */
#define V6ONLY_USEC 1000000

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
	fd = socket(want->family, seen->type | SOCK_NONBLOCK | SOCK_CLOEXEC, seen->protocol);
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

/*
 * Whether the old socket still has the port that getsockname(2) tells. A connect that was refused, or
 * undone, has given back what the kernel chose for it, but inet_sport stays (__inet_put_port()). bind(2)
 * refuses a socket that has a port with EINVAL; on another, with IP_BIND_ADDRESS_NO_PORT, it takes none, and
 * the address is the one that is there already.
 */
static bool has_port(int old, const struct snapshot *seen)
{
	union address local = seen->local;
	const int yes = 1;
	int was = 0;
	socklen_t size = sizeof(was);
	bool has;

	if (getsockopt(old, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &was, &size) < 0 ||
	    setsockopt(old, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof(yes)) < 0)
		return true;
	address_set_port(&local, 0);
	has = bind(old, &local.sa, address_size(&local)) < 0;
	setsockopt(old, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &was, sizeof(was));
	return has;
}

/*
 * Whether a datagram socket has its address from an earlier connect over IPv6, and now goes to an IPv4 peer, or the
 * reverse: natively it gets there, where one that its program had bound to that address would not.
 */
static bool is_from_elsewhere(const struct replacement *want, int old, const struct snapshot *seen)
{
	union address peer;
	socklen_t size = sizeof(peer);

	return seen->type == SOCK_DGRAM && seen->family == AF_INET6 && want->family == AF_INET6 &&
	       !address_is_any(&seen->local) &&
	       address_is_mapped(&seen->local) != address_is_mapped(&want->peer) &&
	       getpeername(old, &peer.sa, &size) == 0;
}

static int bind_like(const struct replacement *want, int old, const struct snapshot *seen, int fd)
{
	union address local;

	translate_local(want, &seen->local, &local);
	if (is_from_elsewhere(want, old, seen))
		local.in6.sin6_addr = in6addr_any;
	if (address_port(&local) != 0 && !has_port(old, seen))
		address_set_port(&local, 0);
	/* Bound to an address that means nothing over there, with the port left open. */
	if (address_port(&local) == 0 && address_is_any(&local))
		return 0;
	return handover_bind(old, seen, fd, &local);
}

/* Whether net.ipv6.bindv6only made a socket IPv6-only, or one of the last second. */
static bool is_v6only(int fd)
{
	static _Thread_local uint64_t asked;
	static _Thread_local int v6only;
	uint64_t now = clock_about_usec();
	socklen_t size = sizeof(v6only);

	if (asked && now - asked < V6ONLY_USEC && !v6only)
		return false;
	asked = now;
	if (getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, &size) < 0)
		v6only = 1;
	return v6only;
}

/* As what the socket shows itself to its program. */
static int present(int fd, const struct replacement *want, int type)
{
	const int no = 0;
	int r = want->marked ? present_mark(fd, want->family, type, want->form) : 0;

	/* It may yet go to IPv4. Another network namespace is asked each time. */
	if (r == 0 && want->form == PRESENT_INET &&
	    (type != SOCK_STREAM || want->netns >= 0 || is_v6only(fd)) &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof(no)) < 0)
		r = -errno;
	return r;
}

/* What is no option. */
static int give(const struct replacement *want, int old, const struct snapshot *seen, int fd)
{
	if (seen->owner.pid && fcntl(fd, F_SETOWN_EX, &seen->owner) < 0)
		return -errno;
	if (seen->signal && fcntl(fd, F_SETSIG, seen->signal) < 0)
		return -errno;
	/* Fails with ENOTCONN, as it did for the program, and has its effect. */
	if (seen->shut_read)
		shutdown(fd, seen->shut_write ? SHUT_RDWR : SHUT_RD);
	return seen->bound ? bind_like(want, old, seen, fd) : 0;
}

int replacement_make(const struct replacement *want, const struct option_set *options, int old,
		     const struct snapshot *seen, const struct image *image, int *ret, const char **ret_refused)
{
	_cleanup_close_ int fd = -EBADF;
	int labelled = label_begin(old);
	int r;

	fd = make_socket(want, seen);
	if (labelled > 0 && label_end() < 0)
		labelled = -EIO;
	if (fd < 0)
		return fd;
	option_copy(options, old, seen->family, seen->protocol, fd, want->family,
		    want->netns >= 0 ? OPTION_ELSEWHERE : 0, image, ret_refused);
	if (labelled < 0)
		*ret_refused = "the SELinux label";
	r = present(fd, want, seen->type);
	if (r == 0)
		r = give(want, old, seen, fd);
	if (r < 0)
		return r;
	*ret = fd_take(&fd);
	return 0;
}

int replacement_finish(int fd, const struct snapshot *seen)
{
	/* Of the access mode nothing can be changed; O_DIRECT is refused on sockets. */
	int flags = seen->status_flags & (O_NONBLOCK | O_APPEND | O_NOATIME | O_ASYNC);

	/* As it was made. */
	if (flags == O_NONBLOCK)
		return 0;
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
