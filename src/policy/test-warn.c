// SPDX-License-Identifier: LGPL-2.1-or-later
/* Warnings: what is reported, what is not, and hidden rules against a count of all they decide. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/fd.h"
#include "policy/policy.h"

#define MAX_RULES 8

struct heard {
	char lines[MAX_RULES][512];
	unsigned int count;
};

static void hear(void *context, const char *line)
{
	struct heard *heard = context;

	assert_true(heard->count < MAX_RULES);
	snprintf(heard->lines[heard->count++], sizeof(heard->lines[0]), "%s", line);
}

#define MUST_NOT                                                                                   \
	" under 64:ff9b::/96, which must not carry them (RFC 6052 section 3.1): translators drop " \
	"them"
#define SPECIAL                                                                                    \
	" can never decide: special-use addresses pass unless a rule names a prefix within them"

static const struct {
	struct {
		enum policy_action action;
		const char *text;
	} rules[MAX_RULES];
	const char *lines[MAX_RULES];
} tables[] = {
	{ {}, {} },
	{ { { POLICY_MAP, "198.51.100.0/24=64:ff9b::/96" } }, {} },
	/* private addresses */
	{
		{ { POLICY_MAP, "0.0.0.0/0=64:ff9b::/96" } },
		{ "rules[0] (map 0.0.0.0/0=64:ff9b::/96) takes private addresses 10.0.0.0/8, "
		  "100.64.0.0/10, 172.16.0.0/12, 192.168.0.0/16" MUST_NOT },
	},
	{
		{ { POLICY_MAP, "192.168.7.0/24=64:ff9b::/96" } },
		{ "rules[0] (map 192.168.7.0/24=64:ff9b::/96) takes private addresses "
		  "192.168.7.0/24" MUST_NOT },
	},
	{
		{ { POLICY_MAP, "0.0.0.0/0=64:ff9b::/96" },
		  { POLICY_PASS, "10.0.0.0/8" },
		  { POLICY_PASS, "tcp/192.168.0.0/16" }, /* and not udp */
		  { POLICY_MAP, "172.16.0.0/12=2001:db8::/96" },
		  { POLICY_PASS, "100.64.0.0/11" },
		  { POLICY_PASS, "100.96.0.0/11" } },
		{ "rules[0] (map 0.0.0.0/0=64:ff9b::/96) takes private addresses "
		  "192.168.0.0/16" MUST_NOT },
	},
	{ { { POLICY_MAP, "0.0.0.0/0=2001:db8::/96" } }, {} },
	{ { { POLICY_MAP, "10.0.0.0/8=64:ff9b::/64" } }, {} },
	{ { { POLICY_MAP, "10.0.0.0/8=64:ff9b:1::/96" } }, {} },
	/* hidden rules */
	{
		{ { POLICY_PASS, "192.0.2.1" }, { POLICY_REJECT, "192.0.2.1" } },
		{ "rules[1] (reject 192.0.2.1=ECONNREFUSED) can never decide: rules[0] (pass "
		  "192.0.2.1) goes before it" },
	},
	{ { { POLICY_PASS, "tcp/192.0.2.1" }, { POLICY_REJECT, "192.0.2.1" } }, {} },
	{
		{ { POLICY_PASS, "192.0.2.1" }, { POLICY_REJECT, "tcp/192.0.2.1" } },
		{ NULL }, /* the named protocol goes first; the other still has udp */
	},
	{
		{ { POLICY_PASS, "tcp/192.0.2.1" },
		  { POLICY_PASS, "udp/192.0.2.1" },
		  { POLICY_REJECT, "192.0.2.1" } },
		{ "rules[2] (reject 192.0.2.1=ECONNREFUSED) can never decide: rules[0] (pass "
		  "tcp/192.0.2.1) goes before it" },
	},
	{
		{ { POLICY_PASS, "192.0.2.0/24:80" },
		  { POLICY_PASS, "192.0.2.0/25" },
		  { POLICY_PASS, "192.0.2.128/25" } },
		{ "rules[0] (pass 192.0.2.0/24:80) can never decide: rules[1] (pass 192.0.2.0/25) "
		  "goes before it" },
	},
	{
		{ { POLICY_REJECT, "224.0.0.0/3" } },
		{ "rules[0] (reject 224.0.0.0/3=ECONNREFUSED)" SPECIAL },
	},
	{ { { POLICY_REJECT, "127.0.0.0/8" } }, {} },
	{ { { POLICY_REJECT, "0.0.0.0/7" } }, {} }, /* 1.0.0.0/8 is left */
	{
		{ { POLICY_TO, "192.0.2.1:443=2001:db8::1:443" }, { POLICY_TO, "192.0.2.2:80=::80" } },
		{ "rules[0] (to 192.0.2.1:443=2001:db8::1:443) goes to the address 2001:db8::1:443: for port 443 of "
		  "another address write [2001:db8::1]:443",
		  "rules[1] (to 192.0.2.2:80=::80) goes to the address ::80: for port 80 of another address write [::]:80" },
	},
	{ { { POLICY_TO, "192.0.2.1:443=2001:db8::1:444" }, { POLICY_TO, "192.0.2.2:80=[2001:db8::80]:80" } }, {} },
	{ { { POLICY_TO, "192.0.2.1=2001:db8::1:443" }, { POLICY_TO, "192.0.2.2:170=2001:db8::aa" } }, {} },
	{
		{ { POLICY_REJECT, "0.0.0.0/7" }, { POLICY_PASS, "1.0.0.0/8" } },
		{ "rules[0] (reject 0.0.0.0/7=ECONNREFUSED)" SPECIAL },
	},
};

