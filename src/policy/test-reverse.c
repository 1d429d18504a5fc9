// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * From the peer back to the destination: tables, and small worlds in which every destination is
 * decided, so that it is known for each peer how many lead there.
 */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/fd.h"
#include "policy/policy.h"

#define T POLICY_PROTO_TCP
#define U POLICY_PROTO_UDP

static struct sockaddr_in6 peer6(const char *addr, uint16_t port)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

	assert_int_equal(inet_pton(AF_INET6, addr, &in6.sin6_addr), 1);
	return in6;
}

static const char file[] =
	"local: 10.9.9.9\n"
	"rules:\n"
	"  - {dest: 198.51.100.0/24, map: '64:ff9b::/96'}\n"
	"  - {dest: 198.51.100.7, pass: true}\n"
	"  - {dest: 198.51.100.8, to: '64:ff9b::c633:6409'}\n"
	"  - {dest: 10.0.0.0/8, map: '2001:db8::/32', local: 10.1.2.3}\n"
	"  - {dest: 192.0.2.10, port: 5432, proto: tcp, to: '[2001:db8::10]:6432'}\n"
	"  - {dest: 192.0.2.11, to: '2001:db8::11'}\n"
	"  - {dest: 192.0.2.12, to: '[2001:db8::12]:80'}\n"
	"  - {dest: 192.0.2.16/28, to: '[2001:db8::16]:80', port: 8000-8010}\n"
	"  - {dest: 192.0.2.32/31, to: '2001:db8::32'}\n"
	"  - {dest: 192.0.2.32, pass: true}\n"
	"  - {dest: 192.0.2.40/31, to: '2001:db8::40'}\n"
	"  - {dest: 192.0.2.50, to: '2001:db8::40'}\n"
	"  - {dest: 192.0.2.60, to: '192.0.2.61'}\n"
	"  - {dest: 192.0.2.64, port: 80-81, to: '[2001:db8::64]:80'}\n"
	"  - {dest: 192.0.2.64, port: 80, pass: true}\n"
	"  - {dest: 192.0.2.72/31, to: '2001:db8::72'}\n"
	"  - {dest: 192.0.2.76/30, to: '2001:db8::72'}\n"
	"  - {dest: 192.0.2.76/31, pass: true}\n"
	"  - {dest: 192.0.2.78, pass: true}\n"
	"  - {dest: 127.0.0.0/8, port: 80, map: '2001:db8:1::/96'}\n"
	"  - {dest: 0.0.0.0/0, map: '2001:db8:1::/96'}\n";

static const struct {
	const char *addr;
	uint16_t port;
	enum policy_proto proto;
	enum policy_reversed result;
	const char *dest;
	uint16_t dest_port;
	const char *local;
} table[] = {
	{ "64:ff9b::198.51.100.1", 443, T, POLICY_REVERSED, "198.51.100.1", 443, "10.9.9.9" },
	{ "64:ff9b::198.51.100.255", 1, U, POLICY_REVERSED, "198.51.100.255", 1, "10.9.9.9" },
	{ "64:ff9b::198.51.100.7", 443, T, POLICY_NOT_REVERSED }, /* passes */
	{ "64:ff9b::198.51.100.8", 443, T, POLICY_NOT_REVERSED }, /* leads elsewhere: */
	{ "64:ff9b::198.51.100.9", 443, T, POLICY_REVERSED_AMBIGUOUS, "198.51.100.8", 443,
	  "10.9.9.9" },
	{ "64:ff9b::198.51.101.1", 443, T, POLICY_NOT_REVERSED }, /* another rule's dest */
	{ "64:ff9b::1:198.51.100.1", 443, T, POLICY_NOT_REVERSED },
	{ "2001:db8:a01:203::", 22, T, POLICY_REVERSED, "10.1.2.3", 22, "10.1.2.3" },
	{ "2001:db8:a01:203::1", 22, T, POLICY_NOT_REVERSED }, /* the suffix is not zero */
	{ "2001:db8::10", 6432, T, POLICY_REVERSED, "192.0.2.10", 5432, "10.9.9.9" },
	{ "2001:db8::10", 6432, U, POLICY_NOT_REVERSED },
	{ "2001:db8::10", 5432, T, POLICY_NOT_REVERSED },
	{ "2001:db8::11", 9, U, POLICY_REVERSED, "192.0.2.11", 9, "10.9.9.9" },
	{ "2001:db8::12", 80, T, POLICY_REVERSED_AMBIGUOUS, "192.0.2.12", 80, "10.9.9.9" },
	{ "2001:db8::12", 81, T, POLICY_NOT_REVERSED },
	{ "2001:db8::16", 80, T, POLICY_REVERSED_AMBIGUOUS, "192.0.2.16", 8000, "10.9.9.9" },
	{ "2001:db8::32", 5, T, POLICY_REVERSED, "192.0.2.33", 5, "10.9.9.9" },
	/* of .40, .41 and .50 the last is the only one of its rule */
	{ "2001:db8::40", 5, T, POLICY_REVERSED_AMBIGUOUS, "192.0.2.50", 5, "10.9.9.9" },
	/* of .72, .73 and .79 too, though its rule is the last to be looked at */
	{ "2001:db8::72", 5, T, POLICY_REVERSED_AMBIGUOUS, "192.0.2.79", 5, "10.9.9.9" },
	/* an IPv4 peer, in its mapped form */
	{ "::ffff:192.0.2.61", 5, T, POLICY_REVERSED, "192.0.2.60", 5, "10.9.9.9" },
	{ "::ffff:192.0.2.62", 5, T, POLICY_NOT_REVERSED },
	{ "2001:db8::64", 80, T, POLICY_REVERSED, "192.0.2.64", 81, "10.9.9.9" },
	{ "2001:db8:1::8.8.8.8", 53, U, POLICY_REVERSED, "8.8.8.8", 53, "10.9.9.9" },
	{ "2001:db8:1::198.51.100.1", 53, U, POLICY_NOT_REVERSED },
	{ "2001:db8:1::127.0.0.1", 80, T, POLICY_REVERSED, "127.0.0.1", 80, "10.9.9.9" },
	{ "2001:db8:1::127.0.0.1", 81, T, POLICY_NOT_REVERSED }, /* special-use */
	{ "::", 80, T, POLICY_NOT_REVERSED },
	{ "::1", 80, T, POLICY_NOT_REVERSED },
};

