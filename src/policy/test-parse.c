// SPDX-License-Identifier: LGPL-2.1-or-later
/* Rules in the words of the command line: what they become, and what is said of wrong ones. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/fd.h"
#include "policy/parse.h"
#include "policy/policy.h"

#define MAP    POLICY_MAP
#define TO     POLICY_TO
#define NETNS  POLICY_NETNS
#define REJECT POLICY_REJECT
#define PASS   POLICY_PASS

/* Accepted; written back. NULL: the same, with the action's name before it. */
static const struct {
	enum policy_action action;
	const char *text, *back;
} good[] = {
	{ MAP, "192.0.2.0/24=64:ff9b::/96", NULL },
	{ MAP, "0.0.0.0/0=2001:db8::/32", NULL },
	{ MAP, "10.0.0.0/8=2001:db8:100::/40", NULL },
	{ MAP, "10.0.0.0/8=2001:db8:122::/48", NULL },
	{ MAP, "10.0.0.0/8=2001:db8:122:300::/56", NULL },
	{ MAP, "10.0.0.0/8=2001:db8:122:344::/64", NULL },
	{ MAP, "10.0.0.0/8=2001:db8:122:344::/96", NULL },
	{ MAP, "10.0.0.0/8=::ffff:0:0/96", "map 10.0.0.0/8=::ffff:0.0.0.0/96" },
	{ MAP, "10.0.0.0/8=::ffff:0.0.0.0/96", NULL },
	{ MAP, "192.0.2.1/32=64:FF9B:0::/96", "map 192.0.2.1=64:ff9b::/96" },
	{ MAP, "127.0.0.1=64:ff9b::/96", NULL },
	{ MAP, "tcp/192.0.2.0/24:80-90=64:ff9b::/96", NULL },
	{ MAP, "udp/192.0.2.1:53=64:ff9b::/96", NULL },
	{ MAP, "192.0.2.1:80-80=64:ff9b::/96", "map 192.0.2.1:80=64:ff9b::/96" },
	{ MAP, "192.0.2.1:1-65535=64:ff9b::/96", NULL },
	{ MAP, "192.0.2.1:65535=64:ff9b::/96", NULL },
	{ TO, "192.0.2.1=198.51.100.1", NULL },
	{ TO, "192.0.2.1=198.51.100.1:1", NULL },
	{ TO, "192.0.2.1=2001:db8::1", NULL },
	{ TO, "192.0.2.1=[2001:db8::1]", "to 192.0.2.1=2001:db8::1" },
	{ TO, "192.0.2.1=[2001:db8::1]:65535", NULL },
	{ TO, "192.0.2.1=::1", NULL },
	{ TO, "tcp/192.0.2.1:5432=[2001:db8::10]:6432", NULL },
	{ TO, "192.0.2.1=::ffff:192.0.2.2", NULL },
	{ NETNS, "10.0.0.0/8=/run/netns/transition", NULL },
	{ NETNS, "10.0.0.0/8=/run/netns/a=b", NULL },
	{ NETNS, "0.0.0.0/0=self", NULL },
	{ REJECT, "203.0.113.7", "reject 203.0.113.7=ECONNREFUSED" },
	{ REJECT, "203.0.113.7:25", "reject 203.0.113.7:25=ECONNREFUSED" },
	{ REJECT, "203.0.113.7=EACCES", NULL },
	{ REJECT, "203.0.113.7=EPERM", NULL },
	{ REJECT, "203.0.113.7=ENETUNREACH", NULL },
	{ REJECT, "203.0.113.7=EHOSTUNREACH", NULL },
	{ REJECT, "203.0.113.7=ETIMEDOUT", NULL },
	{ REJECT, "203.0.113.7=ECONNRESET", NULL },
	{ REJECT, "203.0.113.7=EADDRNOTAVAIL", NULL },
	{ REJECT, "203.0.113.7=111", "reject 203.0.113.7=ECONNREFUSED" },
	{ REJECT, "203.0.113.7=1", "reject 203.0.113.7=EPERM" },
	{ REJECT, "203.0.113.7=133", NULL },
	{ PASS, "192.0.2.0/24", NULL },
	{ PASS, "udp/192.0.2.0/24:53", NULL },
};

