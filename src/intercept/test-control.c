// SPDX-License-Identifier: GPL-2.0-or-later
/* Control messages in the layouts of 64-bit and 32-bit programs, read and written. */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include <cmocka.h>

#include "intercept/control.h"

/* Where a 32-bit program has what: length, level, type, value, padded to 4 bytes. */
static void test_put_compat(void **state)
{
	struct control_out out = {.compat = true, .room = 100};
	const int ttl = 64;
	const unsigned char tos = 0x20;
	const uint32_t expected[] = {16, IPPROTO_IP, IP_TTL, 64, 13, IPPROTO_IP, IP_TOS, 0x20};

	control_put(&out, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl));
	control_put(&out, IPPROTO_IP, IP_TOS, &tos, sizeof(tos));
	assert_int_equal(out.used, sizeof(expected));
	assert_memory_equal(out.bytes, expected, sizeof(expected));
	assert_false(out.truncated);
}

static void test_put_native(void **state)
{
	struct control_out out = {.room = 100};
	const int ttl = 64;
	struct msghdr header = {.msg_control = out.bytes};
	struct cmsghdr *at;

	control_put(&out, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl));
	control_put(&out, IPPROTO_IP, IP_TOS, "\x20", 1);
	assert_int_equal(out.used, CMSG_SPACE(sizeof(ttl)) + CMSG_SPACE(1));
	header.msg_controllen = out.used;
	at = CMSG_FIRSTHDR(&header);
	assert_int_equal(at->cmsg_len, CMSG_LEN(sizeof(ttl)));
	assert_memory_equal(CMSG_DATA(at), &ttl, sizeof(ttl));
	at = CMSG_NXTHDR(&header, at);
	assert_int_equal(at->cmsg_type, IP_TOS);
	assert_int_equal(*CMSG_DATA(at), 0x20);
}

/* put_cmsg(): cut where the room ends, left out where not even the header fits. */
static void test_put_truncated(void **state)
{
	for (size_t room = 0; room <= 40; room++) {
		struct control_out out = {.room = room};
		const int ttl = 64;

		control_put(&out, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl));
		assert_int_equal(out.truncated, room < CMSG_LEN(sizeof(ttl)));
		if (room < CMSG_LEN(0))
			assert_int_equal(out.used, 0);
		else
			assert_int_equal(out.used, room < CMSG_SPACE(sizeof(ttl)) ? room
										 : CMSG_SPACE(sizeof(ttl)));
	}
}

/* put_cmsg_compat(): a 32-bit program has shorter times, except where it asked for the new ones. */
static void test_times(void **state)
{
	_Alignas(struct cmsghdr) unsigned char told[256];
	const struct timeval old = {.tv_sec = 5, .tv_usec = 6};
	struct msghdr header = {.msg_control = told, .msg_controllen = CMSG_SPACE(sizeof(old))};
	struct control_out out = {.compat = true, .room = 100};
	const union address none = {0};
	const uint32_t expected[] = {20, SOL_SOCKET, SO_TIMESTAMP, 5, 6};

	*CMSG_FIRSTHDR(&header) = (struct cmsghdr){CMSG_LEN(sizeof(old)), SOL_SOCKET, SO_TIMESTAMP};
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&header)), &old, sizeof(old));
	control_received(NULL, -1, PRESENT_INET, &header, &none, &out);
	assert_int_equal(out.used, sizeof(expected));
	assert_memory_equal(out.bytes, expected, sizeof(expected));
	/* SO_TIMESTAMP_NEW: the same for everybody. */
	CMSG_FIRSTHDR(&header)->cmsg_type = 63;
	out = (struct control_out){.compat = true, .room = 100};
	control_received(NULL, -1, PRESENT_INET, &header, &none, &out);
	assert_int_equal(out.used, 12 + sizeof(old));
	/* x32 has long times always. */
	CMSG_FIRSTHDR(&header)->cmsg_type = SO_TIMESTAMP;
	out = (struct control_out){.compat = true, .long_times = true, .room = 100};
	control_received(NULL, -1, PRESENT_INET, &header, &none, &out);
	assert_int_equal(out.used, 12 + sizeof(old));
	assert_memory_equal(out.bytes + 12, &old, sizeof(old));
}

