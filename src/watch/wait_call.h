/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Which descriptors a blocked system call waits on. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "target/caller.h"
#include "watch/watch.h"

/**
 * wait_call_decode() - whether a call waits on one of the numbers.
 * @caller: whose memory the call's arguments lie in
 * @ret: receives how it waits; its tid is left alone
 *
 * The descriptors of poll(2) and select(2) are read from memory, which the kernel did when the call
 * began; another thread may have changed them since. Return: 1; 0: it does not, or its memory cannot be
 * read; -ENOENT: the caller is gone.
 */
int wait_call_decode(const struct caller *caller, const struct thread_syscall *call, const int *numbers,
		     size_t count, struct watch_waiter *ret);
