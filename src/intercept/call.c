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

/* Numbers of one ABI, by kind. The kernel's tables: arch/x86/entry/syscalls, asm-generic/unistd.h,
 * arch/arm/tools. */
struct abi {
	uint32_t arch;
	bool compat;
	short socketcall;      /* 0: there is none */
	short recvmmsg_time64; /* 0: there is none */
	short numbers[CALL_OTHER];
};

static const struct abi abis[] = {
	/* The first, for x32 has most of its numbers. */
	{ AUDIT_ARCH_X86_64, false, 0, 0,
	  { [CALL_CONNECT] = 42,
	    [CALL_BIND] = 49,
	    [CALL_LISTEN] = 50,
	    [CALL_GETPEERNAME] = 52,
	    [CALL_GETSOCKNAME] = 51,
	    [CALL_GETSOCKOPT] = 55,
	    [CALL_SETSOCKOPT] = 54,
	    [CALL_IOCTL] = 16,
	    [CALL_SENDTO] = 44,
	    [CALL_SENDMSG] = 46,
	    [CALL_SENDMMSG] = 307,
	    [CALL_RECVFROM] = 45,
	    [CALL_RECVMSG] = 47,
	    [CALL_RECVMMSG] = 299,
	    [CALL_LANDLOCK_RESTRICT_SELF] = 446,
	    [CALL_IO_URING_SETUP] = 425 } },
	{ AUDIT_ARCH_I386, true, 102, 417,
	  { [CALL_CONNECT] = 362,
	    [CALL_BIND] = 361,
	    [CALL_LISTEN] = 363,
	    [CALL_GETPEERNAME] = 368,
	    [CALL_GETSOCKNAME] = 367,
	    [CALL_GETSOCKOPT] = 365,
	    [CALL_SETSOCKOPT] = 366,
	    [CALL_IOCTL] = 54,
	    [CALL_SENDTO] = 369,
	    [CALL_SENDMSG] = 370,
	    [CALL_SENDMMSG] = 345,
	    [CALL_RECVFROM] = 371,
	    [CALL_RECVMSG] = 372,
	    [CALL_RECVMMSG] = 337,
	    [CALL_LANDLOCK_RESTRICT_SELF] = 446,
	    [CALL_IO_URING_SETUP] = 425 } },
	{ AUDIT_ARCH_AARCH64, false, 0, 0,
	  { [CALL_CONNECT] = 203,
	    [CALL_BIND] = 200,
	    [CALL_LISTEN] = 201,
	    [CALL_GETPEERNAME] = 205,
	    [CALL_GETSOCKNAME] = 204,
	    [CALL_GETSOCKOPT] = 209,
	    [CALL_SETSOCKOPT] = 208,
	    [CALL_IOCTL] = 29,
	    [CALL_SENDTO] = 206,
	    [CALL_SENDMSG] = 211,
	    [CALL_SENDMMSG] = 269,
	    [CALL_RECVFROM] = 207,
	    [CALL_RECVMSG] = 212,
	    [CALL_RECVMMSG] = 243,
	    [CALL_LANDLOCK_RESTRICT_SELF] = 446,
	    [CALL_IO_URING_SETUP] = 425 } },
	{ AUDIT_ARCH_ARM, true, 0, 417,
	  { [CALL_CONNECT] = 283,
	    [CALL_BIND] = 282,
	    [CALL_LISTEN] = 284,
	    [CALL_GETPEERNAME] = 287,
	    [CALL_GETSOCKNAME] = 286,
	    [CALL_GETSOCKOPT] = 295,
	    [CALL_SETSOCKOPT] = 294,
	    [CALL_IOCTL] = 54,
	    [CALL_SENDTO] = 290,
	    [CALL_SENDMSG] = 296,
	    [CALL_SENDMMSG] = 374,
	    [CALL_RECVFROM] = 292,
	    [CALL_RECVMSG] = 297,
	    [CALL_RECVMMSG] = 365,
	    [CALL_LANDLOCK_RESTRICT_SELF] = 446,
	    [CALL_IO_URING_SETUP] = 425 } },
};

/* x32 has numbers of its own for the calls that take pointers to pointers or longs, instead of those of
 * x86-64, which it does not have; the others are the same. */
