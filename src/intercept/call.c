// SPDX-License-Identifier: LGPL-2.1-or-later
/* Which system call a notification is about; see call.h. */
#include "intercept/call.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/net.h>
#include <seccomp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* asm/unistd_x32.h: x32 calls have this bit set and the architecture of x86-64. */
#define X32_BIT 0x40000000

#ifndef AUDIT_ARCH_AARCH64
#define AUDIT_ARCH_AARCH64 (EM_AARCH64 | __AUDIT_ARCH_64BIT | __AUDIT_ARCH_LE)
#endif

/* A kind that is reached through a number of its own and none through memory. */
struct numbers {
	uint32_t arch;
	int connect, bind, getsockname, getpeername, getsockopt, landlock_restrict_self;
	int socketcall; /* -1: there is none */
};

/* The kernel's system call tables: arch/x86/entry/syscalls, asm-generic/unistd.h, arch/arm/tools. */
static const struct numbers tables[] = {
	{AUDIT_ARCH_X86_64, 42, 49, 51, 52, 55, 446, -1},
	{AUDIT_ARCH_I386, 362, 361, 367, 368, 365, 446, 102},
	{AUDIT_ARCH_AARCH64, 203, 200, 204, 205, 209, 446, -1},
	{AUDIT_ARCH_ARM, 283, 282, 286, 287, 295, 446, -1},
};

/* x32 has a number of its own for the calls that take pointers to pointers or longs. */
#define X32_GETSOCKOPT 542

const uint32_t call_compat_architectures[] = {
#if defined(__x86_64__)
	SCMP_ARCH_X86,
	SCMP_ARCH_X32,
#elif defined(__aarch64__)
	SCMP_ARCH_ARM,
#endif
	0,
};

/* Whether this kernel runs x32 programs (CONFIG_X86_X32_ABI, and not disabled at boot). */
static bool x32_works(void)
{
#if defined(__x86_64__)
	static int known; /* 1: yes, -1: no */

	if (!known)
		known = syscall(X32_BIT | SYS_getpid) > 0 ? 1 : -1;
	return known > 0;
#else
	return false;
#endif
}

static enum call_kind kind_of_number(const struct numbers *table, int nr)
{
	if (nr == table->connect)
		return CALL_CONNECT;
	if (nr == table->bind)
		return CALL_BIND;
	if (nr == table->getpeername)
		return CALL_GETPEERNAME;
	if (nr == table->getsockname)
		return CALL_GETSOCKNAME;
	if (nr == table->getsockopt)
		return CALL_GETSOCKOPT;
	if (nr == table->landlock_restrict_self)
		return CALL_LANDLOCK_RESTRICT_SELF;
	return CALL_OTHER;
}

/* socketcall(2): what is called is a number, its arguments are an array of 32-bit words. */
static int decode_socketcall(const struct caller *caller, struct call *call)
{
	static const struct {
		uint64_t number;
		enum call_kind kind;
		unsigned int args;
	} calls[] = {
		{SYS_BIND, CALL_BIND, 3},
		{SYS_CONNECT, CALL_CONNECT, 3},
		{SYS_GETSOCKNAME, CALL_GETSOCKNAME, 3},
		{SYS_GETPEERNAME, CALL_GETPEERNAME, 3},
		{SYS_GETSOCKOPT, CALL_GETSOCKOPT, 5},
	};
	uint32_t words[5];
	int r;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (call->args[0] != calls[i].number)
			continue;
		r = caller_read(caller, call->args[1], words, calls[i].args * sizeof(words[0]));
		if (r < 0)
			return r == -ENOENT ? r : 0;
		memset(call->args, 0, sizeof(call->args));
		for (unsigned int j = 0; j < calls[i].args; j++)
			call->args[j] = words[j];
		call->kind = calls[i].kind;
		call->multiplexed = true;
	}
	return 0;
}

int call_decode(const struct caller *caller, const struct seccomp_data *data, struct call *ret)
{
	int nr = data->nr;

	ret->kind = CALL_OTHER;
	ret->nr = data->nr;
	ret->multiplexed = false;
	memcpy(ret->args, data->args, sizeof(ret->args));
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		const struct numbers *table = &tables[i];

		if (table->arch != data->arch)
			continue;
		if (data->arch == AUDIT_ARCH_X86_64 && (nr & X32_BIT)) {
			/* A kernel without the ABI refuses the call, after seccomp has seen it. */
			if (!x32_works())
				return 0;
			nr &= ~X32_BIT;
			if (nr == X32_GETSOCKOPT)
				nr = table->getsockopt;
		}
		if (nr == table->socketcall)
			return decode_socketcall(caller, ret);
		ret->kind = kind_of_number(table, nr);
		return 0;
	}
	return 0;
}
