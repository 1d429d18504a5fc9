// SPDX-License-Identifier: LGPL-2.1-or-later
/* What looks wrong about a policy that can be read: rules that do nothing, and RFC 6052
 * section 3.1. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/cover.h"
#include "policy/policy.h"
#include "policy/rules.h"

/* Private (RFC 1918) and shared (RFC 6598) addresses. */
#define HAND_WRITTEN_MAX 2000

static const struct policy_block private_blocks[] = {
	{ 0x0a000000, 8 },  /* 10.0.0.0/8 */
	{ 0x64400000, 10 }, /* 100.64.0.0/10 */
	{ 0xac100000, 12 }, /* 172.16.0.0/12 */
	{ 0xc0a80000, 16 }, /* 192.168.0.0/16 */
};

struct lines {
	void (*report)(void *context, const char *line);
	void *context;
};

static bool decides_within(const struct policy *policy, const struct policy_rule *rule,
			   const struct policy_block *within)
{
	struct sockaddr_in found[2];

	if (rule->proto != POLICY_PROTO_UDP &&
	    cover_find(policy, rule, within, COVER_ANY_PORT, POLICY_PROTO_TCP, found))
		return true;
	return rule->proto != POLICY_PROTO_TCP &&
	       cover_find(policy, rule, within, COVER_ANY_PORT, POLICY_PROTO_UDP, found);
}

/* Report a rule that decides nothing, and who decides instead. Return: whether it is one. */
static bool warn_hidden(const struct policy *policy, const struct policy_rule *rule,
			const struct lines *lines)
{
	const struct policy_block all = { 0, 0 };
	struct sockaddr_in first = {
		.sin_family = AF_INET,
		.sin_addr = rule->dest,
		.sin_port = htons(rule->port_low),
	};
	struct policy_decision decision;
	char line[512];

	if (decides_within(policy, rule, &all))
		return false;
	policy_decide(policy, &first,
		      rule->proto == POLICY_PROTO_UDP ? POLICY_PROTO_UDP : POLICY_PROTO_TCP,
		      &decision);
	if (decision.rule)
		snprintf(line, sizeof(line),
			 "rules[%u] (%s) can never decide: rules[%u] (%s) goes before "
			 "it",
			 rule->index, rule->text, decision.rule->index, decision.rule->text);
	else
		snprintf(line, sizeof(line),
			 "rules[%u] (%s) can never decide: special-use addresses pass "
			 "unless a rule names a prefix within them",
			 rule->index, rule->text);
	lines->report(lines->context, line);
	return true;
}

static void warn_private(const struct policy *policy, const struct policy_rule *rule,
			 const struct lines *lines)
{
	static const struct in6_addr well_known = {
		.s6_addr = { 0x00, 0x64, 0xff, 0x9b },
	};
	char addr[INET_ADDRSTRLEN], line[512];
	bool any = false;
	size_t at;

	if (rule->action != POLICY_MAP || rule->map.bits != 96 ||
	    memcmp(&rule->map.addr, &well_known, sizeof(well_known)) != 0)
		return;
	at = snprintf(line, sizeof(line), "rules[%u] (%s) takes", rule->index, rule->text);
	for (size_t i = 0; i < sizeof(private_blocks) / sizeof(*private_blocks); i++) {
		const struct policy_block *block = &private_blocks[i];
		struct in_addr start;

		if (!decides_within(policy, rule, block))
			continue;
		if (rule->dest_bits > block->bits) {
			start = rule->dest;
		} else {
			start.s_addr = htonl(block->addr);
		}
		inet_ntop(AF_INET, &start, addr, sizeof(addr));
		at += snprintf(line + at, sizeof(line) - at, "%s %s/%u",
			       any ? "," : " private addresses", addr,
			       rule->dest_bits > block->bits ? rule->dest_bits : block->bits);
		any = true;
	}
	if (!any)
		return;
	snprintf(line + at, sizeof(line) - at,
		 " under 64:ff9b::/96, which must not carry them (RFC 6052 "
		 "section 3.1): translators drop them");
	lines->report(lines->context, line);
}

/* 2001:db8::1:443 is an address; what was meant may be [2001:db8::1]:443, where the rule has that port. */
static void warn_port_in_address(const struct policy_rule *rule, const struct lines *lines)
{
	const unsigned int last = rule->to6.s6_addr[14] << 8 | rule->to6.s6_addr[15];
	char addr[INET6_ADDRSTRLEN], rest[INET6_ADDRSTRLEN], port[8], line[512];

	if (rule->action != POLICY_TO || rule->to_family != AF_INET6 || rule->to_port != 0 ||
	    rule->port_low != rule->port_high)
		return;
	snprintf(port, sizeof(port), "%x", last);
	if (strtoul(port, NULL, 10) != rule->port_low || strspn(port, "0123456789") != strlen(port))
		return;
	inet_ntop(AF_INET6, &rule->to6, addr, sizeof(addr));
	snprintf(rest, sizeof(rest), "%.*s", (int)(strlen(addr) - strlen(port) - 1), addr);
	snprintf(line, sizeof(line),
		 "rules[%u] (%s) goes to the address %s: for port %s of another address write [%s]:%s",
		 rule->index, rule->text, addr, port, strcmp(rest, ":") == 0 ? "::" : rest, port);
	lines->report(lines->context, line);
}

void policy_warn(const struct policy *policy, void (*report)(void *context, const char *line),
		 void *context)
{
	struct lines lines = { .report = report, .context = context };

	for (size_t i = 0; i < policy->count; i++) {
		/* Looking for hidden rules is quadratic; nobody wrote so many by hand. */
		if (policy->count > HAND_WRITTEN_MAX || !warn_hidden(policy, policy->rules[i], &lines))
			warn_private(policy, policy->rules[i], &lines);
		warn_port_in_address(policy->rules[i], &lines);
	}
}
