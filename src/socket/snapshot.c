// SPDX-License-Identifier: LGPL-2.1-or-later
/* What a socket is and where it stands; see snapshot.h. */
#include "socket/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/socket.h>

#include "base/compat.h"

/* enum in include/net/tcp_states.h, the same as netinet/tcp.h's, which conflicts with linux/tcp.h. */
#define STATE_CLOSE 7

/* tcp_info up to and with tcpi_segs_out (Linux 4.2). */
#define TCP_INFO_SIZE (offsetof(struct tcp_info, tcpi_segs_out) + sizeof(__u32))

int snapshot_netns_cookie(int fd, uint64_t *ret)
{
	socklen_t size = sizeof(*ret);

	return getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, ret, &size) < 0 ? -errno : 0;
}

/* Not TCP: another Internet socket, or something else. */
static enum snapshot_state other_kind(int fd)
{
	int domain = 0;
	socklen_t size = sizeof(domain);

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) < 0)
		return SNAPSHOT_NOT_INET;
	return domain == AF_INET || domain == AF_INET6 ? SNAPSHOT_NOT_TCP : SNAPSHOT_NOT_INET;
}

int snapshot_read(int fd, struct snapshot *ret)
{
	struct snapshot seen = {.state = SNAPSHOT_ENGAGED};
	struct pollfd shut = {.fd = fd, .events = POLLRDHUP};
	struct tcp_info info;
	socklen_t size = TCP_INFO_SIZE;
	struct stat st;
	int protocol;

	memset(&info, 0, sizeof(info));
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0) {
		seen.state = other_kind(fd);
		*ret = seen;
		return 0;
	}
	size = sizeof(protocol);
	if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) < 0)
		return -errno;
	size = sizeof(seen.local);
	if (getsockname(fd, &seen.local.sa, &size) < 0)
		return -errno;
	/* TCP_INFO also works on what merely sits on TCP (SMC); that is left alone. */
	if ((protocol != IPPROTO_TCP && protocol != IPPROTO_MPTCP) ||
	    (seen.local.sa.sa_family != AF_INET && seen.local.sa.sa_family != AF_INET6)) {
		seen.state = SNAPSHOT_NOT_TCP;
		*ret = seen;
		return 0;
	}
	seen.protocol = protocol;
	seen.family = seen.local.sa.sa_family;
	seen.tcp_state = info.tcpi_state;
	seen.bound = address_port(&seen.local) != 0 || !address_is_any(&seen.local);
	if (seen.bound) {
		int reuse = 0;

		size = sizeof(reuse);
		if (getsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, &size) < 0)
			return -errno;
		seen.reuse = reuse;
	}
	seen.status_flags = fcntl(fd, F_GETFL);
	fcntl(fd, F_GETOWN_EX, &seen.owner);
	seen.signal = fcntl(fd, F_GETSIG);
	seen.blocking = !(seen.status_flags & O_NONBLOCK);
	if (snapshot_netns_cookie(fd, &seen.netns_cookie) < 0)
		return -errno;
	if (seen.family == AF_INET6) {
		int v6only = 0;

		size = sizeof(v6only);
		if (getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &v6only, &size) < 0)
			return -errno;
		seen.v6only = v6only;
	}
	if (fstat(fd, &st) < 0)
		return -errno;
	seen.inode = st.st_ino;
	seen.uid = st.st_uid;
	seen.gid = st.st_gid;
	/* Another thread's connect may have bound it since, to a port that is none of the program's. */
	size = TCP_INFO_SIZE;
	if (seen.bound && getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
		return -errno;
	if (info.tcpi_state == STATE_CLOSE && info.tcpi_segs_out == 0) {
		seen.state = SNAPSHOT_FRESH;
		seen.shut_read = poll(&shut, 1, 0) > 0 && (shut.revents & POLLRDHUP);
	}
	*ret = seen;
	return 0;
}
