// SPDX-License-Identifier: GPL-2.0-or-later
/* Descriptors step aside when their number is wanted. */
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
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

/* Whether a number names the file that another does. */
static bool is_same(int number, int fd)
{
	return syscall(SYS_kcmp, getpid(), getpid(), KCMP_FILE, number, fd) == 0;
}

static void test_put_at_a_number(void **state)
{
	int own = dup(0);
	int other = open("/dev/null", O_RDONLY);
	int other_was = other;

	/* A free one, with free ones around it; one that a registered descriptor has; its own. */
	assert_int_equal(numbers_claim_for(900, &own), 0);
	assert_true(is_same(900, own));
	assert_int_equal(fcntl(900, F_GETFD), FD_CLOEXEC);
	numbers_own(&other);
	assert_int_equal(numbers_claim_for(other_was, &own), 0);
	assert_true(is_same(other_was, own));
	assert_int_not_equal(other, other_was);
	assert_false(is_same(other, own));
	numbers_own(&own);
	close(900);
	assert_int_equal(numbers_claim_for(own, &own), 0);
	assert_int_equal(fcntl(901, F_GETFD), -1);
	/* Not over one that nobody registered. */
	close(other_was);
	other_was = dup(other);
	assert_int_equal(numbers_claim_for(other_was, &own), -EBUSY);
	assert_true(is_same(other_was, other));
	numbers_disown_all();
	close(other_was);
	close(other);
	close(own);
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

/* A policy may name any number of namespaces. */
static void test_many_registered(void **state)
{
	static int many[5000];

	for (int i = 0; i < 5000; i++) {
		many[i] = -1;
		numbers_own(&many[i]);
	}
	test_registered_steps_aside(state);
	many[4999] = dup(0);
	assert_int_equal(numbers_claim(many[4999]), 0);
	close(many[4999]);
	for (int i = 0; i < 5000; i++)
		numbers_disown(&many[i]);
	numbers_disown_all();
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
		cmocka_unit_test(test_put_at_a_number),
		cmocka_unit_test(test_unregistered_is_refused),
		cmocka_unit_test(test_beyond_the_limit),
		cmocka_unit_test(test_many_registered),
		cmocka_unit_test(test_keep_registered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
