/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A thread of another process, by tid.
 *
 * pidfds are kept in a small cache. That is safe without asking whether the tid was reused: a pidfd
 * whose thread has gone gives ESRCH, and as long as it has not gone no other thread can have its tid.
 * The cache belongs to the calling thread (its descriptors stand in that thread's table).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/**
 * thread_get_file() - a duplicate of a file in the thread's table (pidfd_getfd(2)).
 * @ret_whole_process: receives whether the kernel could only be asked for the process's table (no
 *	PIDFD_THREAD, before 6.9); the caller compares
 *
 * Return: 0; -EBADF; -EPERM; -ESRCH; -EMFILE, -ENFILE, -ENOMEM.
 */
int thread_get_file(pid_t tid, int number, int *ret, bool *ret_whole_process);

/**
 * thread_forget() - close the pidfds that are kept; where descriptors have run out.
 */
void thread_forget(void);

/* Whether pidfds for single threads work here; probed once. */
bool thread_pidfd_works(void);

/**
 * thread_tgid() - the process that a thread belongs to. Return: the tgid, or -ESRCH, -EACCES.
 */
pid_t thread_tgid(pid_t tid);

/**
 * thread_name() - the thread's comm, 15 bytes at most and a NUL. On failure @ret is "?".
 */
void thread_name(pid_t tid, char ret[16]);

/**
 * thread_is_alone() - whether no other thread runs in the thread's process. Threads of other processes
 * may share the table all the same (clone(CLONE_FILES)); they are rare. Return: true where it is known.
 */
bool thread_is_alone(pid_t tid);

/**
 * thread_is_dying() - whether a thread has been killed, or has gone already.
 */
bool thread_is_dying(pid_t tid);

/**
 * thread_is_traced() - whether another process traces the thread (ptrace(2)), so that we cannot.
 */
bool thread_is_traced(pid_t tid);

/**
 * thread_in_seccomp() - whether a thread waits for a supervisor's answer, or to be received by one
 * (/proc/TID/wchan). False where the kernel does not tell.
 */
bool thread_in_seccomp(pid_t tid);

/**
 * thread_has_capability() - whether a thread has a capability in effect, in its own user namespace.
 * Return: false also where that cannot be told.
 */
bool thread_has_capability(pid_t tid, unsigned int capability);

/* What a thread is doing in the kernel: /proc/PID/syscall. */
struct thread_syscall {
	bool blocked; /* false: running, or runnable */
	long nr;      /* -1 where it is blocked outside a system call */
	uint64_t args[6];
};

/**
 * thread_syscall() - where a thread is blocked. Return: 0; -ESRCH; -EPERM; -EACCES.
 */
int thread_syscall(pid_t tid, struct thread_syscall *ret);

/* A process, for comparing later: tids are reused, start times tell them apart. */
struct thread_identity {
	pid_t tgid;
	pid_t ppid;
	uint64_t start; /* clock ticks since boot */
};

/**
 * thread_identity() - who a thread's process is, from /proc/TID/stat. Return: 0 or -ESRCH, -EACCES.
 */
int thread_identity(pid_t tid, struct thread_identity *ret);

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
