/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The thread whose system call waits for an answer.
 *
 * This is the one place that opens what belongs to a target. Between caller_valid() saying so and the
 * answer, the thread cannot run: its number, its memory and its table are its own. What *other*
 * threads of the target do to them meanwhile is everybody's problem: memory is therefore copied once,
 * and a number is compared again before it is replaced.
 *
 * Every function returns -ENOENT when the call is no longer there (the thread was killed, or, where
 * the filter was loaded without WAIT_KILLABLE_RECV, interrupted): normal, and nothing is owed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct caller {
	const int *listener; /* borrowed; the variable, for numbers.h may move what it holds */
	uint64_t id;  /* the notification */
	pid_t tid;    /* in our pid namespace; 0 where the target is outside it */
};

/**
 * caller_valid() - whether the call still waits (SECCOMP_IOCTL_NOTIF_ID_VALID).
 */
bool caller_valid(const struct caller *caller);

/**
 * caller_read() - copy the caller's memory, once.
 *
 * Return: 0; -EFAULT if any of it is not readable; -EPERM: not ours to look at (undumpable, or another
 * user's); -ENOENT. See process_vm_readv(2).
 */
int caller_read(const struct caller *caller, uint64_t address, void *buffer, size_t size);

/**
 * caller_write() - write the caller's memory, if the call still waits: after the thread is gone its tid
 * may name another. Return: as caller_read().
 */
int caller_write(const struct caller *caller, uint64_t address, const void *buffer, size_t size);

/**
 * caller_gather(), caller_scatter() - the same for memory in several places, as of readv(2) and writev(2).
 * @places: at most IOV_MAX of them, in the caller's memory, of @size bytes or more together
 */
int caller_gather(const struct caller *caller, const struct iovec *places, size_t count, void *buffer,
		  size_t size);
int caller_scatter(const struct caller *caller, const struct iovec *places, size_t count,
		   const void *buffer, size_t size);

/**
 * caller_get_file() - a duplicate of what stands at a number in the caller's table.
 * @ret: receives the descriptor, CLOEXEC, owned by the caller of this function
 *
 * The table is that of the *thread*, which may have left its process's (unshare(CLONE_FILES)); on
 * kernels without PIDFD_THREAD such a thread gives -EXDEV. The file was the target's: the call has been found
 * valid afterwards, or was at an earlier time with the same pidfd.
 *
 * Return: 0; -EBADF: nothing there; -EPERM; -EMFILE, -ENFILE, -ENOMEM: ours; -EXDEV; -ENOENT.
 */
int caller_get_file(const struct caller *caller, int number, int *ret);

/**
 * caller_peek_file() - the same for who only looks: it may be another process's, which has the tid by now.
 *
 * Whoever finds the call valid later knows that it was the caller's. Until then nothing may be done to
 * the file; an answer needs no check, for it reaches nobody else.
 */
int caller_peek_file(const struct caller *caller, int number, int *ret);

/**
 * caller_has_file() - whether a number in the caller's table names the very open file that @fd does
 * (kcmp(2), KCMP_FILE).
 *
 * Return: 1, 0, or a negative errno: -EBADF: nothing stands there; -EPERM; -ENOENT.
 */
int caller_has_file(const struct caller *caller, int number, int fd);

/**
 * caller_put_file() - put a file over a number in the caller's table.
 * @fd: borrowed; the target gets a duplicate
 * @cloexec: whether the number is closed on exec
 *
 * SECCOMP_IOCTL_NOTIF_ADDFD with SETFD: whatever stands there is closed, so ask caller_has_file()
 * immediately before, or let the kernel compare (watch_expect()). Return: 0; -ESTALE: that found another file; -ENOENT; -EBADF: the number is above the target's RLIMIT_NOFILE;
 * -EBUSY: another thread is just opening at that number; -ENOMEM.
 */
int caller_put_file(const struct caller *caller, int number, int fd, bool cloexec);

/* What a kernel with the project's series does when a file is replaced; see caller_replace_file(). */
enum caller_replace {
	CALLER_EXPECT = 1 << 0,	    /* it compares first. Always asked for */
	CALLER_FOLLOW = 1 << 1,	    /* epoll items of the number, and who waits for it in poll(2) and select(2), follow */
	CALLER_DUPLICATES = 1 << 2, /* with CALLER_FOLLOW: all other numbers of the file are replaced along with it */
};

/**
 * caller_replace_flags() - which of these there are, found by asking for each in a way that is refused.
 * @listener: any seccomp listener of ours
 *
 * Return: flags of enum caller_replace.
 */
unsigned int caller_replace_flags(int listener);

/**
 * caller_replace_file() - put a file over a number in the caller's table, if that names the expected one at that very
 * moment.
 * @old: our duplicate of what has to be there
 * @new: borrowed; the target gets a duplicate
 * @cloexec: whether the number is closed on exec; other numbers keep what they have
 * @flags: of enum caller_replace, all of which caller_replace_flags() told of
 *
 * All of it happens, or nothing. Return: 0; -ESTALE: the number names something else; -ENOENT; -EBADF: the number is
 * above the target's RLIMIT_NOFILE; -ENOMEM. With CALLER_FOLLOW: -EAGAIN: other threads kept registering it; -EPERM,
 * -EINVAL, -ELOOP, -EEXIST, -EMLINK: it cannot be made to follow (Documentation/userspace-api/seccomp_filter.rst).
 */
int caller_replace_file(const struct caller *caller, int number, int old, int new, bool cloexec, unsigned int flags);

/**
 * caller_file_limit() - the caller's RLIMIT_NOFILE (soft). Return: the limit, or a negative errno.
 */
int64_t caller_file_limit(const struct caller *caller);
