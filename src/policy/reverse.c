// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The way back: from the IPv6 address that a socket is connected to, to the IPv4 destination that
 * the program had asked for.
 *
 * Nothing is remembered for a connection; the policy is the only record. A rule that maps leads to
 * an address from one destination only. A rule that sends a prefix or a range of ports to one
 * address leads there from many, less those that other rules take away. A destination is decided by
 * one rule, so what the rules lead back to never overlaps and can be counted.
 */
#include <string.h>

#include "policy/cover.h"
#include "policy/policy.h"
#include "policy/rules.h"

/* Whether a rule's new address is this one; an IPv4 address in its mapped form. */
static bool goes_to(const struct policy_rule *rule, const struct in6_addr *addr)
{
	if (rule->to_family == AF_INET6)
		return memcmp(&rule->to6, addr, sizeof(*addr)) == 0;
	return IN6_IS_ADDR_V4MAPPED(addr) && memcmp(&rule->to4, &addr->s6_addr[12], 4) == 0;
}

/* The destinations that @rule takes to @peer: 0, 1, or 2 for more. @ret receives one of them; where
 * the rule changes the port but one with the peer's port leads there too, that is the likeliest. */
static unsigned int lead_back(const struct policy *policy, const struct policy_rule *rule,
			      const struct sockaddr_in6 *peer, enum policy_proto proto,
			      struct sockaddr_in *ret)
{
	struct policy_block within = { .addr = ntohl(rule->dest.s_addr), .bits = rule->dest_bits };
	int port = ntohs(peer->sin6_port);
	struct sockaddr_in found[2];
	unsigned int count, same_port;
	struct in_addr addr;

	if (rule->action == POLICY_MAP) {
		if (!rfc6052_extract(&rule->map, &peer->sin6_addr, &addr))
			return 0;
		within = (struct policy_block){ .addr = ntohl(addr.s_addr), .bits = 32 };
	} else if (rule->action == POLICY_TO) {
		if (!goes_to(rule, &peer->sin6_addr))
			return 0;
		if (rule->to_port && rule->to_port != port)
			return 0;
	} else {
		return 0;
	}
	same_port = cover_find(policy, rule, &within, port, proto, found);
	if (same_port)
		*ret = found[0];
	if (rule->action == POLICY_MAP || !rule->to_port || same_port > 1)
		return same_port;
	count = cover_find(policy, rule, &within, COVER_ANY_PORT, proto, found);
	if (count && !same_port)
		*ret = found[0];
	return count;
}

enum policy_reversed policy_reverse(const struct policy *policy, const struct sockaddr_in6 *peer,
				    enum policy_proto proto, struct sockaddr_in *ret,
				    struct in_addr *ret_local)
{
	const struct policy_rule *best = NULL;
	unsigned int total = 0, best_count = 0;
	struct sockaddr_in best_dest = {};

	for (size_t i = 0; i < policy->count; i++) {
		const struct policy_rule *rule = policy->order[i].rule;
		struct sockaddr_in dest;
		unsigned int count;

		count = lead_back(policy, rule, peer, proto, &dest);
		total += count;
		if (count && (!best || (count == 1 && best_count > 1))) {
			best = rule;
			best_count = count;
			best_dest = dest;
		}
	}
	if (!best)
		return POLICY_NOT_REVERSED;
	*ret = best_dest;
	*ret_local = best->has_local ? best->local : policy->local;
	return total == 1 ? POLICY_REVERSED : POLICY_REVERSED_AMBIGUOUS;
}
