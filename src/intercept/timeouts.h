/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Blocking connects with SO_SNDTIMEO.
 *
 * The resumed connect(2) of a target waits on a socket that is connecting already, and when SO_SNDTIMEO
 * ends the wait the kernel says EALREADY, where the program's first connect natively says EINPROGRESS.
 * So the socket waits with an endless timeout (which, unlike none, makes an interrupted connect return
 * EINTR, as natively), gets the program's own back as soon as the thread waits (the wait keeps the value
 * that it began with), and at the end of it the thread's call is ended with EINPROGRESS.
 */
#pragma once

#include <linux/types.h>
#include <stdint.h>
#include <sys/time.h>
#include <sys/types.h>

struct timeouts;

int timeouts_new(struct timeouts **ret);
void timeouts_free(struct timeouts *timeouts);

/**
 * timeouts_start() - have a thread ready that ends waits, by ptrace(2); in the table of who calls timeouts_work().
 * Return: 0 or a negative errno.
 */
int timeouts_start(struct timeouts *timeouts);

/**
 * timeouts_enter_thread() - the calling thread, which has a descriptor table of its own, is the one that
 * will call timeouts_add() and timeouts_forget().
 */
void timeouts_enter_thread(struct timeouts *timeouts);

/**
 * timeouts_add() - a thread's connect was resumed.
 * @nr: the system call that it waits in
 * @args: of that call
 * @number, @inode: the socket in the thread's table
 * @since: when the call was made, clock_usec()
 *
 * Out of memory, the socket waits without an end.
 */
void timeouts_add(struct timeouts *timeouts, pid_t tid, long nr, const __u64 args[6], int number,
		  uint64_t inode, const struct timeval *timeout, uint64_t since);

/**
 * timeouts_forget() - the thread makes another call: what was known of it is over.
 */
void timeouts_forget(struct timeouts *timeouts, pid_t tid);

/**
 * timeouts_settle() - a thread asks for SO_SNDTIMEO: no socket of its process may show the endless one,
 * except while its connect is only just starting.
 */
void timeouts_settle(struct timeouts *timeouts, pid_t tid);

/**
 * timeouts_descriptor() - readable when timeouts_work() has something to do (a
 * timerfd).
 */
int timeouts_descriptor(const struct timeouts *timeouts);

/**
 * timeouts_work() - do what is due. Call it from one thread, not from one that answers notifications.
 */
void timeouts_work(struct timeouts *timeouts);
