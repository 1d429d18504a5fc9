// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Ending a blocked system call from outside.
 *
 * A seized tracee that is interrupted leaves its wait as for a signal (ptrace(2), PTRACE_INTERRUPT) and
 * stops on its way back to user space, with the call's result in its registers: EINTR, or one of the
 * kernel's restart codes. The tracer may write another there, and as no signal is delivered that is what
 * the program sees.
 *
 * Where the target is our child the stop may be reported to another thread of ours that waits for
 * children. Therefore the stop is recognised by the registers being readable, not by waiting.
 */
#include "target/thread.h"

#include <elf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"

/* include/linux/errno.h: what an interrupted call returns inside the kernel. */
#define KERNEL_ERESTARTSYS 512
#define KERNEL_ERESTART_RESTARTBLOCK 516

/*
 * The registers of a stopped thread. A 32-bit program has a smaller set (struct user_regs_struct32 in
 * arch/x86/include/asm/user32.h, the first 18 words of struct pt_regs on arm): the kernel says by the
 * length which it is.
 */
union registers {
	struct user_regs_struct native;
	uint32_t compat[18];
};

#if defined(__x86_64__)
#define COMPAT_SIZE (17 * sizeof(uint32_t))
#define COMPAT_RESULT 6 /* eax */
#define COMPAT_NR 11	/* orig_eax */
#define NATIVE_RESULT(regs) ((regs)->native.rax)
#define NATIVE_NR(regs) ((long)(regs)->native.orig_rax)
#elif defined(__aarch64__)
#define COMPAT_SIZE (18 * sizeof(uint32_t))
#define COMPAT_RESULT 0 /* r0 */
#define COMPAT_NR 7	/* r7 */
#define NATIVE_RESULT(regs) ((regs)->native.regs[0])
#define NATIVE_NR(regs) ((long)(regs)->native.regs[8])
#else
#error "say where this machine keeps a system call's number and result"
#endif

static bool interrupted(long result)
{
	return result == -EINTR ||
	       (result <= -KERNEL_ERESTARTSYS && result >= -KERNEL_ERESTART_RESTARTBLOCK);
}

/* The thread is stopped: replace the result of the interrupted call. */
static int replace_result(pid_t tid, union registers *regs, size_t size, long nr, int error)
{
	struct iovec iov = {.iov_base = regs, .iov_len = size};

	if (size == sizeof(regs->native)) {
		if (NATIVE_NR(regs) != nr || !interrupted((long)NATIVE_RESULT(regs)))
			return 0;
		NATIVE_RESULT(regs) = (unsigned long)-(long)error;
	} else if (size == COMPAT_SIZE) {
		if ((long)regs->compat[COMPAT_NR] != nr ||
		    !interrupted((int32_t)regs->compat[COMPAT_RESULT]))
			return 0;
		regs->compat[COMPAT_RESULT] = (uint32_t)-error;
	} else {
		return 0;
	}
	return ptrace(PTRACE_SETREGSET, tid, NT_PRSTATUS, &iov) < 0 ? -errno : 1;
}

int thread_end_call(pid_t tid, long nr, int error, uint64_t timeout_usec)
{
	const struct timespec pause = {.tv_nsec = 20000};
	uint64_t deadline = clock_usec() + timeout_usec;
	int r;

	if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) < 0)
		return -errno;
	if (ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) < 0)
		return -errno;
	for (;;) {
		union registers regs = {0};
		struct iovec iov = {.iov_base = &regs, .iov_len = sizeof(regs)};
		int status = 0;
		pid_t waited = waitpid(tid, &status, __WALL | WNOHANG);
		long signal = 0;

		if (waited == tid && (WIFEXITED(status) || WIFSIGNALED(status)))
			return -ESRCH;
		/* A signal that arrived in the same moment must reach the target. */
		if (waited == tid && WIFSTOPPED(status) && status >> 16 == 0)
			signal = WSTOPSIG(status);
		if (ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &iov) == 0) {
			r = signal ? 0 : replace_result(tid, &regs, iov.iov_len, nr, error);
			ptrace(PTRACE_DETACH, tid, NULL, (void *)signal);
			return r;
		}
		/* Not stopped yet; a tracer's end lets it go as well. */
		if (clock_usec() > deadline)
			return -ETIMEDOUT;
		nanosleep(&pause, NULL);
	}
}
