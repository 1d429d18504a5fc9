/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Which system call a notification is about, whatever the caller's ABI.
 *
 * x86-64 kernels run i386 and x32 programs, arm64 kernels 32-bit ones; each has numbers of its own, and
 * i386 can reach every socket call through socketcall(2), whose arguments lie in memory. All of them are
 * trapped, so none gets by unseen, and all of them are dealt with alike.
 */
#pragma once

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>

#include "target/caller.h"

enum call_kind {
	CALL_CONNECT,
	CALL_BIND,
	CALL_LISTEN,
	CALL_GETPEERNAME,
	CALL_GETSOCKNAME,
	CALL_GETSOCKOPT,
	CALL_SETSOCKOPT,
	CALL_IOCTL,
	CALL_SENDTO,
	CALL_SENDMSG,
	CALL_SENDMMSG,
	CALL_RECVFROM,
	CALL_RECVMSG,
	CALL_RECVMMSG,
	CALL_LANDLOCK_RESTRICT_SELF,
	CALL_IO_URING_SETUP,
	CALL_OTHER,
};

struct call {
	enum call_kind kind;
	long nr; /* as the thread's own ABI numbers it; what /proc/PID/syscall shows */
	bool multiplexed; /* through socketcall(2): @args were read from memory */
	bool hidden; /* through socketcall(2), in memory that is not ours to look at: @args mean nothing */
	bool compat; /* structures in the caller's memory are those of a 32-bit program */
	bool time64; /* recvmmsg_time64(2): its timeout is 64-bit */
	bool long_times; /* x32: so are the times in control messages (COMPAT_USE_64BIT_TIME) */
	uint64_t args[6];
};

/**
 * call_decode() - what was called. Return: 0; -ENOENT: the caller is gone; the call is CALL_OTHER where
 * it is none of ours or its arguments cannot be read. Of a connect it is told all the same (@hidden).
 */
int call_decode(const struct caller *caller, const struct seccomp_data *data, struct call *ret);

/**
 * call_decode_x32() - what an x32 call is, by its number without the bit that tells x32 from x86-64.
 */
void call_decode_x32(int nr, struct call *ret);

/* The architectures, beside the native one, whose programs this kernel may run; libseccomp's tokens.
 * 0 ends the list. */
extern const uint32_t call_compat_architectures[];