static const struct {
	short number;
	enum call_kind kind;
} x32_numbers[] = {
	{ 514, CALL_IOCTL },	  { 517, CALL_RECVFROM },   { 518, CALL_SENDMSG },
	{ 519, CALL_RECVMSG },	  { 537, CALL_RECVMMSG },   { 538, CALL_SENDMMSG },
	{ 541, CALL_SETSOCKOPT }, { 542, CALL_GETSOCKOPT },
};

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

static enum call_kind kind_of_number(const struct abi *abi, int nr)
{
	for (enum call_kind kind = 0; kind < CALL_OTHER; kind++)
		if (abi->numbers[kind] == nr)
			return kind;
	return CALL_OTHER;
}

static enum call_kind kind_of_x32(int nr)
{
	enum call_kind kind = kind_of_number(&abis[0], nr);

	for (size_t i = 0; i < sizeof(x32_numbers) / sizeof(x32_numbers[0]); i++) {
		if (x32_numbers[i].number == nr)
			return x32_numbers[i].kind;
		if (x32_numbers[i].kind == kind)
			return CALL_OTHER;
	}
	return kind;
}

void call_decode_x32(int nr, struct call *ret)
{
	ret->compat = true;
	/* Its recvmmsg is compat_sys_recvmmsg_time64(). */
	ret->time64 = ret->long_times = true;
	ret->kind = kind_of_x32(nr);
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
		{SYS_LISTEN, CALL_LISTEN, 2},
		{SYS_GETSOCKNAME, CALL_GETSOCKNAME, 3},
		{SYS_GETPEERNAME, CALL_GETPEERNAME, 3},
		{SYS_SENDTO, CALL_SENDTO, 6},
		{SYS_RECVFROM, CALL_RECVFROM, 6},
		{SYS_SETSOCKOPT, CALL_SETSOCKOPT, 5},
		{SYS_GETSOCKOPT, CALL_GETSOCKOPT, 5},
		{SYS_SENDMSG, CALL_SENDMSG, 3},
		{SYS_RECVMSG, CALL_RECVMSG, 3},
		{SYS_RECVMMSG, CALL_RECVMMSG, 5},
		{SYS_SENDMMSG, CALL_SENDMMSG, 4},
	};
	uint32_t words[6];
	int r;

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		if (call->args[0] != calls[i].number)
			continue;
		r = caller_read(caller, call->args[1], words, calls[i].args * sizeof(words[0]));
		if (r == -ENOENT)
			return r;
		if (r < 0) {
			call->hidden = r == -EPERM || r == -EACCES;
			if (call->hidden && calls[i].kind == CALL_CONNECT)
				call->kind = CALL_CONNECT;
			return 0;
		}
		memset(call->args, 0, sizeof(call->args));
		for (unsigned int j = 0; j < calls[i].args; j++)
			call->args[j] = words[j];
		call->kind = calls[i].kind;
		call->multiplexed = true;
		return 0;
	}
	return 0;
}

int call_decode(const struct caller *caller, const struct seccomp_data *data, struct call *ret)
{
	int nr = data->nr;

	*ret = (struct call){ .kind = CALL_OTHER, .nr = data->nr };
	memcpy(ret->args, data->args, sizeof(ret->args));
	for (size_t i = 0; i < sizeof(abis) / sizeof(abis[0]); i++) {
		const struct abi *abi = &abis[i];

		if (abi->arch != data->arch)
			continue;
		ret->compat = abi->compat;
		if (data->arch == AUDIT_ARCH_X86_64 && (nr & X32_BIT)) {
			/* A kernel without the ABI refuses the call, after seccomp has seen it. */
			if (x32_works())
				call_decode_x32(nr & ~X32_BIT, ret);
			return 0;
		}
		if (abi->socketcall && nr == abi->socketcall)
			return decode_socketcall(caller, ret);
		if (abi->recvmmsg_time64 && nr == abi->recvmmsg_time64) {
			ret->kind = CALL_RECVMMSG;
			ret->time64 = true;
			return 0;
		}
		ret->kind = kind_of_number(abi, nr);
		return 0;
	}
	return 0;
}
