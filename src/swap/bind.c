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
#include <stdio.h>
#include <sys/socket.h>

#include "target/thread.h"

/* The kernel's default; inet_port_requires_bind_service(). */
#define UNPRIVILEGED_PORT 1024

static unsigned int unprivileged_port(void)
{
	unsigned int port = UNPRIVILEGED_PORT;
	FILE *file = fopen("/proc/sys/net/ipv4/ip_unprivileged_port_start", "re");

	if (file) {
		if (fscanf(file, "%u", &port) != 1)
			port = UNPRIVILEGED_PORT;
		fclose(file);
	}
	return port;
}

bool swap_binds(struct swap *swap, const struct caller *caller, int fd)
{
	struct snapshot seen;
	int family;

	return swap->translates && snapshot_read(fd, &seen) == 0 && seen.state == SNAPSHOT_FRESH &&
	       seen.family == AF_INET6 && form_of(swap, fd, &family) == PRESENT_INET &&
	       in_our_reach(swap, caller->tid, &seen) && !under_landlock(swap, caller->tid);
}

int swap_bind(const struct caller *caller, int fd, const union address *local)
{
	union address mapped;
	in_port_t port = address_port(local);

	if (port && port < unprivileged_port() &&
	    (!sandbox_in_our_userns(caller->tid) ||
	     !thread_has_capability(caller->tid, CAP_NET_BIND_SERVICE)))
		return -EACCES;
	address_map(local, &mapped);
	if (address_is_any(local))
		mapped.in6.sin6_addr = in6addr_any;
	return bind(fd, &mapped.sa, address_size(&mapped)) < 0 ? -errno : 0;
}