#define NO_DEST                                                                                    \
	" is no IPv4 address or prefix; expected one like 192.0.2.1 or 192.0.2.0/24 "              \
	"(0.0.0.0/0 for all)"
#define NO_PORT " is no port; expected a number from 1 to 65535, or LOW-HIGH"
#define NO_IPV4                                                                                    \
	" is no IPv4 destination; only connections to IPv4 are changed; expected an address or "   \
	"prefix like 192.0.2.0/24"
#define NO_LENGTH  " has no prefix length behind the slash; expected a number from 0 to 32"
#define NO_PREFIX6 " is no IPv6 prefix; expected one like 64:ff9b::/96"
#define NO_TARGET                                                                                  \
	" is no address to connect to; expected one like 192.0.2.1, 192.0.2.1:80, 2001:db8::1 or " \
	"[2001:db8::1]:80"
#define NO_ERRNO                                                                                   \
	" is no error that rules know; expected ECONNREFUSED, EACCES, EPERM, ENETUNREACH, "        \
	"EHOSTUNREACH, ETIMEDOUT, ECONNRESET, EADDRNOTAVAIL or a number from 1 to 133"
#define BITS " cannot carry IPv4 addresses; expected 32, 40, 48, 56, 64 or 96 (RFC 6052)"
#define TAIL "=64:ff9b::/96"

