// SPDX-License-Identifier: GPL-2.0-or-later
/* Handing over the listener; see channel.h. */
#include "cli/channel.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"
#include "base/rights.h"

int channel_open(int ret[2])
{
	return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ret) < 0 ? -errno : 0;
}

int channel_send_start(int channel, const struct channel_start *start)
{
	const int fds[2] = {start->listener, start->pidfd};
	int r = 0;

	/* Guard and worker receive one each. */
	for (int i = 0; r == 0 && i < 2; i++)
		r = rights_send(channel, &start->pid, sizeof(start->pid), fds, 2);
	return r;
}

int channel_receive_start(int channel, struct channel_start *ret)
{
	pid_t pid = 0;
	int fds[2];
	ssize_t length = rights_receive(channel, &pid, sizeof(pid), fds, 2);

	if (length <= 0)
		return length == -ECONNRESET ? 0 : (int)length;
	if (length != sizeof(pid) || fds[0] < 0 || fds[1] < 0) {
		fd_close(fds[0]);
		fd_close(fds[1]);
		return -EMFILE;
	}
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
