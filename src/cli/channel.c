// SPDX-License-Identifier: GPL-2.0-or-later
/* Handing over the listener; see channel.h. */
#include "cli/channel.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

int channel_open(int ret[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret) < 0 ? -errno : 0;
}

union control {
	struct cmsghdr header;
	char space[CMSG_SPACE(2 * sizeof(int))];
};

int channel_send_start(int channel, const struct channel_start *start)
{
	pid_t pid = start->pid;
	struct iovec iov = {.iov_base = &pid, .iov_len = sizeof(pid)};
	union control control = {0};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.space),
	};
	const int fds[2] = {start->listener, start->pidfd};

	control.header.cmsg_level = SOL_SOCKET;
	control.header.cmsg_type = SCM_RIGHTS;
	control.header.cmsg_len = CMSG_LEN(sizeof(fds));
	memcpy(CMSG_DATA(&control.header), fds, sizeof(fds));
	for (int i = 0; i < 2; i++)
		if (sendmsg(channel, &msg, MSG_NOSIGNAL) < 0)
			return -errno;
	return 0;
}

int channel_receive_start(int channel, struct channel_start *ret)
{
	pid_t pid = 0;
	struct iovec iov = {.iov_base = &pid, .iov_len = sizeof(pid)};
	union control control = {0};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.space),
	};
	int fds[2];
	ssize_t length;

	do
		length = recvmsg(channel, &msg, MSG_CMSG_CLOEXEC);
	while (length < 0 && errno == EINTR);
	if (length < 0)
		return errno == ECONNRESET ? 0 : -errno;
	if (length == 0)
		return 0;
	if (length != sizeof(pid) || msg.msg_flags & MSG_CTRUNC ||
	    control.header.cmsg_len != CMSG_LEN(sizeof(fds)))
		return -EMFILE;
	memcpy(fds, CMSG_DATA(&control.header), sizeof(fds));
	*ret = (struct channel_start){.pid = pid, .listener = fds[0], .pidfd = fds[1]};
	return 1;
}

void channel_reply(int channel, enum channel_reply_kind kind, const char *text)
{
	struct channel_reply reply = {.kind = kind};

	if (text)
		snprintf(reply.text, sizeof(reply.text), "%s", text);
	(void)send(channel, &reply, sizeof(reply), MSG_NOSIGNAL);
}

int channel_receive_reply(int channel, struct channel_reply *ret)
{
	struct channel_reply reply;
	ssize_t length;

	do
		length = recv(channel, &reply, sizeof(reply), 0);
	while (length < 0 && errno == EINTR);
	if (length < 0)
		return errno == ECONNRESET ? 0 : -errno;
	if (length != sizeof(reply))
		return 0;
	reply.text[sizeof(reply.text) - 1] = '\0';
	*ret = reply;
	return 1;
}
