// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The start of a connect, without waiting for its end, and what the program is answered from how it started.
 *
 * Each function has its description in internal.h.
 */
#include "swap/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "target/thread.h"

/* A timeout that never comes, but for which an interrupted connect(2) returns EINTR as with any. */
#define ENDLESS_SECONDS (10L * 365 * 24 * 3600)

/* As fd_close() closes. */
static int start_connect(int fd, const union address *peer)
{
	return syscall(SYS_connect, fd, &peer->sa, address_size(peer)) < 0 ? -errno : 0;
}

/* Ask a non-blocking socket for the end of its connect; if that is there, the program has not to wait for it. */
static bool has_ended(struct job *job, int fd)
{
	const union address *peer = &job->plan.make.peer;
	int error = connect(fd, &peer->sa, address_size(peer)) < 0 ? errno : 0;

	if (error == EALREADY)
		return false;
	job->outcome->resume = false;
	job->outcome->error = error;
	return true;
}

/*
 * A blocking connect with SO_SNDTIMEO waits natively, but the kernel would end a *second* connect on
 * the socket, which the resumed one is, with EALREADY where the program expects EINPROGRESS. So it waits
 * without an end, and timeouts.c ends it. If the handshake is over already there is nothing to wait for.
 */
static int settle_timeout(struct job *job, int fd, bool blocking_fd)
{
	struct swap_outcome *outcome = job->outcome;
	const struct timeval endless = {.tv_sec = ENDLESS_SECONDS};
	struct timeval timeout = {0};
	socklen_t size = sizeof(timeout);

	if (getsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, &size) < 0)
		return -errno;
	if (timeout.tv_sec == 0 && timeout.tv_usec == 0)
		return 0;
	/* A thread that is traced cannot be stopped by us when its time has come. */
	if (thread_is_traced(job->caller->tid)) {
		outcome->exact = false;
		outcome->why = "SO_SNDTIMEO of a traced program ends with EALREADY";
		return 0;
	}
	/* A send that connects asks itself: its own connect would be told that there is one. */
	if (!blocking_fd && job->request->purpose == SWAP_TO_CONNECT && has_ended(job, fd))
		return 0;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &endless, sizeof(endless)) < 0)
		return -errno;
	outcome->has_timeout = true;
	outcome->timeout = timeout;
	return 0;
}

/* Connect, without waiting: by connect(2), or by a send that connects. */
static int start(struct job *job, int fd)
{
	const union address *peer = &job->plan.make.peer;
	const struct swap_request *request = job->request;
	const int flags = request->flags | MSG_DONTWAIT | MSG_NOSIGNAL;
	ssize_t n;

	if (request->purpose != SWAP_TO_FASTOPEN) {
		if (job->seen.type == SOCK_STREAM && !job->alone && (job->put_first || fd == job->old))
			return starter_connect_shared(fd, peer);
		return start_connect(fd, peer);
	}
	/* A blocking socket connects with nothing, and sends by its own call, which waits... */
	n = sendto(fd, request->data, job->seen.blocking ? 0 : request->size, flags | MSG_FASTOPEN,
		   &peer->sa, address_size(peer));
	/* ... unless there is nothing to wait for: that call would say EISCONN. */
	if (n == 0 && job->seen.blocking)
		n = send(fd, request->data, request->size, flags);
	if (n < 0)
		return -errno;
	job->outcome->sent = (size_t)n;
	return 0;
}

/* The answer to a connect that was started with result @r, and whether the program's own waits. */
static void answer(struct job *job, int r)
{
	struct swap_outcome *outcome = job->outcome;

	outcome->resume = (r == -EINPROGRESS && job->seen.blocking) ||
			  job->request->purpose == SWAP_TO_RESTORE;
	outcome->error = outcome->resume ? 0 : -r;
}

/* A datagram socket has a port from its first connect on, also from one that fails (inet_dgram_connect()). */
static void take_port(const struct job *job)
{
	union address any = {.sa.sa_family = (sa_family_t)job->seen.family};

	if (job->seen.type == SOCK_DGRAM && address_port(&job->seen.local) == 0)
		bind(job->old, &any.sa, address_size(&any));
}

