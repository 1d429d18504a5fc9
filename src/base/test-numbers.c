// SPDX-License-Identifier: GPL-2.0-or-later
/* Descriptors step aside when their number is wanted. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/numbers.h"

static void test_free_number(void **state)
{
	assert_int_equal(numbers_claim(900), 0);
	assert_int_equal(fcntl(900, F_GETFD), -1);
}

static void test_registered_steps_aside(void **state)
{
	int pipes[2];
	char byte = 0;
	int wanted;

	assert_int_equal(pipe(pipes), 0);
	numbers_own(&pipes[0]);
	wanted = pipes[0];
	assert_int_equal(numbers_claim(wanted), 0);
	assert_int_not_equal(pipes[0], wanted);
	assert_int_equal(fcntl(wanted, F_GETFD), -1);
	assert_int_equal(fcntl(pipes[0], F_GETFD), FD_CLOEXEC);
	assert_int_equal(write(pipes[1], "x", 1), 1);
	assert_int_equal(read(pipes[0], &byte, 1), 1);
	assert_int_equal(byte, 'x');
	numbers_disown(&pipes[0]);
	close(pipes[0]);
	close(pipes[1]);
}

static void test_unregistered_is_refused(void **state)
{
	int fd = dup(0);

	assert_int_equal(numbers_claim(fd), -EBUSY);
	close(fd);
}

static void test_beyond_the_limit(void **state)
{
	struct rlimit limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(numbers_claim((int)limit.rlim_cur), -EMFILE);
	assert_int_equal(numbers_claim((int)limit.rlim_cur - 1), 0);
}

static void test_keep_registered(void **state)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		int kept = dup(0), lost = dup(0), high = fcntl(0, F_DUPFD, 700);

		numbers_own(&kept);
		numbers_own(&high);
		numbers_keep_registered();
		_exit(fcntl(kept, F_GETFD) >= 0 && fcntl(high, F_GETFD) >= 0 &&
				      fcntl(lost, F_GETFD) < 0 && fcntl(0, F_GETFD) < 0
			      ? 0
			      : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_free_number),
		cmocka_unit_test(test_registered_steps_aside),
		cmocka_unit_test(test_unregistered_is_refused),
		cmocka_unit_test(test_beyond_the_limit),
		cmocka_unit_test(test_keep_registered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
