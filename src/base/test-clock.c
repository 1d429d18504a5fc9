// SPDX-License-Identifier: GPL-2.0-or-later
/* Times that are far away. */
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"

static void test_after(void **state)
{
	const time_t longest = sizeof(time_t) > 4 ? (time_t)INT64_MAX : INT_MAX;

	assert_int_equal(clock_after(5, &(struct timeval){.tv_sec = 2, .tv_usec = 3}), 2000008);
	assert_int_equal(clock_after(0, &(struct timeval){0}), 0);
	assert_int_equal(clock_after(1, &(struct timeval){.tv_sec = longest, .tv_usec = 999999}), UINT64_MAX);
	/* The product alone would come out as some 0.4 s. */
	assert_int_equal(clock_after(1, &(struct timeval){.tv_sec = 18446744073710LL}), UINT64_MAX);
	/* The sum alone is too much. */
	assert_int_equal(clock_after(1000000, &(struct timeval){.tv_sec = 18446744073709LL}), UINT64_MAX);
}

static void test_noted(void **state)
{
	const uint64_t before = clock_about_usec();

	assert_true(before > 0 && before <= clock_usec());
	clock_note(5);
	assert_int_equal(clock_about_usec(), 5);
	clock_note(6);
	assert_int_equal(clock_about_usec(), 6);
	clock_note(0);
	assert_true(clock_about_usec() >= before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_after),
		cmocka_unit_test(test_noted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
