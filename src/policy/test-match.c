// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which rule decides and what comes of it: tables, and random policies against a second opinion. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fd.h"
#include "policy/policy.h"

struct spec {
	enum policy_action action;
	const char *text;
};

#define MAX_RULES 12

static struct sockaddr_in dest(const char *addr, uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };

	assert_int_equal(inet_pton(AF_INET, addr, &in.sin_addr), 1);
	return in;
}

static struct policy *build(const struct spec *rules)
{
	struct policy *policy = NULL;
	struct policy_error error;

	assert_int_equal(policy_new(&policy), 0);
	for (size_t i = 0; i < MAX_RULES && rules[i].text; i++) {
		if (policy_add(policy, rules[i].action, rules[i].text, &error) != 0)
			fail_msg("%s", error.text);
	}
	return policy;
}

/* A decision as text: action, place of the rule, where to. */
static void describe(const struct policy_decision *decision, char *ret, size_t size)
{
	char rule[16] = "-", addr[INET6_ADDRSTRLEN];

	if (decision->rule)
		snprintf(rule, sizeof(rule), "%u", decision->rule->index);
	switch (decision->action) {
	case POLICY_PASS:
		snprintf(ret, size, "pass %s", rule);
		return;
	case POLICY_REJECT:
		snprintf(ret, size, "reject %s %d", rule, decision->reject_errno);
		return;
	case POLICY_NETNS:
		inet_ntop(AF_INET, &decision->dest.in.sin_addr, addr, sizeof(addr));
		snprintf(ret, size, "netns %s %s %s:%u", rule, decision->netns, addr,
			 ntohs(decision->dest.in.sin_port));
		return;
	case POLICY_MAP:
	case POLICY_TO:
		break;
	}
	assert_int_equal(decision->dest.sa.sa_family, decision->family);
	if (decision->family == AF_INET) {
		inet_ntop(AF_INET, &decision->dest.in.sin_addr, addr, sizeof(addr));
		snprintf(ret, size, "%s %s %s:%u", policy_action_name(decision->action), rule, addr,
			 ntohs(decision->dest.in.sin_port));
		return;
	}
	assert_int_equal(decision->dest.in6.sin6_scope_id, 0);
	assert_int_equal(decision->dest.in6.sin6_flowinfo, 0);
	inet_ntop(AF_INET6, &decision->dest.in6.sin6_addr, addr, sizeof(addr));
	snprintf(ret, size, "%s %s [%s]:%u", policy_action_name(decision->action), rule, addr,
		 ntohs(decision->dest.in6.sin6_port));
}

#define T POLICY_PROTO_TCP
#define U POLICY_PROTO_UDP

