// SPDX-License-Identifier: GPL-2.0-or-later
/* Parked replacements. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_taken_by_its_call),
		cmocka_unit_test(test_oldest_makes_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
