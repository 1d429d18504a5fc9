// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The addresses of single datagrams, on sockets that present themselves as others: where one goes that is
 * sent to an address, and where one came from. A connected socket needs neither; a program may ask all
 * the same.
 */
#include "swap/internal.h"

#include <errno.h>
#include <string.h>

/* As udp_sendmsg() and udpv6_sendmsg() have it for the family that the program believes in. */
static int ipv4_asked(const union address *asked, socklen_t length, enum present_form form,
		      union address *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->in.sin_family = AF_INET;
	if (form == PRESENT_MAPPED) {
		if (length < sizeof(asked->in6) || !address_is_mapped(asked))
			return 0;
		address_unmap(asked, ret);
		return 1;
	}
	if (length < sizeof(asked->in))
		return -EINVAL;
	if (asked->sa.sa_family != AF_INET && asked->sa.sa_family != AF_UNSPEC)
		return -EAFNOSUPPORT;
	ret->in.sin_port = asked->in.sin_port;
	ret->in.sin_addr = asked->in.sin_addr;
	return asked->in.sin_port ? 1 : -EINVAL;
}

/*
 * Of several destinations that lead to one address the last that was asked for is taken to be the one that
 * answers; a connected socket has one for good.
 */
static void remember_asked(struct swap *swap, int fd, const union address *asked,
			   const union address *sent_to, enum present_form form)
{
	struct origin origin = {
		.dest = asked->in,
		.peer = *sent_to,
		.form = form == PRESENT_INET_PEER ? form : PRESENT_ITSELF,
	};
	union address peer;
	socklen_t size = sizeof(peer);

	if (getpeername(fd, &peer.sa, &size) < 0 && !leads_back(swap, fd, POLICY_TO, &origin))
		origin_put(swap->origins, fd, &origin);
}

int swap_destination(struct swap *swap, const struct caller *caller, int fd,
		     const union address *asked, socklen_t length, union address *ret)
{
	struct policy_decision decision;
	union address dest;
	int family;
	enum present_form form = form_of(swap, fd, &family);
	int r;

	if (form == PRESENT_ITSELF)
		return 0;
	r = ipv4_asked(asked, length, form, &dest);
	if (r <= 0)
		return r;
	policy_decide(swap->policy, &dest.in, POLICY_PROTO_UDP, &decision);
	memset(ret, 0, sizeof(*ret));
	switch (decision.action) {
	case POLICY_REJECT:
		return -decision.reject_errno;
	case POLICY_MAP:
	case POLICY_TO:
		/* An AF_INET socket that goes to another IPv4 address has no IPv6 side. */
		if (decision.family == AF_INET6 && family != AF_INET6)
			return 0;
		if (decision.family == AF_INET6)
			ret->in6 = decision.dest.in6;
		else
			ret->in = decision.dest.in;
		if (decision.action == POLICY_TO)
			remember_asked(swap, fd, &dest, ret, form);
		if (decision.family == AF_INET6)
			return 1;
		break;
	case POLICY_PASS:
	case POLICY_NETNS:
		ret->in = dest.in;
		break;
	}
	if (family == AF_INET6)
		address_map(ret, ret);
	return 1;
}

bool swap_source(struct swap *swap, int fd, const union address *real, union address *ret)
{
	union address shown = *real;
	struct in_addr local;
	int family;
	enum present_form form = form_of(swap, fd, &family);

	if (form == PRESENT_ITSELF)
		return false;
	if (!original_peer(swap, fd, real, &shown, &local)) {
		/* From where nothing of the policy leads: it has no IPv4 address. */
		if (form != PRESENT_INET)
			return false;
		memset(&shown, 0, sizeof(shown));
		shown.in.sin_family = AF_INET;
		shown.in.sin_port = real->in6.sin6_port;
	}
	if (form == PRESENT_MAPPED)
		address_map(&shown, &shown);
	*ret = shown;
	return true;
}

struct in_addr swap_received_at(struct swap *swap, int fd, const struct in6_addr *real,
				const union address *from)
{
	union address local = {.in6 = {.sin6_family = AF_INET6, .sin6_addr = *real}};
	union address asked;
	struct in_addr shown;

	if (address_is_mapped(&local)) {
		address_unmap(&local, &local);
		return local.in.sin_addr;
	}
	if (from->sa.sa_family && original_peer(swap, fd, from, &asked, &shown))
		return shown;
	return policy_local(swap->policy);
}

enum present_form swap_form(const struct swap *swap, int fd)
{
	int family;

	return form_of(swap, fd, &family);
}

bool swap_at_send(const struct swap *swap)
{
	return policy_has(swap->policy, POLICY_UDP_SEND_SWAP);
}
