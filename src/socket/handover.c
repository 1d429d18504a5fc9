// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Handing a bound port over; see handover.h.
 *
 * Two sockets hold the port for a moment, and natively the kernel allows that only to those that agree
 * (SO_REUSEADDR, SO_REUSEPORT). Four ways, the first that works:
 *
 *   bind	where the program's own options allow it, or the port is free because the new socket is in
 *		another network namespace
 *   force	TCP, and CAP_NET_ADMIN over the network namespace: a socket under TCP_REPAIR ignores who
 *		else holds a port (SK_FORCE_REUSE, inet_csk_get_port()). The old socket is not touched, and
 *		its bucket keeps fastreuse 0 (inet_csk_update_fastreuse()), so that a third is still
 *		measured against each holder. In CLOSE, leaving the mode sends nothing and leaves nothing
 *		but SO_REUSEADDR turned off (do_tcp_setsockopt())
 *   part	UDP, and CAP_NET_RAW: sockets that are bound to different devices share ports
 *		(udp_lib_lport_inuse()), so for a moment each is, and a third, which is bound to none, is
 *		still measured against both
 *   agree	else: SO_REUSEADDR on both around the bind(2) and not longer. A third socket with the
 *		option that binds in the very moment gets in, which takes 1 to 2 microseconds
 *
 * SO_REUSEPORT would be narrower, for sockets of one user alone, but the bucket would remember it
 * (fastreuseport) and let others in for as long as the port is held.
 */
#include "socket/handover.h"

#include <errno.h>
#include <limits.h>
#include <linux/tcp.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "base/compat.h"
#include "base/fd.h"

/* The loopback device's, in every network namespace, and one that no device has. */
#define LOOPBACK_INDEX 1
#define NO_INDEX INT_MAX

static int set_int(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? -errno : 0;
}

static int bind_to(int fd, const union address *local)
{
	return bind(fd, &local->sa, address_size(local)) < 0 ? -errno : 0;
}

/* Return: as bind_to(); -EPERM, -ENOPROTOOPT, -EOPNOTSUPP: it cannot be forced here. */
static int bind_by_force(int fd, const union address *local, bool reuse)
{
	int r = set_int(fd, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_ON);
	int error;

	if (r < 0)
		return r;
	r = bind_to(fd, local);
	error = set_int(fd, IPPROTO_TCP, TCP_REPAIR, TCP_REPAIR_OFF_NO_WP);
	if (error == 0 && reuse)
		error = set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	return r < 0 ? r : error;
}

/* Whether a socket can be bound to a device and freed again, which takes CAP_NET_RAW. */
static bool can_part(void)
{
	static int known; /* 1: yes, -1: no */

	if (!known) {
		_cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

		known = fd >= 0 && set_int(fd, SOL_SOCKET, SO_BINDTOIFINDEX, LOOPBACK_INDEX) == 0 &&
					set_int(fd, SOL_SOCKET, SO_BINDTOIFINDEX, 0) == 0
				? 1
				: -1;
	}
	return known > 0;
}

/* Return: as bind_to(); -EPERM: it cannot be done so. */
static int bind_by_parting(int old, int fd, const union address *local)
{
	int device = 0;
	socklen_t size = sizeof(device);
	int r;

	/* Bound by its program it stays there. */
	if (!can_part() || getsockopt(old, SOL_SOCKET, SO_BINDTOIFINDEX, &device, &size) < 0 || device)
		return -EPERM;
	/* For the time of one call the old socket hears only what comes over loopback. */
	r = set_int(fd, SOL_SOCKET, SO_BINDTOIFINDEX, NO_INDEX);
	if (r == 0)
		r = set_int(old, SOL_SOCKET, SO_BINDTOIFINDEX, LOOPBACK_INDEX);
	if (r == 0)
		r = bind_to(fd, local);
	set_int(old, SOL_SOCKET, SO_BINDTOIFINDEX, 0);
	set_int(fd, SOL_SOCKET, SO_BINDTOIFINDEX, 0);
	/* An IPv6 address of its own wants a device that exists (__inet6_bind()). */
	return r == -ENODEV ? -EPERM : r;
}

static int bind_by_agreement(int old, int fd, const union address *local)
{
	int r = set_int(fd, SOL_SOCKET, SO_REUSEADDR, 1);

	if (r == 0)
		r = set_int(old, SOL_SOCKET, SO_REUSEADDR, 1);
	if (r < 0)
		return r;
	r = bind_to(fd, local);
	set_int(old, SOL_SOCKET, SO_REUSEADDR, 0);
	set_int(fd, SOL_SOCKET, SO_REUSEADDR, 0);
	return r;
}

int handover_bind(int old, const struct snapshot *seen, int fd, const union address *local)
{
	uint64_t cookie;
	int r = bind_to(fd, local);

	if (r != -EADDRINUSE)
		return r;
	/* Elsewhere it is not the old one that is in the way. */
	if (snapshot_netns_cookie(fd, &cookie) < 0 || cookie != seen->netns_cookie)
		return r;
	if (seen->protocol == IPPROTO_TCP) {
		r = bind_by_force(fd, local, seen->reuse);
		if (r != -EPERM && r != -ENOPROTOOPT && r != -EOPNOTSUPP)
			return r;
	}
	/* They agree already: a third is in the way. */
	if (seen->reuse)
		return -EADDRINUSE;
	if (seen->type == SOCK_DGRAM) {
		r = bind_by_parting(old, fd, local);
		if (r != -EPERM)
			return r;
	}
	return bind_by_agreement(old, fd, local);
}
