// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * ioctl(2) for the IPv4 address of an interface (inet_ioctl(), devinet_ioctl() in net/ipv4), which an
 * AF_INET6 socket does not know. An AF_INET one in the same network namespace is asked.
 *
 * Asked for an interface that it does not have the kernel loads a module of that name, for who may
 * (dev_load()). The call is ours and the name is the target's, so it is made without those rights.
 */
#include "swap/internal.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

#define LOADING_RIGHTS (1U << CAP_NET_ADMIN | 1U << CAP_SYS_MODULE)

/* The thread's own capabilities; capget(2) and capset(2) without a library. */
struct rights {
	struct __user_cap_header_struct header;
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
};

static int ask_without_rights(int fd, unsigned int request, struct ifreq *interface)
{
	struct rights all = {.header.version = _LINUX_CAPABILITY_VERSION_3}, few;
	int r;

	if (syscall(SYS_capget, &all.header, all.sets) < 0)
		return -errno;
	few = all;
	few.sets[0].effective &= ~LOADING_RIGHTS;
	if (syscall(SYS_capset, &few.header, few.sets) < 0)
		return -errno;
	r = ioctl(fd, request, interface) < 0 ? -errno : 0;
	/* What is permitted can be had back. */
	if (syscall(SYS_capset, &all.header, all.sets) < 0)
		abort();
	return r;
}

int swap_interface(struct swap *swap, int fd, unsigned int request, struct ifreq *interface)
{
	_cleanup_close_ int asked = -EBADF;
	uint64_t cookie;

	if (!swap_believes_inet(swap, fd) || snapshot_netns_cookie(fd, &cookie) < 0 ||
	    places_socket(swap->places, cookie, &asked) < 0)
		return -ENODATA;
	return ask_without_rights(asked, request, interface);
}
