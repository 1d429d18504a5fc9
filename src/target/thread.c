// SPDX-License-Identifier: LGPL-2.1-or-later
/* A thread of another process, by tid; see thread.h. */
#include "target/thread.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/kcmp.h>
#include <signal.h>
#include <stdatomic.h>
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
	pid_t tid; /* 0: free */
	int fd;
	bool proven; /* thread_prove() */
};

static _Thread_local struct cached cache[CACHE_SLOTS];

/* /proc/TID/syscall of threads that are looked at again and again; opening it is most of the cost. */
#define HELD_SLOTS 256

static _Thread_local struct cached held_calls[HELD_SLOTS];

/* Thread pidfds: 0 not probed, 1 they work, -1 they do not. Several threads ask. */
static atomic_int thread_pidfds;

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
		numbers_disown(&slot->fd);
		slot->fd = fd_close(slot->fd);
		slot->tid = 0;
	}
}

void thread_forget(void)
{
	for (unsigned int i = 0; i < CACHE_SLOTS; i++)
		cache_drop(&cache[i]);
	for (unsigned int i = 0; i < HELD_SLOTS; i++)
		cache_drop(&held_calls[i]);
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
	slot->fd = fd;
	slot->proven = false;
	numbers_own(&slot->fd);
	return 0;
}

static enum thread_whose whose(const struct cached *slot)
{
	if (!thread_pidfd_works())
		return THREAD_PROCESS;
	return slot->proven ? THREAD_PROVEN : THREAD_NAMED;
}

void thread_prove(pid_t tid)
{
	struct cached *slot = &cache[(unsigned int)tid % CACHE_SLOTS];

	if (slot->tid == tid && thread_pidfd_works())
		slot->proven = true;
}

