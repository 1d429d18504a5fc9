// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Probes of seccomp notification.
 *
 * A child installs a filter that traps getpriority(2), a call that nothing here needs, and a
 * grandchild makes the call. What each of them found out stands in a page that all three share. It
 * is done once, for whichever probe asks first.
 *
 *     child:       filter, listener --RECV--> ADDFD over a number of the grandchild --SEND--> 42
 *     grandchild:  getpriority() = 42?  the number names another file?
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/compat.h"
#include "base/fd.h"
#include "cli/probe.h"
#include "target/caller.h"
#include "watch/watch.h"

#define ANSWER 42
#define TIMEOUT_MS 5000

struct notify_results {
	bool done;
	int load_error; /* errno of loading with a listener */
	bool answered;
	bool wait_killable, killable_from_start;
	bool sync_wake_up;
	bool replaced;
	unsigned int replaces; /* see caller_replace_flags() */
};

static struct notify_results *results;

static int notify_load(unsigned int flags)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getpriority, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {.len = sizeof(code) / sizeof(*code), .filter = code};

	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

/* @number names a pipe before the call and /dev/null after it. */
static void notify_grandchild(int number)
{
	long r = syscall(SYS_getpriority, PRIO_PROCESS, 0);
	struct stat st;

	results->answered = r == ANSWER;
	results->replaced = fstat(number, &st) == 0 && S_ISCHR(st.st_mode);
	_exit(0);
}

static void notify_serve(int listener, int number)
{
	struct seccomp_notif_sizes sizes = {0};
	struct pollfd pollfd = {.fd = listener, .events = POLLIN};
	struct seccomp_notif_addfd addfd = {
		.flags = SECCOMP_ADDFD_FLAG_SETFD,
		.newfd = (unsigned int)number,
	};
	_cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	_cleanup_free_ struct seccomp_notif *request = NULL;
	_cleanup_free_ struct seccomp_notif_resp *response = NULL;

	if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) < 0)
		return;
	request = calloc(1, sizeof(*request) + sizes.seccomp_notif);
	response = calloc(1, sizeof(*response) + sizes.seccomp_notif_resp);
	if (!request || !response || null < 0 || poll(&pollfd, 1, TIMEOUT_MS) != 1 ||
	    ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, request) < 0)
		return;
	addfd.id = request->id;
	addfd.srcfd = (unsigned int)null;
	ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &addfd);
	response->id = request->id;
	response->val = ANSWER;
	ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, response);
}

static void notify_child(void)
{
	_cleanup_close_ int listener = -EBADF;
	int pipe_fds[2];
	pid_t grandchild;

	/* The child's death ends a grandchild that waits for an answer: the listener closes. */
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return;
	listener = notify_load(SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV |
			       SECCOMP_FILTER_FLAG_WAIT_KILLABLE);
	results->killable_from_start = listener >= 0;
	if (listener < 0 && errno == EINVAL)
		listener = notify_load(SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
	results->wait_killable = listener >= 0;
	if (listener < 0 && errno == EINVAL)
		listener = notify_load(SECCOMP_FILTER_FLAG_NEW_LISTENER);
	if (listener < 0) {
		results->load_error = errno;
		return;
	}
	results->sync_wake_up = ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS,
				      SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP) == 0;
	results->replaces = caller_replace_flags(listener);
	grandchild = fork();
	if (grandchild == 0) {
		fd_close(fd_take(&listener));
		notify_grandchild(pipe_fds[0]);
	}
	if (grandchild < 0)
		return;
	notify_serve(listener, pipe_fds[0]);
	listener = fd_close(listener);
	waitpid(grandchild, NULL, 0);
}

static const struct notify_results *notify_results(void)
{
	static struct notify_results none = {.load_error = ENOMEM};
	pid_t child;

	if (results)
		return results;
	results = mmap(NULL, sizeof(*results), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		       -1, 0);
	if (results == MAP_FAILED) {
		results = &none;
		return results;
	}
	child = fork();
	if (child == 0) {
		notify_child();
		_exit(0);
	}
	if (child > 0)
		waitpid(child, NULL, 0);
	return results;
}

bool probe_no_listener(char *ret, size_t size)
{
	return notify_results()->load_error != EBUSY;
}

bool probe_notification(char *ret, size_t size)
{
	int error = notify_results()->load_error;

	if (error != 0)
		snprintf(ret, size, "%s", strerror(error));
	return notify_results()->answered;
}

bool probe_wait_killable(char *ret, size_t size)
{
	return notify_results()->wait_killable;
}

bool probe_killable_from_start(char *ret, size_t size)
{
	return notify_results()->killable_from_start;
}

bool probe_sync_wake_up(char *ret, size_t size)
{
	return notify_results()->sync_wake_up;
}

bool probe_addfd(char *ret, size_t size)
{
	return notify_results()->replaced;
}

unsigned int probe_replaces(void)
{
	return notify_results()->replaces;
}

bool probe_expect(char *ret, size_t size)
{
	return probe_replaces() & CALLER_EXPECT;
}

bool probe_watch_kernel(char *ret, size_t size)
{
	const char *missing;
	struct watch *watch;
	int r = watch_open("kernel", probe_replaces(), &watch);

	if (r == 0) {
		watch_close(watch);
		return true;
	}
	missing = watch_missing("kernel");
	if (missing)
		snprintf(ret, size, "needs %s", missing);
	else
		snprintf(ret, size, "%s", strerror(-r));
	return false;
}
