// SPDX-License-Identifier: LGPL-2.1-or-later
/* The SELinux label of a socket; see label.h. */
#include "socket/label.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/types.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"

#define LABEL_SIZE 4096

static int write_attribute(const char *text, size_t size)
{
	_cleanup_close_ int fd = open("/proc/thread-self/attr/sockcreate", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return write(fd, text, size) < 0 ? -errno : 0;
}

/* It does not come while the machine runs. */
static bool absent;

bool label_is_absent(void)
{
	return absent;
}

int label_begin(int like)
{
	char label[LABEL_SIZE];
	ssize_t size;
	int r;

	if (absent)
		return 0;
	size = fgetxattr(like, "security.selinux", label, sizeof(label));
	if (size < 0 && (errno == EOPNOTSUPP || errno == ENODATA)) {
		absent = true;
		return 0;
	}
	if (size < 0)
		return -errno;
	r = write_attribute(label, (size_t)size);
	return r < 0 ? r : 1;
}

int label_end(void)
{
	/* selinux_setprocattr() takes a line's end for nothing. */
	return write_attribute("\n", 1);
}
