/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Whether anybody else holds a file that we are about to let go of.
 *
 * A swap moves one table from the old socket to the new one. Another process that has it as well (after
 * fork(2), by SCM_RIGHTS), a message in flight and an io_uring go on with the old one. Looking for them
 * would mean to look everywhere, and into what nothing shows. But an epoll item goes with the last
 * reference to its file (docs/kernel-assumptions/epoll-tells-last-reference.c): so the file is put
 * into an instance of ours right before our own last duplicate is closed, and looked for afterwards. A watch
 * backend that counts references is asked for them instead, while we still have it.
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "watch/watch.h"

struct holders {
	int epoll; /* -EBADF until it is needed */
};

/**
 * holders_init() - nothing is open yet.
 * holders_own_descriptor() - register the descriptor with numbers.h, in the thread that uses it.
 * The descriptor is that thread's, in whose table it goes when the thread ends.
 */
void holders_init(struct holders *holders);
void holders_own_descriptor(struct holders *holders);

/**
 * holders_let_go() - close a descriptor and say whether its file lives on.
 * @watch: asked for references
 * @tid: a thread of the process that had the file. Where it has other threads one of them may be in a
 *	system call on it, which is over soon: then this waits for that, about a millisecond at most
 * @file: closed in any case; must be our last descriptor of the file
 *
 * @look: called again and again meanwhile, to end what waits on the file; or NULL. @file has been closed by then,
 *	or will be afterwards
 *
 * Return: 1: somebody holds it; 0: nobody; -EMFILE, -ENOSPC, -ENOMEM: that cannot be told.
 */
int holders_let_go(struct holders *holders, struct watch *watch, pid_t tid, int *file,
		   void (*look)(void *context), void *context);
