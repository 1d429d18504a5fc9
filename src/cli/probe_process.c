// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Probes that look into another process.
 *
 * The subject is a child that holds an epoll instance which watches a pipe, and waits until the
 * probe has finished: it reads from a pipe whose other end closes then.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/probe.h"
#include "target/thread.h"
#include "watch/watch.h"

struct subject {
	pid_t pid;
	int pidfd;
	int watched[2]; /* a pipe, the same numbers here and there */
	int epoll;	/* here and there */
	int hold;	/* closing it ends the subject */
};

static void subject_end(struct subject *subject)
{
	subject->hold = fd_close(subject->hold);
	if (subject->pid > 0)
		waitpid(subject->pid, NULL, 0);
	fd_close(subject->pidfd);
	fd_close(subject->watched[0]);
	fd_close(subject->watched[1]);
	fd_close(subject->epoll);
}

/* Return: 0 or a negative errno; subject_end() is wanted in both cases. */
static int subject_start(struct subject *ret)
{
	struct epoll_event event = {.events = EPOLLIN};
	int hold[2];

	*ret = (struct subject){
		.pidfd = -EBADF, .watched = {-EBADF, -EBADF}, .epoll = -EBADF, .hold = -EBADF};
	if (pipe2(ret->watched, O_CLOEXEC) < 0)
		return -errno;
	ret->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (ret->epoll < 0 || epoll_ctl(ret->epoll, EPOLL_CTL_ADD, ret->watched[0], &event) < 0)
		return -errno;
	if (pipe2(hold, O_CLOEXEC) < 0)
		return -errno;
	ret->pid = fork();
	if (ret->pid == 0) {
		char byte;

		fd_close(hold[1]);
		_exit(read(hold[0], &byte, 1) < 0);
	}
	fd_close(hold[0]);
	ret->hold = hold[1];
	if (ret->pid < 0)
		return -errno;
	ret->pidfd = pidfd_open(ret->pid, 0);
	return ret->pidfd < 0 ? -errno : 0;
}

static bool probe_say(char *ret, size_t size, long result)
{
	if (result < 0)
		snprintf(ret, size, "%s", strerror(errno));
	return result == 0;
}

bool probe_getfd(char *ret, size_t size)
{
	_cleanup_(subject_end) struct subject subject;
	_cleanup_close_ int fd = -EBADF;

	if (subject_start(&subject) < 0)
		return probe_say(ret, size, -1);
	fd = pidfd_getfd(subject.pidfd, subject.watched[0], 0);
	return probe_say(ret, size, fd < 0 ? -1 : 0);
}

bool probe_pidfd_thread(char *ret, size_t size)
{
	return thread_pidfd_works();
}

bool probe_kcmp_file(char *ret, size_t size)
{
	_cleanup_(subject_end) struct subject subject;

	if (subject_start(&subject) < 0)
		return probe_say(ret, size, -1);
	return probe_say(ret, size,
			 syscall(SYS_kcmp, getpid(), subject.pid, KCMP_FILE, subject.watched[0],
				 subject.watched[0]));
}

bool probe_kcmp_epoll(char *ret, size_t size)
{
	_cleanup_(subject_end) struct subject subject;
	struct kcmp_epoll_slot slot;

	if (subject_start(&subject) < 0)
		return probe_say(ret, size, -1);
	slot = (struct kcmp_epoll_slot){
		.efd = (uint32_t)subject.epoll,
		.tfd = (uint32_t)subject.watched[0],
	};
	return probe_say(ret, size, syscall(SYS_kcmp, getpid(), subject.pid, KCMP_EPOLL_TFD,
					    subject.watched[0], &slot));
}

bool probe_memory(char *ret, size_t size)
{
	static const char text[] = "seen";
	_cleanup_(subject_end) struct subject subject;
	char copy[sizeof(text)] = "";
	const struct iovec here = {.iov_base = copy, .iov_len = sizeof(copy)};
	const struct iovec there = {.iov_base = (void *)text, .iov_len = sizeof(text)};

	if (subject_start(&subject) < 0 ||
	    process_vm_readv(subject.pid, &here, 1, &there, 1, 0) != sizeof(text))
		return probe_say(ret, size, -1);
	return strcmp(copy, text) == 0;
}

/* Loads the program, and has it look at a file of ours. */
bool probe_watch_bpf(char *ret, size_t size)
{
	const char *missing;
	struct watch *watch;
	int r = watch_open("bpf", 0, &watch);

	if (r == 0) {
		watch_close(watch);
		return true;
	}
	missing = watch_missing("bpf");
	if (missing)
		snprintf(ret, size, "needs %s", missing);
	else
		snprintf(ret, size, "%s", r == -ENOENT ? "built without" : strerror(-r));
	return false;
}

/* The one that `reseat run` takes where none is named. */
bool probe_watch_default(char *ret, size_t size)
{
	struct watch *watch;
	int r = watch_open(NULL, probe_replaces(), &watch);

	if (r < 0) {
		snprintf(ret, size, "%s", strerror(-r));
		return false;
	}
	snprintf(ret, size, "%s", watch->backend->name);
	watch_close(watch);
	return true;
}

bool probe_compare(char *ret, size_t size)
{
	struct watch *watch;
	bool works;

	if (watch_open("bpf", 0, &watch) < 0) {
		snprintf(ret, size, "needs the watch backend bpf");
		return false;
	}
	works = watch_compares(watch);
	watch_close(watch);
	return works;
}

bool probe_fdinfo(char *ret, size_t size)
{
	_cleanup_(subject_end) struct subject subject;
	_cleanup_close_ int fd = -EBADF;
	char path[64], text[1024] = "";

	if (subject_start(&subject) < 0)
		return probe_say(ret, size, -1);
	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%d", subject.pid, subject.epoll);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, text, sizeof(text) - 1) < 0)
		return probe_say(ret, size, -1);
	return strstr(text, "tfd:") != NULL;
}
