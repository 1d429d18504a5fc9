/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Closing a duplicate of somebody else's socket.
 *
 * The last close(2) of a connected socket with SO_LINGER waits for its peer, seconds or hours, and a
 * duplicate may become the last at any moment. Who serves others must not wait for that. A thread that ends
 * does not wait (PF_EXITING in inet_release()): where a close may, such a thread has the last duplicate.
 *
 * For whatever is not such a socket it costs one getsockopt(2); else the start and end of a thread. Afterwards
 * the duplicate is gone either way, so that the owner's own close(2) lingers as it should.
 */
#pragma once

#include <stdbool.h>

#include "base/fd.h"

/**
 * linger_close() - close a duplicate without waiting; errno is kept.
 * @fd: a descriptor, or a negative number, which is let be
 *
 * Without memory for a thread it is closed all the same, and may wait. Return: -EBADF always.
 */
int linger_close(int fd);

/* For _cleanup_linger_close_, which closes at the end of the scope; mostly what has been handed on. */
static inline void linger_close_pointer(int *fd)
{
	if (*fd >= 0)
		*fd = linger_close(*fd);
}
#define _cleanup_linger_close_ _cleanup_(linger_close_pointer)