/* Refused; the reason, without the rule's text that stands before it. */
static const struct {
	enum policy_action action;
	const char *text, *reason;
} bad[] = {
	/* destinations */
	{ MAP, "" TAIL, "''" NO_DEST },
	{ MAP, "any" TAIL, "'any'" NO_DEST },
	{ MAP, "example.com" TAIL, "'example.com'" NO_DEST },
	{ MAP, "192.0.2" TAIL, "'192.0.2'" NO_DEST },
	{ MAP, "192.0.2.256" TAIL, "'192.0.2.256'" NO_DEST },
	{ MAP, "192.0.2.01" TAIL, "'192.0.2.01'" NO_DEST },
	{ MAP, " 192.0.2.1" TAIL, "' 192.0.2.1'" NO_DEST },
	{ MAP, "192.0.2.1 " TAIL, "'192.0.2.1 '" NO_DEST },
	{ MAP, "192.000000000000000002.1.1" TAIL, "'192.000000000000000002.1.1'" NO_DEST },
	{ MAP, "2001:db8::1" TAIL, "'2001:db8::1'" NO_IPV4 },
	{ MAP, "2001:db8::/32" TAIL, "'2001:db8::/32'" NO_IPV4 },
	{ MAP, "::1" TAIL, "'::1'" NO_IPV4 },
	{ MAP, "192.0.2.0/" TAIL, "'192.0.2.0/'" NO_LENGTH },
	{ MAP, "192.0.2.0/33" TAIL, "'192.0.2.0/33'" NO_LENGTH },
	{ MAP, "192.0.2.0/-1" TAIL, "'192.0.2.0/-1'" NO_LENGTH },
	{ MAP, "192.0.2.0/024" TAIL, "'192.0.2.0/024'" NO_LENGTH },
	{ MAP, "192.0.2.0/255.255.255.0" TAIL, "'192.0.2.0/255.255.255.0'" NO_LENGTH },
	{ MAP, "192.0.2.1/24" TAIL,
	  "'192.0.2.1/24' has bits set beyond its prefix; expected "
	  "192.0.2.0/24, or 192.0.2.1/32 for the one address" },
	{ MAP, "10.0.0.1/0" TAIL,
	  "'10.0.0.1/0' has bits set beyond its prefix; expected 0.0.0.0/0, "
	  "or 10.0.0.1/32 for the one address" },
	/* protocols */
	{ MAP, "sctp/192.0.2.1" TAIL,
	  "'sctp' is no protocol that rules know; expected tcp or udp" },
	{ MAP, "TCP/192.0.2.1" TAIL, "'TCP' is no protocol that rules know; expected tcp or udp" },
	{ MAP, "/24" TAIL, "'' is no protocol that rules know; expected tcp or udp" },
	{ MAP, "tcp/" TAIL, "''" NO_DEST },
	{ MAP, "tcp/udp/192.0.2.1" TAIL, "'udp/192.0.2.1'" NO_DEST },
	/* ports */
	{ MAP, "192.0.2.1:" TAIL, "''" NO_PORT },
	{ MAP, "192.0.2.1:0" TAIL, "'0'" NO_PORT },
	{ MAP, "192.0.2.1:65536" TAIL, "'65536'" NO_PORT },
	{ MAP, "192.0.2.1:4294967376" TAIL, "'4294967376'" NO_PORT },
	{ MAP, "192.0.2.1:http" TAIL, "'http'" NO_PORT },
	{ MAP, "192.0.2.1:+80" TAIL, "'+80'" NO_PORT },
	{ MAP, "192.0.2.1:080" TAIL, "'080'" NO_PORT },
	{ MAP, "192.0.2.1:-80" TAIL, "'-80'" NO_PORT },
	{ MAP, "192.0.2.1:80-" TAIL, "'80-'" NO_PORT },
	{ MAP, "192.0.2.1:0-80" TAIL, "'0-80'" NO_PORT },
	{ MAP, "192.0.2.1:80-65536" TAIL, "'80-65536'" NO_PORT },
	{ MAP, "192.0.2.1:80-90-100" TAIL, "'80-90-100'" NO_PORT },
	{ MAP, "192.0.2.1:90-80" TAIL, "port range '90-80' runs backwards; expected 80-90" },
	/* map */
	{ MAP, "192.0.2.1", "no value; expected DEST[:PORTS]=PREFIX" },
	{ MAP, "192.0.2.1=", "''" NO_PREFIX6 },
	{ MAP, "192.0.2.1=64:ff9b::", "'64:ff9b::'" NO_PREFIX6 },
	{ MAP, "192.0.2.1=198.51.100.0/24", "'198.51.100.0/24'" NO_PREFIX6 },
	{ MAP, "192.0.2.1=/96", "'/96'" NO_PREFIX6 },
	{ MAP, "192.0.2.1=fe80::%eth0/96", "'fe80::%eth0/96'" NO_PREFIX6 },
	{ MAP, "192.0.2.1=64:ff9b::/", "prefix length '' of '64:ff9b::/'" BITS },
	{ MAP, "192.0.2.1=64:ff9b::/0", "prefix length '0' of '64:ff9b::/0'" BITS },
	{ MAP, "192.0.2.1=64:ff9b::/24", "prefix length '24' of '64:ff9b::/24'" BITS },
	{ MAP, "192.0.2.1=64:ff9b::/33", "prefix length '33' of '64:ff9b::/33'" BITS },
	{ MAP, "192.0.2.1=64:ff9b::/72", "prefix length '72' of '64:ff9b::/72'" BITS },
	{ MAP, "192.0.2.1=64:ff9b::/80", "prefix length '80' of '64:ff9b::/80'" BITS },
	{ MAP, "192.0.2.1=64:ff9b::/95", "prefix length '95' of '64:ff9b::/95'" BITS },
	{ MAP, "192.0.2.1=64:ff9b::/128", "prefix length '128' of '64:ff9b::/128'" BITS },
	{ MAP, "192.0.2.1=64:ff9b::/96 ", "prefix length '96 ' of '64:ff9b::/96 '" BITS },
	{ MAP, "192.0.2.1=64:ff9b::1/96",
	  "'64:ff9b::1/96' has bits set beyond its prefix; expected 64:ff9b::/96" },
	{ MAP, "192.0.2.1=2001:db8:1::/32",
	  "'2001:db8:1::/32' has bits set beyond its prefix; expected 2001:db8::/32" },
	{ MAP, "192.0.2.1=2001:db8::100:0:0:0/96",
	  "'2001:db8::100:0:0:0/96' has bits 64 to 71 set; they must be zero (RFC 6052 section "
	  "2.2)" },
	/* to */
	{ TO, "192.0.2.1", "no value; expected DEST[:PORTS]=ADDRESS" },
	{ TO, "192.0.2.1=", "''" NO_TARGET },
	{ TO, "192.0.2.1=example.com:80", "'example.com:80'" NO_TARGET },
	{ TO, "192.0.2.1=2001:db8::1:", "'2001:db8::1:'" NO_TARGET },
	{ TO, "192.0.2.1=[2001:db8::1", "'[2001:db8::1'" NO_TARGET },
	{ TO, "192.0.2.1=[2001:db8::1]80", "'[2001:db8::1]80'" NO_TARGET },
	{ TO, "192.0.2.1=[192.0.2.2]:80", "'[192.0.2.2]:80'" NO_TARGET },
	{ TO, "192.0.2.1=198.51.100.0/24", "'198.51.100.0/24'" NO_TARGET },
	{ TO, "192.0.2.1=fe80::1%eth0", "'fe80::1%eth0'" NO_TARGET },
	{ TO, "192.0.2.1=198.51.100.1:",
	  "port '' of '198.51.100.1:' is no port; expected a number from 1 to 65535" },
	{ TO, "192.0.2.1=198.51.100.1:0",
	  "port '0' of '198.51.100.1:0' is no port; expected a number from 1 to 65535" },
	{ TO, "192.0.2.1=[2001:db8::1]:65536",
	  "port '65536' of '[2001:db8::1]:65536' is no port; expected a number from 1 to 65535" },
	{ TO, "192.0.2.1=[2001:db8::1]:80-90",
	  "port '80-90' of '[2001:db8::1]:80-90' is no port; expected a number from 1 to 65535" },
	{ TO, "192.0.2.1=0.0.0.0", "'0.0.0.0' names no host; expected the address of one" },
	{ TO, "192.0.2.1=[::]:80", "'[::]:80' names no host; expected the address of one" },
	{ TO, "192.0.2.1=fe80::1",
	  "'fe80::1' is link-local and would need an interface; expected "
	  "an address of a wider scope" },
	/* netns */
	{ NETNS, "10.0.0.0/8", "no value; expected DEST[:PORTS]=PATH" },
	{ NETNS, "10.0.0.0/8=", "'' is no network namespace; expected an absolute path, or self" },
	{ NETNS, "10.0.0.0/8=transition",
	  "'transition' is no network namespace; expected an absolute path, or self" },
	{ NETNS, "10.0.0.0/8=selfish",
	  "'selfish' is no network namespace; expected an absolute path, or self" },
	/* reject */
	{ REJECT, "203.0.113.7=", "''" NO_ERRNO },
	{ REJECT, "203.0.113.7=0", "'0'" NO_ERRNO },
	{ REJECT, "203.0.113.7=134", "'134'" NO_ERRNO },
	{ REJECT, "203.0.113.7=-111", "'-111'" NO_ERRNO },
	{ REJECT, "203.0.113.7=econnrefused", "'econnrefused'" NO_ERRNO },
	{ REJECT, "203.0.113.7=ENOSUCHTHING", "'ENOSUCHTHING'" NO_ERRNO },
	/* pass */
	{ PASS, "192.0.2.1=true", "pass takes no value; expected DEST[:PORTS]" },
	{ PASS, "", "''" NO_DEST },
	/* what goes to a terminal is harmless there */
	{ PASS, "\033[2J", "'?[2J'" NO_DEST },
};

