// SPDX-License-Identifier: GPL-2.0-or-later
/* Probes of sockets. */
#include <errno.h>
#include <liburing.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/compat.h"
#include "base/fd.h"
#include "cli/probe.h"
#include "swap/origin_store.h"

static bool probe_socket(char *ret, size_t size, int family, int protocol)
{
	_cleanup_close_ int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, protocol);

	if (fd < 0)
		snprintf(ret, size, "%s", strerror(errno));
	return fd >= 0;
}

bool probe_ipv6(char *ret, size_t size)
{
	const struct sockaddr_in6 any = {.sin6_family = AF_INET6};
	_cleanup_close_ int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (const struct sockaddr *)&any, sizeof(any)) < 0) {
		snprintf(ret, size, "%s", strerror(errno));
		return false;
	}
	return true;
}

bool probe_origins(char *ret, size_t size)
{
	struct origin_store *store;
	const char *why = NULL;
	int r = origin_storage.open(&store, NULL, &why);

	if (r < 0) {
		snprintf(ret, size, "%s", why ? why : strerror(-r));
		return false;
	}
	origin_storage.close(store);
	return true;
}

bool probe_mptcp(char *ret, size_t size)
{
	return probe_socket(ret, size, AF_INET, IPPROTO_MPTCP);
}

bool probe_netns_cookie(char *ret, size_t size)
{
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	uint64_t cookie = 0;
	socklen_t length = sizeof(cookie);

	if (fd < 0 || getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &length) < 0) {
		snprintf(ret, size, "%s", strerror(errno));
		return false;
	}
	return true;
}

/*
 * A connect on a blocking socket. What the network says to it does not matter here, and there may
 * be none: port 1 of the host itself refuses, or the loopback device is down. Without the operation
 * the result is EINVAL; without permission there is no ring.
 */
bool probe_uring_connect(char *ret, size_t size)
{
	const struct sockaddr_in address = {
		.sin_family = AF_INET,
		.sin_port = htons(1),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct __kernel_timespec limit = {.tv_sec = 5};
	struct io_uring ring;
	struct io_uring_cqe *cqe;
	int r;

	r = io_uring_queue_init(2, &ring, 0);
	if (r < 0) {
		snprintf(ret, size, "%s", strerror(-r));
		return false;
	}
	io_uring_prep_connect(io_uring_get_sqe(&ring), fd, (const struct sockaddr *)&address,
			      sizeof(address));
	io_uring_submit(&ring);
	r = io_uring_wait_cqe_timeout(&ring, &cqe, &limit);
	if (r == 0)
		r = cqe->res == -EINVAL ? -EINVAL : 0;
	io_uring_queue_exit(&ring);
	return r == 0;
}
