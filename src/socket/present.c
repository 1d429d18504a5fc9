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

/* The value of an option, or -1 where the socket has none. */
static int get(int fd, int level, int name)
{
	int value = 0;
	socklen_t size = sizeof(value);

	return getsockopt(fd, level, name, &value, &size) < 0 ? -1 : value;
}

int present_mark(int fd, int family, enum present_form form)
{
	int r;

	if (family == AF_INET)
		return set(fd, IPPROTO_IP, IP_MULTICAST_ALL, form == PRESENT_INET_PEER ? 0 : 1);
	/* A socket that stands for an AF_INET one does so for all its life; others have this option
	 * as their program set it. */
	r = form == PRESENT_INET ? set(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0) : 0;
	if (r < 0)
		return r;
	return set(fd, IPPROTO_IPV6, IPV6_ROUTER_ALERT_ISOLATE, form != PRESENT_ITSELF);
}

static enum present_form read_inet6(int fd, int isolate)
{
	if (isolate != 1)
		return PRESENT_ITSELF;
	return get(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL) == 0 ? PRESENT_INET : PRESENT_MAPPED;
}

enum present_form present_read(int fd, bool inet_peers, int *ret_family)
{
	/* Each family has options that the others do not: one call tells it and the mark. */
	int mark = get(fd, IPPROTO_IPV6, IPV6_ROUTER_ALERT_ISOLATE);

	if (mark >= 0) {
		*ret_family = AF_INET6;
		return read_inet6(fd, mark);
	}
	/* Multicast receivers over UDP do turn it off; the mark is one of TCP sockets. */
	if (!inet_peers || get(fd, IPPROTO_IP, IP_MULTICAST_ALL) != 0 ||
	    get(fd, SOL_SOCKET, SO_TYPE) != SOCK_STREAM)
		return PRESENT_ITSELF;
	*ret_family = AF_INET;
	return PRESENT_INET_PEER;
}
