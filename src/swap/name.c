// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a program is told of its socket's addresses: the IPv4 destination that it asked for, and a local
 * IPv4 address, with the real local port.
 */
#include "swap/internal.h"

#include <string.h>

enum present_form form_of(const struct swap *swap, int fd, int *ret_family)
{
	enum present_form form = present_read(fd, ret_family);
	socklen_t size = sizeof(*ret_family);

	if (form != PRESENT_ITSELF || !swap->unmarked)
		return form;
	form = origin_form(swap->origins, fd);
	if (form != PRESENT_ITSELF)
		getsockopt(fd, SOL_SOCKET, SO_DOMAIN, ret_family, &size);
	return form;
}

/* The IPv4 destination behind a peer, and the local address that goes with it. */
static bool original(struct swap *swap, int fd, const union address *peer, union address *ret,
		     struct in_addr *ret_local)
{
	union address mapped = *peer;

	memset(ret, 0, sizeof(*ret));
	if (peer->sa.sa_family == AF_INET)
		address_map(peer, &mapped);
	switch (policy_reverse(swap->policy, &mapped.in6, POLICY_PROTO_TCP, &ret->in, ret_local)) {
	case POLICY_REVERSED:
		return true;
	case POLICY_REVERSED_AMBIGUOUS:
		origin_get(swap->origins, fd, &ret->in);
		return true;
	case POLICY_NOT_REVERSED:
		break;
	}
	*ret_local = policy_local(swap->policy);
	if (!address_is_mapped(&mapped))
		return false;
	address_unmap(&mapped, ret);
	return true;
}

/* The local address that is shown for the real one. */
static void shown_local(const union address *real, struct in_addr local, union address *ret)
{
	in_port_t port = real->in6.sin6_port;

	if (address_is_mapped(real)) {
		address_unmap(real, ret);
		return;
	}
	memset(ret, 0, sizeof(*ret));
	ret->in.sin_family = AF_INET;
	ret->in.sin_port = port;
	if (!address_is_any(real))
		ret->in.sin_addr = local;
}

static bool own_name(int fd, union address *ret)
{
	socklen_t size = sizeof(*ret);

	memset(ret, 0, sizeof(*ret));
	return getsockname(fd, &ret->sa, &size) == 0;
}

static bool peer_name(int fd, union address *ret)
{
	socklen_t size = sizeof(*ret);

	memset(ret, 0, sizeof(*ret));
	return getpeername(fd, &ret->sa, &size) == 0;
}

bool swap_name(struct swap *swap, int fd, bool peer, union address *ret)
{
	struct in_addr local = policy_local(swap->policy);
	union address remote, dest, real;
	bool connected;
	int family;
	enum present_form form = form_of(swap, fd, &family);

	if (form == PRESENT_ITSELF)
		return false;
	connected = peer_name(fd, &remote) && original(swap, fd, &remote, &dest, &local);
	if (peer) {
		if (!connected)
			return false;
		*ret = dest;
	} else {
		if (form == PRESENT_INET_PEER || !own_name(fd, &real))
			return false;
		/* The program's own socket, not connected: bound where it says. */
		if (form == PRESENT_MAPPED && (!connected || address_is_any(&real)))
			return false;
		shown_local(&real, local, ret);
	}
	if (form == PRESENT_MAPPED)
		address_map(ret, ret);
	return true;
}

void swap_sent_on(struct swap *swap, pid_t tid, int number)
{
	askers_add(&swap->askers, tid, number);
}

bool swap_believes_inet(struct swap *swap, int fd)
{
	int family;

	return form_of(swap, fd, &family) == PRESENT_INET;
}
