// SPDX-License-Identifier: GPL-2.0-or-later
/* Every ABI's number for every trapped call, and socketcall(2)'s arguments in memory. */
#include <linux/audit.h>
#include <linux/net.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "intercept/call.h"

#define LOW_SIZE 4096

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

/* What its numbers mean, on any kernel: arch/x86/entry/syscalls/syscall_64.tbl. */
static void test_x32_numbers(void **state)
{
	static const struct {
		int nr;
		enum call_kind kind;
	} cases[] = {
		{42, CALL_CONNECT},   {44, CALL_SENDTO},   {517, CALL_RECVFROM}, {518, CALL_SENDMSG},
		{519, CALL_RECVMSG},  {537, CALL_RECVMMSG}, {538, CALL_SENDMMSG}, {541, CALL_SETSOCKOPT},
		{542, CALL_GETSOCKOPT}, {514, CALL_IOCTL},
		/* Numbers that only 64-bit programs have. */
		{299, CALL_OTHER},    {307, CALL_OTHER},   {45, CALL_OTHER},	{16, CALL_OTHER},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct call call = {.kind = CALL_OTHER};

		call_decode_x32(cases[i].nr, &call);
		assert_int_equal(call.kind, cases[i].kind);
		/* compat_sys_recvmmsg_time64() is the only one; COMPAT_USE_64BIT_TIME. */
		assert_true(call.compat && call.time64 && call.long_times);
	}
	assert_false(decode(AUDIT_ARCH_X86_64, 299, 5, 6).long_times);
	assert_false(decode(AUDIT_ARCH_I386, 417, 5, 6).long_times);
	assert_true(decode(AUDIT_ARCH_I386, 417, 5, 6).time64);
}

/* Memory that 32 bits can name: at an address that is free in any program of this size. */
static uint32_t *low_memory(void)
{
	void *memory = mmap((void *)0x20000000, LOW_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	assert_true(memory != MAP_FAILED);
	return memory;
}

static void test_socketcall(void **state)
{
	static const struct {
		int number;
		enum call_kind kind;
	} cases[] = {
		{SYS_CONNECT, CALL_CONNECT},	     {SYS_BIND, CALL_BIND},
		{SYS_GETSOCKNAME, CALL_GETSOCKNAME}, {SYS_GETPEERNAME, CALL_GETPEERNAME},
		{SYS_GETSOCKOPT, CALL_GETSOCKOPT},   {SYS_SETSOCKOPT, CALL_SETSOCKOPT},
		{SYS_SENDTO, CALL_SENDTO},	     {SYS_RECVFROM, CALL_RECVFROM},
		{SYS_SENDMSG, CALL_SENDMSG},	     {SYS_RECVMSG, CALL_RECVMSG},
		{SYS_SENDMMSG, CALL_SENDMMSG},	     {SYS_RECVMMSG, CALL_RECVMMSG},
	};
	uint32_t *const words = low_memory();

	/* What the address argument points to can be read, as a program's can. */
	words[1] = (uint32_t)(uintptr_t)words;
	words[2] = 16;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		/* A descriptor may have any number, also that of another of the calls. */
		for (uint32_t fd = 0; fd <= 20; fd++) {
			struct call call;

			words[0] = fd;
			call = decode(AUDIT_ARCH_I386, 102, (uint64_t)cases[i].number,
				      (uintptr_t)words);
			assert_int_equal(call.kind, cases[i].kind);
			assert_true(call.multiplexed);
			assert_true(call.compat);
			assert_int_equal(call.args[0], fd);
			assert_int_equal(call.args[1], (uintptr_t)words);
			assert_int_equal(call.args[2], 16);
		}
	assert_int_equal(decode(AUDIT_ARCH_I386, 102, SYS_SHUTDOWN, (uintptr_t)words).kind, CALL_OTHER);
	/* The kernel is left to say EFAULT. */
	assert_int_equal(decode(AUDIT_ARCH_I386, 102, SYS_CONNECT, 16).kind, CALL_OTHER);
	munmap(words, LOW_SIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_x32),
		cmocka_unit_test(test_x32_numbers),
		cmocka_unit_test(test_socketcall),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
