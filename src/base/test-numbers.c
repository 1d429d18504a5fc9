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

/* What stands where, up to some number; opened and closed again. */
static int open_one(void)
{
	int fd = dup(0);

	assert_int_equal(close(fd), 0);
	return fd;
}

static int count_open(void)
{
	int count = 0;

	for (int i = 0; i < 200; i++)
		count += fcntl(i, F_GETFD) >= 0;
	return count;
}

static void test_expected(void **state)
{
	const int before = count_open(), lowest = open_one();
	int own = -1, kept;

	numbers_own(&own);
	/* The same again and again; a lower one; a higher one. */
	for (int i = 0; i < 2; i++) {
		numbers_expect(60);
		assert_int_equal(open_one(), 60);
		assert_int_equal(open_one(), 60);
		numbers_expect(40);
		assert_int_equal(open_one(), 40);
		numbers_expect(90);
		assert_int_equal(open_one(), 90);
	}
	/* What stays does not take it. */
	numbers_expect(-1);
	kept = dup(0);
	assert_true(kept > 90);
	numbers_expect(90);
	assert_int_equal(open_one(), 90);
	/* Where something of its own stands nothing is changed, and then it can be moved. */
	own = dup(0);
	assert_int_equal(own, 90);
	numbers_expect(70);
	assert_int_equal(own, 90);
	numbers_expect(90);
	assert_int_equal(own, 90);
	assert_true(is_same(own, 0));
	assert_int_equal(numbers_claim(90), 0);
	assert_int_not_equal(own, 90);
	assert_int_equal(open_one(), 90);
	/* A stand-in gives way. */
	assert_int_equal(numbers_claim(50), 0);
	assert_int_equal(open_one(), 50);
	assert_int_equal(numbers_claim_for(45, &own), 0);
	assert_true(is_same(45, own));
	close(45);
	assert_int_equal(open_one(), 45);
	/* What stood below and has gone is found missing once. */
	numbers_forget();
	numbers_disown_all();
	close(own);
	close(kept);
	assert_int_equal(count_open(), before);
	assert_int_equal(open_one(), lowest);
	own = dup(0);
	numbers_own(&own);
	numbers_expect(60);
	close(own);
	assert_int_equal(open_one(), lowest);
	numbers_missed(lowest);
	numbers_expect(60);
	assert_int_equal(open_one(), 60);
	/* Given up. */
	own = -1;
	numbers_forget();
	assert_int_equal(count_open(), before);
	numbers_expect(60);
	assert_int_equal(count_open(), before);
	numbers_disown_all();
	/* Too high. */
	numbers_expect(1 << 20);
	assert_int_equal(count_open(), before);
}

/* Without room nothing is taken, and nothing is left. */
static void test_expected_without_room(void **state)
{
	const int before = count_open();
	struct rlimit limit, low;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	low = (struct rlimit){40, limit.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
	numbers_expect(60);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	assert_int_equal(count_open(), before);
	numbers_expect(60);
	assert_int_equal(count_open(), before);
	numbers_disown_all();
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
		cmocka_unit_test(test_expected),
		cmocka_unit_test(test_expected_without_room),
		cmocka_unit_test(test_unregistered_is_refused),
		cmocka_unit_test(test_beyond_the_limit),
		cmocka_unit_test(test_many_registered),
		cmocka_unit_test(test_keep_registered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