bool start_follows_put(const struct swap *swap, const struct job *job)
{
	if (job->bare || (job->alone && !job->follows))
		return false;
	switch (job->request->purpose) {
	case SWAP_TO_CONNECT:
		if (job->seen.type != SOCK_STREAM)
			return job->follows;
		return job->alone || !job->seen.blocking || swap->starter;
	case SWAP_TO_FASTOPEN:
		return true;
	default:
		return false;
	}
}

void start_recheck(struct job *job, int fd)
{
	struct swap_outcome *outcome = job->outcome;
	int error = 0;
	socklen_t size = sizeof(error);

	if (!outcome->resume || job->request->purpose != SWAP_TO_CONNECT || job->seen.type != SOCK_STREAM)
		return;
	if (fcntl(fd, F_GETFL) & O_NONBLOCK)
		error = EINPROGRESS;
	else if (!starter_is_undone(fd) || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0 || !error)
		return;
	if (outcome->has_timeout)
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &outcome->timeout, sizeof(outcome->timeout));
	outcome->has_timeout = false;
	outcome->resume = false;
	outcome->error = error;
}

bool start_is_over(struct job *job, int new)
{
	bool ended;

	if (!job->outcome->resume)
		return true;
	if (job->request->purpose != SWAP_TO_CONNECT || fcntl(new, F_SETFL, O_NONBLOCK) < 0)
		return false;
	ended = has_ended(job, new);
	return replacement_finish(new, &job->seen) == 0 && ended;
}

int start_settle(struct job *job, int fd, int result, bool as_it_was)
{
	struct swap_outcome *outcome = job->outcome;
	struct stat st;
	int r;

	answer(job, result);
	job->silent = result == 0;
	if (result == -EINPROGRESS && job->request->purpose == SWAP_TO_FASTOPEN && job->seen.blocking) {
		outcome->exact = false;
		outcome->why = "a blocking send that connects carries no data in its SYN";
	}
	if (outcome->resume && job->request->purpose != SWAP_TO_RESTORE) {
		r = settle_timeout(job, fd, as_it_was);
		if (r < 0)
			return r;
	}
	if (outcome->has_timeout && fstat(fd, &st) == 0)
		outcome->inode = st.st_ino;
	return 0;
}

int start_after_put(struct swap *swap, struct job *job, int fd)
{
	bool blocking = job->seen.blocking && !job->alone;
	bool sent = false;
	int r;

	if (job->request->purpose == SWAP_TO_CONNECT && job->seen.type == SOCK_STREAM && blocking && swap->starter)
		r = starter_connect(swap->starter, fd, &job->plan.make.peer, &sent);
	else
		r = start(job, fd);
	fault_point("started");
	/* An answer that is here already is none that the call has at once: it waits for it, and who watches hears of it. */
	if (r < 0 && r != -EINPROGRESS && !sent) {
		take_port(job);
		return r;
	}
	r = start_settle(job, fd, r, blocking);
	if (sent)
		job->silent = false;
	/* What commit() has left: see there. */
	if (r == 0 && job->alone)
		r = replacement_finish(fd, &job->seen);
	return r;
}

int start_before_put(struct job *job, int fd, int *ret_result)
{
	int r = start(job, fd);

	fault_point("started");
	if (r < 0 && r != -EINPROGRESS) {
		take_port(job);
		return r;
	}
	*ret_result = r;
	return 0;
}

int start_in_place(struct swap *swap, struct job *job)
{
	const union address *peer = &job->plan.make.peer;
	int r;

	if (job->request->purpose == SWAP_TO_SEND)
		r = 0;
	else if (job->seen.type == SOCK_STREAM && job->seen.blocking)
		r = starter_connect(swap->starter, job->old, peer, NULL);
	else
		r = start(job, job->old);
	fault_point("started");
	answer(job, r);
	return job->outcome->resume ? settle_timeout(job, job->old, true) : 0;
}