/* What the kernel may ask a capability for, and what is not known, is not anybody's. */
static void test_common(void **state)
{
	static const struct {
		uint32_t level, type;
		bool common;
	} cases[] = {
		{IPPROTO_IP, IP_TTL, true},	    {IPPROTO_IPV6, IPV6_PKTINFO, true},
		{IPPROTO_IP, IP_RETOPTS, false},    {IPPROTO_IPV6, IPV6_HOPOPTS, false},
		{IPPROTO_IPV6, IPV6_RTHDR, false},  {SOL_SOCKET, SO_MARK, false},
		{SOL_SOCKET, SO_PRIORITY, false},   {SOL_SOCKET, 9999, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const uint32_t from[] = {16, IPPROTO_IP, IP_TTL, 9, 16, cases[i].level, cases[i].type, 1};
		struct control_in in;

		assert_int_equal(control_sent(from, sizeof(from), true, false, &in), 0);
		assert_int_equal(control_is_common(&in), cases[i].common);
	}
	assert_true(control_is_common(&(struct control_in){.used = 0}));
}

/* The IPv6 side's messages, as the IPv4 socket would have told them. */
static void test_received(void **state)
{
	_Alignas(struct cmsghdr) unsigned char told[256] = "";
	struct control_out from = {.room = sizeof(told)}, to = {.room = 200};
	const int number = 0x20;
	const union address none = {0};
	struct msghdr header = {.msg_control = from.bytes};
	struct cmsghdr *at;

	control_put(&from, IPPROTO_IPV6, IPV6_TCLASS, &number, sizeof(number));
	control_put(&from, IPPROTO_IPV6, IPV6_HOPLIMIT, &number, sizeof(number));
	control_put(&from, IPPROTO_IPV6, IPV6_RTHDR, &number, sizeof(number));
	header.msg_controllen = from.used;
	control_received(NULL, -1, PRESENT_INET, &header, &none, &to);
	header.msg_control = to.bytes;
	header.msg_controllen = to.used;
	at = CMSG_FIRSTHDR(&header);
	assert_int_equal(at->cmsg_level, IPPROTO_IP);
	assert_int_equal(at->cmsg_type, IP_TOS);
	assert_int_equal(at->cmsg_len, CMSG_LEN(1));
	at = CMSG_NXTHDR(&header, at);
	assert_int_equal(at->cmsg_type, IP_TTL);
	assert_int_equal(at->cmsg_len, CMSG_LEN(sizeof(int)));
	assert_null(CMSG_NXTHDR(&header, at));
	/* For an IPv4-mapped peer the kernel would have told none of them. */
	to = (struct control_out){.room = 200};
	header.msg_control = from.bytes;
	header.msg_controllen = from.used;
	control_received(NULL, -1, PRESENT_MAPPED, &header, &none, &to);
	assert_int_equal(to.used, 0);
}

/* Sent by a 32-bit program. */
static void test_sent(void **state)
{
	const uint32_t from[] = {16, IPPROTO_IP, IP_TTL, 9, 13, IPPROTO_IP, IP_TOS, 0x20,
				 16, SOL_SOCKET, SO_MARK, 7};
	struct control_in in;
	struct msghdr header = {.msg_control = in.bytes};
	struct cmsghdr *at;

	assert_int_equal(control_sent(from, sizeof(from), true, true, &in), 0);
	header.msg_controllen = in.used;
	at = CMSG_FIRSTHDR(&header);
	assert_int_equal(at->cmsg_type, IPV6_HOPLIMIT);
	assert_int_equal(*(int *)CMSG_DATA(at), 9);
	at = CMSG_NXTHDR(&header, at);
	assert_int_equal(at->cmsg_type, IPV6_TCLASS);
	assert_int_equal(*(int *)CMSG_DATA(at), 0x20);
	at = CMSG_NXTHDR(&header, at);
	assert_int_equal(at->cmsg_level, SOL_SOCKET);
	assert_null(CMSG_NXTHDR(&header, at));
	/* Only the layout changes. */
	assert_int_equal(control_sent(from, sizeof(from), true, false, &in), 0);
	header.msg_controllen = in.used;
	assert_int_equal(CMSG_FIRSTHDR(&header)->cmsg_type, IP_TTL);
}

/* Lengths that lie: refused, and nothing behind them is read (the buffer ends there). */
static void test_sent_lies(void **state)
{
	static const uint32_t lengths[] = {0, 11, 17, 0x7fffffff, 0xffffffff};

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		uint32_t *from = malloc(16);
		struct control_in in;

		assert_non_null(from);
		memcpy(from, (const uint32_t[]){lengths[i], IPPROTO_IP, IP_TTL, 9}, 16);
		assert_int_equal(control_sent(from, 16, true, true, &in), -EINVAL);
		free(from);
	}
	for (size_t size = 0; size < 12; size++) {
		unsigned char *from = calloc(1, size + 1);
		struct control_in in;

		assert_non_null(from);
		assert_int_equal(control_sent(from, size, true, true, &in), 0);
		assert_int_equal(in.used, 0);
		free(from);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_put_compat),   cmocka_unit_test(test_put_native),
		cmocka_unit_test(test_put_truncated), cmocka_unit_test(test_times),
		cmocka_unit_test(test_received),     cmocka_unit_test(test_sent),
		cmocka_unit_test(test_sent_lies),    cmocka_unit_test(test_common),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
