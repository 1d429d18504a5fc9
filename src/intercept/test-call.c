// SPDX-License-Identifier: GPL-2.0-or-later
/* Every ABI's number for every trapped call, and socketcall(2)'s arguments in memory. */
#include <linux/audit.h>
#include <linux/net.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "intercept/call.h"

static const int no_listener = -1;

static struct call decode(uint32_t arch, int nr, uint64_t a, uint64_t b)
{
	const struct caller caller = {.listener = &no_listener, .tid = gettid()};
	const struct seccomp_data data = {.nr = nr, .arch = arch, .args = {a, b}};
	struct call call;

	assert_int_equal(call_decode(&caller, &data, &call), 0);
	assert_int_equal(call.nr, nr);
	return call;
}

static void test_numbers(void **state)
{
	static const struct {
		uint32_t arch;
		int nr;
		enum call_kind kind;
	} cases[] = {
		{AUDIT_ARCH_X86_64, 42, CALL_CONNECT},
		{AUDIT_ARCH_X86_64, 49, CALL_BIND},
		{AUDIT_ARCH_X86_64, 51, CALL_GETSOCKNAME},
		{AUDIT_ARCH_X86_64, 52, CALL_GETPEERNAME},
		{AUDIT_ARCH_X86_64, 55, CALL_GETSOCKOPT},
		{AUDIT_ARCH_X86_64, 446, CALL_LANDLOCK_RESTRICT_SELF},
		{AUDIT_ARCH_X86_64, 43, CALL_OTHER},
		{AUDIT_ARCH_I386, 362, CALL_CONNECT},
		{AUDIT_ARCH_I386, 361, CALL_BIND},
		{AUDIT_ARCH_I386, 367, CALL_GETSOCKNAME},
		{AUDIT_ARCH_I386, 368, CALL_GETPEERNAME},
		{AUDIT_ARCH_I386, 365, CALL_GETSOCKOPT},
		{AUDIT_ARCH_I386, 42, CALL_OTHER},
		{AUDIT_ARCH_AARCH64, 203, CALL_CONNECT},
		{AUDIT_ARCH_AARCH64, 200, CALL_BIND},
		{AUDIT_ARCH_AARCH64, 209, CALL_GETSOCKOPT},
		{AUDIT_ARCH_ARM, 283, CALL_CONNECT},
		{AUDIT_ARCH_ARM, 282, CALL_BIND},
		{AUDIT_ARCH_S390X, 362, CALL_OTHER},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct call call = decode(cases[i].arch, cases[i].nr, 5, 6);

		assert_int_equal(call.kind, cases[i].kind);
		assert_int_equal(call.args[0], 5);
		assert_false(call.multiplexed);
	}
}

/* Only a kernel that runs x32 programs is asked to make an x32 call. */
static void test_x32(void **state)
{
	struct call call = decode(AUDIT_ARCH_X86_64, 0x40000000 | 42, 5, 6);
	bool here = false;

#if defined(__x86_64__)
	here = syscall(0x40000000 | SYS_getpid) > 0;
#endif
	assert_int_equal(call.kind, here ? CALL_CONNECT : CALL_OTHER);
}

static void test_socketcall(void **state)
{
	static const struct {
		int number;
		enum call_kind kind;
	} cases[] = {
		{SYS_CONNECT, CALL_CONNECT},	     {SYS_BIND, CALL_BIND},
		{SYS_GETSOCKNAME, CALL_GETSOCKNAME}, {SYS_GETPEERNAME, CALL_GETPEERNAME},
		{SYS_GETSOCKOPT, CALL_GETSOCKOPT},
	};
	const uint32_t words[5] = {7, 0xfffffff0, 16, 4, 5};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct call call =
			decode(AUDIT_ARCH_I386, 102, (uint64_t)cases[i].number, (uintptr_t)words);

		assert_int_equal(call.kind, cases[i].kind);
		assert_true(call.multiplexed);
		assert_int_equal(call.args[0], 7);
		assert_int_equal(call.args[1], 0xfffffff0);
		assert_int_equal(call.args[2], 16);
	}
	assert_int_equal(decode(AUDIT_ARCH_I386, 102, SYS_LISTEN, (uintptr_t)words).kind, CALL_OTHER);
	/* The kernel is left to say EFAULT. */
	assert_int_equal(decode(AUDIT_ARCH_I386, 102, SYS_CONNECT, 16).kind, CALL_OTHER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_x32),
		cmocka_unit_test(test_socketcall),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
