/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Making threads of another process begin their blocked system call again, so that it looks its
 * descriptors up anew. To the program nothing has happened: no EINTR, no signal, no wait status.
 *
 * What the kernel resumes exactly by itself is left to it: reads and writes without a timeout, poll(2),
 * and select(2), pselect6(2) and ppoll(2), which write the time that is left into the program's memory.
 * Where an interruption would show as EINTR (SO_RCVTIMEO, SO_SNDTIMEO, a timeout in memory that cannot be
 * written, a personality with STICKY_TIMEOUTS) the call is made to begin from its arguments, so its
 * timeout starts anew; kick.state says so.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum kick_state {
	KICK_WAITS,    /* not stopped in time, or not yet its turn */
	KICK_RESUMES,  /* goes on as after a stop by SIGSTOP and SIGCONT */
	KICK_ANEW,     /* begins again from its arguments, the timeout too */
	KICK_OVER,     /* the call has ended with a result of its own, or had already */
	KICK_REFUSED,  /* traced by another process, or not ours to trace */
	KICK_GONE,
};

struct kick {
	pid_t tid;
	long nr;       /* the call that it is blocked in; a thread that is in another is let go */
	uint64_t arg0; /* its first argument */
	bool compat;   /* of a 32-bit program */
	bool anew;     /* also where the kernel would resume it through restart_syscall(2) */
	enum kick_state state;
};

/* Whether kick.anew has an effect on this machine. */
bool thread_kick_can_begin_anew(void);

/**
 * thread_kick() - kick one thread, and wait until it has stopped and gone on.
 * @timeout_usec: for the stop, which for a thread in a received notification is the answer
 *
 * To be called from a thread that ends soon, and that nobody waits for who has to answer notifications.
 * It opens nothing. Kick one thread after the other: who holds a tracee while it attaches to another
 * thread of that process can lock up with an execve(2) there (cred_guard_mutex), which waits for the
 * tracee to be reaped. Return: @kick->state; after KICK_WAITS the thread is still attached, so the
 * calling thread must end now, which lets it go.
 */
enum kick_state thread_kick(struct kick *kick, uint64_t timeout_usec);

/**
 * thread_end_call() - make a thread's blocked system call return an error of our choice.
 * @nr: the system call that it must be blocked in
 * @error: the errno that the program is to see, positive
 *
 * PTRACE_SEIZE, PTRACE_INTERRUPT; if the call came back interrupted, its result is replaced; then
 * PTRACE_DETACH. A thread that was doing something else keeps its result. Waits for the stop for
 * @timeout_usec at most; a thread that sits in a received notification stops only when that is
 * answered, so never call it from the thread that answers.
 *
 * Return: 1: done; 0: the call had ended by itself; -EPERM: traced already, or not ours; -ESRCH;
 * -ETIMEDOUT: still attached, so call it from a thread that ends afterwards, which detaches.
 */
int thread_end_call(pid_t tid, long nr, int error, uint64_t timeout_usec);