static void test_good(void **state)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		_cleanup_(policy_freep) struct policy *policy = NULL;
		struct policy_error error = {};
		char back[128];

		assert_int_equal(policy_new(&policy), 0);
		if (policy_add(policy, good[i].action, good[i].text, &error) != 0)
			fail_msg("%s", error.text);
		assert_int_equal(policy_count(policy), 1);
		snprintf(back, sizeof(back), "%s %s", policy_action_name(good[i].action),
			 good[i].text);
		assert_string_equal(policy_rule(policy, 0)->text,
				    good[i].back ? good[i].back : back);
	}
}

/* What is written back can be read, and means the same. */
static void test_written_back(void **state)
{
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		_cleanup_(policy_freep) struct policy *policy = NULL;
		struct policy_error error = {};
		const char *text;

		assert_int_equal(policy_new(&policy), 0);
		assert_int_equal(policy_add(policy, good[i].action, good[i].text, &error), 0);
		text = strchr(policy_rule(policy, 0)->text, ' ') + 1;
		assert_int_equal(policy_add(policy, good[i].action, text, &error), 0);
		assert_string_equal(policy_rule(policy, 0)->text, policy_rule(policy, 1)->text);
	}
}

static void test_bad(void **state)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		_cleanup_(policy_freep) struct policy *policy = NULL;
		struct policy_error error = {};

		assert_int_equal(policy_new(&policy), 0);
		if (policy_add(policy, bad[i].action, bad[i].text, &error) != -EINVAL)
			fail_msg("'%s' was accepted", bad[i].text);
		assert_int_equal(policy_count(policy), 0);
		assert_string_equal(error.text, bad[i].reason);
		assert_int_equal(policy_add(policy, bad[i].action, bad[i].text, NULL), -EINVAL);
	}
}

