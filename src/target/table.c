// SPDX-License-Identifier: LGPL-2.1-or-later
/* A thread's descriptor table, as /proc shows it; see table.h. */
#include "target/table.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/numbers.h"

/*
 * /proc/TID/fd and /proc/TID/fdinfo of the threads that called last. A directory that is held shows the
 * table as it is when it is read; one of a thread that has gone gives ENOENT, and as long as it has not
 * gone no other has its tid. Belongs to the calling thread, like its descriptors.
 */
#define HELD_SLOTS 16

struct held {
	pid_t tid; /* 0: free */
	int fd;
	int fdinfo;
};

static _Thread_local struct held held[HELD_SLOTS];

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
	if (strcmp(link, "anon_inode:[io_uring]") == 0)
		return TABLE_RING;
	return TABLE_OTHER;
}

static int open_directory(pid_t tid, const char *name)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", tid, name);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	return fd;
}

static void let_go(struct held *slot)
{
	if (!slot->tid)
		return;
	numbers_disown(&slot->fd);
	numbers_disown(&slot->fdinfo);
	slot->fd = fd_close(slot->fd);
	slot->fdinfo = fd_close(slot->fdinfo);
	slot->tid = 0;
}

void table_forget(void)
{
	for (unsigned int i = 0; i < HELD_SLOTS; i++)
		let_go(&held[i]);
}

static int hold(pid_t tid, struct held **ret)
{
	struct held *slot = &held[(unsigned int)tid % HELD_SLOTS];
	_cleanup_close_ int fdinfo = -EBADF;
	int fd;

	*ret = slot;
	if (slot->tid == tid)
		return 0;
	fdinfo = open_directory(tid, "fdinfo");
	if (fdinfo < 0)
		return fdinfo;
	fd = open_directory(tid, "fd");
	if (fd < 0)
		return fd;
	let_go(slot);
	slot->tid = tid;
	slot->fd = fd;
	slot->fdinfo = fd_take(&fdinfo);
	numbers_own(&slot->fd);
	numbers_own(&slot->fdinfo);
	return 0;
}

/* One pass over the directory; -ESRCH: the thread that it belonged to has gone. */
static int walk(const struct held *slot,
		int (*visit)(void *context, int number, enum table_kind kind, uint64_t inode),
		void *context)
{
	_Alignas(struct linux_dirent64) char buffer[8192];

	if (lseek(slot->fd, 0, SEEK_SET) < 0)
		return -errno;
	for (;;) {
		long n = syscall(SYS_getdents64, slot->fd, buffer, sizeof(buffer));

		if (n < 0)
			return errno == ENOENT ? -ESRCH : -errno;
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
			length = readlinkat(slot->fd, entry->d_name, link, sizeof(link) - 1);
			if (length < 0)
				continue;
			link[length] = '\0';
			kind = classify(link, &inode);
			r = visit(context, atoi(entry->d_name), kind, inode);
			if (r)
				return r;
		}
		/* proc_readfd_common() fills what it is given: room that is left means the end. */
		if (n < (long)(sizeof(buffer) - sizeof(struct linux_dirent64) - NAME_MAX))
			return 0;
	}
}

int table_walk(pid_t tid, int (*visit)(void *context, int number, enum table_kind kind, uint64_t inode),
	       void *context)
{
	/* The second time with directories of the thread that has the tid now. */
	for (int attempt = 0; attempt < 2; attempt++) {
		struct held *slot = NULL;
		int r = hold(tid, &slot);

		if (r == 0)
			r = walk(slot, visit, context);
		if (r != -ESRCH)
			return r;
		let_go(slot);
	}
	return -ESRCH;
}

int table_walk_once(pid_t tid,
		    int (*visit)(void *context, int number, enum table_kind kind, uint64_t inode),
		    void *context)
{
	struct held slot = {.tid = tid, .fd = open_directory(tid, "fd")};
	int r;

	if (slot.fd < 0)
		return slot.fd;
	r = walk(&slot, visit, context);
	fd_close(slot.fd);
	return r;
}

int table_open_info(pid_t tid, int number)
{
	char name[16];

	snprintf(name, sizeof(name), "%d", number);
	for (int attempt = 0; attempt < 2; attempt++) {
		struct held *slot = NULL;
		int r = hold(tid, &slot);
		int fd;

		if (r < 0)
			return r;
		fd = openat(slot->fdinfo, name, O_RDONLY | O_CLOEXEC);
		if (fd >= 0 || errno != ENOENT)
			return fd < 0 ? -errno : fd;
		/* No such number, or no such thread any more. */
		let_go(slot);
	}
	return -ENOENT;
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
