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

static int mark_inet6(int fd, bool stream, enum present_form form)
{
	int r = 0;

	/* Without a mark it is as its program set it. */
	if (form == PRESENT_ITSELF && get(fd, IPPROTO_IPV6, IPV6_ROUTER_ALERT_ISOLATE) != 1)
		return 0;
	if (stream ? form != PRESENT_INET : form == PRESENT_INET)
		r = set(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, form == PRESENT_ITSELF);
	return r < 0 ? r : set(fd, IPPROTO_IPV6, IPV6_ROUTER_ALERT_ISOLATE, form != PRESENT_ITSELF);
}

int present_mark(int fd, int family, int type, enum present_form form)
{
	if (family == AF_INET)
		return set(fd, IPPROTO_IP, IP_MULTICAST_ALL, form == PRESENT_INET_PEER ? 0 : 1);
	return mark_inet6(fd, type == SOCK_STREAM, form);
}

static enum present_form read_inet6(int fd, int isolate)
{
	bool off, stream;

	if (isolate != 1)
		return PRESENT_ITSELF;
	off = get(fd, IPPROTO_IPV6, IPV6_MULTICAST_ALL) == 0;
	stream = get(fd, SOL_SOCKET, SO_TYPE) == SOCK_STREAM;
	return off == stream ? PRESENT_MAPPED : PRESENT_INET;
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