/* The fields, once for each action. */
static void test_fields(void **state)
{
	_cleanup_(policy_freep) struct policy *policy = NULL;
	struct policy_error error;
	const struct policy_rule *rule;

	assert_int_equal(policy_new(&policy), 0);
	assert_int_equal(policy_add(policy, MAP, "tcp/192.0.2.0/24:80-90=2001:db8::/32", &error),
			 0);
	assert_int_equal(policy_add(policy, TO, "udp/192.0.2.1:53=[::1]:5353", &error), 0);
	assert_int_equal(policy_add(policy, TO, "192.0.2.2=198.51.100.1", &error), 0);
	assert_int_equal(policy_add(policy, NETNS, "10.0.0.0/8=/run/netns/x", &error), 0);
	assert_int_equal(policy_add(policy, REJECT, "0.0.0.0/0=13", &error), 0);

	rule = policy_rule(policy, 0);
	assert_int_equal(rule->dest.s_addr, htonl(0xc0000200));
	assert_int_equal(rule->dest_bits, 24);
	assert_int_equal(rule->port_low, 80);
	assert_int_equal(rule->port_high, 90);
	assert_int_equal(rule->proto, POLICY_PROTO_TCP);
	assert_int_equal(rule->action, MAP);
	assert_int_equal(rule->map.bits, 32);
	assert_int_equal(rule->map.addr.s6_addr[0], 0x20);
	assert_false(rule->has_local);
	assert_int_equal(rule->index, 0);

	rule = policy_rule(policy, 1);
	assert_int_equal(rule->proto, POLICY_PROTO_UDP);
	assert_int_equal(rule->to_family, AF_INET6);
	assert_int_equal(rule->to6.s6_addr[15], 1);
	assert_int_equal(rule->to_port, 5353);

	rule = policy_rule(policy, 2);
	assert_int_equal(rule->port_low, 0);
	assert_int_equal(rule->port_high, 65535);
	assert_int_equal(rule->proto, POLICY_PROTO_ANY);
	assert_int_equal(rule->to_family, AF_INET);
	assert_int_equal(rule->to4.s_addr, htonl(0xc6336401));
	assert_int_equal(rule->to_port, 0);

	assert_string_equal(policy_rule(policy, 3)->netns, "/run/netns/x");
	assert_int_equal(policy_rule(policy, 4)->reject_errno, EACCES);
	assert_int_equal(policy_rule(policy, 4)->index, 4);
	assert_int_equal(policy_count(policy), 5);
	assert_null(policy_rule(policy, 5));
	assert_true(policy_changes_peer(policy, POLICY_PROTO_ANY));
}

