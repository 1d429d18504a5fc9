// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The C library of Debian 12 makes the socket calls of an i386 program, all but sendmmsg and recvmmsg,
 * through socketcall(2), which names the call by a number and has its arguments in memory. So a scenario's
 * calls are left to it. Those that a scenario makes by their numbers go the same way here, and to wait for
 * one of them is to wait for socketcall(2): should the library come to take another way, the scenarios that
 * wait fail natively.
 *
 * The linker puts each function in the place of what it is named after (ld(1), --wrap).
 */
#include <linux/net.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <sys/types.h>

long __real_syscall(long number, ...);
void __real_wait_blocked(pid_t tid, long number);

long __wrap_syscall(long number, ...);
void __wrap_wait_blocked(pid_t tid, long number);

/* What socketcall(2) calls it, or 0. */
static long multiplexed(long number)
{
	static const struct {
		long direct, multiplexed;
	} calls[] = {
		{ SYS_bind, SYS_BIND },		      { SYS_connect, SYS_CONNECT },
		{ SYS_listen, SYS_LISTEN },	      { SYS_getsockname, SYS_GETSOCKNAME },
		{ SYS_getpeername, SYS_GETPEERNAME }, { SYS_getsockopt, SYS_GETSOCKOPT },
		{ SYS_setsockopt, SYS_SETSOCKOPT },   { SYS_sendto, SYS_SENDTO },
		{ SYS_recvfrom, SYS_RECVFROM },	      { SYS_sendmsg, SYS_SENDMSG },
		{ SYS_recvmsg, SYS_RECVMSG },	      { SYS_sendmmsg, SYS_SENDMMSG },
		{ SYS_recvmmsg, SYS_RECVMMSG },
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		if (calls[i].direct == number)
			return calls[i].multiplexed;
	return 0;
}

long __wrap_syscall(long number, ...)
{
	const long call = multiplexed(number);
	va_list list;
	long words[6];

	/* As the C library does: as many as a call can have are handed on, whatever is there. */
	va_start(list, number);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		words[i] = va_arg(list, long);
	va_end(list);
	if (call)
		return __real_syscall(SYS_socketcall, call, words);
	return __real_syscall(number, words[0], words[1], words[2], words[3], words[4], words[5]);
}

void __wrap_wait_blocked(pid_t tid, long number)
{
	__real_wait_blocked(tid, multiplexed(number) ? SYS_socketcall : number);
}