static const struct {
	struct spec rules[MAX_RULES];
	struct {
		const char *addr;
		uint16_t port;
		enum policy_proto proto;
		const char *expected;
	} asks[16];
} tables[] = {
	/* nothing written */
	{ {}, { { "192.0.2.1", 80, T, "pass -" }, { "127.0.0.1", 80, U, "pass -" } } },
	/* what each action gives */
	{
		{
			{ POLICY_MAP, "198.51.100.0/24=64:ff9b::/96" },
			{ POLICY_TO, "tcp/192.0.2.10:5432=[2001:db8::10]:6432" },
			{ POLICY_TO, "192.0.2.11=2001:db8::11" },
			{ POLICY_TO, "192.0.2.12=198.51.100.12" },
			{ POLICY_TO, "192.0.2.13=198.51.100.12:8080" },
			{ POLICY_NETNS, "10.0.0.0/8=/run/netns/transition" },
			{ POLICY_NETNS, "11.0.0.0/8=self" },
			{ POLICY_REJECT, "203.0.113.7" },
			{ POLICY_REJECT, "203.0.113.8=13" },
			{ POLICY_PASS, "10.1.0.0/16" },
		},
		{
			{ "198.51.100.255", 443, T, "map 0 [64:ff9b::c633:64ff]:443" },
			{ "198.51.100.0", 443, U, "map 0 [64:ff9b::c633:6400]:443" },
			{ "198.51.101.0", 443, T, "pass -" },
			{ "192.0.2.10", 5432, T, "to 1 [2001:db8::10]:6432" },
			{ "192.0.2.10", 5433, T, "pass -" },
			{ "192.0.2.10", 5432, U, "pass -" },
			{ "192.0.2.11", 7, U, "to 2 [2001:db8::11]:7" },
			{ "192.0.2.12", 7, T, "to 3 198.51.100.12:7" },
			{ "192.0.2.13", 7, T, "to 4 198.51.100.12:8080" },
			{ "10.2.3.4", 7, T, "netns 5 /run/netns/transition 10.2.3.4:7" },
			{ "11.2.3.4", 7, T, "netns 6 self 11.2.3.4:7" },
			{ "203.0.113.7", 7, T, "reject 7 111" },
			{ "203.0.113.8", 7, T, "reject 8 13" },
			{ "10.1.2.3", 7, T, "pass 9" },
		},
	},
	/* the longer prefix, whatever the order and the ports */
	{
		{
			{ POLICY_PASS, "192.0.2.0/24:80" },
			{ POLICY_PASS, "192.0.2.128/25" },
			{ POLICY_PASS, "0.0.0.0/0" },
			{ POLICY_PASS, "192.0.2.200" },
			{ POLICY_PASS, "192.0.0.0/16" },
		},
		{
			{ "192.0.2.1", 80, T, "pass 0" },
			{ "192.0.2.1", 81, T, "pass 4" },
			{ "192.0.2.129", 80, T, "pass 1" },
			{ "192.0.2.200", 80, T, "pass 3" },
			{ "8.8.8.8", 80, T, "pass 2" },
			{ "255.255.255.255", 80, T, "pass -" },
		},
	},
	/* the narrower range, then the named protocol, then the first */
	{
		{
			{ POLICY_PASS, "192.0.2.0/24" },
			{ POLICY_PASS, "192.0.2.0/24:1-1000" },
			{ POLICY_PASS, "192.0.2.0/24:50-100" },
			{ POLICY_PASS, "tcp/192.0.2.0/24:50-100" },
			{ POLICY_PASS, "tcp/192.0.2.0/24" },
			{ POLICY_PASS, "192.0.2.0/24:80" },
			{ POLICY_PASS, "192.0.2.0/24:80" },
			{ POLICY_PASS, "192.0.2.0/24:90-140" },
		},
		{
			{ "192.0.2.1", 80, T, "pass 5" },
			{ "192.0.2.1", 80, U, "pass 5" },
			{ "192.0.2.1", 60, T, "pass 3" },
			{ "192.0.2.1", 60, U, "pass 2" },
			{ "192.0.2.1", 95, U, "pass 2" },
			{ "192.0.2.1", 101, U, "pass 7" },
			{ "192.0.2.1", 141, U, "pass 1" },
			{ "192.0.2.1", 1001, T, "pass 4" },
			{ "192.0.2.1", 1001, U, "pass 0" },
			{ "192.0.2.1", 0, U, "pass 0" },
		},
	},
	/* special-use addresses pass by a rule for everything */
	{
		{ { POLICY_MAP, "0.0.0.0/0=64:ff9b::/96" }, { POLICY_REJECT, "224.0.0.0/3" } },
		{
			{ "127.0.0.1", 80, T, "pass -" },
			{ "127.255.255.255", 80, T, "pass -" },
			{ "126.255.255.255", 80, T, "map 0 [64:ff9b::7eff:ffff]:80" },
			{ "128.0.0.0", 80, T, "map 0 [64:ff9b::8000:0]:80" },
			{ "0.0.0.0", 80, T, "pass -" },
			{ "0.255.255.255", 80, T, "pass -" },
			{ "1.0.0.0", 80, T, "map 0 [64:ff9b::100:0]:80" },
			{ "169.254.169.254", 80, T, "pass -" },
			{ "169.253.255.255", 80, T, "map 0 [64:ff9b::a9fd:ffff]:80" },
			{ "169.255.0.0", 80, T, "map 0 [64:ff9b::a9ff:0]:80" },
			{ "224.0.0.1", 80, U, "pass -" },
			{ "239.255.255.255", 80, U, "pass -" },
			{ "240.0.0.0", 80, T, "pass -" },
			{ "255.255.255.255", 80, U, "pass -" },
			{ "223.255.255.255", 80, T, "map 0 [64:ff9b::dfff:ffff]:80" },
		},
	},
	/* and not by a rule within them */
	{
		{
			{ POLICY_REJECT, "0.0.0.0/0" },
			{ POLICY_MAP, "127.0.0.0/8:80=64:ff9b::/96" },
			{ POLICY_TO, "169.254.169.254=2001:db8::1" },
			{ POLICY_REJECT, "224.0.0.0/4" },
			{ POLICY_REJECT, "169.0.0.0/8" },
			{ POLICY_PASS, "255.255.255.255" },
		},
		{
			{ "127.0.0.1", 80, T, "map 1 [64:ff9b::7f00:1]:80" },
			{ "127.0.0.1", 81, T, "pass -" },
			{ "169.254.169.254", 80, T, "to 2 [2001:db8::1]:80" },
			{ "169.254.169.253", 80, T, "pass -" },
			{ "169.1.1.1", 80, T, "reject 4 111" },
			{ "224.1.1.1", 80, T, "reject 3 111" },
			{ "240.1.1.1", 80, T, "pass -" },
			{ "255.255.255.255", 80, T, "pass 5" },
		},
	},
};