static void test_table(void **state)
{
	_cleanup_(policy_freep) struct policy *policy = NULL;
	struct policy_error error;

	assert_int_equal(policy_new(&policy), 0);
	if (policy_add_yaml(policy, "file", file, strlen(file), &error) != 0)
		fail_msg("%s", error.text);
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		struct sockaddr_in6 peer = peer6(table[i].addr, table[i].port);
		struct sockaddr_in dest = { .sin_family = 77 };
		struct in_addr local = { .s_addr = 77 };
		enum policy_reversed result;
		char text[INET_ADDRSTRLEN];

		result = policy_reverse(policy, &peer, table[i].proto, &dest, &local);
		if (result != table[i].result)
			fail_msg("%s port %u: %d", table[i].addr, table[i].port, result);
		if (result == POLICY_NOT_REVERSED) {
			assert_int_equal(dest.sin_family, 77);
			assert_int_equal(local.s_addr, 77);
			continue;
		}
		assert_int_equal(dest.sin_family, AF_INET);
		assert_string_equal(inet_ntop(AF_INET, &dest.sin_addr, text, sizeof(text)),
				    table[i].dest);
		assert_int_equal(ntohs(dest.sin_port), table[i].dest_port);
		assert_string_equal(inet_ntop(AF_INET, &local, text, sizeof(text)), table[i].local);
	}
}

/* Without `local`, RFC 7335's address. */
static void test_local(void **state)
{
	_cleanup_(policy_freep) struct policy *policy = NULL;
	struct sockaddr_in6 peer = peer6("64:ff9b::8.8.8.8", 53);
	struct sockaddr_in dest;
	struct in_addr local;

	assert_int_equal(policy_new(&policy), 0);
	assert_int_equal(policy_reverse(policy, &peer, T, &dest, &local), POLICY_NOT_REVERSED);
	assert_int_equal(policy_add(policy, POLICY_MAP, "0.0.0.0/0=64:ff9b::/96", NULL), 0);
	assert_int_equal(policy_reverse(policy, &peer, T, &dest, &local), POLICY_REVERSED);
	assert_int_equal(local.s_addr, htonl(0xc0000002));
}

static uint32_t seed = 42;

static unsigned int draw(unsigned int below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

/* A small world: 16 addresses, 6 ports, 2 protocols; no rule reaches beyond it, except by ports
 * that a peer's port gives away. */
#define ADDRS 16
#define PORTS 6
#define BASE  0xc0000200

static void add_random_rule(struct policy *policy)
{
	static const char *const protocols[] = { "", "tcp/", "udp/" };
	unsigned int bits = 28 + draw(5), addr = draw(ADDRS) & (0xffU << (32 - bits));
	unsigned int low = 1 + draw(PORTS), high = low + draw(PORTS - low + 1);
	char text[96], match[64], ports[16] = "";
	enum policy_action action = POLICY_TO;
	bool every_port = draw(3) == 0;

	if (!every_port)
		snprintf(ports, sizeof(ports), ":%u-%u", low, high);
	snprintf(match, sizeof(match), "%s192.0.2.%u/%u%s", protocols[draw(3)], addr, bits, ports);
	switch (draw(6)) {
	case 0:
		action = POLICY_PASS;
		snprintf(text, sizeof(text), "%s", match);
		break;
	case 1:
	case 2:
		action = POLICY_MAP;
		snprintf(text, sizeof(text), "%s=2001:db8::%s/96", match, draw(2) ? "" : "1:0:0");
		break;
	case 3:
		snprintf(text, sizeof(text), "%s=2001:db8::192.0.2.%u", match, draw(ADDRS));
		break;
	default:
		if (every_port)
			snprintf(text, sizeof(text), "%s=2001:db8::%u", match, draw(2));
		else
			snprintf(text, sizeof(text), "%s=[2001:db8::%u]:%u", match, draw(2),
				 1 + draw(PORTS));
		break;
	}
	assert_int_equal(policy_add(policy, action, text, NULL), 0);
}

static struct sockaddr_in world(unsigned int number)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(BASE + number / PORTS),
		.sin_port = htons(1 + number % PORTS),
	};
}

