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
#include <stdlib.h>

#include "base/numbers.h"

#ifndef IORING_SETUP_SINGLE_ISSUER
#define IORING_SETUP_SINGLE_ISSUER (1U << 12)
#endif
#ifndef IORING_SETUP_DEFER_TASKRUN
#define IORING_SETUP_DEFER_TASKRUN (1U << 13)
#endif

enum { TAG_CONNECT = 1, TAG_CANCEL = 2 };

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

int starter_connect(struct starter *starter, int fd, const union address *peer)
{
	int result = -ECANCELED;
	unsigned int missing = 1;
	struct io_uring_sqe *sqe;
	int r;

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
			if (r < 0 && r != -EINTR)
				return r;
			reap(starter, &result, &missing);
		}
	}
	if (result == -ECANCELED || result == -EINTR)
		return -EINPROGRESS;
	/*
	 * The ring took the error; the socket still has the failed attempt to report, as ECONNABORTED,
	 * which a blocking connect(2) would have done. It does not wait: nothing is under way.
	 */
	if (result < 0)
		connect(fd, &peer->sa, address_size(peer));
	return result;
}