static void test_tables(void **state)
{
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
		_cleanup_(policy_freep) struct policy *policy = build(tables[i].rules);

		for (size_t k = 0; k < 16 && tables[i].asks[k].addr; k++) {
			struct sockaddr_in in = dest(tables[i].asks[k].addr,
						     tables[i].asks[k].port);
			struct policy_decision decision;
			char text[128];

			memset(&decision, 0xff, sizeof(decision)); /* filled in whole */
			policy_decide(policy, &in, tables[i].asks[k].proto, &decision);
			describe(&decision, text, sizeof(text));
			if (strcmp(text, tables[i].asks[k].expected) != 0)
				fail_msg("table %zu, %s:%u: %s, not %s", i, tables[i].asks[k].addr,
					 tables[i].asks[k].port, text, tables[i].asks[k].expected);
		}
	}
}

static void test_why(void **state)
{
	const struct spec rules[MAX_RULES] = { { POLICY_NETNS, "192.0.2.1=self" } };
	_cleanup_(policy_freep) struct policy *policy = build(rules);
	struct sockaddr_in in = dest("192.0.2.1", 80);
	struct policy_decision decision;

	policy_decide(policy, &in, T, &decision);
	assert_string_equal(decision.why, "rule");
	assert_ptr_equal(decision.rule, policy_rule(policy, 0));
	assert_string_equal(decision.netns, "self");

	in = dest("192.0.2.2", 80);
	policy_decide(policy, &in, T, &decision);
	assert_string_equal(decision.why, "default");
	assert_null(decision.rule);
	assert_null(decision.netns);
	assert_int_equal(decision.reject_errno, 0);

	in = dest("127.0.0.1", 80);
	policy_decide(policy, &in, T, &decision);
	assert_string_equal(decision.why, "special-use address");
	assert_int_equal(decision.action, POLICY_PASS);
	assert_null(decision.rule);
}

static void test_default(void **state)
{
	const struct spec rules[MAX_RULES] = { { POLICY_PASS, "192.0.2.1" } };
	_cleanup_(policy_freep) struct policy *policy = build(rules);
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{ "reject", "reject - 111" },
		{ "reject:EHOSTUNREACH", "reject - 113" },
		{ "reject:5", "reject - 5" },
		{ "pass", "pass -" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct sockaddr_in in = dest("192.0.2.2", 80);
		struct policy_decision decision;
		char text[64];

		assert_int_equal(policy_set_default(policy, cases[i].text, NULL), 0);
		policy_decide(policy, &in, T, &decision);
		describe(&decision, text, sizeof(text));
		assert_string_equal(text, cases[i].expected);
		in = dest("192.0.2.1", 80);
		policy_decide(policy, &in, T, &decision);
		describe(&decision, text, sizeof(text));
		assert_string_equal(text, "pass 0");
		/* the default is for destinations in general: special ones pass */
		in = dest("127.0.0.1", 80);
		policy_decide(policy, &in, T, &decision);
		assert_int_equal(decision.action, POLICY_PASS);
	}
}

