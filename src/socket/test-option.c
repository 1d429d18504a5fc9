// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The option table, walked: each option is set to something else than a fresh socket has, copied, and
 * read back from the replacement, in the same family and in the other. And the kernel, walked: what it
 * knows is in the table.
 */
#include <errno.h>
#include <linux/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/compat.h"
#include "socket/option.h"
#include "socket/test-values.h"

static const struct {
	const char *text;
	int type, protocol;
	unsigned int least; /* options that can be changed, at least: Linux 6.1, an ordinary user */
} protocols[] = {
	{"TCP", SOCK_STREAM, IPPROTO_TCP, 55},
	{"MPTCP", SOCK_STREAM, IPPROTO_MPTCP, 20},
	{"UDP", SOCK_DGRAM, IPPROTO_UDP, 38},
	{"UDP-Lite", SOCK_DGRAM, IPPROTO_UDPLITE, 38},
};

#define PROTOCOLS (sizeof(protocols) / sizeof(protocols[0]))

/* Another name for the same thing may be set through one that has an IPv6 side; that one is walked too. */
static void check_inet6(const struct option *option, int from, int to, int protocol)
{
	const struct option side = {.text = option->text6, .level = option->level6, .name = option->name6};
	struct test_value was, is;

	if (option->datagram6 && protocols[protocol].type != SOCK_DGRAM)
		return;
	test_value_read(option, from, &was);
	test_value_read(&side, to, &is);
	if (!test_value_equal(&was, &is))
		fail_msg("%s: the IPv6 side is not the same", option->text);
}

static void walk(int protocol, int from_family, int to_family)
{
	struct option_set *set;
	unsigned int walked = 0;

	assert_int_equal(option_set_new(&set), 0);
	for (size_t i = 0; option_at(i); i++) {
		const struct option *option = option_at(i);
		struct test_value was, is;
		const char *refused;
		int from, to;

		if (option->handling != OPTION_COPIED && option->handling != OPTION_SAME_AS)
			continue;
		if (option->inet6_only && (from_family != AF_INET6 || to_family != AF_INET6))
			continue;
		from = socket(from_family, protocols[protocol].type, protocols[protocol].protocol);
		to = socket(to_family, protocols[protocol].type, protocols[protocol].protocol);
		if (from < 0 || to < 0) {
			print_message("no %s here\n", protocols[protocol].text);
			option_set_free(set);
			return;
		}
		if (test_value_change(option, from) == 0) {
			walked++;
			option_copy(set, from, from_family, protocols[protocol].protocol, to, to_family,
				    false, NULL, &refused);
			/* MPTCP takes few options of IPv6, and then the option is named. */
			if (refused && protocols[protocol].protocol == IPPROTO_MPTCP && option->name6) {
				assert_string_equal(refused, option->text);
				assert_int_equal(from_family, AF_INET);
				assert_int_equal(to_family, AF_INET6);
				close(from);
				close(to);
				continue;
			}
			if (refused)
				fail_msg("%s: %s was refused", option->text, refused);
			test_value_read(option, from, &was);
			test_value_read(option, to, &is);
			if (!test_value_equal(&was, &is))
				fail_msg("%s does not come across", option->text);
			if (option->name6 && from_family == AF_INET && to_family == AF_INET6)
				check_inet6(option, from, to, protocol);
		}
		close(from);
		close(to);
	}
	option_set_free(set);
	print_message("%s: %u options came across\n", protocols[protocol].text, walked);
	assert_true(walked >= protocols[protocol].least);
}

static void test_same_family(void **state)
{
	for (size_t i = 0; i < PROTOCOLS; i++) {
		walk((int)i, AF_INET, AF_INET);
		walk((int)i, AF_INET6, AF_INET6);
	}
}

static void test_other_family(void **state)
{
	for (size_t i = 0; i < PROTOCOLS; i++) {
		walk((int)i, AF_INET, AF_INET6);
		walk((int)i, AF_INET6, AF_INET);
	}
}

static bool in_table(int level, int name)
{
	for (size_t i = 0; option_at(i); i++)
		if (option_at(i)->level == level && option_at(i)->name == name)
			return true;
	return false;
}

/* iptables and its like, in the same range of numbers: nothing of one socket's. */
static bool of_netfilter(int level, int name)
{
	if (level == IPPROTO_IPV6 &&
	    (name == IPV6_RECVTCLASS || name == IPV6_TCLASS || name == IPV6_AUTOFLOWLABEL))
		return false;
	return (level == IPPROTO_IP || level == IPPROTO_IPV6) &&
	       ((name >= 64 && name < 72) || (name >= 80 && name < 128));
}

