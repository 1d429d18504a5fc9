// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The network namespace belongs to the thread: /proc/PID/task/TID/ns/net names it, setns(2) enters
 * it with one thread of the supervisor, and a socket made there stays there.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "assume.h"

static int ready[2], done[2];

static void *elsewhere(void *argument)
{
	pid_t tid = unshare(CLONE_NEWNET) < 0 ? -errno : gettid();
	char byte;

	must(write(ready[1], &tid, sizeof(tid)));
	must(read(done[0], &byte, 1));
	return NULL;
}

static ino_t namespace_of(const char *path)
{
	struct stat status;

	must(stat(path, &status));
	return status.st_ino;
}

int main(void)
{
	char path[64];
	pthread_t thread;
	ino_t before = namespace_of("/proc/thread-self/ns/net");
	pid_t tid;
	int fd;

	must(pipe(ready));
	must(pipe(done));
	must(-pthread_create(&thread, NULL, elsewhere, NULL));
	must(read(ready[0], &tid, sizeof(tid)));
	if (tid < 0)
		missing("CAP_SYS_ADMIN: errno %d", -tid);
	snprintf(path, sizeof(path), "/proc/%d/task/%d/ns/net", getpid(), tid);
	check(namespace_of(path) != before, "the thread's namespace is not its own");
	check(namespace_of("/proc/self/ns/net") == before, "the leader moved too");
	fd = must(open(path, O_RDONLY | O_CLOEXEC));
	must(setns(fd, CLONE_NEWNET));
	check(namespace_of("/proc/thread-self/ns/net") == namespace_of(path),
	      "setns does not enter");
	must(write(done[1], "d", 1));
	pthread_join(thread, NULL);
	return 0;
}
