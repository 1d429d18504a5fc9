/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * A thread's descriptor table, as /proc shows it.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What stands at a number, by the text of its link. */
enum table_kind {
	TABLE_OTHER,
	TABLE_SOCKET,
	TABLE_EPOLL,
	TABLE_RING, /* of io_uring */
};

/**
 * table_walk() - call @visit for each number in the table of a thread.
 * @visit: receives the number, what stands there, and for sockets the inode number; a non-zero
 *	return ends the walk
 *
 * A number that vanishes meanwhile is left out. Return: 0; what @visit returned; or -ESRCH, -EACCES,
 * -EMFILE, -ENOMEM.
 */
int table_walk(pid_t tid, int (*visit)(void *context, int number, enum table_kind kind, uint64_t inode),
	       void *context);

/**
 * table_walk_once() - the same for a thread that is not likely to be asked about again: nothing is kept
 * open.
 */
int table_walk_once(pid_t tid,
		    int (*visit)(void *context, int number, enum table_kind kind, uint64_t inode),
		    void *context);

/**
 * table_forget() - close the directories that are kept; where descriptors have run out.
 */
void table_forget(void);

/**
 * table_cloexec() - whether a number is closed on exec (fdinfo; pidfd_getfd(2) does not tell).
 * Return: 1, 0, or -ENOENT where nothing stands there, -EACCES, -ESRCH.
 */
int table_cloexec(pid_t tid, int number);

/**
 * table_open_info() - open /proc/TID/fdinfo/NUMBER. Return: a descriptor, or a negative errno.
 */
int table_open_info(pid_t tid, int number);
