// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Which destinations a rule decides.
 *
 * Theory of operation. For one protocol, destinations are points of a grid, addresses by ports, and
 * each rule is a rectangle in it. A rule decides what is left of its rectangle after the rectangles
 * that go before it are cut out. In any row or column of the grid, what is left consists of runs;
 * each run starts where the rule starts or just behind the end of something cut out. So from any
 * point that the rule decides one can walk, first along the addresses and then along the ports, to
 * a point whose two coordinates are such starts, and it is enough to ask policy_decide() about
 * these.
 *
 * To see whether there is a second point, the successors of the first one's coordinates are tried
 * as well: a point that walks to the first one lies in its run of ports, or in its run of
 * addresses, and then so does that successor.
 */
#include "policy/cover.h"

#include <netinet/in.h>

struct search {
	const struct policy *policy;
	const struct policy_rule *rule;
	enum policy_proto proto;
	uint32_t addr_low, addr_high;
	uint16_t port_low, port_high;
	bool found;
	uint32_t found_addr;
	uint16_t found_port;
};

static bool decides(const struct search *search, uint32_t addr, uint16_t port)
{
	struct sockaddr_in dest = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(addr),
		.sin_port = htons(port),
	};
	struct policy_decision decision;

	policy_decide(search->policy, &dest, search->proto, &decision);
	return decision.rule == search->rule;
}

/* The starts, by number: 0 the rectangle's own, 1 behind the point found before, then one behind
 * each rule, then, for addresses, behind each special-use block. False: this one lies outside. */
static bool start_addr(const struct search *search, size_t number, uint32_t *ret)
{
	uint32_t last;

	if (number == 0) {
		*ret = search->addr_low;
		return true;
	}
	if (number == 1) {
		if (!search->found)
			return false;
		last = search->found_addr;
	} else if (number - 2 < search->policy->count) {
		const struct policy_match *match = &search->policy->order[number - 2];

		last = match->addr | ~match->mask;
	} else {
		const struct policy_block *block =
			&policy_special[number - 2 - search->policy->count];

		last = block->addr | ~policy_mask(block->bits);
	}
	if (last < search->addr_low || last >= search->addr_high)
		return false;
	*ret = last + 1;
	return true;
}

static bool start_port(const struct search *search, size_t number, uint16_t *ret)
{
	uint16_t last;

	if (number == 0) {
		*ret = search->port_low;
		return true;
	}
	if (number == 1) {
		if (!search->found)
			return false;
		last = search->found_port;
	} else {
		const struct policy_match *match = &search->policy->order[number - 2];

		if (!policy_overlap(match->addr, match->bits, search->addr_low,
				    search->rule->dest_bits))
			return false;
		last = match->port_high;
	}
	if (last < search->port_low || last >= search->port_high)
		return false;
	*ret = last + 1;
	return true;
}

/* Find a point other than the one found before, if there was one. */
static bool find_point(const struct search *search, uint32_t *ret_addr, uint16_t *ret_port)
{
	size_t addrs = search->policy->count + 2 + POLICY_SPECIAL_COUNT;
	size_t ports = search->policy->count + 2;

	for (size_t i = 0; i < addrs; i++) {
		uint32_t addr;

		if (!start_addr(search, i, &addr))
			continue;
		for (size_t k = 0; k < ports; k++) {
			uint16_t port;

			if (!start_port(search, k, &port))
				continue;
			if (search->found && addr == search->found_addr &&
			    port == search->found_port)
				continue;
			if (decides(search, addr, port)) {
				*ret_addr = addr;
				*ret_port = port;
				return true;
			}
		}
	}
	return false;
}

static struct sockaddr_in point(uint32_t addr, uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(addr),
		.sin_port = htons(port),
	};
}

unsigned int cover_find(const struct policy *policy, const struct policy_rule *rule,
			const struct policy_block *within, int port, enum policy_proto proto,
			struct sockaddr_in ret[static 2])
{
	uint32_t dest = ntohl(rule->dest.s_addr);
	unsigned int bits = within->bits > rule->dest_bits ? within->bits : rule->dest_bits;
	uint32_t addr_low = (within->bits > rule->dest_bits ? within->addr : dest) &
			    policy_mask(bits);
	struct search search = {
		.policy = policy,
		.rule = rule,
		.proto = proto,
		.addr_low = addr_low,
		.addr_high = addr_low | ~policy_mask(bits),
		.port_low = rule->port_low,
		.port_high = rule->port_high,
	};
	uint32_t addr;
	uint16_t number;

	if (!policy_overlap(dest, rule->dest_bits, within->addr, within->bits))
		return 0;
	if (port != COVER_ANY_PORT) {
		if (port < rule->port_low || port > rule->port_high)
			return 0;
		search.port_low = search.port_high = port;
	}
	if (!find_point(&search, &addr, &number))
		return 0;
	ret[0] = point(addr, number);
	search.found = true;
	search.found_addr = addr;
	search.found_port = number;
	if (!find_point(&search, &addr, &number))
		return 1;
	ret[1] = point(addr, number);
	return 2;
}