static void test_tables(void **state)
{
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
		_cleanup_(policy_freep) struct policy *policy = NULL;
		struct policy_error error;
		struct heard heard = {};
		unsigned int count;

		assert_int_equal(policy_new(&policy), 0);
		for (size_t k = 0; k < MAX_RULES && tables[i].rules[k].text; k++) {
			if (policy_add(policy, tables[i].rules[k].action, tables[i].rules[k].text,
				       &error) != 0)
				fail_msg("%s", error.text);
		}
		policy_warn(policy, hear, &heard);
		for (count = 0; count < MAX_RULES && tables[i].lines[count]; count++) {
			if (count >= heard.count)
				fail_msg("table %zu: not said: %s", i, tables[i].lines[count]);
			assert_string_equal(heard.lines[count], tables[i].lines[count]);
		}
		if (heard.count > count)
			fail_msg("table %zu: said too: %s", i, heard.lines[count]);
	}
}

static uint32_t seed = 7;

static unsigned int draw(unsigned int below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

/* Rules within 8 addresses and 4 ports: a rule is reported exactly when it decides none of them. */
static void test_hidden(void **state)
{
	static const char *const protocols[] = { "", "tcp/", "udp/" };
	unsigned int reported = 0;

	for (int round = 0; round < 3000; round++) {
		_cleanup_(policy_freep) struct policy *policy = NULL;
		bool decides[MAX_RULES] = {}, hidden[MAX_RULES] = {};
		unsigned int count = 1 + draw(MAX_RULES);
		struct heard heard = {};

		assert_int_equal(policy_new(&policy), 0);
		for (unsigned int i = 0; i < count; i++) {
			unsigned int bits = 29 + draw(4), low = 1 + draw(4);
			char text[64];

			snprintf(text, sizeof(text), "%s192.0.2.%u/%u:%u-%u", protocols[draw(3)],
				 draw(8) & (0xffU << (32 - bits)), bits, low, low + draw(5 - low));
			assert_int_equal(policy_add(policy, POLICY_PASS, text, NULL), 0);
		}
		for (unsigned int i = 0; i < 8 * 4 * 2; i++) {
			struct policy_decision decision;
			struct sockaddr_in dest = {
				.sin_family = AF_INET,
				.sin_addr.s_addr = htonl(0xc0000200 + i / 8),
				.sin_port = htons(1 + i % 4),
			};

			policy_decide(policy, &dest,
				      i / 4 % 2 ? POLICY_PROTO_TCP : POLICY_PROTO_UDP, &decision);
			if (decision.rule)
				decides[decision.rule->index] = true;
		}
		policy_warn(policy, hear, &heard);
		for (unsigned int i = 0; i < heard.count; i++) {
			unsigned int index;

			assert_int_equal(sscanf(heard.lines[i], "rules[%u]", &index), 1);
			assert_in_range(index, 0, count - 1);
			hidden[index] = true;
		}
		for (unsigned int i = 0; i < count; i++)
			assert_int_equal(hidden[i], !decides[i]);
		reported += heard.count;
	}
	assert_true(reported > 100); /* the worlds are small enough for it to happen */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_hidden),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
