// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Deciding: which rule applies to a destination, and what comes of it.
 *
 * Runs for every connect of every supervised program, so it allocates nothing and asks nobody. The
 * matches are sorted by precedence (policy.c): the first that fits is the rule that decides.
 * Because longer prefixes come first, a special-use destination is settled as soon as the rule
 * found is shorter than the special-use block: every rule within the block would have come before.
 */
#include <string.h>

#include "policy/policy.h"
#include "policy/rules.h"

const struct policy_block policy_special[POLICY_SPECIAL_COUNT] = {
	{ 0x00000000, 8 },  /* 0.0.0.0/8, this host on this network */
	{ 0x7f000000, 8 },  /* 127.0.0.0/8, loopback */
	{ 0xa9fe0000, 16 }, /* 169.254.0.0/16, link-local */
	{ 0xe0000000, 4 },  /* 224.0.0.0/4, multicast */
	{ 0xf0000000, 4 },  /* 240.0.0.0/4, reserved and broadcast */
};

static const struct policy_block *find_special(uint32_t addr)
{
	for (size_t i = 0; i < POLICY_SPECIAL_COUNT; i++) {
		if ((addr & policy_mask(policy_special[i].bits)) == policy_special[i].addr)
			return &policy_special[i];
	}
	return NULL;
}

static const struct policy_match *find_match(const struct policy *policy, uint32_t addr,
					     uint16_t port, enum policy_proto proto)
{
	for (size_t i = 0; i < policy->count; i++) {
		const struct policy_match *match = &policy->order[i];

		if ((addr & match->mask) != match->addr)
			continue;
		if (port < match->port_low || port > match->port_high)
			continue;
		if (match->proto != POLICY_PROTO_ANY && match->proto != proto)
			continue;
		return match;
	}
	return NULL;
}

/* Where POLICY_MAP and POLICY_TO lead. */
static void fill_dest(const struct policy_rule *rule, const struct sockaddr_in *dest,
		      struct policy_decision *ret)
{
	in_port_t port = dest->sin_port;

	if (rule->action == POLICY_TO && rule->to_port)
		port = htons(rule->to_port);
	if (rule->action == POLICY_TO && rule->to_family == AF_INET) {
		ret->dest.in.sin_addr = rule->to4;
		ret->dest.in.sin_port = port;
		return;
	}
	ret->family = AF_INET6;
	memset(&ret->dest, 0, sizeof(ret->dest));
	ret->dest.in6.sin6_family = AF_INET6;
	ret->dest.in6.sin6_port = port;
	if (rule->action == POLICY_TO)
		ret->dest.in6.sin6_addr = rule->to6;
	else
		rfc6052_embed(&rule->map, dest->sin_addr, &ret->dest.in6.sin6_addr);
}

void policy_decide(const struct policy *policy, const struct sockaddr_in *dest,
		   enum policy_proto proto, struct policy_decision *ret)
{
	uint32_t addr = ntohl(dest->sin_addr.s_addr);
	const struct policy_block *special = find_special(addr);
	const struct policy_match *match = find_match(policy, addr, ntohs(dest->sin_port), proto);
	const struct policy_rule *rule;

	memset(ret, 0, sizeof(*ret));
	ret->family = AF_INET;
	ret->dest.in.sin_family = AF_INET;
	ret->dest.in.sin_addr = dest->sin_addr;
	ret->dest.in.sin_port = dest->sin_port;

	if (special && (!match || match->bits < special->bits)) {
		ret->action = POLICY_PASS;
		ret->why = "special-use address";
		return;
	}
	if (!match) {
		ret->action = policy->default_action;
		ret->reject_errno = policy->default_errno;
		ret->why = "default";
		return;
	}
	rule = match->rule;
	ret->rule = rule;
	ret->why = "rule";
	ret->action = rule->action;
	switch (rule->action) {
	case POLICY_PASS:
		break;
	case POLICY_MAP:
	case POLICY_TO:
		fill_dest(rule, dest, ret);
		break;
	case POLICY_NETNS:
		ret->netns = rule->netns;
		break;
	case POLICY_REJECT:
		ret->reject_errno = rule->reject_errno;
		break;
	}
}