static void test_changes_peer(void **state)
{
	static const struct {
		enum policy_action action;
		const char *text;
		bool any, udp, inet;
	} cases[] = {
		{ MAP, "192.0.2.1=64:ff9b::/96", true, true, false },
		{ TO, "192.0.2.1=::1", true, true, false },
		{ TO, "192.0.2.1=192.0.2.2", true, true, true },
		{ TO, "tcp/192.0.2.1=192.0.2.2", true, false, true },
		{ MAP, "udp/192.0.2.1=64:ff9b::/96", true, true, false },
		{ NETNS, "192.0.2.1=self", false, false, false },
		{ REJECT, "192.0.2.1", false, false, false },
		{ PASS, "192.0.2.1", false, false, false },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		_cleanup_(policy_freep) struct policy *policy = NULL;

		assert_int_equal(policy_new(&policy), 0);
		assert_false(policy_changes_peer(policy, POLICY_PROTO_ANY));
		assert_int_equal(policy_add(policy, cases[i].action, cases[i].text, NULL), 0);
		assert_int_equal(policy_changes_peer(policy, POLICY_PROTO_ANY), cases[i].any);
		assert_int_equal(policy_changes_peer(policy, POLICY_PROTO_UDP), cases[i].udp);
		assert_int_equal(policy_moves_inet(policy), cases[i].inet);
	}
}

static void test_settings(void **state)
{
	_cleanup_(policy_freep) struct policy *policy = NULL;
	struct policy_error error;

	assert_int_equal(policy_new(&policy), 0);
	assert_int_equal(policy_local(policy).s_addr, htonl(0xc0000002));
	assert_false(policy_has(policy, POLICY_LANDLOCK_SWAP));

	assert_int_equal(policy_set_local(policy, "10.1.2.3", &error), 0);
	assert_int_equal(policy_local(policy).s_addr, htonl(0x0a010203));
	assert_int_equal(policy_set_local(policy, "::1", &error), -EINVAL);
	assert_string_equal(error.text, "'::1' is no IPv4 address; expected one like 192.0.2.1");
	assert_int_equal(policy_local(policy).s_addr, htonl(0x0a010203));

	assert_int_equal(policy_set(policy, POLICY_LANDLOCK_SWAP, "swap", &error), 0);
	assert_true(policy_has(policy, POLICY_LANDLOCK_SWAP));
	assert_int_equal(policy_set(policy, POLICY_LANDLOCK_SWAP, "yes", &error), -EINVAL);
	assert_string_equal(error.text,
			    "'yes' is nothing to do about Landlock; expected pass or swap");
	assert_true(policy_has(policy, POLICY_LANDLOCK_SWAP));
	assert_int_equal(policy_set(policy, POLICY_LANDLOCK_SWAP, "pass", &error), 0);
	assert_false(policy_has(policy, POLICY_LANDLOCK_SWAP));

	assert_int_equal(policy_set_default(policy, "pass", &error), 0);
	assert_int_equal(policy_set_default(policy, "reject", &error), 0);
	assert_int_equal(policy_set_default(policy, "reject:EACCES", &error), 0);
	assert_int_equal(policy_set_default(policy, "map", &error), -EINVAL);
	assert_string_equal(error.text,
			    "'map' is no default; expected pass, reject or reject:ERRNO");
	assert_int_equal(policy_set_default(policy, "reject:", &error), -EINVAL);
	assert_string_equal(error.text, "''" NO_ERRNO);
	assert_int_equal(policy_set_default(policy, "rejected", &error), -EINVAL);
}

/* What is longer than the error has room for is cut: the rule before its reason, and the reason at
 * its end. */
static void test_long_text(void **state)
{
	_cleanup_(policy_freep) struct policy *policy = NULL;
	struct policy_error error;
	char text[4096];

	assert_int_equal(policy_new(&policy), 0);
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(policy_add(policy, MAP, text, &error), -EINVAL);
	assert_non_null(strstr(error.text, "no value; expected DEST[:PORTS]=PREFIX"));
	memcpy(text, "1.2.3.4=x", 9);
	assert_int_equal(policy_add(policy, NETNS, text, &error), -EINVAL);
	assert_int_equal(strlen(error.text), sizeof(error.text) - 1);
	memcpy(text, "1.2.3.4=/", 9);
	assert_int_equal(policy_add(policy, NETNS, text, &error), 0);
	assert_int_equal(strlen(policy_rule(policy, 0)->netns), sizeof(text) - 1 - 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_written_back),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_changes_peer),
		cmocka_unit_test(test_settings),
		cmocka_unit_test(test_long_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