/* Whatever the running kernel knows as an option is in the table: each number is asked for. */
static void test_complete(void **state)
{
	static const int levels[] = {SOL_SOCKET,   IPPROTO_TCP,	 IPPROTO_UDP,
				     IPPROTO_UDPLITE, IPPROTO_IP, IPPROTO_IPV6};
	unsigned int known = 0;

	for (size_t i = 0; i < 2 * PROTOCOLS * 6; i++) {
		int level = levels[i % 6], protocol = (int)(i / 12), family = i / 6 % 2 ? AF_INET6 : AF_INET;

		for (int name = 1; name < 256; name++) {
			int fd = socket(family, protocols[protocol].type, protocols[protocol].protocol);
			unsigned char value[TEST_VALUE_MAX] = {0};
			socklen_t size = sizeof(value);
			bool known_here;

			if (fd < 0)
				break;
			known_here = getsockopt(fd, level, name, value, &size) == 0 ||
				     (errno != ENOPROTOOPT && errno != EOPNOTSUPP) ||
				     setsockopt(fd, level, name, value, sizeof(value)) == 0 ||
				     (errno != ENOPROTOOPT && errno != EOPNOTSUPP);
			close(fd);
			if (!known_here || of_netfilter(level, name))
				continue;
			known++;
			/* A datagram socket's level answers by either name. */
			if (!in_table(level, name) &&
			    !(level == IPPROTO_UDPLITE && in_table(IPPROTO_UDP, name)) &&
			    !(level == IPPROTO_UDP && in_table(IPPROTO_UDPLITE, name)))
				fail_msg("the table lacks option %d of %s", name,
					 option_level_text(level));
		}
	}
	assert_true(known > 500);
}

/* Each entry of the table says what becomes of it, and why where that is not plain. */
static void test_reasons(void **state)
{
	for (size_t i = 0; option_at(i); i++) {
		const struct option *option = option_at(i);
		size_t same = 0;

		if (option->handling != OPTION_COPIED && !option->why)
			fail_msg("%s lacks a reason", option->text);
		for (size_t j = 0; option_at(j); j++)
			same += option_at(j)->level == option->level &&
				option_at(j)->name == option->name;
		if (same != 1)
			fail_msg("%s is there more than once", option->text);
	}
}

static int get(int fd, int level, int name)
{
	int value = -1;
	socklen_t size = sizeof(value);

	assert_int_equal(getsockopt(fd, level, name, &value, &size), 0);
	return value;
}

struct step {
	int level, name, value;
};

/* Options that change one another, in orders that a copy in table order alone would not reproduce. */
static void test_order(void **state)
{
	static const struct {
		struct step steps[3];
		struct step seen[3];
	} cases[] = {
		/* IP_TOS gives a priority, and the program takes it back. */
		{{{IPPROTO_IP, IP_TOS, 0x10}, {SOL_SOCKET, SO_PRIORITY, 0}},
		 {{SOL_SOCKET, SO_PRIORITY}, {IPPROTO_IP, IP_TOS}}},
		{{{SOL_SOCKET, SO_PRIORITY, 3}, {IPPROTO_IP, IP_TOS, 0x10}}, {{SOL_SOCKET, SO_PRIORITY}}},
		/* A low-water mark makes buffers grow; a size that is given afterwards is kept. */
		{{{SOL_SOCKET, SO_RCVLOWAT, 400000}, {SOL_SOCKET, SO_RCVBUF, 20000}},
		 {{SOL_SOCKET, SO_RCVLOWAT}, {SOL_SOCKET, SO_RCVBUF}, {IPPROTO_TCP, TCP_WINDOW_CLAMP}}},
		{{{SOL_SOCKET, SO_RCVBUF, 20000}, {SOL_SOCKET, SO_RCVLOWAT, 400000}},
		 {{SOL_SOCKET, SO_RCVLOWAT}, {SOL_SOCKET, SO_RCVBUF}, {IPPROTO_TCP, TCP_WINDOW_CLAMP}}},
		{{{SOL_SOCKET, SO_RCVLOWAT, 400000}, {IPPROTO_TCP, TCP_WINDOW_CLAMP, 0}},
		 {{SOL_SOCKET, SO_RCVLOWAT}, {SOL_SOCKET, SO_RCVBUF}, {IPPROTO_TCP, TCP_WINDOW_CLAMP}}},
		/* Sizes without their locks, and the reverse. */
		{{{SOL_SOCKET, SO_BUF_LOCK, 3}}, {{SOL_SOCKET, SO_BUF_LOCK}, {SOL_SOCKET, SO_RCVBUF}}},
		/* Generations of time stamps. */
		{{{SOL_SOCKET, SO_TIMESTAMP_NEW, 1}, {SOL_SOCKET, SO_TIMESTAMPING, 0x18}},
		 {{SOL_SOCKET, SO_TIMESTAMP}, {SOL_SOCKET, SO_TIMESTAMP_NEW},
		  {SOL_SOCKET, SO_TIMESTAMPING_NEW}}},
		{{{SOL_SOCKET, SO_TIMESTAMPING, 0x18}, {SOL_SOCKET, SO_TIMESTAMPNS_NEW, 1}},
		 {{SOL_SOCKET, SO_TIMESTAMPNS}, {SOL_SOCKET, SO_TIMESTAMPNS_NEW},
		  {SOL_SOCKET, SO_TIMESTAMPING_NEW}}},
		{{{SOL_SOCKET, SO_TIMESTAMPNS, 1}, {SOL_SOCKET, SO_TIMESTAMPING_NEW, 0x18}},
		 {{SOL_SOCKET, SO_TIMESTAMPNS}, {SOL_SOCKET, SO_TIMESTAMPNS_NEW},
		  {SOL_SOCKET, SO_TIMESTAMPING_NEW}}},
	};
	struct option_set *set;

	assert_int_equal(option_set_new(&set), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int from = socket(AF_INET, SOCK_STREAM, 0), to = socket(AF_INET6, SOCK_STREAM, 0);
		const char *refused;

		for (size_t j = 0; j < 3 && cases[i].steps[j].level + cases[i].steps[j].name; j++) {
			const struct step *step = &cases[i].steps[j];

			assert_int_equal(setsockopt(from, step->level, step->name, &step->value,
						    sizeof(step->value)),
					 0);
		}
		option_copy(set, from, AF_INET, IPPROTO_TCP, to, AF_INET6, false, NULL, &refused);
		assert_null(refused);
		for (size_t j = 0; j < 3 && cases[i].seen[j].level + cases[i].seen[j].name; j++) {
			const struct step *seen = &cases[i].seen[j];
			int was = get(from, seen->level, seen->name);
			int is = get(to, seen->level, seen->name);

			if (was != is)
				fail_msg("case %zu: option %d of level %d is %d, not %d", i, seen->name,
					 seen->level, is, was);
		}
		close(from);
		close(to);
	}
	option_set_free(set);
}

