/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Owning descriptors.
 *
 * A descriptor that nobody owns is -EBADF. _cleanup_close_ closes at the end of the scope,
 * fd_take() hands ownership on: `*ret = fd_take(&fd);`.
 */
#pragma once

#include <errno.h>
#include <stddef.h>

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _cleanup_close_ _cleanup_(fd_close_pointer)
#define _cleanup_free_ _cleanup_(fd_free_pointer)

/**
 * fd_close() - close a descriptor if there is one; errno is kept.
 * @fd: a descriptor, or a negative number, which is let be
 *
 * Return: -EBADF always, so that `fd = fd_close(fd)` leaves an empty variable. EINTR of close(2) is
 * not retried: on Linux the descriptor is gone either way.
 */
int fd_close(int fd);

/**
 * fd_write_all() - write(2) until everything is written, or it fails.
 *
 * Return: 0 or a negative errno. Whoever writes to standard error has nobody to tell.
 */
int fd_write_all(int fd, const char *text, size_t length);

/**
 * fd_own_table() - give the calling thread a descriptor table of its own, a copy of that which it shares.
 *
 * By unshare(2), or where a filter denies that, as that of a container without CAP_SYS_ADMIN does, by
 * close_range(2). Return: 0 or a negative errno.
 */
int fd_own_table(void);

/* For _cleanup_close_ and _cleanup_free_. */
void fd_close_pointer(int *fd);
void fd_free_pointer(void *pointer);

/**
 * fd_take() - take the descriptor out of a variable and leave it empty.
 * @fd: the variable
 *
 * Return: the descriptor, which the caller owns from now on.
 */
static inline int fd_take(int *fd)
{
	int taken = *fd;

	*fd = -EBADF;
	return taken;
}
