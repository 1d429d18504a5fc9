/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Calls that wait for their socket.
 *
 * A blocking recvfrom(2) on a socket that presents itself as another is answered when there is a
 * datagram, which may never come. The receiver cannot wait: it hands the call over, with its
 * duplicate of the socket, to the watcher, which waits for all of them at once and tries again when
 * one is ready. The thread itself waits in its notification meanwhile, and cannot see signals
 * there, so they are looked for (target/signals.h).
 *
 * A wait ends by the socket, the time, a signal or whatever else wants the thread, or the thread's
 * death.
 *
 * The duplicate keeps the socket open as the thread's own call natively would, so one that is
 * closed meanwhile, or whose number is given to another, goes on. Where the socket itself is replaced, the call goes on with
 * the new one.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "intercept/notification.h"
#include "intercept/records.h"

struct held;

/* What is to be done for one call; the first member of a structure of its owner's. */
struct held_call {
	uint32_t events;   /* EPOLLIN or EPOLLOUT: when to try */
	uint64_t deadline; /* clock_usec(); UINT64_MAX: none */
	bool more;	   /* the last attempt ended before the socket had nothing more: again soon */
	bool disturbed;	   /* a descriptor was put into the thread's table while it waited; see signals.h */

	/* Try. Return: true with the answer, as of notification_return_value(); false where it would wait. */
	bool (*attempt)(struct held_call *call, const struct caller *caller, int fd, int64_t *ret);
	/* The answer to a call that ends without having succeeded: @error is -EAGAIN for the deadline,
	 * -SIGNALS_RESTART for a signal. */
	int64_t (*end)(struct held_call *call, const struct caller *caller, int error);
	/* Free it, whatever became of it. */
	void (*free)(struct held_call *call);
};

/**
 * held_new() - nothing held.
 * @listener: the variable that holds the listener in the process's own table; it must outlive this
 * @records: where it is told what is held; must outlive this
 *
 * Return: 0 or a negative errno.
 */
int held_new(struct held **ret, const int *listener, struct records *records);

/**
 * held_free() - the kernel goes on with what is still held.
 */
void held_free(struct held *held);

/**
 * held_enter_thread() - the calling thread, which has a descriptor table of its own, is the one
 * that will call held_add().
 */
void held_enter_thread(struct held *held);

/**
 * held_add() - hold a call; its notification is owed nothing any more.
 * @fd: a duplicate of the socket; stays the caller's
 * @call: consumed on success
 *
 * Return: 0; a negative errno: all is as before.
 */
int held_add(struct held *held, struct notification *notification, int fd, struct held_call *call);

/**
 * held_follow() - a socket has been replaced: the watcher goes on with the new one. For swap_on_replaced().
 * @inode: of the old one
 * @fd: a duplicate of the new one; stays the caller's
 *
 * By the thread of held_add(). Without memory for it calls go on waiting on the old one.
 */
void held_follow(void *held, uint64_t inode, int fd);

/**
 * held_waits() - whether a call waits natively, and until when, as its socket has it (O_NONBLOCK,
 * SO_RCVTIMEO, SO_SNDTIMEO).
 * @call: has its events; gets its deadline
 * @flags: the program's: MSG_DONTWAIT, MSG_ERRQUEUE
 * @since: when the call was made, clock_usec()
 * @ret_timed: receives whether there is an end: then an interrupted call is not restarted
 * (sock_intr_errno())
 */
bool held_waits(struct held_call *call, int fd, int flags, uint64_t since, bool *ret_timed);

/**
 * held_pauses() - whether an attempt that goes on and on has to let others go on: after 64 messages, or a
 * millisecond. The attempt then returns false, and is made again in its turn.
 * @count: how many it has dealt with
 * @since: when it began, clock_usec()
 */
bool held_pauses(struct held_call *call, unsigned int count, uint64_t since);

/**
 * held_descriptor() - readable when held_work() has something to do (an epoll instance).
 */
int held_descriptor(const struct held *held);

/**
 * held_work() - do what is due. Always call it from the same thread, not from one that answers
 * notifications.
 */
void held_work(struct held *held);