int thread_get_file(pid_t tid, int number, int *ret, enum thread_whose *ret_whose)
{
	/* The second time with a new pidfd: the first may have been that of a thread that has gone. */
	for (int attempt = 0; attempt < 2; attempt++) {
		struct cached *slot = NULL;
		int fd;
		int r;

		r = cache_get(tid, &slot);
		if (r < 0)
			return r;
		fd = syscall(SYS_pidfd_getfd, slot->fd, number, 0);
		if (fd >= 0) {
			*ret = fd;
			*ret_whose = whose(slot);
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

/* "running", or "-1 SP PC", or "NR ARG... SP PC", in hexadecimal but for the number. */
static void parse_syscall(const char *text, struct thread_syscall *ret)
{
	struct thread_syscall seen = {.nr = -1};

	if (strncmp(text, "running", 7) != 0) {
		char *at;

		seen.blocked = true;
		seen.nr = strtol(text, &at, 10);
		for (int i = 0; seen.nr >= 0 && i < 6; i++)
			seen.args[i] = strtoull(at, &at, 16);
		seen.sp = strtoull(at, NULL, 16);
	}
	*ret = seen;
}

int thread_syscall(pid_t tid, struct thread_syscall *ret)
{
	char buffer[256];
	int r = read_proc(tid, "syscall", buffer, sizeof(buffer));

	if (r < 0)
		return r;
	if (r == 0)
		return -ESRCH;
	parse_syscall(buffer, ret);
	return 0;
}

static int hold_call(pid_t tid, struct cached **ret)
{
	struct cached *slot = &held_calls[(unsigned int)tid % HELD_SLOTS];
	char path[64];
	int fd;

	*ret = slot;
	if (slot->tid == tid)
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/syscall", tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	cache_drop(slot);
	slot->tid = tid;
	slot->fd = fd;
	numbers_own(&slot->fd);
	return 0;
}

int thread_syscall_again(pid_t tid, struct thread_syscall *ret)
{
	/* The second time with the file of the thread that has the tid now. */
	for (int attempt = 0; attempt < 2; attempt++) {
		struct cached *slot = NULL;
		char buffer[256];
		ssize_t n;
		int r;

		r = hold_call(tid, &slot);
		if (r < 0)
			return r;
		n = pread(slot->fd, buffer, sizeof(buffer) - 1, 0);
		if (n > 0) {
			buffer[n] = '\0';
			parse_syscall(buffer, ret);
			return 0;
		}
		r = n < 0 ? -errno : -ESRCH;
		cache_drop(slot);
		if (r != -ESRCH)
			return r;
	}
	return -ESRCH;
}

/* asm/unistd_x32.h */
#define X32_BIT 0x40000000L

bool thread_syscall_is_compat(const struct thread_syscall *call)
{
	return call->sp <= UINT32_MAX && call->nr >= 0 && !(call->nr & X32_BIT);
}

bool thread_shares_table(pid_t tid, pid_t other)
{
	return syscall(SYS_kcmp, tid, other, KCMP_FILES, 0, 0) <= 0;
}

int thread_walk(pid_t tid, int (*visit)(void *context, pid_t tid), void *context)
{
	char path[64];
	const struct dirent *entry;
	int r = 0;
	DIR *directory;

	snprintf(path, sizeof(path), "/proc/%d/task", tid);
	directory = opendir(path);
	if (!directory)
		return errno == ENOENT ? -ESRCH : -errno;
	while (r == 0 && (entry = readdir(directory))) {
		pid_t other = atoi(entry->d_name);

		if (other > 0 && other != tid)
			r = visit(context, other);
	}
	closedir(directory);
	return r;
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

int thread_seccomp_filters(pid_t tid)
{
	char buffer[4096];
	const char *at;

	if (read_proc(tid, "status", buffer, sizeof(buffer)) <= 0)
		return -1;
	at = strstr(buffer, "\nSeccomp_filters:");
	return at ? atoi(at + strlen("\nSeccomp_filters:")) : -1;
}

pid_t thread_parent(pid_t tid)
{
	char buffer[4096];
	const char *at;

	if (read_proc(tid, "status", buffer, sizeof(buffer)) <= 0)
		return -ESRCH;
	at = strstr(buffer, "\nPPid:");
	return at ? atoi(at + strlen("\nPPid:")) : -ESRCH;
}

bool thread_in_seccomp(pid_t tid)
{
	char buffer[128];

	return read_proc(tid, "wchan", buffer, sizeof(buffer)) > 0 && strncmp(buffer, "seccomp", 7) == 0;
}

uint64_t thread_capabilities(pid_t tid)
{
	unsigned long long effective;

	return read_mask(tid, "\nCapEff:", &effective) ? effective : 0;
}

bool thread_has_capability(pid_t tid, unsigned int capability)
{
	return thread_capabilities(tid) & (1ULL << capability);
}

/* Return: 0; -ESRCH; -EACCES, -EMFILE. */
static int read_stat(pid_t tid, pid_t *ret_ppid, uint64_t *ret_start)
{
	char buffer[1024];
	const char *field;
	int r = read_proc(tid, "stat", buffer, sizeof(buffer));

	if (r < 0)
		return r;
	/* The name may hold anything, so count from its closing parenthesis; proc_pid_stat(5). */
	field = strrchr(buffer, ')');
	if (!field || sscanf(field + 1,
			     " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d "
			     "%*d %*d %" SCNu64,
			     ret_ppid, ret_start) != 2)
		return -ESRCH;
	return 0;
}

int thread_start_time(pid_t tid, uint64_t *ret)
{
	pid_t ppid;

	return read_stat(tid, &ppid, ret);
}

int thread_identity(pid_t tid, struct thread_identity *ret)
{
	struct thread_identity seen = {0};
	int r;

	seen.tgid = thread_tgid(tid);
	if (seen.tgid < 0)
		return seen.tgid;
	r = read_stat(seen.tgid, &seen.ppid, &seen.start);
	if (r == 0)
		*ret = seen;
	return r;
}
