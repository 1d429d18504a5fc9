// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * bind(2) on a socket that was swapped before and has been disconnected since: the program has an
 * AF_INET socket, and names an IPv4 address. Bound to the mapped form, it connects in place to mapped
 * destinations; for others it is swapped once more (plan.c).
 *
 * It is our bind, with our rights, so what the kernel would ask the target for is asked here:
 * CAP_NET_BIND_SERVICE for ports below net.ipv4.ip_unprivileged_port_start, in the user namespace that
 * owns the network namespace. A thread in another user namespace than ours is taken not to have it.
 */
#include "swap/internal.h"

#include <errno.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "target/thread.h"

bool may_have_port(const struct swap *swap, pid_t tid, int netns, in_port_t port)
{
	return port == 0 || port >= places_unprivileged_port(swap->places, netns) ||
	       (sandbox_in_our_userns(tid) && thread_has_capability(tid, CAP_NET_BIND_SERVICE));
}

bool swap_binds(struct swap *swap, const struct caller *caller, int fd)
{
	struct snapshot seen;
	int family;

	return swap->translates && snapshot_read(fd, &seen) == 0 &&
	       (seen.state == SNAPSHOT_FRESH || seen.state == SNAPSHOT_ENGAGED) && seen.family == AF_INET6 && form_of(swap, fd, &family) == PRESENT_INET &&
	       in_our_reach(swap, caller->tid, &seen) && !under_landlock(swap, caller->tid);
}

/*
 * inet_bind() refuses an address that is not there before it looks at the socket, __inet6_bind() after. Whether it
 * is there a socket of its own tells.
 */
static bool is_nowhere(const struct swap *swap, int fd, uint64_t cookie, const union address *local)
{
	static const int flags[] = {IP_FREEBIND, IP_TRANSPARENT};
	_cleanup_close_ int scratch = -EBADF;
	union address address = *local;
	int value;

	if (address_is_any(local) || places_socket(swap->places, cookie, &scratch) < 0)
		return false;
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		socklen_t size = sizeof(value);

		if (getsockopt(fd, IPPROTO_IP, flags[i], &value, &size) == 0 && value)
			setsockopt(scratch, IPPROTO_IP, flags[i], &value, size);
	}
	address_set_port(&address, 0);
	return bind(scratch, &address.sa, address_size(&address)) < 0 && errno == EADDRNOTAVAIL;
}

int swap_bind(struct swap *swap, const struct caller *caller, int fd, const union address *local)
{
	union address mapped;
	uint64_t cookie;

	if (snapshot_netns_cookie(fd, &cookie) < 0 ||
	    !may_have_port(swap, caller->tid, places_fd(swap->places, cookie), address_port(local)))
		return -EACCES;
	address_map(local, &mapped);
	if (address_is_any(local))
		mapped.in6.sin6_addr = in6addr_any;
	if (bind(fd, &mapped.sa, address_size(&mapped)) == 0)
		return 0;
	if (errno != EINVAL)
		return -errno;
	return is_nowhere(swap, fd, cookie, local) ? -EADDRNOTAVAIL : -EINVAL;
}
