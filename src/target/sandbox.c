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

/*
 * The restricted processes that are alive, and the time of the first restriction: what is older than that
 * descends from none of them. One that has died leaves orphans only, who are taken for its descendants by
 * their age; so it need not be remembered.
 */
struct sandbox {
	struct thread_identity *list;
	size_t count, room;
	uint64_t since; /* clock ticks since boot, as start times are; 0: nobody was ever restricted */
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

static bool same_process(const struct thread_identity *a, const struct thread_identity *b)
{
	return a->tgid == b->tgid && a->start == b->start;
}

static void forget_dead(struct sandbox *sandbox)
{
	size_t kept = 0;

	for (size_t i = 0; i < sandbox->count; i++) {
		struct thread_identity now;

		if (thread_identity(sandbox->list[i].tgid, &now) == 0 &&
		    same_process(&now, &sandbox->list[i]))
			sandbox->list[kept++] = sandbox->list[i];
	}
	sandbox->count = kept;
}

static int make_room(struct sandbox *sandbox)
{
	size_t room = sandbox->room ? sandbox->room * 2 : 16;
	struct thread_identity *list;

	if (sandbox->count == sandbox->room)
		forget_dead(sandbox);
	if (sandbox->count < sandbox->room)
		return 0;
	list = reallocarray(sandbox->list, room, sizeof(*list));
	if (!list)
		return -ENOMEM;
	sandbox->list = list;
	sandbox->room = room;
	return 0;
}

int sandbox_add(struct sandbox *sandbox, pid_t tid)
{
	struct thread_identity who;
	struct timespec now;
	long ticks = sysconf(_SC_CLK_TCK);
	int r;

	r = thread_identity(tid, &who);
	if (r == 0)
		r = make_room(sandbox);
	if (r < 0)
		return r;
	clock_gettime(CLOCK_BOOTTIME, &now);
	if (!sandbox->since)
		sandbox->since = (uint64_t)now.tv_sec * ticks + (uint64_t)now.tv_nsec * ticks / 1000000000;
	sandbox->list[sandbox->count++] = who;
	return 0;
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

static bool listed(const struct sandbox *sandbox, const struct thread_identity *who)
{
	for (size_t i = 0; i < sandbox->count; i++)
		if (same_process(who, &sandbox->list[i]))
			return true;
	return false;
}

bool sandbox_covers(const struct sandbox *sandbox, pid_t tid)
{
	struct thread_identity at;

	if (!sandbox->since)
		return false;
	if (thread_identity(tid, &at) < 0)
		return true;
	for (int i = 0; i < ANCESTORS_MAX; i++) {
		if (listed(sandbox, &at))
			return true;
		/* Older than every restriction: neither it nor anything above it descends from one. */
		if (at.start < sandbox->since)
			return false;
		/* A parent that no filter holds is no parent of a supervised process: an orphan. */
		if (at.ppid <= 1 || !filtered(at.ppid))
			return true;
		if (thread_identity(at.ppid, &at) < 0)
			return true;
	}
	return true;
}

static bool same_namespace(pid_t tid, const char *name)
{
	struct stat ours, theirs;
	char path[64], own[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", tid, name);
	snprintf(own, sizeof(own), "/proc/thread-self/ns/%s", name);
	return stat(path, &theirs) == 0 && stat(own, &ours) == 0 && ours.st_ino == theirs.st_ino &&
	       ours.st_dev == theirs.st_dev;
}

bool sandbox_in_our_netns(pid_t tid)
{
	return same_namespace(tid, "net");
}

bool sandbox_in_our_userns(pid_t tid)
{
	return same_namespace(tid, "user");
}
