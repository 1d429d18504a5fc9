// SPDX-License-Identifier: LGPL-2.1-or-later
/* RFC 6052: the examples of section 2.4, round trips, and what was not made by embedding. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "policy/policy.h"

static const unsigned int lengths[] = { 32, 40, 48, 56, 64, 96 };

static struct in6_addr in6(const char *text)
{
	struct in6_addr addr;

	assert_int_equal(inet_pton(AF_INET6, text, &addr), 1);
	return addr;
}

static struct in_addr in4(const char *text)
{
	struct in_addr addr;

	assert_int_equal(inet_pton(AF_INET, text, &addr), 1);
	return addr;
}

/* Section 2.4, tables 2 and 3, all for 192.0.2.33. */
static const struct {
	const char *prefix;
	unsigned int bits;
	const char *embedded;
} examples[] = {
	{ "2001:db8::", 32, "2001:db8:c000:221::" },
	{ "2001:db8:100::", 40, "2001:db8:1c0:2:21::" },
	{ "2001:db8:122::", 48, "2001:db8:122:c000:2:2100::" },
	{ "2001:db8:122:300::", 56, "2001:db8:122:3c0:0:221::" },
	{ "2001:db8:122:344::", 64, "2001:db8:122:344:c0:2:2100::" },
	{ "2001:db8:122:344::", 96, "2001:db8:122:344::192.0.2.33" },
	{ "64:ff9b::", 96, "64:ff9b::192.0.2.33" },
	/* Not in the RFC: IPv4-mapped addresses are embedded by the same rule. */
	{ "::ffff:0:0", 96, "::ffff:192.0.2.33" },
};

static void test_examples(void **state)
{
	for (size_t i = 0; i < sizeof(examples) / sizeof(*examples); i++) {
		struct policy_prefix6 prefix = { in6(examples[i].prefix), examples[i].bits };
		struct in6_addr expected = in6(examples[i].embedded), made;
		struct in_addr taken = {};
		char text[INET6_ADDRSTRLEN];

		memset(&made, 0xff, sizeof(made));
		rfc6052_embed(&prefix, in4("192.0.2.33"), &made);
		inet_ntop(AF_INET6, &made, text, sizeof(text));
		if (memcmp(&made, &expected, sizeof(made)) != 0)
			fail_msg("%s/%u gave %s, not %s", examples[i].prefix, examples[i].bits,
				 text, examples[i].embedded);
		assert_true(rfc6052_extract(&prefix, &expected, &taken));
		assert_int_equal(taken.s_addr, in4("192.0.2.33").s_addr);
	}
}

static void test_round_trips(void **state)
{
	uint32_t addr = 1;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		struct policy_prefix6 prefix = { .bits = lengths[i] };

		memset(prefix.addr.s6_addr, 0xa5, lengths[i] / 8);
		prefix.addr.s6_addr[8] = 0;
		for (unsigned int k = 0; k < 10000; k++) {
			struct in_addr in = { .s_addr = addr }, out = {};
			struct in6_addr made;

			rfc6052_embed(&prefix, in, &made);
			assert_int_equal(made.s6_addr[8], 0);
			assert_true(rfc6052_extract(&prefix, &made, &out));
			assert_int_equal(in.s_addr, out.s_addr);
			addr = addr * 1664525 + 1013904223;
		}
	}
}

/* Every bit of the prefix, of octet 8 and of the suffix counts; every bit of the four octets is the
 * address's. */
static void test_each_bit(void **state)
{
	for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		struct policy_prefix6 prefix = { .bits = lengths[i] };
		unsigned int accepted = 0;
		struct in6_addr made;

		memset(prefix.addr.s6_addr, 0x5a, lengths[i] / 8);
		prefix.addr.s6_addr[8] = 0;
		rfc6052_embed(&prefix, in4("198.51.100.7"), &made);
		for (unsigned int bit = 0; bit < 128; bit++) {
			struct in6_addr changed = made, again;
			struct in_addr taken = { .s_addr = 0x12345678 };

			changed.s6_addr[bit / 8] ^= 0x80 >> bit % 8;
			if (!rfc6052_extract(&prefix, &changed, &taken)) {
				assert_int_equal(taken.s_addr, 0x12345678);
				continue;
			}
			accepted++;
			assert_true(bit >= lengths[i]);
			assert_false(bit >= 64 && bit < 72);
			rfc6052_embed(&prefix, taken, &again);
			assert_memory_equal(&again, &changed, sizeof(again));
		}
		assert_int_equal(accepted, 32);
	}
}

/* A prefix of 96 bits with something in octet 8 is no prefix; nothing comes out of it. */
static void test_octet_8_of_96(void **state)
{
	struct policy_prefix6 prefix = { in6("2001:db8:0:0:100::"), 96 };
	struct in6_addr made;
	struct in_addr taken;

	rfc6052_embed(&prefix, in4("192.0.2.33"), &made);
	assert_false(rfc6052_extract(&prefix, &made, &taken));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_examples),
		cmocka_unit_test(test_round_trips),
		cmocka_unit_test(test_each_bit),
		cmocka_unit_test(test_octet_8_of_96),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
