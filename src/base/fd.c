// SPDX-License-Identifier: LGPL-2.1-or-later
/* Owning descriptors; see fd.h. */
#include "base/fd.h"

#include <limits.h>
#include <linux/close_range.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

int fd_close(int fd)
{
	if (fd >= 0) {
		int saved = errno;

		/* No point at which a thread can be cancelled: close(3) of a process with threads keeps account of those. */
		syscall(SYS_close, fd);
		errno = saved;
	}
	return -EBADF;
}

void fd_close_pointer(int *fd)
{
	*fd = fd_close(*fd);
}

void fd_free_pointer(void *pointer)
{
	free(*(void **)pointer);
}

int fd_write_all(int fd, const char *text, size_t length)
{
	while (length > 0) {
		ssize_t n = write(fd, text, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		text += n;
		length -= (size_t)n;
	}
	return 0;
}

int fd_own_table(void)
{
	if (unshare(CLONE_FILES) == 0)
		return 0;
	/* No descriptor has that number. */
	return syscall(SYS_close_range, UINT_MAX, UINT_MAX, CLOSE_RANGE_UNSHARE) < 0 ? -errno : 0;
}
