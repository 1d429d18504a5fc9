// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Ending a blocked system call from outside, or making it begin again.
 *
 * A seized tracee that is interrupted leaves its wait as for a signal (ptrace(2), PTRACE_INTERRUPT) and
 * stops on its way back to user space, with the call's result in its registers: EINTR, or one of the
 * kernel's restart codes. The tracer may write another there: a result, which is what the program sees,
 * or ERESTARTNOHAND, upon which the kernel begins the call again with the arguments that it had, and
 * returns EINTR if a signal handler runs first, as natively.
 *
 * Where the target is our child the stop may be reported to another thread of ours that waits for
 * children. Therefore the stop is recognised by the registers being readable, not by waiting.
 */
#include "target/kick.h"

#include <elf.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <time.h>

#include "base/clock.h"

/* include/linux/errno.h: what an interrupted call returns inside the kernel. */
#define KERNEL_ERESTARTSYS 512
#define KERNEL_ERESTARTNOHAND 514
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
#define NATIVE_RESULT(from) ((from)->native.rax)
#define NATIVE_NR(from) ((long)(from)->native.orig_rax)
#elif defined(__aarch64__)
#define COMPAT_SIZE (18 * sizeof(uint32_t))
#define COMPAT_RESULT 0 /* r0 */
#define COMPAT_NR 7	/* r7 */
#define NATIVE_RESULT(from) ((from)->native.regs[0])
#define NATIVE_NR(from) ((long)(from)->native.regs[8])
#define COMPAT_CPSR 16
#define CPSR_THUMB 0x20U
#define COMPAT_PC 15
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

/* What a thread came to, in a stop. */
struct stop {
	union registers regs;
	size_t size;
	int signal; /* that it is about to receive; 0: it stopped for us alone */
};

static void a_little(void)
{
	const struct timespec pause = {.tv_nsec = 20000};

	nanosleep(&pause, NULL);
}

/* Whether a tracee has gone, reaping it. The status of a stop may have gone to another thread of ours. */
static bool has_ended(pid_t tid)
{
	int status = 0;
	pid_t r = waitpid(tid, &status, __WALL | WNOHANG);

	return r < 0 || (r == tid && (WIFEXITED(status) || WIFSIGNALED(status)));
}

/*
 * Stop a thread, wait for it. A signal that arrives in the same moment stops it as well, and must be
 * handed on when it is let go. Return: 0; -EPERM; -ESRCH; -ETIMEDOUT: still attached.
 */
static int stop_thread(pid_t tid, uint64_t deadline, struct stop *ret)
{
	if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) < 0)
		return -errno;
	/* It fails for one that is dying, which the loop finds out. */
	ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
	for (;;) {
		struct iovec iov = {.iov_base = &ret->regs, .iov_len = sizeof(ret->regs)};
		siginfo_t info = {0};

		if (has_ended(tid))
			return -ESRCH;
		if (ptrace(PTRACE_GETREGSET, tid, NT_PRSTATUS, &iov) == 0) {
			ret->size = iov.iov_len;
			/* EINVAL: a group-stop. */
			ret->signal = 0;
			if (ptrace(PTRACE_GETSIGINFO, tid, NULL, &info) == 0 &&
			    info.si_code >> 8 != PTRACE_EVENT_STOP)
				ret->signal = info.si_signo;
			return 0;
		}
		/* Not stopped yet; a tracer's end lets it go as well. */
		if (clock_usec() > deadline)
			return -ETIMEDOUT;
		a_little();
	}
}

/*
 * Whoever is killed in its stop cannot be detached, and stays our tracee until it has been reaped, for
 * which an execve(2) of its process waits. Return: 0; -ETIMEDOUT: still attached.
 */
static int let_go(pid_t tid, int signal, uint64_t deadline)
{
	if (ptrace(PTRACE_DETACH, tid, NULL, (void *)(long)signal) == 0)
		return 0;
	while (!has_ended(tid)) {
		if (clock_usec() > deadline)
			return -ETIMEDOUT;
		a_little();
	}
	return 0;
}

int thread_end_call(pid_t tid, long nr, int error, uint64_t timeout_usec)
{
	uint64_t deadline = clock_usec() + timeout_usec;
	struct stop stop = {0};
	int r;

	r = stop_thread(tid, deadline, &stop);
	if (r < 0)
		return r;
	if (!stop.signal)
		r = replace_result(tid, &stop.regs, stop.size, nr, error);
	return let_go(tid, stop.signal, deadline) < 0 ? -ETIMEDOUT : r;
}

