// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Starting a connect on a blocking socket; see starter.h.
 *
 * After its first attempt the ring would wait for the socket and take the result, which the target's own
 * connect(2) must find. So the request is cancelled at once. Nothing of it runs in between, because a
 * ring with DEFER_TASKRUN (Linux 6.1) works on completions only when it is asked for them. If it did
 * complete by then, its result is the result of the connect.
 */
#include "swap/starter.h"

#include <errno.h>
#include <liburing.h>
#include <linux/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include "base/numbers.h"

#ifndef IORING_SETUP_SINGLE_ISSUER
#define IORING_SETUP_SINGLE_ISSUER (1U << 12)
#endif
#ifndef IORING_SETUP_DEFER_TASKRUN
#define IORING_SETUP_DEFER_TASKRUN (1U << 13)
#endif

enum { TAG_CONNECT = 1, TAG_CANCEL = 2 };

/* include/net/tcp_states.h, the same as in netinet/tcp.h, which conflicts with linux/tcp.h. */
enum { STATE_SYN_SENT = 2, STATE_SYN_RECV = 3, STATE_CLOSE = 7 };

struct starter {
	struct io_uring ring;
};

static int make_ring(struct starter *starter)
{
	return io_uring_queue_init(4, &starter->ring,
				   IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN);
}

int starter_new(struct starter **ret)
{
	struct starter *starter = calloc(1, sizeof(*starter));
	int r;

	if (!starter)
		return -ENOMEM;
	r = make_ring(starter);
	if (r < 0) {
		free(starter);
		return r;
	}
	numbers_own(&starter->ring.ring_fd);
	*ret = starter;
	return 0;
}

void starter_free(struct starter *starter)
{
	if (!starter)
		return;
	numbers_disown(&starter->ring.ring_fd);
	io_uring_queue_exit(&starter->ring);
	free(starter);
}

/* Take the completions that are there. */
static void reap(struct starter *starter, int *result, unsigned int *missing)
{
	struct io_uring_cqe *cqe;

	while (io_uring_peek_cqe(&starter->ring, &cqe) == 0) {
		if (io_uring_cqe_get_data64(cqe) == TAG_CONNECT)
			*result = cqe->res;
		io_uring_cqe_seen(&starter->ring, cqe);
		--*missing;
	}
}

static void reset(struct starter *starter)
{
	io_uring_queue_exit(&starter->ring);
	if (make_ring(starter) < 0)
		abort();
}

/* All zero where it is not told. */
static struct tcp_info info_of(int fd)
{
	struct tcp_info info = {0};
	socklen_t size = sizeof(info);

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
		memset(&info, 0, sizeof(info));
	return info;
}

bool starter_is_undone(int fd)
{
	const struct tcp_info info = info_of(fd);

	/* One that failed still tells what it sent; tcp_disconnect() forgets. */
	return info.tcpi_state == STATE_CLOSE && info.tcpi_segs_out == 0;
}

int starter_connect(struct starter *starter, int fd, const union address *peer, bool *ret_sent)
{
	int result = -ECANCELED;
	unsigned int missing = 1;
	struct io_uring_sqe *sqe;
	int r;

	if (ret_sent)
		*ret_sent = false;
	/* numbers_claim() may have moved it. */
	starter->ring.enter_ring_fd = starter->ring.ring_fd;
	sqe = io_uring_get_sqe(&starter->ring);
	io_uring_prep_connect(sqe, fd, &peer->sa, address_size(peer));
	io_uring_sqe_set_data64(sqe, TAG_CONNECT);
	r = io_uring_submit(&starter->ring);
	if (r < 0) {
		/* It must not go out with the next one, when its number means another socket. */
		reset(starter);
		return r;
	}
	reap(starter, &result, &missing);
	if (missing) {
		sqe = io_uring_get_sqe(&starter->ring);
		io_uring_prep_cancel64(sqe, TAG_CONNECT, 0);
		io_uring_sqe_set_data64(sqe, TAG_CANCEL);
		missing++;
		while (missing) {
			r = io_uring_submit_and_wait(&starter->ring, missing);
			if (r < 0 && r != -EINTR) {
				/* What is outstanding must not be taken for the next one's result. */
				reset(starter);
				return r;
			}
			reap(starter, &result, &missing);
		}
	}
	/*
	 * EALREADY: a socket that is not to receive any more (shutdown(2) before the connect) is ready for the ring at once,
	 * which tries again.
	 */
	if (result == -ECANCELED || result == -EINTR || result == -EALREADY)
		return -EINPROGRESS;
	/*
	 * Where something is in the socket's error queue (an ICMP error of an attempt before), poll says EPOLLERR, which
	 * the ring takes for the end of this one, and the error that it does not find for success.
	 */
	if (result == 0) {
		const struct tcp_info info = info_of(fd);

		/* One that waits for the first send (TCP_FASTOPEN_CONNECT) looks as if it were under way, and has sent nothing. */
		if (info.tcpi_segs_out == 0)
			return 0;
		if (info.tcpi_state == STATE_SYN_SENT || info.tcpi_state == STATE_SYN_RECV)
			return -EINPROGRESS;
		if (ret_sent)
			*ret_sent = true;
	}
	/*
	 * The ring took the error; the socket still has the failed attempt to report, as ECONNABORTED,
	 * which a blocking connect(2) would have done. Nothing is under way, so it does not wait; and must not, whatever other
	 * threads do to the socket.
	 */
	if (result < 0) {
		/* The failed attempt forgets what it sent. */
		if (ret_sent)
			*ret_sent = info_of(fd).tcpi_segs_out > 0;
		starter_connect_shared(fd, peer);
	}
	return result;
}

/* connect(2) that ends soon, whatever other threads make of the status flags. */
static int connect_shortly(int fd, const struct sockaddr *address, socklen_t length)
{
	const struct timeval least = {.tv_usec = 1};
	struct timeval limit;
	socklen_t size = sizeof(limit);
	bool limited = getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, &size) == 0 &&
		       setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &least, sizeof(least)) == 0;
	int r = connect(fd, address, length) < 0 ? -errno : 0;

	if (limited)
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	return r;
}

int starter_connect_shared(int fd, const union address *peer)
{
	return connect_shortly(fd, &peer->sa, address_size(peer));
}

int starter_ask(int fd, bool blocking, bool alone)
{
	/* Of a family that it has not: refused after its state was looked at (tcp_v4_connect(), tcp_v6_connect()). */
	union address other = {.sa.sa_family = AF_INET};
	const struct tcp_info info = info_of(fd);
	int family = AF_UNSPEC;
	socklen_t size = sizeof(family);

	if (blocking && (info.tcpi_state == STATE_SYN_SENT || info.tcpi_state == STATE_SYN_RECV))
		return -EINPROGRESS;
	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &family, &size) < 0)
		return -errno;
	if (family == AF_INET)
		other.sa.sa_family = AF_INET6;
	if (alone)
		return connect(fd, &other.sa, sizeof(other.in6)) < 0 ? -errno : 0;
	return connect_shortly(fd, &other.sa, sizeof(other.in6));
}
