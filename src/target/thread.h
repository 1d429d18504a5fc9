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

/* Whose table a file was taken from. */
enum thread_whose {
	THREAD_PROVEN,	/* the thread's that thread_prove() was told of, which has not gone since */
	THREAD_NAMED,	/* that of whoever had the tid when its pidfd was opened, and has not gone since */
	THREAD_PROCESS, /* its process's (no PIDFD_THREAD, before 6.9); who asks compares */
};

/**
 * thread_get_file() - a duplicate of a file in the thread's table (pidfd_getfd(2)).
 *
 * Return: 0; -EBADF; -EPERM; -ESRCH; -EMFILE, -ENFILE, -ENOMEM.
 */
int thread_get_file(pid_t tid, int number, int *ret, enum thread_whose *ret_whose);

/**
 * thread_prove() - since thread_get_file() it was seen that the tid is still that of the thread that was meant.
 *
 * From now on it says so itself: a thread that is alive when it is asked has had its tid all the while, and so had nobody
 * else; whoever was meant by that tid meanwhile was this thread.
 */
void thread_prove(pid_t tid);

/**
 * thread_forget() - close the descriptors that are kept; where descriptors have run out.
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

/**
 * thread_capabilities() - all of them, a bit for each. Return: 0 also where that cannot be told.
 */
uint64_t thread_capabilities(pid_t tid);

/* What a thread is doing in the kernel: /proc/PID/syscall. */
struct thread_syscall {
	bool blocked; /* false: running, or runnable */
	long nr;      /* -1 where it is blocked outside a system call */
	uint64_t args[6];
	uint64_t sp;  /* of the user stack */
};

/**
 * thread_syscall() - where a thread is blocked. Return: 0; -ESRCH; -EPERM; -EACCES.
 *
 * thread_syscall_again() - the same for a thread that will be asked about again: keeps the file open, in
 * the table of the calling thread, until thread_forget().
 */
int thread_syscall(pid_t tid, struct thread_syscall *ret);
int thread_syscall_again(pid_t tid, struct thread_syscall *ret);

/**
 * thread_syscall_is_compat() - whether the call is one of a 32-bit ABI, other than x32, which tells by its
 * numbers. Told by the stack, which a 64-bit program has above 4 GiB unless it goes out of its way.
 */
bool thread_syscall_is_compat(const struct thread_syscall *call);

/**
 * thread_shares_table() - whether two threads have the same descriptor table (kcmp(2), KCMP_FILES).
 * Return: true also where that cannot be told.
 */
bool thread_shares_table(pid_t tid, pid_t other);

/**
 * thread_walk() - call @visit for each other thread of a thread's process.
 * @visit: a non-zero return ends the walk
 *
 * Return: 0; what @visit returned; -ESRCH, -EACCES, -EMFILE.
 */
int thread_walk(pid_t tid, int (*visit)(void *context, pid_t tid), void *context);

/**
 * thread_seccomp_filters() - how many seccomp filters a thread is under (Linux 5.9).
 * Return: the number, or -1 where that is not told.
 */
int thread_seccomp_filters(pid_t tid);

/**
 * thread_parent() - the process that a thread's is a child of now, proc_pid_status(5).
 * Return: its number; 0: it has none, or one outside of our PID namespace; -ESRCH.
 */
pid_t thread_parent(pid_t tid);

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
 * thread_start_time() - when a thread itself was started, in clock ticks since boot. Return: 0; -ESRCH; -EACCES, -EMFILE.
 */
int thread_start_time(pid_t tid, uint64_t *ret);