/* A time that was given and turned off is still there. */
static void test_linger(void **state)
{
	struct linger linger = {1, 9};
	struct option_set *set;
	int from = socket(AF_INET, SOCK_STREAM, 0), to = socket(AF_INET6, SOCK_STREAM, 0);
	socklen_t size = sizeof(linger);
	const char *refused;

	assert_int_equal(option_set_new(&set), 0);
	assert_int_equal(setsockopt(from, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	linger.l_onoff = 0;
	assert_int_equal(setsockopt(from, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)), 0);
	option_copy(set, from, AF_INET, IPPROTO_TCP, to, AF_INET6, false, NULL, &refused);
	linger = (struct linger){7, 7};
	assert_int_equal(getsockopt(to, SOL_SOCKET, SO_LINGER, &linger, &size), 0);
	assert_int_equal(linger.l_onoff, 0);
	assert_int_equal(linger.l_linger, 9);
	close(from);
	close(to);
	option_set_free(set);
}

/* Buffers that the program did not set keep growing by themselves; those it set keep their size. */
static void test_buffers(void **state)
{
	const int names[] = {SO_SNDBUF, SO_RCVBUF};
	struct option_set *set;
	const char *refused;

	assert_int_equal(option_set_new(&set), 0);
	for (size_t i = 0; i < 2; i++) {
		int from = socket(AF_INET, SOCK_STREAM, 0), to = socket(AF_INET6, SOCK_STREAM, 0);
		int asked = 20000, value = 0, lock = -1;
		socklen_t size = sizeof(value);

		option_copy(set, from, AF_INET, IPPROTO_TCP, to, AF_INET6, false, NULL, &refused);
		assert_int_equal(getsockopt(to, SOL_SOCKET, SO_BUF_LOCK, &lock, &size), 0);
		assert_int_equal(lock, 0);
		assert_int_equal(setsockopt(from, SOL_SOCKET, names[i], &asked, sizeof(asked)), 0);
		option_copy(set, from, AF_INET, IPPROTO_TCP, to, AF_INET6, false, NULL, &refused);
		assert_int_equal(getsockopt(to, SOL_SOCKET, names[i], &value, &size), 0);
		assert_int_equal(value, 2 * asked);
		assert_int_equal(getsockopt(to, SOL_SOCKET, SO_BUF_LOCK, &lock, &size), 0);
		assert_int_equal(lock, 1 << i);
		close(from);
		close(to);
	}
	option_set_free(set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_family),
		cmocka_unit_test(test_other_family),
		cmocka_unit_test(test_complete),
		cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_linger),
		cmocka_unit_test(test_buffers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