/* A decision stays good while rules are added. */
static void test_pointers_stay(void **state)
{
	_cleanup_(policy_freep) struct policy *policy = NULL;
	struct sockaddr_in in = dest("192.0.2.1", 80);
	struct policy_decision decision;

	assert_int_equal(policy_new(&policy), 0);
	assert_int_equal(policy_add(policy, POLICY_NETNS, "192.0.2.1=/run/netns/a", NULL), 0);
	policy_decide(policy, &in, T, &decision);
	for (int i = 0; i < 1000; i++) {
		char text[64];

		snprintf(text, sizeof(text), "10.%d.%d.1", i / 256, i % 256);
		assert_int_equal(policy_add(policy, POLICY_PASS, text, NULL), 0);
	}
	assert_string_equal(decision.netns, "/run/netns/a");
	assert_string_equal(decision.rule->text, "netns 192.0.2.1=/run/netns/a");
	for (int i = 0; i < 1000; i++) {
		char text[64];

		snprintf(text, sizeof(text), "10.%d.%d.1", i / 256, i % 256);
		in = dest(text, 80);
		policy_decide(policy, &in, T, &decision);
		assert_int_equal(decision.rule->index, i + 1);
	}
}

static uint32_t seed = 20240601;

static unsigned int draw(unsigned int below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

/* The words of policy.h once more, without an order kept: does @a go before @b? */
static bool goes_before(const struct policy_rule *a, const struct policy_rule *b)
{
	if (a->dest_bits != b->dest_bits)
		return a->dest_bits > b->dest_bits;
	if (a->port_high - a->port_low != b->port_high - b->port_low)
		return a->port_high - a->port_low < b->port_high - b->port_low;
	if ((a->proto != POLICY_PROTO_ANY) != (b->proto != POLICY_PROTO_ANY))
		return a->proto != POLICY_PROTO_ANY;
	return a->index < b->index;
}

static const struct policy_rule *second_opinion(const struct policy *policy, uint32_t addr,
						uint16_t port, enum policy_proto proto)
{
	const struct policy_rule *best = NULL;

	for (size_t i = 0; i < policy_count(policy); i++) {
		const struct policy_rule *rule = policy_rule(policy, i);
		uint64_t size = 1ULL << (32 - rule->dest_bits);
		uint64_t start = ntohl(rule->dest.s_addr);

		if (addr < start || addr >= start + size)
			continue;
		if (port < rule->port_low || port > rule->port_high)
			continue;
		if (rule->proto != POLICY_PROTO_ANY && rule->proto != proto)
			continue;
		if (!best || goes_before(rule, best))
			best = rule;
	}
	return best;
}

static void test_second_opinion(void **state)
{
	static const char *const protocols[] = { "", "tcp/", "udp/" };

	for (int round = 0; round < 500; round++) {
		_cleanup_(policy_freep) struct policy *policy = NULL;
		unsigned int count = draw(20);

		assert_int_equal(policy_new(&policy), 0);
		for (unsigned int i = 0; i < count; i++) {
			unsigned int bits = 24 + draw(9), low = 1 + draw(8), high = low + draw(4);
			unsigned int addr = draw(256) & (0xffU << (32 - bits));
			char text[64], ports[16] = "";

			if (draw(2))
				snprintf(ports, sizeof(ports), ":%u-%u", low, high);
			snprintf(text, sizeof(text), "%s192.0.2.%u/%u%s", protocols[draw(3)], addr,
				 bits, ports);
			assert_int_equal(policy_add(policy, POLICY_PASS, text, NULL), 0);
		}
		for (unsigned int addr = 0; addr < 256; addr += 1 + draw(3)) {
			for (unsigned int port = 0; port < 14; port++) {
				enum policy_proto proto = draw(2) ? T : U;
				struct policy_decision decision;
				struct sockaddr_in in = {
					.sin_family = AF_INET,
					.sin_addr.s_addr = htonl(0xc0000200 + addr),
					.sin_port = htons(port),
				};

				policy_decide(policy, &in, proto, &decision);
				assert_ptr_equal(
					decision.rule,
					second_opinion(policy, 0xc0000200 + addr, port, proto));
			}
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),	       cmocka_unit_test(test_why),
		cmocka_unit_test(test_default),	       cmocka_unit_test(test_pointers_stay),
		cmocka_unit_test(test_second_opinion),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
