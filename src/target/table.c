// SPDX-License-Identifier: LGPL-2.1-or-later
/* A thread's descriptor table, as /proc shows it; see table.h. */
#include "target/table.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

struct linux_dirent64 {
	uint64_t d_ino;
	int64_t d_off;
	unsigned short d_reclen;
	unsigned char d_type;
	char d_name[];
};

static enum table_kind classify(const char *link, uint64_t *ret_inode)
{
	if (strncmp(link, "socket:[", 8) == 0) {
		*ret_inode = strtoull(link + 8, NULL, 10);
		return TABLE_SOCKET;
	}
	if (strcmp(link, "anon_inode:[eventpoll]") == 0)
		return TABLE_EPOLL;
	return TABLE_OTHER;
}

int table_walk(pid_t tid, int (*visit)(void *context, int number, enum table_kind kind, uint64_t inode),
	       void *context)
{
	_cleanup_close_ int dir = -EBADF;
	_Alignas(struct linux_dirent64) char buffer[8192];
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd", tid);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	for (;;) {
		long n = syscall(SYS_getdents64, dir, buffer, sizeof(buffer));

		if (n < 0)
			return errno == ENOENT ? -ESRCH : -errno;
		if (n == 0)
			return 0;
		for (long at = 0; at < n;) {
			const struct linux_dirent64 *entry = (const void *)(buffer + at);
			uint64_t inode = 0;
			enum table_kind kind;
			char link[64];
			ssize_t length;
			int r;

			at += entry->d_reclen;
			if (entry->d_name[0] < '0' || entry->d_name[0] > '9')
				continue;
			length = readlinkat(dir, entry->d_name, link, sizeof(link) - 1);
			if (length < 0)
				continue;
			link[length] = '\0';
			kind = classify(link, &inode);
			r = visit(context, atoi(entry->d_name), kind, inode);
			if (r)
				return r;
		}
	}
}

int table_open_info(pid_t tid, int number)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", tid, number);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int table_cloexec(pid_t tid, int number)
{
	_cleanup_close_ int fd = table_open_info(tid, number);
	char buffer[256];
	const char *flags;
	ssize_t n;

	if (fd < 0)
		return fd;
	n = read(fd, buffer, sizeof(buffer) - 1);
	if (n < 0)
		return -errno;
	buffer[n] = '\0';
	flags = strstr(buffer, "flags:");
	if (!flags)
		return -ENOENT;
	return !!(strtoul(flags + strlen("flags:"), NULL, 8) & O_CLOEXEC);
}
