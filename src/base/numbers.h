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

/* Descriptors that a thread can have registered at once. */
#define NUMBERS_MAX 4096

/**
 * numbers_own() - register a variable that holds, or will hold, a descriptor (or -EBADF).
 * The variable must stay where it is until numbers_disown(). More than NUMBERS_MAX is a
 * programming error and aborts.
 */
void numbers_own(int *fd);
void numbers_disown(int *fd);

/**
 * numbers_claim() - make a number free in the calling thread's table.
 * @number: the number that is wanted
 *
 * Return: 0: nothing stands there now. -EBUSY: a descriptor that nobody registered does. -EMFILE: no
 * other number is free, or the number is beyond RLIMIT_NOFILE.
 */
int numbers_claim(int number);

/**
 * numbers_keep_registered() - close every descriptor that is not registered; for a thread that has just
 * left the table that it shared.
 */
void numbers_keep_registered(void);
