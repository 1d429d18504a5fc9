/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What guard (or, when that was killed, worker) and front tell each other.
 *
 * The link is a SOCK_SEQPACKET pair. One end is the front's: its hang-up means that the front has
 * gone. The other is held by guard and worker: its hang-up means that both have.
 *
 * The sentinel is a second pair, between front and guard alone. The guard stays in COMMAND's
 * process group as long as COMMAND lives, with every signal blocked, so a signal that was sent to
 * the whole group stays pending there. That is how the front tells a signal that COMMAND got as
 * well from one that was sent to the front only and has to be passed on. The front asks with the
 * signal's number, one byte; the answer is 1 or 0, one byte, and takes the signal away.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

enum link_kind {
	LINK_STARTED,	/* value: COMMAND's pid; helper: the guard's; carries a pidfd of COMMAND */
	LINK_FAILED,	/* value: errno of fork */
	LINK_STOPPED,	/* value: the signal */
	LINK_EXITED,	/* value: wait status */
};

struct link_message {
	enum link_kind kind;
	int value;
	pid_t helper;
};

/**
 * link_send() - tell the front; that it has gone is no error.
 * @pidfd: sent along, or -EBADF; stays the caller's
 */
void link_send(int link, const struct link_message *message, int pidfd);

/**
 * link_receive() - @ret_pidfd: receives a descriptor, or -EBADF; the caller's. Return: 1; 0 at
 * hang-up.
 */
int link_receive(int link, struct link_message *ret, int *ret_pidfd);

/**
 * group_signal_barrier() - wait until a signal to our process group that has reached us has reached
 * every member. Who is signalled first may run before the others are signalled.
 */
void group_signal_barrier(void);

/**
 * sentinel_ask() - front: whether the signal was sent to the whole process group. False, too, where
 * the guard has gone.
 */
bool sentinel_ask(int sentinel, int signal_number);

/**
 * sentinel_answer() - guard: answer one question. Return: 1; 0: the front has gone.
 */
int sentinel_answer(int sentinel);