#if defined(__x86_64__)
#define CAN_BEGIN_ANEW true

/*
 * arch_do_signal_or_restart() looks at the result after the stop, so the kernel's own code for "again,
 * unless a handler runs" is all it takes.
 */
static void begin_again(struct stop *stop, const struct kick *kick)
{
	if (stop->size == COMPAT_SIZE)
		stop->regs.compat[COMPAT_RESULT] = (uint32_t)-KERNEL_ERESTARTNOHAND;
	else
		NATIVE_RESULT(&stop->regs) = (unsigned long)-KERNEL_ERESTARTNOHAND;
}
#elif defined(__aarch64__)
#define CAN_BEGIN_ANEW false

/*
 * do_signal() in arch/arm64/kernel/signal.c has looked at the result before the stop, and has set the
 * program back itself where the code says so. What is left is EINTR: set it back by hand. A handler that
 * runs in the same moment is followed by the call again, not by EINTR.
 */
static void begin_again(struct stop *stop, const struct kick *kick)
{
	if (stop->size == COMPAT_SIZE) {
		stop->regs.compat[COMPAT_RESULT] = (uint32_t)kick->arg0;
		stop->regs.compat[COMPAT_PC] -= stop->regs.compat[COMPAT_CPSR] & CPSR_THUMB ? 2 : 4;
	} else {
		NATIVE_RESULT(&stop->regs) = kick->arg0;
		stop->regs.native.pc -= 4;
	}
}
#endif

/* Calls that end with EINTR for any stop (signal(7)); a thread may have just gone on to one. */
static bool is_epoll_wait(long nr)
{
#ifdef SYS_epoll_wait
	if (nr == SYS_epoll_wait)
		return true;
#endif
	return nr == SYS_epoll_pwait;
}

static void write_again(struct stop *stop, const struct kick *kick)
{
	struct iovec iov = {.iov_base = &stop->regs, .iov_len = stop->size};

	begin_again(stop, kick);
	ptrace(PTRACE_SETREGSET, kick->tid, NT_PRSTATUS, &iov);
}

/* The thread is stopped. */
static enum kick_state resume(struct stop *stop, const struct kick *kick)
{
	bool compat = stop->size == COMPAT_SIZE;
	long nr, result;

	if (!compat && stop->size != sizeof(stop->regs.native))
		return KICK_OVER;
	nr = compat ? (long)stop->regs.compat[COMPAT_NR] : NATIVE_NR(&stop->regs);
	result = compat ? (int32_t)stop->regs.compat[COMPAT_RESULT] : (long)NATIVE_RESULT(&stop->regs);
	if (compat != kick->compat || nr != kick->nr) {
		if (CAN_BEGIN_ANEW && !compat && result == -EINTR && is_epoll_wait(nr))
			write_again(stop, kick);
		return KICK_OVER;
	}
	if (result == -EINTR || (CAN_BEGIN_ANEW && kick->anew &&
				 result == -KERNEL_ERESTART_RESTARTBLOCK)) {
		write_again(stop, kick);
		return KICK_ANEW;
	}
	/* Where it was set back already no code is left to see. */
	return CAN_BEGIN_ANEW && !interrupted(result) ? KICK_OVER : KICK_RESUMES;
}

bool thread_kick_can_begin_anew(void)
{
	return CAN_BEGIN_ANEW;
}

enum kick_state thread_kick(struct kick *kick, uint64_t timeout_usec)
{
	uint64_t deadline = clock_usec() + timeout_usec;
	struct stop stop = {0};
	enum kick_state state;
	int r;

	kick->state = KICK_WAITS;
	r = stop_thread(kick->tid, deadline, &stop);
	if (r == 0) {
		/* Also before a signal: one that is ignored stops a tracee, and natively ends no wait. */
		state = resume(&stop, kick);
		if (let_go(kick->tid, stop.signal, deadline) == 0)
			kick->state = state;
	} else if (r == -ESRCH) {
		kick->state = KICK_GONE;
	} else if (r != -ETIMEDOUT) {
		kick->state = KICK_REFUSED;
	}
	return kick->state;
}
