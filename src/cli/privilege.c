// SPDX-License-Identifier: GPL-2.0-or-later
/* What this process may do; see privilege.h. */
#include "cli/privilege.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <paths.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fd.h"

bool privilege_has(unsigned int capability)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};

	if (syscall(SYS_capget, &header, data) < 0)
		return false;
	return data[CAP_TO_INDEX(capability)].effective & CAP_TO_MASK(capability);
}

int privilege_yama(void)
{
	_cleanup_close_ int fd = open("/proc/sys/kernel/yama/ptrace_scope", O_RDONLY | O_CLOEXEC);
	char digit;

	if (fd < 0 || read(fd, &digit, 1) != 1 || digit < '0' || digit > '3')
		return YAMA_ABSENT;
	return digit - '0';
}

bool privilege_may_access(int pidfd)
{
	int fd = pidfd_getfd(pidfd, 0, 0);

	/* The kernel looks at the permission first: EBADF means that we may access it. */
	if (fd < 0)
		return errno == EBADF;
	fd_close(fd);
	return true;
}

bool privilege_is_confined(void)
{
	return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}

static enum privilege_file privilege_of_file(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return FILE_PLAIN;
	if (st.st_mode & S_ISUID && st.st_uid != geteuid())
		return FILE_SET_USER;
	if (st.st_mode & S_ISGID && st.st_mode & S_IXGRP && st.st_gid != getegid())
		return FILE_SET_GROUP;
	if (getxattr(path, "security.capability", NULL, 0) > 0)
		return FILE_CAPABILITIES;
	return FILE_PLAIN;
}

enum privilege_file privilege_of_command(const char *command)
{
	const char *path = getenv("PATH");
	_cleanup_free_ char *copy = NULL;
	char *next, *folder;

	if (strchr(command, '/'))
		return privilege_of_file(command);
	copy = strdup(path ? path : _PATH_DEFPATH);
	if (!copy)
		return FILE_PLAIN;
	for (next = copy; (folder = strsep(&next, ":"));) {
		char file[PATH_MAX];
		int length = snprintf(file, sizeof(file), "%s/%s", *folder ? folder : ".", command);

		if (length < 0 || (size_t)length >= sizeof(file))
			continue;
		if (access(file, X_OK) == 0)
			return privilege_of_file(file);
	}
	return FILE_PLAIN;
}
