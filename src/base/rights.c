// SPDX-License-Identifier: LGPL-2.1-or-later
/* Messages that carry descriptors; see rights.h. */
#include "base/rights.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/fd.h"

union control {
	struct cmsghdr header;
	char space[CMSG_SPACE(RIGHTS_MAX * sizeof(int))];
};

int rights_send(int socket, const void *data, size_t size, const int *fds, size_t count)
{
	struct iovec iov = {.iov_base = (void *)data, .iov_len = size};
	union control control = {0};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (count) {
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(count * sizeof(*fds));
		memcpy(CMSG_DATA(&control.header), fds, count * sizeof(*fds));
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(count * sizeof(*fds));
	}
	return sendmsg(socket, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

ssize_t rights_receive(int socket, void *data, size_t size, int *ret_fds, size_t count)
{
	struct iovec iov = {.iov_base = data, .iov_len = size};
	union control control = {0};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.space),
	};
	int fds[RIGHTS_MAX];
	size_t came = 0;
	ssize_t length;

	for (size_t i = 0; i < count; i++)
		ret_fds[i] = -EBADF;
	do
		length = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC);
	while (length < 0 && errno == EINTR);
	if (length < 0)
		return -errno;
	if (control.header.cmsg_type == SCM_RIGHTS && control.header.cmsg_len >= CMSG_LEN(0))
		came = (control.header.cmsg_len - CMSG_LEN(0)) / sizeof(*fds);
	memcpy(fds, CMSG_DATA(&control.header), came * sizeof(*fds));
	for (size_t i = 0; i < came; i++) {
		if (i < count && !(msg.msg_flags & MSG_CTRUNC))
			ret_fds[i] = fds[i];
		else
			fd_close(fds[i]);
	}
	return msg.msg_flags & MSG_CTRUNC ? -EMFILE : length;
}
