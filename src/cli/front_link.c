// SPDX-License-Identifier: GPL-2.0-or-later
/* Between front and guard; see front_link.h. */
#include "cli/front_link.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"

/* The guard answers at once; one that was stopped by hand must not stop the front with it. */
#define SENTINEL_TIMEOUT_MS 1000

union control {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int))];
};

void link_send(int link, const struct link_message *message, int pidfd)
{
	struct iovec iov = {.iov_base = (void *)message, .iov_len = sizeof(*message)};
	union control control = {0};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (pidfd >= 0) {
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(pidfd));
		memcpy(CMSG_DATA(&control.header), &pidfd, sizeof(pidfd));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control.space);
	}
	(void)sendmsg(link, &msg, MSG_NOSIGNAL);
}

int link_receive(int link, struct link_message *ret, int *ret_pidfd)
{
	struct link_message message;
	struct iovec iov = {.iov_base = &message, .iov_len = sizeof(message)};
	union control control = {0};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.space),
	};
	ssize_t length;

	do
		length = recvmsg(link, &msg, MSG_CMSG_CLOEXEC);
	while (length < 0 && errno == EINTR);
	if (length != sizeof(message))
		return 0;
	*ret = message;
	*ret_pidfd = -EBADF;
	if (control.header.cmsg_len == CMSG_LEN(sizeof(*ret_pidfd)))
		memcpy(ret_pidfd, CMSG_DATA(&control.header), sizeof(*ret_pidfd));
	return 1;
}

void group_signal_barrier(void)
{
	/* kill(2) walks over the group under tasklist_lock; setpgid(2) takes that lock for writing,
	 * so when it returns, with whatever result, the walk is over (kernel/signal.c,
	 * kernel/sys.c). */
	setpgid(0, getpgrp());
}

bool sentinel_ask(int sentinel, int signal_number)
{
	struct pollfd pollfd = {.fd = sentinel, .events = POLLIN};
	uint8_t byte = (uint8_t)signal_number;

	group_signal_barrier();
	if (sentinel < 0 || send(sentinel, &byte, 1, MSG_NOSIGNAL) != 1)
		return false;
	if (poll(&pollfd, 1, SENTINEL_TIMEOUT_MS) != 1 || recv(sentinel, &byte, 1, 0) != 1)
		return false;
	return byte;
}

/* Stop signals take a pending SIGCONT away, and the reverse: the other kind of a signal. */
static void sentinel_opposite(int number, sigset_t *ret)
{
	sigemptyset(ret);
	switch (number) {
	case SIGCONT:
		sigaddset(ret, SIGTSTP);
		sigaddset(ret, SIGTTIN);
		sigaddset(ret, SIGTTOU);
		break;
	case SIGTSTP:
	case SIGTTIN:
	case SIGTTOU:
		sigaddset(ret, SIGCONT);
		break;
	}
}

int sentinel_answer(int sentinel)
{
	const struct timespec now = {0};
	sigset_t set, pending, opposite;
	uint8_t byte;
	int number;

	if (recv(sentinel, &byte, 1, 0) != 1)
		return 0;
	number = byte;
	sigemptyset(&set);
	sigaddset(&set, number);
	byte = sigtimedwait(&set, NULL, &now) > 0;
	if (!byte) {
		/*
		 * The group may have been stopped and continued, or the reverse, since the front
		 * read its signal; then the later of the two is here, and decides for COMMAND as
		 * well.
		 */
		sentinel_opposite(number, &opposite);
		sigpending(&pending);
		sigandset(&set, &pending, &opposite);
		byte = !sigisemptyset(&set);
	}
	return send(sentinel, &byte, 1, MSG_NOSIGNAL) == 1;
}
