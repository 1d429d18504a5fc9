// SPDX-License-Identifier: GPL-2.0-or-later
/* What is kept for a moment or for long: parked replacements, and where programs meant to go. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "swap/origin.h"
#include "swap/parked.h"

static struct parked_one one(pid_t tid, int number)
{
	return (struct parked_one){.tid = tid,
				   .number = number,
				   .old_inode = 7,
				   .dest.in.sin_family = AF_INET,
				   .peer.in.sin_family = AF_INET,
				   .fd = dup(0)};
}

static void test_taken_by_its_call(void **state)
{
	struct parked parked;
	struct parked_one kept = one(10, 5), other = kept;
	int fd;

	parked_init(&parked);
	parked_put(&parked, &kept);
	other.number = 6;
	assert_int_equal(parked_take(&parked, &other), -ENOENT);
	other = kept;
	other.tid = 11;
	assert_int_equal(parked_take(&parked, &other), -ENOENT);
	other = kept;
	other.dest.in.sin_port = 1;
	assert_int_equal(parked_take(&parked, &other), -ENOENT);
	fd = parked_take(&parked, &kept);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(parked_take(&parked, &kept), -ENOENT);
}

static void test_oldest_makes_room(void **state)
{
	struct parked parked;
	struct parked_one first = one(1, 1), wanted;
	int fd;

	parked_init(&parked);
	parked_put(&parked, &first);
	for (int i = 2; i <= PARKED_MAX + 1; i++) {
		struct parked_one next = one(i, i);

		parked.slots[0].since = 0;
		parked_put(&parked, &next);
	}
	assert_int_equal(fcntl(first.fd, F_GETFD), -1);
	wanted = one(2, 2);
	fd = parked_take(&parked, &wanted);
	assert_true(fd >= 0);
	close(fd);
	for (int i = 0; i < PARKED_MAX; i++)
		parked.slots[i].since = 0;
	parked_expire(&parked);
	for (int i = 0; i < PARKED_MAX; i++)
		assert_int_equal(parked.slots[i].tid, 0);
}

static void test_origin(void **state)
{
	struct sockaddr_in dest = {.sin_family = AF_INET, .sin_port = 80, .sin_addr.s_addr = 1}, got;
	struct origins *origins;
	int a = socket(AF_INET, SOCK_STREAM, 0), b = socket(AF_INET, SOCK_STREAM, 0);

	assert_int_equal(origins_new(&origins), 0);
	assert_false(origin_get(origins, a, &got));
	assert_int_equal(origin_form(origins, a), PRESENT_ITSELF);
	origin_put(origins, a, &dest, PRESENT_INET);
	assert_int_equal(origin_form(origins, a), PRESENT_INET);
	assert_true(origin_get(origins, a, &got));
	assert_memory_equal(&got, &dest, sizeof(got));
	assert_false(origin_get(origins, b, &got));
	close(a);
	close(b);
	origins_free(origins);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken_by_its_call),
		cmocka_unit_test(test_oldest_makes_room),
		cmocka_unit_test(test_origin),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
