// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The option table, walked: each option is set to something else than a fresh socket has, copied, and
 * read back from the replacement, in the same family and in the other.
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

static socklen_t size_of(const struct option *option)
{
	return option->size ? option->size : sizeof(int);
}

static int get(int fd, const struct option *option, unsigned char value[OPTION_SIZE])
{
	socklen_t size = size_of(option);

	memset(value, 0, OPTION_SIZE);
	return getsockopt(fd, option->level, option->name, value, &size) < 0 ? -errno : 0;
}

/* Change the option to something that reads back differently. Return: whether that was possible. */
static bool change(int fd, const struct option *option)
{
	static const int candidates[] = {1, 0, 2, 3, 7, 600, 1220, 4096, 65536};
	unsigned char fresh[OPTION_SIZE], now[OPTION_SIZE];

	if (get(fd, option, fresh) < 0)
		return false;
	if (option->level == IPPROTO_TCP && option->name == TCP_CONGESTION) {
		static const char *const names[] = {"reno", "cubic", "bbr"};

		for (size_t i = 0; i < 3; i++)
			if (strcmp((char *)fresh, names[i]) != 0 &&
			    setsockopt(fd, option->level, option->name, names[i],
				       (socklen_t)strlen(names[i])) == 0)
				return true;
		return false;
	}
	for (size_t i = 0; i < sizeof(candidates) / sizeof(candidates[0]); i++) {
		int value[OPTION_SIZE / sizeof(int)] = {candidates[i]};

		/* struct linger and struct timeval: on, and how long. */
		if (size_of(option) > sizeof(int))
			value[1] = option->name == SO_LINGER ? 5 : 0;
		if (setsockopt(fd, option->level, option->name, value, size_of(option)) == 0 &&
		    get(fd, option, now) == 0 && memcmp(fresh, now, OPTION_SIZE) != 0)
			return true;
	}
	return false;
}

static void walk(int from_family, int to_family)
{
	struct option_set *set;
	unsigned int walked = 0;

	assert_int_equal(option_set_new(&set), 0);
	for (size_t i = 0; option_at(i); i++) {
		const struct option *option = option_at(i);
		unsigned char was[OPTION_SIZE], is[OPTION_SIZE];
		const char *refused;
		int from, to;

		if (option->copy || (option->inet6_only &&
				     (from_family != AF_INET6 || to_family != AF_INET6)))
			continue;
		from = socket(from_family, SOCK_STREAM, 0);
		to = socket(to_family, SOCK_STREAM, 0);
		assert_true(from >= 0 && to >= 0);
		if (change(from, option)) {
			walked++;
			assert_int_equal(get(from, option, was), 0);
			option_copy(set, from, from_family, IPPROTO_TCP, to, to_family, false, &refused);
			if (refused)
				fail_msg("%s was refused", refused);
			assert_int_equal(get(to, option, is), 0);
			if (memcmp(was, is, OPTION_SIZE) != 0)
				fail_msg("%s does not come across", option->text);
			if (option->name6 && from_family == AF_INET && to_family == AF_INET6) {
				int value = -1, expected;
				socklen_t size = sizeof(value);

				memcpy(&expected, was, sizeof(expected));
				assert_int_equal(getsockopt(to, option->level6, option->name6, &value,
							    &size),
						 0);
				if (value != expected)
					fail_msg("%s: the IPv6 side has %d, not %d", option->text, value,
						 expected);
			}
		} else {
			print_message("%s cannot be changed here\n", option->text);
		}
		close(from);
		close(to);
	}
	option_set_free(set);
	print_message("%u options came across\n", walked);
	assert_true(walked >= (geteuid() == 0 ? 36 : 30));
}

static void test_same_family(void **state)
{
	walk(AF_INET, AF_INET);
	walk(AF_INET6, AF_INET6);
}

static void test_other_family(void **state)
{
	walk(AF_INET, AF_INET6);
	walk(AF_INET6, AF_INET);
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

		option_copy(set, from, AF_INET, IPPROTO_TCP, to, AF_INET6, false, &refused);
		assert_int_equal(getsockopt(to, SOL_SOCKET, SO_BUF_LOCK, &lock, &size), 0);
		assert_int_equal(lock, 0);
		assert_int_equal(setsockopt(from, SOL_SOCKET, names[i], &asked, sizeof(asked)), 0);
		option_copy(set, from, AF_INET, IPPROTO_TCP, to, AF_INET6, false, &refused);
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
		cmocka_unit_test(test_buffers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
