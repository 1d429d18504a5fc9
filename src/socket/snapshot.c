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

static int get_int(int fd, int level, int name, int *ret)
{
	socklen_t size = sizeof(*ret);

	return getsockopt(fd, level, name, ret, &size) < 0 ? -errno : 0;
}

/* TCP_INFO, or -errno where that is no stream socket of ours. */
static int get_info(int fd, struct tcp_info *ret)
{
	socklen_t size = TCP_INFO_SIZE;

	memset(ret, 0, sizeof(*ret));
	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, ret, &size) < 0 ? -errno : 0;
}

/* Whether it is a protocol of ours; TCP_INFO also works on what merely sits on TCP (SMC). */
static bool is_known(const struct snapshot *seen)
{
	if (seen->type == SOCK_STREAM)
		return seen->protocol == IPPROTO_TCP || seen->protocol == IPPROTO_MPTCP;
	return seen->type == SOCK_DGRAM &&
	       (seen->protocol == IPPROTO_UDP || seen->protocol == IPPROTO_UDPLITE);
}

/* What kind of socket it is. Return: whether it is one of ours; if not, @seen has the state. */
static bool read_kind(int fd, struct snapshot *seen)
{
	socklen_t size = sizeof(seen->local);
	int domain = 0;

	seen->state = SNAPSHOT_NOT_INET;
	if (get_int(fd, SOL_SOCKET, SO_PROTOCOL, &seen->protocol) < 0)
		return false;
	/* These are of the Internet families alone; for the others that is all that is asked. */
	if (seen->protocol == 0 || get_int(fd, SOL_SOCKET, SO_DOMAIN, &domain) < 0 ||
	    (domain != AF_INET && domain != AF_INET6))
		return false;
	seen->family = domain;
	seen->state = SNAPSHOT_OTHER;
	return get_int(fd, SOL_SOCKET, SO_TYPE, &seen->type) == 0 && is_known(seen) &&
	       getsockname(fd, &seen->local.sa, &size) == 0;
}

/* Whether connect(2) starts something, and what stands in the way. */
static int read_state(int fd, struct snapshot *seen)
{
	struct pollfd now = {.fd = fd, .events = POLLIN | POLLRDHUP};
	struct tcp_info info;
	int r;

	seen->state = SNAPSHOT_ENGAGED;
	if (seen->type == SOCK_STREAM) {
		/* After the address: another thread's connect may have bound it since, to a port that
		 * is none of the program's. */
		r = get_info(fd, &info);
		if (r < 0 || info.tcpi_state != STATE_CLOSE || info.tcpi_segs_out != 0)
			return r;
	}
	seen->state = SNAPSHOT_FRESH;
	if (poll(&now, 1, 0) > 0) {
		seen->shut_read = now.revents & POLLRDHUP;
		seen->shut_write = seen->type == SOCK_DGRAM && (now.revents & POLLHUP);
		seen->queued = seen->type == SOCK_DGRAM && !seen->shut_read &&
			       (now.revents & POLLIN);
		seen->error = seen->type == SOCK_DGRAM && (now.revents & POLLERR);
	}
	return 0;
}

int snapshot_read(int fd, struct snapshot *ret)
{
	struct snapshot seen = {0};
	struct stat st;
	int value = 0;
	int r;

	if (!read_kind(fd, &seen)) {
		*ret = seen;
		return 0;
	}
	seen.bound = address_port(&seen.local) != 0 || !address_is_any(&seen.local);
	if (seen.bound) {
		r = get_int(fd, SOL_SOCKET, SO_REUSEADDR, &value);
		if (r < 0)
			return r;
		seen.reuse = value;
	}
	seen.status_flags = fcntl(fd, F_GETFL);
	fcntl(fd, F_GETOWN_EX, &seen.owner);
	seen.signal = fcntl(fd, F_GETSIG);
	seen.blocking = !(seen.status_flags & O_NONBLOCK);
	r = snapshot_netns_cookie(fd, &seen.netns_cookie);
	if (r < 0)
		return r;
	if (seen.family == AF_INET6) {
		r = get_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, &value);
		if (r < 0)
			return r;
		seen.v6only = value;
	}
	if (fstat(fd, &st) < 0)
		return -errno;
	seen.inode = st.st_ino;
	seen.uid = st.st_uid;
	seen.gid = st.st_gid;
	r = read_state(fd, &seen);
	if (r < 0)
		return r;
	*ret = seen;
	return 0;
}