static bool same_peer(const struct policy_decision *decision, const struct sockaddr_in6 *peer)
{
	return decision->family == AF_INET6 && decision->dest.in6.sin6_port == peer->sin6_port &&
	       memcmp(&decision->dest.in6.sin6_addr, &peer->sin6_addr, 16) == 0;
}

static void check_peer(const struct policy *policy, const struct policy_decision *decisions,
		       const struct sockaddr_in6 *peer, enum policy_proto proto)
{
	struct policy_decision again;
	enum policy_reversed result;
	struct sockaddr_in dest;
	struct in_addr local;
	unsigned int origins = 0;

	for (unsigned int i = 0; i < ADDRS * PORTS; i++)
		origins += same_peer(&decisions[i], peer);
	result = policy_reverse(policy, peer, proto, &dest, &local);
	if (origins == 0)
		assert_int_equal(result, POLICY_NOT_REVERSED);
	else if (origins == 1)
		assert_int_equal(result, POLICY_REVERSED);
	else
		assert_int_equal(result, POLICY_REVERSED_AMBIGUOUS);
	if (result != POLICY_NOT_REVERSED) {
		policy_decide(policy, &dest, proto, &again);
		assert_true(same_peer(&again, peer));
	}
}

static void test_small_worlds(void **state)
{
	static const char *const peers[] = { "2001:db8::%u", "2001:db8::192.0.2.%u",
					     "2001:db8::1:0:192.0.2.%u" };

	for (int round = 0; round < 2000; round++) {
		_cleanup_(policy_freep) struct policy *policy = NULL;
		unsigned int count = 1 + draw(8);
		enum policy_proto proto = draw(2) ? T : U;
		struct policy_decision decisions[ADDRS * PORTS];

		assert_int_equal(policy_new(&policy), 0);
		for (unsigned int i = 0; i < count; i++)
			add_random_rule(policy);
		for (unsigned int i = 0; i < ADDRS * PORTS; i++) {
			struct sockaddr_in dest = world(i);

			policy_decide(policy, &dest, proto, &decisions[i]);
		}
		for (unsigned int i = 0; i < ADDRS * PORTS * 3; i++) {
			char text[64];
			struct sockaddr_in6 peer;

			snprintf(text, sizeof(text), peers[i % 3], i / 3 / PORTS);
			peer = peer6(text, 1 + i / 3 % PORTS);
			check_peer(policy, decisions, &peer, proto);
		}
	}
}

/* What a rule that maps leads to comes back, for each of the six prefix lengths. */
static void test_map_round_trip(void **state)
{
	static const char *const rules[] = {
		"0.0.0.0/0=2001:db8::/32",	   "0.0.0.0/0=2001:db8:100::/40",
		"0.0.0.0/0=2001:db8:122::/48",	   "0.0.0.0/0=2001:db8:122:300::/56",
		"0.0.0.0/0=2001:db8:122:344::/64", "0.0.0.0/0=2001:db8:122:344::/96",
		"0.0.0.0/0=::ffff:0:0/96",
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
		_cleanup_(policy_freep) struct policy *policy = NULL;

		assert_int_equal(policy_new(&policy), 0);
		assert_int_equal(policy_add(policy, POLICY_MAP, rules[i], NULL), 0);
		for (int round = 0; round < 1000; round++) {
			struct sockaddr_in dest = { .sin_family = AF_INET }, back;
			struct policy_decision decision;
			struct in_addr local;

			dest.sin_addr.s_addr = htonl(draw(1 << 16) << 16 | draw(1 << 16));
			dest.sin_port = draw(1 << 16);
			policy_decide(policy, &dest, T, &decision);
			if (decision.action != POLICY_MAP)
				continue;
			assert_int_equal(
				policy_reverse(policy, &decision.dest.in6, T, &back, &local),
				POLICY_REVERSED);
			assert_int_equal(back.sin_addr.s_addr, dest.sin_addr.s_addr);
			assert_int_equal(back.sin_port, dest.sin_port);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_local),
		cmocka_unit_test(test_small_worlds),
		cmocka_unit_test(test_map_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
