// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * IP-level options of a socket that its program believes to be AF_INET, after it was swapped.
 *
 * On the AF_INET6 socket that it is, an option of IPPROTO_IP is taken and has no effect on what goes over
 * IPv6, and those of IPPROTO_IPV6 exist. So the first are set on both sides, by the table that the swap
 * itself copies by, and the second are answered as an AF_INET socket answers them.
 */
#include "swap/internal.h"

#include <errno.h>

#include "base/fd.h"
#include "base/linger.h"

/* net/ipv6's header is longer: what an IPv4 packet may be long, once translated, is that much less. */
#define HEADER_DIFFERENCE 20

static int get_int(int fd, int level, int name, int *ret)
{
	socklen_t size = sizeof(*ret);

	return getsockopt(fd, level, name, ret, &size) < 0 ? -errno : 0;
}

void swap_lose(struct swap *swap, const struct caller *caller, int number, int level, int name)
{
	const struct option *option = option_lost(level, name);
	_cleanup_linger_close_ int fd = -EBADF;

	if (!option || caller_get_file(caller, number, &fd) < 0)
		return;
	swap->loses = true;
	origin_lose(swap->origins, fd, level, name);
}

int swap_set_ip(struct swap *swap, int fd, int name, const void *value, socklen_t length)
{
	const struct option *option = option_find(IPPROTO_IP, name);
	int type;

	if (!option || !option->name6 || !swap_believes_inet(swap, fd))
		return -ENODATA;
	if (option->datagram6 && (get_int(fd, SOL_SOCKET, SO_TYPE, &type) < 0 || type != SOCK_DGRAM))
		return -ENODATA;
	/* What is wrong with it the kernel says better. */
	if (setsockopt(fd, IPPROTO_IP, name, value, length) < 0)
		return -ENODATA;
	/* Whatever this says: natively the call has done all that it does. */
	option_set_inet6(option, fd);
	return 0;
}

/*
 * A fresh AF_INET socket of the same protocol is asked: TCP and UDP have nothing there, and say so before
 * they look at anything else (ip_setsockopt(), do_ip_getsockopt()); MPTCP knows some by name.
 */
int swap_inet6_level(struct swap *swap, int fd, bool set, int name)
{
	_cleanup_close_ int scratch = -EBADF;
	int type, protocol, value = 0;

	if (!swap_believes_inet(swap, fd))
		return -ENODATA;
	if (get_int(fd, SOL_SOCKET, SO_TYPE, &type) < 0 ||
	    get_int(fd, SOL_SOCKET, SO_PROTOCOL, &protocol) < 0)
		return -ENODATA;
	scratch = socket(AF_INET, type | SOCK_CLOEXEC, protocol);
	if (scratch < 0)
		return set ? -ENOPROTOOPT : -EOPNOTSUPP;
	if (set)
		return setsockopt(scratch, IPPROTO_IPV6, name, &value, sizeof(value)) < 0 ? -errno
											  : -ENODATA;
	return get_int(scratch, IPPROTO_IPV6, name, &value) < 0 ? -errno : -ENODATA;
}

bool swap_mtu(struct swap *swap, int fd, int *ret)
{
	union address peer;
	socklen_t size = sizeof(peer);
	int mtu;

	/* To an IPv4-mapped peer it is IPv4's already. */
	if (!swap_believes_inet(swap, fd) || getpeername(fd, &peer.sa, &size) < 0 ||
	    address_is_mapped(&peer) || get_int(fd, IPPROTO_IP, IP_MTU, &mtu) < 0 ||
	    mtu <= HEADER_DIFFERENCE)
		return false;
	*ret = mtu - HEADER_DIFFERENCE;
	return true;
}
