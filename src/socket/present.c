// SPDX-License-Identifier: LGPL-2.1-or-later
/* How a socket presents itself to its program; see present.h. */
#include "socket/present.h"

#include <errno.h>
#include <sys/socket.h>

#include "base/compat.h"

static int set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) < 0 ? -errno : 0;
}

static bool is(int fd, int level, int name, int value)
{
	int seen = 0;
	socklen_t size = sizeof(seen);

	return getsockopt(fd, level, name, &seen, &size) == 0 && seen == value;
}

int present_mark(int fd, int family, enum present_form form)
{
	int r;

	if (family == AF_INET)
		return set(fd, IPPROTO_IP, IP_MULTICAST_ALL, form == PRESENT_INET_PEER ? 0 : 1);
	r = set(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, form == PRESENT_INET ? 0 : 1);
	if (r < 0)
		return r;
	return set(fd, IPPROTO_IPV6, IPV6_ROUTER_ALERT_ISOLATE, form != PRESENT_ITSELF);
}

enum present_form present_read_family(int fd, int family)
{
	if (family == AF_INET)
		return is(fd, IPPROTO_IP, IP_MULTICAST_ALL, 0) ? PRESENT_INET_PEER : PRESENT_ITSELF;
	if (!is(fd, IPPROTO_IPV6, IPV6_ROUTER_ALERT_ISOLATE, 1))
		return PRESENT_ITSELF;
	return is(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0) ? PRESENT_INET : PRESENT_MAPPED;
}

enum present_form present_read(int fd, int *ret_family)
{
	int domain = 0;
	socklen_t size = sizeof(domain);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0 ||
	    (domain != AF_INET && domain != AF_INET6)) {
		*ret_family = 0;
		return PRESENT_ITSELF;
	}
	*ret_family = domain;
	/* Multicast receivers over UDP do turn IP_MULTICAST_ALL off; the mark is one of TCP sockets. */
	if (domain == AF_INET) {
		int type = 0;

		size = sizeof(type);
		if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_STREAM)
			return PRESENT_ITSELF;
	}
	return present_read_family(fd, domain);
}
