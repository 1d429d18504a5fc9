/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Signals that wait for a thread whose call we hold.
 *
 * A received call waits where only a fatal signal ends its wait
 * (SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV; WAIT_KILLABLE of kernel/patches). Whoever holds it
 * for long looks whether the thread is wanted elsewhere, and lets it go: an answer of -SIGNALS_RESTART becomes EINTR or a restart of the
 * call on the thread's way to its handler, as for any call of the kernel's.
 *
 * That answer is safe only for a thread that surely takes this way (TIF_SIGPENDING in
 * kernel/signal.c), or the program sees errno 512. Two things tell:
 *
 *     the masks     A signal pending for the thread itself, or for a process that has no other, has
 *                   woken it (complete_signal()). One for a process with several may have woken another.
 *     its state     seccomp_do_user_notification() sleeps interruptibly until it is interrupted, also
 *                   after the call was received. Whatever wakes it (a signal chosen for this thread, a stop of its process,
 *                   a tracer, the freezer) sets the flag, and then it sleeps on uninterruptibly: S becomes
 *                   D. It does so as well when a descriptor was put into its table
 *                   (SECCOMP_IOCTL_NOTIF_ADDFD): then this tells nothing.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

/* ERESTARTSYS in include/linux/errno.h. */
#define SIGNALS_RESTART 512

/* What is seen of a thread. */
struct signals {
	bool own;    /* by the masks, it is about to take a signal */
	bool shared; /* it or another thread of its process is */
	char state;  /* 'S', 'D', ...; proc_pid_stat(5) */
};

/**
 * signals_open() - open what signals_look() reads, /proc/TID/status; it stays this thread's.
 * Return: a descriptor, CLOEXEC, owned by the caller; or a negative errno.
 */
int signals_open(pid_t tid);

/**
 * signals_look() - what is seen of a thread now.
 * @status: from signals_open()
 *
 * Return: 0, or -ESRCH: the thread has gone.
 */
int signals_look(int status, struct signals *ret);
