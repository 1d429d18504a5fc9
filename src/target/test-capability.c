// SPDX-License-Identifier: GPL-2.0-or-later
/* What is given up for a target, and had again. */
#include <errno.h>
#include <linux/capability.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "target/capability.h"
#include "target/thread.h"

/* A child with no privilege, which tells when it has none. */
static pid_t unprivileged_child(void)
{
	int ready[2];
	char byte;
	pid_t child;

	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (syscall(SYS_setresuid, 65534, 65534, 65534) < 0 || write(ready[1], "", 1) != 1)
			_exit(1);
		pause();
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return child;
}

static void test_lower(void **state)
{
	const uint64_t before = thread_capabilities(gettid());
	struct capabilities lowered;
	pid_t child;

	if (geteuid() != 0)
		skip();
	child = unprivileged_child();
	assert_int_equal(capabilities_lower(child, &lowered), 0);
	assert_int_equal(thread_capabilities(gettid()), 0);
	capabilities_restore(&lowered);
	assert_int_equal(thread_capabilities(gettid()), before);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	/* Nobody has none. */
	assert_int_equal(capabilities_lower(child, &lowered), 0);
	assert_int_equal(thread_capabilities(gettid()), 0);
	capabilities_restore(&lowered);
	assert_int_equal(thread_capabilities(gettid()), before);
}

static void test_same(void **state)
{
	const uint64_t before = thread_capabilities(gettid());
	struct capabilities lowered;

	assert_int_equal(capabilities_lower(getpid(), &lowered), 0);
	assert_int_equal(thread_capabilities(gettid()), before);
	capabilities_restore(&lowered);
	assert_int_equal(thread_capabilities(gettid()), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lower),
		cmocka_unit_test(test_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
