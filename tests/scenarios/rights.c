// SPDX-License-Identifier: GPL-2.0-or-later
/* Descriptors in messages; see rights.h. */
#include <string.h>

#include "rights.h"
#include "scenario.h"

union control {
	struct cmsghdr header;
	char space[CMSG_SPACE(sizeof(int))];
};

void send_descriptor(int to, int fd)
{
	union control control = { .header = { CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS } };
	struct iovec iov = { "x", 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control.space) };

	memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	must(sendmsg(to, &msg, 0));
}

int receive_descriptor(int from)
{
	union control control;
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control.space) };
	int fd;

	must(recvmsg(from, &msg, 0));
	if (msg.msg_controllen < CMSG_LEN(sizeof(int)))
		fail("no descriptor came");
	memcpy(&fd, CMSG_DATA(&control.header), sizeof(fd));
	return fd;
}
