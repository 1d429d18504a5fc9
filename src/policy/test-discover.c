// SPDX-License-Identifier: LGPL-2.1-or-later
/* RFC 7050 without a network: prefixes from records, records from answers and from hosts files. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "policy/discover.h"

#define MAX_RECORDS 4

static const struct {
	const char *records[MAX_RECORDS];
	const char *prefix; /* NULL: none */
	unsigned int bits;
} tables[] = {
	/* each of the six places, both addresses */
	{ { "2001:db8:c000:aa::" }, "2001:db8::", 32 },
	{ { "2001:db8:1c0:0:aa::" }, "2001:db8:100::", 40 },
	{ { "2001:db8:122:c000:0:aa00::" }, "2001:db8:122::", 48 },
	{ { "2001:db8:122:3c0:0:aa::" }, "2001:db8:122:300::", 56 },
	{ { "2001:db8:122:344:c0:0:aa00:0" }, "2001:db8:122:344::", 64 },
	{ { "2001:db8:122:344::192.0.0.170" }, "2001:db8:122:344::", 96 },
	{ { "2001:db8:c000:ab::" }, "2001:db8::", 32 },
	{ { "2001:db8:1c0:0:ab::" }, "2001:db8:100::", 40 },
	{ { "2001:db8:122:c000:0:ab00::" }, "2001:db8:122::", 48 },
	{ { "2001:db8:122:3c0:0:ab::" }, "2001:db8:122:300::", 56 },
	{ { "2001:db8:122:344:c0:0:ab00:0" }, "2001:db8:122:344::", 64 },
	{ { "64:ff9b::192.0.0.171" }, "64:ff9b::", 96 },
	{ { "64:ff9b::192.0.0.170", "64:ff9b::192.0.0.171" }, "64:ff9b::", 96 },
	/* nothing there */
	{ {}, NULL, 0 },
	{ { "2001:db8::1", "::" }, NULL, 0 },
	{ { "64:ff9b::192.0.0.169" }, NULL, 0 },
	{ { "64:ff9b::192.0.0.172" }, NULL, 0 },
	{ { "c000:aa::" }, NULL, 0 },			  /* not at one of the places */
	{ { "2001:db8:0:0:c000:aa::" }, NULL, 0 },	  /* across octet 8 */
	{ { "2001:db8:0:0:100::192.0.0.170" }, NULL, 0 }, /* octet 8 not zero */
	{ { "2001:db8:122:344:c0:0:aa00:1" }, NULL, 0 },  /* the suffix is not zero */
	/* twice in an address: then the other well-known address has to tell */
	{ { "2001:db8:c000:aa::192.0.0.170" }, NULL, 0 },
	{ { "2001:db8:c000:aa::192.0.0.170", "2001:db8:c000:aa::192.0.0.171" },
	  "2001:db8:c000:aa::",
	  96 },
	/* the first that tells */
	{ { "2001:db8::1", "2001:db8:1::192.0.0.170", "64:ff9b::192.0.0.170" },
	  "2001:db8:1::",
	  96 },
};

static size_t records_of(const char *const texts[MAX_RECORDS], struct in6_addr *ret)
{
	size_t count = 0;

	for (; count < MAX_RECORDS && texts[count]; count++)
		assert_int_equal(inet_pton(AF_INET6, texts[count], &ret[count]), 1);
	return count;
}

static void test_prefix(void **state)
{
	for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
		struct in6_addr records[MAX_RECORDS];
		size_t count = records_of(tables[i].records, records);
		struct policy_prefix6 prefix = { .bits = 77 };
		char text[INET6_ADDRSTRLEN];
		bool found = discover_prefix(records, count, &prefix);

		if (found != !!tables[i].prefix)
			fail_msg("table %zu (%s): %d", i, tables[i].records[0], found);
		if (!found) {
			assert_int_equal(prefix.bits, 77);
			continue;
		}
		inet_ntop(AF_INET6, &prefix.addr, text, sizeof(text));
		assert_string_equal(text, tables[i].prefix);
		assert_int_equal(prefix.bits, tables[i].bits);
	}
}

/* An answer: a question, a CNAME and a TXT of 16 octets to step over, and AAAA records. */
static size_t build_answer(unsigned char *ret, unsigned int records)
{
	static const unsigned char header[] = { 0x12, 0x34, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0 };
	static const unsigned char question[] = "\x08ipv4only\x04"
						"arpa\0\0\x1c\0\x01";
	static const unsigned char cname[] = "\xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x02\xc0\x0c";
	static const unsigned char aaaa[] = "\xc0\x0c\0\x1c\0\x01\0\0\0\x3c\0\x10\0\x64\xff\x9b"
					    "\0\0\0\0\0\0\0\0\xc0\0\0";
	static const unsigned char txt[] = "\xc0\x0c\0\x10\0\x01\0\0\0\x3c\0\x10"
					   "\x0f"
					   "fifteen octets.";
	unsigned char *at = ret;

	at = mempcpy(at, header, sizeof(header));
	ret[7] = records + 2;
	at = mempcpy(at, question, sizeof(question) - 1);
	at = mempcpy(at, cname, sizeof(cname) - 1);
	at = mempcpy(at, txt, sizeof(txt) - 1);
	for (unsigned int i = 0; i < records; i++) {
		at = mempcpy(at, aaaa, sizeof(aaaa) - 1);
		*at++ = 170 + i;
	}
	return at - ret;
}

static void test_answer(void **state)
{
	struct in6_addr records[DISCOVER_RECORDS_MAX];
	unsigned char message[4096];
	struct policy_prefix6 prefix;
	size_t length;

	length = build_answer(message, 2);
	assert_int_equal(discover_answer(message, length, records), 2);
	assert_int_equal(records[1].s6_addr[15], 171);
	assert_true(discover_prefix(records, 2, &prefix));
	assert_int_equal(prefix.bits, 96);

	length = build_answer(message, 0);
	assert_int_equal(discover_answer(message, length, records), 0);
	length = build_answer(message, DISCOVER_RECORDS_MAX + 5);
	assert_int_equal(discover_answer(message, length, records), DISCOVER_RECORDS_MAX);

	/* cut anywhere, it is no answer */
	length = build_answer(message, 2);
	for (size_t cut = 0; cut < length; cut++)
		assert_int_equal(discover_answer(message, cut, records), -EBADMSG);
}

static void test_hosts(void **state)
{
	static char text[] = "127.0.0.1 localhost\n"
			     "# 64:ff9b::192.0.0.170 ipv4only.arpa\n"
			     "192.0.0.170 ipv4only.arpa\n"
			     "64:ff9b::192.0.0.169 ipv4only.arpa.example # ipv4only.arpa\n"
			     "\n"
			     "nonsense\n"
			     "2001:db8::192.0.0.170\tother  IPv4only.ARPA # comment\n"
			     "2001:db8::192.0.0.171 ipv4only.arpa";
	struct in6_addr records[DISCOVER_RECORDS_MAX];
	struct policy_prefix6 prefix;
	char name[INET6_ADDRSTRLEN];
	FILE *file;

	file = fmemopen(text, strlen(text), "r");
	assert_non_null(file);
	assert_int_equal(discover_hosts(file, records), 2);
	fclose(file);
	assert_int_equal(records[0].s6_addr[15], 170);
	assert_int_equal(records[1].s6_addr[15], 171);
	assert_true(discover_prefix(records, 2, &prefix));
	inet_ntop(AF_INET6, &prefix.addr, name, sizeof(name));
	assert_string_equal(name, "2001:db8::");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_prefix),
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_hosts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
