// SPDX-License-Identifier: LGPL-2.1-or-later
/* A thread of another process, by tid; see thread.h. */
#include "target/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/compat.h"
#include "base/fd.h"
#include "base/numbers.h"

/* One slot for each remainder of the tid: threads of one program have neighbouring tids. */
#define CACHE_SLOTS 64

struct cached {
	pid_t tid;
	int pidfd;
};

static _Thread_local struct cached cache[CACHE_SLOTS];

/* Thread pidfds: 0 not probed, 1 they work, -1 they do not. */
static int thread_pidfds;

bool thread_pidfd_works(void)
{
	if (thread_pidfds == 0) {
		_cleanup_close_ int fd = syscall(SYS_pidfd_open, gettid(), PIDFD_THREAD);

		thread_pidfds = fd >= 0 ? 1 : -1;
	}
	return thread_pidfds > 0;
}

static void cache_drop(struct cached *slot)
{
	if (slot->tid) {
		numbers_disown(&slot->pidfd);
		slot->pidfd = fd_close(slot->pidfd);
		slot->tid = 0;
	}
}

void thread_forget(void)
{
	for (unsigned int i = 0; i < CACHE_SLOTS; i++)
		cache_drop(&cache[i]);
}

static int cache_get(pid_t tid, struct cached **ret)
{
	struct cached *slot = &cache[(unsigned int)tid % CACHE_SLOTS];
	pid_t named = tid;
	int fd;

	*ret = slot;
	/* 0: a thread outside our pid namespace. */
	if (tid <= 0)
		return -ESRCH;
	if (slot->tid == tid)
		return 0;
	if (!thread_pidfd_works()) {
		named = thread_tgid(tid);
		if (named < 0)
			return named;
	}
	fd = syscall(SYS_pidfd_open, named, thread_pidfd_works() ? PIDFD_THREAD : 0);
	if (fd < 0)
		return errno == EINVAL || errno == ENOENT ? -ESRCH : -errno;
	cache_drop(slot);
	slot->tid = tid;
	slot->pidfd = fd;
	numbers_own(&slot->pidfd);
	return 0;
}

int thread_get_file(pid_t tid, int number, int *ret, bool *ret_whole_process)
{
	/* The second time with a new pidfd: the first may have been that of a thread that has gone. */
	for (int attempt = 0; attempt < 2; attempt++) {
		struct cached *slot = NULL;
		int fd;
		int r;

		r = cache_get(tid, &slot);
		if (r < 0)
			return r;
		fd = syscall(SYS_pidfd_getfd, slot->pidfd, number, 0);
		if (fd >= 0) {
			*ret = fd;
			*ret_whole_process = !thread_pidfd_works();
			return 0;
		}
		if (errno != ESRCH)
			return -errno;
		cache_drop(slot);
	}
	return -ESRCH;
}

static int read_proc(pid_t tid, const char *name, char *buffer, size_t size)
{
	_cleanup_close_ int fd = -EBADF;
	char path[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/%s", tid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	n = read(fd, buffer, size - 1);
	if (n < 0)
		return -errno;
	buffer[n] = '\0';
	return (int)n;
}

pid_t thread_tgid(pid_t tid)
{
	char buffer[512];
	const char *line;
	int r = read_proc(tid, "status", buffer, sizeof(buffer));

	if (r < 0)
		return r;
	line = strstr(buffer, "\nTgid:");
	return line ? atoi(line + strlen("\nTgid:")) : -ESRCH;
}

void thread_name(pid_t tid, char ret[16])
{
	char buffer[32];
	int r = read_proc(tid, "comm", buffer, sizeof(buffer));

	if (r <= 0) {
		strcpy(ret, "?");
		return;
	}
	buffer[strcspn(buffer, "\n")] = '\0';
	snprintf(ret, 16, "%.15s", buffer);
}

bool thread_is_alone(pid_t tid)
{
	struct stat st;
	char path[64];

	/* proc_task_getattr() adds the number of threads to the two links of a directory. */
	snprintf(path, sizeof(path), "/proc/%d/task", tid);
	return stat(path, &st) == 0 && st.st_nlink == 3;
}

int thread_syscall(pid_t tid, struct thread_syscall *ret)
{
	char buffer[256];
	int r = read_proc(tid, "syscall", buffer, sizeof(buffer));
	struct thread_syscall seen = {.nr = -1};

	if (r < 0)
		return r;
	if (r == 0)
		return -ESRCH;
	if (strncmp(buffer, "running", 7) != 0) {
		seen.blocked = true;
		if (sscanf(buffer,
			   "%ld 0x%" SCNx64 " 0x%" SCNx64 " 0x%" SCNx64 " 0x%" SCNx64 " 0x%" SCNx64
			   " 0x%" SCNx64,
			   &seen.nr, &seen.args[0], &seen.args[1], &seen.args[2], &seen.args[3],
			   &seen.args[4], &seen.args[5]) < 1)
			seen.nr = -1;
	}
	*ret = seen;
	return 0;
}

/* A mask in /proc/TID/status, by the start of its line. */
static bool read_mask(pid_t tid, const char *name, unsigned long long *ret)
{
	char buffer[4096];
	const char *at;

	if (read_proc(tid, "status", buffer, sizeof(buffer)) <= 0)
		return false;
	at = strstr(buffer, name);
	return at && sscanf(at + strlen(name), "%llx", ret) == 1;
}

/* PF_EXITING in include/linux/sched.h, which proc_pid_stat(5) shows among the flags. */
#define EXITING 0x4U

bool thread_is_dying(pid_t tid)
{
	char buffer[2048];
	unsigned long long pending;
	unsigned int flags;
	const char *at;
	char state;

	if (read_proc(tid, "stat", buffer, sizeof(buffer)) <= 0)
		return true;
	at = strrchr(buffer, ')');
	if (!at || sscanf(at + 1, " %c %*d %*d %*d %*d %*d %u", &state, &flags) != 2)
		return true;
	if (state == 'Z' || state == 'X' || (flags & EXITING))
		return true;
	/* Killed, but not yet on its way: the signal is pending for each thread of the group. */
	return !read_mask(tid, "\nSigPnd:", &pending) || (pending & (1ULL << (SIGKILL - 1)));
}

bool thread_is_traced(pid_t tid)
{
	unsigned long long tracer;

	/* Decimal, but all that matters is whether it is 0. */
	return read_mask(tid, "\nTracerPid:", &tracer) && tracer != 0;
}

bool thread_in_seccomp(pid_t tid)
{
	char buffer[128];

	return read_proc(tid, "wchan", buffer, sizeof(buffer)) > 0 && strncmp(buffer, "seccomp", 7) == 0;
}

bool thread_has_capability(pid_t tid, unsigned int capability)
{
	unsigned long long effective;

	return read_mask(tid, "\nCapEff:", &effective) && (effective & (1ULL << capability));
}

int thread_identity(pid_t tid, struct thread_identity *ret)
{
	char buffer[1024];
	const char *field;
	struct thread_identity seen = {0};
	int r;

	seen.tgid = thread_tgid(tid);
	if (seen.tgid < 0)
		return seen.tgid;
	r = read_proc(seen.tgid, "stat", buffer, sizeof(buffer));
	if (r < 0)
		return r;
	/* The name may hold anything, so count from its closing parenthesis; proc_pid_stat(5). */
	field = strrchr(buffer, ')');
	if (!field || sscanf(field + 1,
			     " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d "
			     "%*d %*d %" SCNu64,
			     &seen.ppid, &seen.start) != 2)
		return -ESRCH;
	*ret = seen;
	return 0;
}
