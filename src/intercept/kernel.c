// SPDX-License-Identifier: LGPL-2.1-or-later
/* In what kernels differ; see kernel.h. */
#include "intercept/kernel.h"

#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

bool kernel_length_comes_first(void)
{
	static atomic_int known; /* 1: yes, -1: no */

	if (!known) {
		_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		socklen_t length = 100;

		if (fd < 0)
			return false;
		syscall(SYS_getsockname, fd, (void *)1, &length);
		known = length != 100 ? 1 : -1;
	}
	return known > 0;
}
