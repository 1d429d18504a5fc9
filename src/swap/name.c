// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What a program is told of its socket's addresses: the IPv4 destination that it asked for, and a local
 * IPv4 address, with the real local port.
 */
#include "swap/internal.h"

#include <netinet/in.h>
#include <string.h>

static int option_of(int fd, int name)
{
	int value = 0;
	socklen_t size = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, name, &value, &size) < 0 ? -1 : value;
}

/* Whether it is of a kind that cannot carry a mark; present.h. */
static bool may_lack_mark(int fd)
{
	switch (option_of(fd, SO_TYPE)) {
	case SOCK_STREAM:
		return option_of(fd, SO_PROTOCOL) == IPPROTO_MPTCP;
	case SOCK_DGRAM:
		return option_of(fd, SO_DOMAIN) == AF_INET;
	default:
		return false;
	}
}

enum present_form form_of(const struct swap *swap, int fd, int *ret_family)
{
	enum present_form form = present_read(fd, swap->inet_peers, ret_family);
	socklen_t size = sizeof(*ret_family);

	if (form != PRESENT_ITSELF || !swap->unmarked || !may_lack_mark(fd))
		return form;
	form = origin_form(swap->origins, fd);
	if (form != PRESENT_ITSELF)
		getsockopt(fd, SOL_SOCKET, SO_DOMAIN, ret_family, &size);
	return form;
}

bool form_is_asked(const struct swap *swap, const struct snapshot *seen)
{
	return swap->translates && (seen->family != AF_INET || swap->inet_peers || swap->unmarked);
}

enum present_form form_of_seen(const struct swap *swap, int fd, const struct snapshot *seen)
{
	int family;

	return form_is_asked(swap, seen) ? form_of(swap, fd, &family) : PRESENT_ITSELF;
}

static enum policy_proto proto_of(int fd)
{
	return option_of(fd, SO_TYPE) == SOCK_DGRAM ? POLICY_PROTO_UDP : POLICY_PROTO_TCP;
}

/* As policy_reverse(), of a peer of either family. */
static enum policy_reversed reverse(const struct swap *swap, int fd, const union address *peer,
				    struct sockaddr_in *ret, struct in_addr *ret_local)
{
	union address mapped = *peer;

	if (peer->sa.sa_family == AF_INET)
		address_map(peer, &mapped);
	return policy_reverse(swap->policy, &mapped.in6, proto_of(fd), ret, ret_local);
}

bool leads_back(const struct swap *swap, int fd, enum policy_action action, struct origin *origin)
{
	struct sockaddr_in dest;

	/* Where others ask, too, they ask other policies. */
	if (action != POLICY_TO && !origins_shared(swap->origins))
		return true;
	origin->local = policy_local(swap->policy);
	return reverse(swap, fd, &origin->peer, &dest, &origin->local) == POLICY_REVERSED &&
	       !origins_shared(swap->origins);
}

bool original_peer(struct swap *swap, int fd, const union address *peer, union address *ret,
		     struct in_addr *ret_local)
{
	union address mapped = *peer;

	memset(ret, 0, sizeof(*ret));
	if (origins_shared(swap->origins) && origin_get(swap->origins, fd, peer, &ret->in, ret_local))
		return true;
	switch (reverse(swap, fd, peer, &ret->in, ret_local)) {
	case POLICY_REVERSED:
		return true;
	case POLICY_REVERSED_AMBIGUOUS:
		origin_get(swap->origins, fd, peer, &ret->in, ret_local);
		return true;
	case POLICY_NOT_REVERSED:
		break;
	}
	*ret_local = policy_local(swap->policy);
	if (peer->sa.sa_family == AF_INET)
		address_map(peer, &mapped);
	if (!address_is_mapped(&mapped))
		return false;
	address_unmap(&mapped, ret);
	return true;
}

/* The local address that is shown for the real one. @bound: the program chose it itself. */
static void shown_local(const union address *real, struct in_addr local, bool bound,
			union address *ret)
{
	in_port_t port = real->in6.sin6_port;

	if (address_is_mapped(real)) {
		address_unmap(real, ret);
		return;
	}
	memset(ret, 0, sizeof(*ret));
	ret->in.sin_family = AF_INET;
	ret->in.sin_port = port;
	if (bound || !address_is_any(real))
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
	bool connected, bound = false;
	int family;
	enum present_form form = form_of(swap, fd, &family);

	if (form == PRESENT_ITSELF)
		return false;
	connected = peer_name(fd, &remote) && original_peer(swap, fd, &remote, &dest, &local);
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
		if (form == PRESENT_INET && swap->binds)
			bound = origin_local(swap->origins, fd, &local);
		shown_local(&real, local, bound, ret);
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
