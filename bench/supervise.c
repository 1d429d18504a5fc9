// SPDX-License-Identifier: GPL-2.0-or-later
/* A command under a seccomp filter with a listener; see supervise.h. */
#include "supervise.h"

#include <err.h>
#include <errno.h>
#include <linux/filter.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/compat.h"

enum { CALLS_MAX = 8 };

static int load_filter(const int *calls)
{
	struct sock_filter filter[CALLS_MAX + 3] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	};
	struct sock_fprog program = {.filter = filter};
	unsigned short count = 0;
	unsigned short at = 1;
	int fd;

	while (calls[count])
		count++;
	if (count > CALLS_MAX)
		errx(1, "too many system calls to trap");
	for (unsigned short i = 0; i < count; i++, at++)
		filter[at] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, calls[i],
							  count - i, 0);
	filter[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	filter[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
	program.len = at;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		err(1, "no_new_privs");
	fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
			  SECCOMP_FILTER_FLAG_NEW_LISTENER | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV,
			  &program);
	if (fd < 0 && errno == EINVAL)
		fd = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
				  SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
	if (fd < 0)
		err(1, "seccomp filter");
	return fd;
}

/* The command ended, and with it what there is to do. RECV would not say so on Linux 6.1. */
static void ended(int signal)
{
	_exit(0);
}

int supervise(const int *calls, char **command)
{
	int pair[2];
	int listener;
	int number;
	int pidfd;
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		err(1, "socketpair");
	signal(SIGCHLD, ended);
	child = fork();
	if (child < 0)
		err(1, "fork");
	if (child == 0) {
		signal(SIGCHLD, SIG_DFL);
		number = load_filter(calls);
		/* It is close-on-exec: wait until the parent has its own. */
		if (write(pair[1], &number, sizeof(number)) != sizeof(number) ||
		    read(pair[1], &number, 1) != 1)
			_exit(1);
		execvp(command[0], command);
		err(127, "%s", command[0]);
	}
	if (read(pair[0], &number, sizeof(number)) != sizeof(number))
		errx(1, "the filter could not be loaded");
	pidfd = (int)syscall(SYS_pidfd_open, child, 0);
	listener = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
	if (listener < 0)
		err(1, "listener");
	/* Linux 6.6. */
	ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
	if (write(pair[0], "", 1) != 1)
		err(1, "write");
	close(pidfd);
	close(pair[0]);
	close(pair[1]);
	/* The command's input is its own. */
	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	return listener;
}

void supervise_receive(int listener, struct seccomp_notif *ret)
{
	do
		memset(ret, 0, sizeof(*ret));
	while (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, ret) < 0 &&
	       (errno == EINTR || errno == ENOENT));
}

void supervise_answer(int listener, uint64_t id, uint32_t flags, int error)
{
	struct seccomp_notif_resp response = {.id = id, .flags = flags, .error = -error};

	/* Who does not hear it has gone. */
	ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}
