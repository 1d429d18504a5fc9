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
#include "target/thread.h"

bool caller_valid(const struct caller *caller)
{
	uint64_t id = caller->id;

	return ioctl(*caller->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
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

static int transfer(const struct caller *caller, uint64_t address, void *buffer, size_t size,
		    bool write)
{
	struct iovec local = {.iov_base = buffer, .iov_len = size};
	struct iovec remote = {.iov_base = (void *)(uintptr_t)address, .iov_len = size};
	ssize_t n;

	if (write)
		n = process_vm_writev(caller->tid, &local, 1, &remote, 1, 0);
	else
		n = process_vm_readv(caller->tid, &local, 1, &remote, 1, 0);
	if (n == (ssize_t)size)
		return 0;
	if (n >= 0)
		return -EFAULT;
	if (errno == EFAULT)
		return -EFAULT;
	return gone_or(caller, -errno);
}

int caller_read(const struct caller *caller, uint64_t address, void *buffer, size_t size)
{
	return transfer(caller, address, buffer, size, false);
}

int caller_write(const struct caller *caller, uint64_t address, const void *buffer, size_t size)
{
	return transfer(caller, address, (void *)buffer, size, true);
}

int caller_get_file(const struct caller *caller, int number, int *ret)
{
	_cleanup_close_ int fd = -EBADF;
	bool whole_process;
	int r;

	r = thread_get_file(caller->tid, number, &fd, &whole_process);
	if (r < 0)
		return gone_or(caller, r);
	if (!caller_valid(caller))
		return -ENOENT;
	/* The process's table may not be this thread's. */
	if (whole_process) {
		r = caller_has_file(caller, number, fd);
		if (r < 0 && r != -EBADF)
			return r;
		if (r != 1)
			return -EXDEV;
	}
	*ret = fd_take(&fd);
	return 0;
}

int caller_has_file(const struct caller *caller, int number, int fd)
{
	long r = syscall(SYS_kcmp, caller->tid, gettid(), KCMP_FILE, (unsigned long)number,
			 (unsigned long)fd);

	if (r >= 0)
		return r == 0;
	return gone_or(caller, -errno);
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

	if (ioctl(*caller->listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add) >= 0)
		return 0;
	/* A notification that waits no more is ENOENT or, answered already, EINPROGRESS. */
	return errno == EINPROGRESS ? -ENOENT : -errno;
}

int64_t caller_file_limit(const struct caller *caller)
{
	struct rlimit limit;

	if (prlimit(caller->tid, RLIMIT_NOFILE, NULL, &limit) < 0)
		return errno == ESRCH ? -ENOENT : -errno;
	return limit.rlim_cur > INT64_MAX ? INT64_MAX : (int64_t)limit.rlim_cur;
}
