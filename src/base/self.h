/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which thread this is. */
#pragma once

#include <sys/types.h>
#include <unistd.h>

/**
 * self_tid() - the calling thread's tid, asked for once: gettid(2) is a system call each time.
 *
 * Not for a thread that goes on in a child of fork(2).
 */
static inline pid_t self_tid(void)
{
	static _Thread_local pid_t tid;

	if (!tid)
		tid = gettid();
	return tid;
}
