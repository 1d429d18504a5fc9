// SPDX-License-Identifier: LGPL-2.1-or-later
/* Targets that restricted their own network; see sandbox.h. */
#include "target/sandbox.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "target/thread.h"

/* How far up the family tree to look. */
#define ANCESTORS_MAX 256

struct restricted {
	struct thread_identity who;
	uint64_t since; /* clock ticks since boot, as start times are */
};

struct sandbox {
	struct restricted *list;
	size_t count;
};

int sandbox_new(struct sandbox **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

void sandbox_free(struct sandbox *sandbox)
{
	if (sandbox)
		free(sandbox->list);
	free(sandbox);
}

bool sandbox_restricts_self(void)
{
	struct sockaddr_in6 address = {.sin6_family = AF_INET};
	_cleanup_close_ int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return true;
	/*
	 * The family does not fit the socket. TCP says EAFNOSUPPORT (tcp_v6_connect()); Landlock, which
	 * is asked before it, EINVAL (security/landlock/net.c).
	 */
	return connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ||
	       errno != EAFNOSUPPORT;
}

bool sandbox_ruleset_restricts(int ruleset)
{
	int status;
	pid_t child;

	/* No exit signal: nobody's waitpid(-1) sees this child. */
	child = (pid_t)syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);
	if (child < 0)
		return true;
	if (child == 0) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (syscall(SYS_landlock_restrict_self, ruleset, 0) < 0)
			_exit(2);
		_exit(sandbox_restricts_self() ? 1 : 0);
	}
	while (waitpid(child, &status, __WCLONE) < 0)
		if (errno != EINTR)
			return true;
	return !WIFEXITED(status) || WEXITSTATUS(status) == 1;
}

int sandbox_add(struct sandbox *sandbox, pid_t tid)
{
	struct restricted entry;
	struct restricted *list;
	struct timespec now;
	int r;

	r = thread_identity(tid, &entry.who);
	if (r < 0)
		return r;
	clock_gettime(CLOCK_BOOTTIME, &now);
	entry.since = (uint64_t)now.tv_sec * sysconf(_SC_CLK_TCK) +
		      (uint64_t)now.tv_nsec * sysconf(_SC_CLK_TCK) / 1000000000;
	list = reallocarray(sandbox->list, sandbox->count + 1, sizeof(*list));
	if (!list)
		return -ENOMEM;
	sandbox->list = list;
	list[sandbox->count++] = entry;
	return 0;
}

static bool same_process(const struct thread_identity *a, const struct thread_identity *b)
{
	return a->tgid == b->tgid && a->start == b->start;
}

/* Whether a process runs under a seccomp filter, as everything that we supervise does. */
static bool filtered(pid_t pid)
{
	char path[64], line[128];
	bool found = false;
	FILE *status;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	status = fopen(path, "re");
	if (!status)
		return false;
	while (!found && fgets(line, sizeof(line), status))
		found = strncmp(line, "Seccomp:\t2", 10) == 0;
	fclose(status);
	return found;
}

static bool covered_by(const struct restricted *entry, pid_t tid)
{
	struct thread_identity at;

	if (thread_identity(tid, &at) < 0)
		return true;
	for (int i = 0; i < ANCESTORS_MAX; i++) {
		if (same_process(&at, &entry->who))
			return true;
		/* Older than the restriction: neither it nor anything above it descends from it. */
		if (at.start < entry->since)
			return false;
		/* A parent that no filter holds is no parent of a supervised process: an orphan. */
		if (at.ppid <= 1 || !filtered(at.ppid))
			return true;
		if (thread_identity(at.ppid, &at) < 0)
			return true;
	}
	return true;
}

bool sandbox_covers(const struct sandbox *sandbox, pid_t tid)
{
	for (size_t i = 0; i < sandbox->count; i++)
		if (covered_by(&sandbox->list[i], tid))
			return true;
	return false;
}

bool sandbox_in_our_netns(pid_t tid)
{
	struct stat ours, theirs;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", tid);
	return stat(path, &theirs) == 0 && stat("/proc/thread-self/ns/net", &ours) == 0 &&
	       ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev;
}
