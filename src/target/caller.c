// SPDX-License-Identifier: LGPL-2.1-or-later
/* The thread whose system call waits for an answer; see caller.h. */
#include "target/caller.h"

#include <errno.h>
#include <linux/kcmp.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/compat.h"
#include "base/fd.h"
#include "base/linger.h"
#include "base/self.h"
#include "target/thread.h"

/*
 * The kernel takes notify_lock interruptibly: what ends with EINTR there has not been done. No signal need have come;
 * a ring of io_uring that is taken down does the same.
 */
static int ask(const struct caller *caller, unsigned long what, void *argument)
{
	int r;

	do
		r = ioctl(*caller->listener, what, argument);
	while (r < 0 && errno == EINTR);
	return r;
}

bool caller_valid(const struct caller *caller)
{
	uint64_t id = caller->id;

	return ask(caller, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

/*
 * What a failed look at a target means: where the call has gone, that is the reason. A thread that waits
 * all the same but cannot be named is outside our pid namespace.
 */
static int gone_or(const struct caller *caller, int error)
{
	if (!caller_valid(caller))
		return -ENOENT;
	return error == -ESRCH ? -EPERM : error;
}

static int transfer(const struct caller *caller, const struct iovec *places, size_t count, void *buffer,
		    size_t size, bool write)
{
	struct iovec local = {.iov_base = buffer, .iov_len = size};
	ssize_t n;

	if (size == 0)
		return 0;
	if (write && !caller_valid(caller))
		return -ENOENT;
	if (write)
		n = process_vm_writev(caller->tid, &local, 1, places, count, 0);
	else
		n = process_vm_readv(caller->tid, &local, 1, places, count, 0);
	if (n == (ssize_t)size)
		return 0;
	if (n >= 0)
		return -EFAULT;
	if (errno == EFAULT)
		return -EFAULT;
	return gone_or(caller, -errno);
}

int caller_gather(const struct caller *caller, const struct iovec *places, size_t count, void *buffer,
		  size_t size)
{
	return transfer(caller, places, count, buffer, size, false);
}

int caller_scatter(const struct caller *caller, const struct iovec *places, size_t count,
		   const void *buffer, size_t size)
{
	return transfer(caller, places, count, (void *)buffer, size, true);
}

int caller_read(const struct caller *caller, uint64_t address, void *buffer, size_t size)
{
	struct iovec place = {.iov_base = (void *)(uintptr_t)address, .iov_len = size};

	return transfer(caller, &place, 1, buffer, size, false);
}

int caller_write(const struct caller *caller, uint64_t address, const void *buffer, size_t size)
{
	struct iovec place = {.iov_base = (void *)(uintptr_t)address, .iov_len = size};

	return transfer(caller, &place, 1, (void *)buffer, size, true);
}

static int get_file(const struct caller *caller, int number, int *ret, enum thread_whose *ret_whose)
{
	_cleanup_linger_close_ int fd = -EBADF;
	int r;

	r = thread_get_file(caller->tid, number, &fd, ret_whose);
	if (r < 0)
		return gone_or(caller, r);
	/* The process's table may not be this thread's. */
	if (*ret_whose == THREAD_PROCESS) {
		r = caller_has_file(caller, number, fd);
		if (r < 0 && r != -EBADF)
			return r;
		if (r != 1)
			return -EXDEV;
	}
	*ret = fd_take(&fd);
	return 0;
}

int caller_peek_file(const struct caller *caller, int number, int *ret)
{
	enum thread_whose whose;

	return get_file(caller, number, ret, &whose);
}

int caller_get_file(const struct caller *caller, int number, int *ret)
{
	_cleanup_linger_close_ int fd = -EBADF;
	enum thread_whose whose;
	int r = get_file(caller, number, &fd, &whose);

	if (r < 0)
		return r;
	/* The thread that had this tid before the call was received, and has it still, is the one that made it. */
	if (whose != THREAD_PROVEN) {
		if (!caller_valid(caller))
			return -ENOENT;
		thread_prove(caller->tid);
	}
	*ret = fd_take(&fd);
	return 0;
}

int caller_has_file(const struct caller *caller, int number, int fd)
{
	long r = syscall(SYS_kcmp, caller->tid, self_tid(), KCMP_FILE, (unsigned long)number,
			 (unsigned long)fd);

	if (r >= 0)
		return r == 0;
	return gone_or(caller, -errno);
}

/* A notification that waits no more is ENOENT or, answered already, EINPROGRESS. */
static int put_failed(int error)
{
	return error == EINPROGRESS ? -ENOENT : -error;
}

int caller_put_file(const struct caller *caller, int number, int fd, bool cloexec)
{
	struct seccomp_notif_addfd add = {
		.id = caller->id,
		.flags = SECCOMP_ADDFD_FLAG_SETFD,
		.srcfd = fd,
		.newfd = number,
		.newfd_flags = cloexec ? O_CLOEXEC : 0,
	};

	return ask(caller, SECCOMP_IOCTL_NOTIF_ADDFD, &add) < 0 ? put_failed(errno) : 0;
}

/* How often is tried again what other threads, or another replacement, got in the way of. */
#define REPLACE_ATTEMPTS 16

static const struct {
	unsigned int flag, kernel;
} replace_flags[] = {
	{CALLER_EXPECT, SECCOMP_ADDFD_FLAG_EXPECT},
	{CALLER_FOLLOW, SECCOMP_ADDFD_FLAG_FOLLOW},
	{CALLER_DUPLICATES, SECCOMP_ADDFD_FLAG_DUPS},
};

#define REPLACE_FLAGS (sizeof(replace_flags) / sizeof(replace_flags[0]))

/* Flags that are known are refused for the descriptor, which is looked at after them. */
static bool listener_knows(int listener, unsigned int flags)
{
	struct seccomp_notif_addfd_long add = {.flags = SECCOMP_ADDFD_FLAG_SETFD | flags, .srcfd = (__u32)-1};

	return ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD_LONG, &add) < 0 && errno == EBADF;
}

unsigned int caller_replace_flags(int listener)
{
	unsigned int found = 0, flags = 0;

	/* That is what a listener which is closed says of any. */
	if (listener_knows(listener, 1U << 31))
		return 0;
	/* Each needs those before it. */
	for (size_t i = 0; i < REPLACE_FLAGS; i++) {
		flags |= replace_flags[i].kernel;
		if (!listener_knows(listener, flags))
			break;
		found |= replace_flags[i].flag;
	}
	return found;
}

int caller_replace_file(const struct caller *caller, int number, int old, int new, bool cloexec, unsigned int flags)
{
	struct seccomp_notif_addfd_long add = {
		.id = caller->id,
		.flags = SECCOMP_ADDFD_FLAG_SETFD,
		.srcfd = new,
		.newfd = number,
		.newfd_flags = cloexec ? O_CLOEXEC : 0,
		.oldfd = old,
	};

	flags |= CALLER_EXPECT;
	for (size_t i = 0; i < REPLACE_FLAGS; i++)
		if (flags & replace_flags[i].flag)
			add.flags |= replace_flags[i].kernel;
	for (int i = 0; i < REPLACE_ATTEMPTS; i++) {
		if (ask(caller, SECCOMP_IOCTL_NOTIF_ADDFD_LONG, &add) >= 0)
			return 0;
		if (errno != EAGAIN && errno != EBUSY)
			break;
	}
	return errno == EBUSY ? -EAGAIN : put_failed(errno);
}

int64_t caller_file_limit(const struct caller *caller)
{
	struct rlimit limit;

	if (prlimit(caller->tid, RLIMIT_NOFILE, NULL, &limit) < 0)
		return errno == ESRCH ? -ENOENT : -errno;
	return limit.rlim_cur > INT64_MAX ? INT64_MAX : (int64_t)limit.rlim_cur;
}
