// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A thread may have a descriptor table of its own. A pidfd of the process gives the leader's files;
 * PIDFD_THREAD (Linux 6.9) gives the thread's.
 */
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "assume.h"

#define NUMBER 100
#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif

static int ready[2], done[2];

static void *thread(void *argument)
{
	pid_t tid = gettid();
	char byte;

	must(unshare(CLONE_FILES));
	close(NUMBER);
	must(dup2(must(open("/dev/null", O_RDONLY)), NUMBER));
	must(write(ready[1], &tid, sizeof(tid)));
	must(read(done[0], &byte, 1));
	return NULL;
}

static bool is_pipe(int fd)
{
	struct stat status;

	must(fstat(fd, &status));
	close(fd);
	return S_ISFIFO(status.st_mode);
}

int main(void)
{
	pthread_t id;
	pid_t tid;
	int fd;

	must(pipe(ready));
	must(pipe(done));
	must(dup2(ready[0], NUMBER));
	must(-pthread_create(&id, NULL, thread, NULL));
	must(read(ready[0], &tid, sizeof(tid)));
	fd = must(syscall(SYS_pidfd_open, getpid(), 0));
	check(is_pipe(must(syscall(SYS_pidfd_getfd, fd, NUMBER, 0))), "not the leader's file");
	close(fd);
	fd = syscall(SYS_pidfd_open, tid, PIDFD_THREAD);
	if (fd < 0)
		missing("PIDFD_THREAD (Linux 6.9)");
	check(!is_pipe(must(syscall(SYS_pidfd_getfd, fd, NUMBER, 0))), "not the thread's file");
	must(write(done[1], "d", 1));
	pthread_join(id, NULL);
	return 0;
}
