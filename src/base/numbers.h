/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Keeping descriptor numbers free.
 *
 * epoll_ctl(2) keys an item by the number in its caller's table. To make an item that the target can
 * change and delete, the repairing thread must hold the socket at the target's number in a table of
 * its own (it has called unshare(CLONE_FILES)). Whatever of its own stands there has to step aside.
 *
 * A thread registers the variables that hold its descriptors. numbers_claim() moves the descriptor
 * and writes the new number into the variable. Everything here concerns the calling thread alone and
 * must not be used by threads that share a table.
 */
#pragma once

/* What a supervisor takes, and what to tell who has not as many. */
#define NUMBERS_NEEDED 40
#define NUMBERS_RAISE_LIMIT \
	"raise the hard RLIMIT_NOFILE: it takes 40 descriptors, and one for each network namespace"

/**
 * numbers_own() - register a variable that holds, or will hold, a descriptor (or -EBADF).
 * The variable must stay where it is until numbers_disown().
 *
 * Without memory it is not registered: its number cannot be claimed.
 */
void numbers_own(int *fd);
void numbers_disown(int *fd);

/**
 * numbers_disown_all() - for a thread that ends.
 */
void numbers_disown_all(void);

/**
 * numbers_claim() - make a number free in the calling thread's table.
 * @number: the number that is wanted
 *
 * Return: 0: nothing stands there now. -EBUSY: a descriptor that nobody registered does. -EMFILE: no
 * other number is free, or the number is beyond RLIMIT_NOFILE.
 */
int numbers_claim(int number);

/**
 * numbers_claim_for() - put a duplicate of a file at a number that nothing of the calling thread stands at then.
 * @fd: the variable that holds it, which may be moved
 *
 * Return: 0; as numbers_claim(); or the errno of dup3(2), negative.
 */
int numbers_claim_for(int number, const int *fd);

/**
 * numbers_expect() - let what the thread opens next stand at a number, if nothing of its own does, and that costs little.
 * A number that was expected before, and is free again, costs nothing.
 * @number: -1: no more at the number that was expected last, which is free for others then
 *
 * numbers_missed() - tell that what was opened next stands at another one.
 *
 * numbers_forget() - give back what that takes, which is descriptors up to the highest number that was expected, and do it no
 * more.
 */
void numbers_expect(int number);
void numbers_missed(int number);
void numbers_forget(void);

/**
 * numbers_keep_registered() - close every descriptor that is not registered; for a thread that has just
 * left the table that it shared. Return: 0; -ENOMEM: nothing was closed.
 */
int numbers_keep_registered(void);
