// SPDX-License-Identifier: GPL-2.0-or-later
/* Errors of IPv6 as ones of IPv4: every line of RFC 7915, section 5.2, and what is no error of ICMP. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "intercept/icmp.h"

struct told {
	unsigned int error, origin, type, code, info;
};

static void check(struct told from, struct told to)
{
	struct sock_extended_err error = {
		.ee_errno = from.error,
		.ee_origin = (unsigned char)from.origin,
		.ee_type = (unsigned char)from.type,
		.ee_code = (unsigned char)from.code,
		.ee_info = from.info,
		.ee_data = 7,
	};

	icmp_to_ipv4(&error);
	assert_int_equal(error.ee_errno, to.error);
	assert_int_equal(error.ee_origin, to.origin);
	assert_int_equal(error.ee_type, to.type);
	assert_int_equal(error.ee_code, to.code);
	assert_int_equal(error.ee_info, to.info);
	assert_int_equal(error.ee_data, 7);
}

static void test_icmp6(void **state)
{
	static const struct {
		struct told from, to;
	} cases[] = {
		{ { ENETUNREACH, 3, 1, 0, 0 }, { EHOSTUNREACH, 2, 3, 1, 0 } },
		{ { EACCES, 3, 1, 1, 0 }, { EHOSTUNREACH, 2, 3, 10, 0 } },
		{ { EHOSTUNREACH, 3, 1, 2, 0 }, { EHOSTUNREACH, 2, 3, 1, 0 } },
		{ { EHOSTUNREACH, 3, 1, 3, 0 }, { EHOSTUNREACH, 2, 3, 1, 0 } },
		{ { ECONNREFUSED, 3, 1, 4, 0 }, { ECONNREFUSED, 2, 3, 3, 0 } },
		{ { EACCES, 3, 1, 5, 0 }, { EHOSTUNREACH, 2, 3, 1, 0 } },
		{ { EMSGSIZE, 3, 2, 0, 1500 }, { EMSGSIZE, 2, 3, 4, 1480 } },
		{ { EHOSTUNREACH, 3, 3, 0, 0 }, { EHOSTUNREACH, 2, 11, 0, 0 } },
		{ { EHOSTUNREACH, 3, 3, 1, 0 }, { EHOSTUNREACH, 2, 11, 1, 0 } },
		{ { EPROTO, 3, 4, 0, 0 }, { EPROTO, 2, 12, 0, 0 } },
		{ { EPROTO, 3, 4, 0, 5 }, { EPROTO, 2, 12, 0, 2 } },
		{ { EPROTO, 3, 4, 0, 6 }, { EPROTO, 2, 12, 0, 9 } },
		{ { EPROTO, 3, 4, 0, 7 }, { EPROTO, 2, 12, 0, 8 } },
		{ { EPROTO, 3, 4, 0, 23 }, { EPROTO, 2, 12, 0, 12 } },
		{ { EPROTO, 3, 4, 0, 39 }, { EPROTO, 2, 12, 0, 16 } },
		{ { EPROTO, 3, 4, 0, 2 }, { EHOSTUNREACH, 2, 3, 1, 0 } },
		{ { EPROTO, 3, 4, 1, 40 }, { ENOPROTOOPT, 2, 3, 2, 0 } },
		{ { EPROTO, 3, 4, 2, 40 }, { EHOSTUNREACH, 2, 3, 1, 0 } },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		check(cases[i].from, cases[i].to);
}

static void test_others(void **state)
{
	/* The own host, which knows a path's MTU already. */
	check((struct told){ EMSGSIZE, SO_EE_ORIGIN_LOCAL, 0, 0, 1280 },
	      (struct told){ EMSGSIZE, SO_EE_ORIGIN_LOCAL, 0, 0, 1260 });
	check((struct told){ ENOMSG, SO_EE_ORIGIN_TIMESTAMPING, 0, 0, 42 },
	      (struct told){ ENOMSG, SO_EE_ORIGIN_TIMESTAMPING, 0, 0, 42 });
	check((struct told){ 0, SO_EE_ORIGIN_ZEROCOPY, 0, 1, 42 },
	      (struct told){ 0, SO_EE_ORIGIN_ZEROCOPY, 0, 1, 42 });
	check((struct told){ EMSGSIZE, SO_EE_ORIGIN_ICMP, 3, 4, 1400 },
	      (struct told){ EMSGSIZE, SO_EE_ORIGIN_ICMP, 3, 4, 1400 });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_icmp6),
		cmocka_unit_test(test_others),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
