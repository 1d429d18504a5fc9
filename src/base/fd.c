// SPDX-License-Identifier: LGPL-2.1-or-later
/* Owning descriptors; see fd.h. */
#include "base/fd.h"

#include <stdlib.h>
#include <unistd.h>

int fd_close(int fd)
{
	if (fd >= 0) {
		int saved = errno;

		close(fd);
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
