// SPDX-License-Identifier: LGPL-2.1-or-later
/* Rules and actions in the words of a person: what messages, traces and `reseat explain` print. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/parse.h"
#include "policy/rules.h"

const char *policy_action_name(enum policy_action action)
{
	switch (action) {
	case POLICY_PASS:
		return "pass";
	case POLICY_MAP:
		return "map";
	case POLICY_TO:
		return "to";
	case POLICY_NETNS:
		return "netns";
	case POLICY_REJECT:
		return "reject";
	}
	return "unknown";
}

/* What stands behind the equals sign; nothing for pass. */
static void print_value(FILE *out, const struct policy_rule *rule)
{
	char addr[INET6_ADDRSTRLEN], number[16];
	const char *name;

	switch (rule->action) {
	case POLICY_PASS:
		return;
	case POLICY_MAP:
		inet_ntop(AF_INET6, &rule->map.addr, addr, sizeof(addr));
		fprintf(out, "=%s/%u", addr, rule->map.bits);
		return;
	case POLICY_TO:
		if (rule->to_family == AF_INET)
			inet_ntop(AF_INET, &rule->to4, addr, sizeof(addr));
		else
			inet_ntop(AF_INET6, &rule->to6, addr, sizeof(addr));
		if (!rule->to_port)
			fprintf(out, "=%s", addr);
		else if (rule->to_family == AF_INET)
			fprintf(out, "=%s:%u", addr, rule->to_port);
		else
			fprintf(out, "=[%s]:%u", addr, rule->to_port);
		return;
	case POLICY_NETNS:
		fprintf(out, "=%s", rule->netns);
		return;
	case POLICY_REJECT:
		name = parse_errno_name(rule->reject_errno);
		if (!name) {
			snprintf(number, sizeof(number), "%d", rule->reject_errno);
			name = number;
		}
		fprintf(out, "=%s", name);
		return;
	}
}

int policy_rule_text(const struct policy_rule *rule, char **ret)
{
	static const char *const protocols[] = {
		[POLICY_PROTO_ANY] = "",
		[POLICY_PROTO_TCP] = "tcp/",
		[POLICY_PROTO_UDP] = "udp/",
	};
	char addr[INET_ADDRSTRLEN];
	char *text = NULL;
	size_t length;
	bool failed;
	FILE *out;

	out = open_memstream(&text, &length);
	if (!out)
		return -ENOMEM;
	inet_ntop(AF_INET, &rule->dest, addr, sizeof(addr));
	fprintf(out, "%s %s%s", policy_action_name(rule->action), protocols[rule->proto], addr);
	if (rule->dest_bits < 32)
		fprintf(out, "/%u", rule->dest_bits);
	if (rule->port_low == rule->port_high)
		fprintf(out, ":%u", rule->port_low);
	else if (rule->port_low > 0 || rule->port_high < UINT16_MAX)
		fprintf(out, ":%u-%u", rule->port_low, rule->port_high);
	print_value(out, rule);
	if (rule->has_local) {
		inet_ntop(AF_INET, &rule->local, addr, sizeof(addr));
		fprintf(out, " local %s", addr);
	}
	failed = ferror(out);
	if (fclose(out) != 0 || failed) {
		free(text);
		return -ENOMEM;
	}
	*ret = text;
	return 0;
}
