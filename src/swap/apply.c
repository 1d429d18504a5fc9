// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Doing what was planned.
 *
 * The order of a swap, and why:
 *
 *   look       while the old file is still everywhere
 *   make       socket, options, owner, bound port: all that can fail without anyone having seen it
 *   connect    an immediate error goes to the program, which keeps its old socket
 *   put        each number of the old file, compared right before, by the kernel where it can: the commit. One with our
 *              patches does that and the next two in one step (follow.c). Without a duplicate of the old file (job->bare)
 *              there is no way back from it, so items come first
 *   repair     epoll items, new ones first, then the old ones away (repair.c)
 *   look again where other threads run, until nothing names the old file any more
 *   close      every duplicate of ours: a FIN, and epoll's own clean-up, would wait for them; whether
 *              the old file lives on all the same shows now (holders.h)
 *   wake       threads that are blocked on it, where it does (waiters.h)
 *
 * Where other threads run, a stream is put before it is connected: what accepts the connection may be one of them, or
 * tell it, and to that thread the number has to name a connected socket. There an immediate error puts the old socket back.
 * Its epoll items come after the connect in either order: a socket that is not connected is ready.
 *
 * And only then the answer. If the caller goes away in between nothing is owed to it; what is closed
 * here is all there is.
 */
#include "swap/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compat.h"
#include "base/fd.h"
#include "base/linger.h"
#include "base/numbers.h"
#include "target/cgroup.h"
#include "target/sharers.h"
#include "target/table.h"
#include "target/thread.h"

/* Rounds of looking again before what is left is reported. */
#define CONVERGE_ROUNDS 4

/* A timeout that never comes, but for which an interrupted connect(2) returns EINTR as with any. */
#define ENDLESS_SECONDS (10L * 365 * 24 * 3600)

const char why_ring[] = "an io_uring of the process may hold the old socket";
const char why_shared[] = "another process has the socket as well";
static const char stranger[] = "something other than epoll and blocked threads waits on the socket";
static const char unseen[] = "processes that may watch the socket were not all looked at";
static const char unconverged[] = "other threads kept registering the old socket";
static const char foreign_cgroup[] = "the socket is accounted to reseat's control group";
static const char unreadable[] = "the watchers could not be read";

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
		return connect(fd, &peer->sa, address_size(peer)) < 0 ? -errno : 0;
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

/*
 * A socket that was bound to an IPv4 address is bound to any while it goes to a real IPv6 peer. Where it was
 * bound is kept, to be shown, and to be given back to a socket that is to listen, or receives from anybody.
 */
static void remember_local(struct swap *swap, struct job *job, int fd)
{
	const union address *local = &job->seen.local;
	struct in_addr bound;

	if (job->plan.make.form != PRESENT_INET || address_is_mapped(&job->plan.make.peer))
		return;
	if (job->seen.family == AF_INET && job->seen.bound && !address_is_any(local))
		bound = local->in.sin_addr;
	else if (!swap->binds || !origin_local(swap->origins, job->old, &bound))
		return;
	swap->binds = true;
	origin_bind(swap->origins, fd, bound);
}

/* For who asks for the peer's name later, as far as the socket and the policy do not tell. */
static void remember(struct swap *swap, struct job *job, int fd)
{
	const struct replacement *make = &job->plan.make;
	bool translated = make->form != PRESENT_ITSELF;
	struct origin origin = {
		.dest = job->outcome->dest.in,
		.peer = make->peer,
		.form = make->marked ? PRESENT_ITSELF : make->form,
	};

	if (translated)
		swap->translates = true;
	if (translated && !make->marked)
		swap->unmarked = true;
	remember_local(swap, job, fd);
	/* What was kept of a socket that carries no mark holds until something else is. */
	if ((translated && !leads_back(swap, fd, job->outcome->decision.action, &origin)) ||
	    (!make->marked && swap->unmarked))
		origin_put(swap->origins, fd, &origin);
}

int apply_in_place(struct swap *swap, struct job *job)
{
	const struct replacement *make = &job->plan.make;
	struct swap_outcome *outcome = job->outcome;
	int r;

	if (make->marked && (make->form != PRESENT_ITSELF || swap->translates)) {
		r = present_mark(job->old, job->seen.family, make->form);
		if (r < 0)
			return r;
	}
	remember(swap, job, job->old);
	if (job->request->purpose == SWAP_TO_SEND)
		r = 0;
	else if (job->seen.type == SOCK_STREAM && job->seen.blocking)
		r = starter_connect(swap->starter, job->old, &make->peer, NULL);
	else
		r = start(job, job->old);
	answer(job, r);
	outcome->made = make->peer;
	outcome->exact = true;
	outcome->inode = job->seen.inode;
	if (outcome->resume)
		return settle_timeout(job, job->old, true);
	return 0;
}

/* Signals carry the number that O_ASYNC was set through: the target's, in our table. */
static void set_async(struct job *job, const int *new)
{
	int r = numbers_claim_for(job->number, new);

	if (r == 0) {
		r = replacement_set_async(job->number);
		close(job->number);
	}
	if (r < 0) {
		job->outcome->exact = false;
		job->outcome->why = "O_ASYNC";
	}
}

/* The replacement: made now, or made ahead. */
static int make_socket(struct swap *swap, const struct job *job, int *ret, const char **ret_refused)
{
	const struct replacement *make = &job->plan.make;
	const struct image *image = &swap->report.image;

	*ret = replacement_is_common(make, &job->seen) ? spares_take(swap->spares) : -EBADF;
	if (*ret >= 0)
		return replacement_adopt(make, swap->options, job->old, &job->seen, image, *ret, ret_refused);
	return replacement_make(make, swap->options, job->old, &job->seen, image, ret, ret_refused);
}

/* A datagram socket has a port from its first connect on, also from one that fails (inet_dgram_connect()). */
static void take_port(const struct job *job)
{
	union address any = {.sa.sa_family = (sa_family_t)job->seen.family};

	if (job->seen.type == SOCK_DGRAM && address_port(&job->seen.local) == 0)
		bind(job->old, &any.sa, address_size(&any));
}

/*
 * Whether other threads are to see the replacement before its connect starts. A blocking one takes the starter. Where the
 * kernel moves the items with the number, they would tell of a socket that is not connected.
 */
static bool puts_first(const struct swap *swap, const struct job *job)
{
	if (job->alone || job->bare || job->follows)
		return false;
	switch (job->request->purpose) {
	case SWAP_TO_CONNECT:
		return job->seen.type == SOCK_STREAM && (!job->seen.blocking || swap->starter);
	case SWAP_TO_FASTOPEN:
		return true;
	default:
		return false;
	}
}

/*
 * The replacement, connected or connecting unless it is to be put first: parked by an earlier call, or made now. @ret is a
 * registered variable, which the caller closes also on failure.
 */
static int make_connected(struct swap *swap, struct job *job, int *ret, int *ret_result)
{
	const struct replacement *make = &job->plan.make;
	struct parked_one wanted = {
		.tid = job->caller->tid,
		.number = job->number,
		.old_inode = job->seen.inode,
		.dest = job->outcome->dest,
		.peer = make->peer,
	};
	const char *refused = NULL;
	int fd = -EBADF;
	int r;

	if (job->request->purpose == SWAP_TO_CONNECT)
		fd = parked_take(&swap->parked, &wanted);
	if (fd >= 0) {
		*ret_result = connect(fd, &make->peer.sa, address_size(&make->peer)) < 0 ? -errno : 0;
		if (*ret_result == -EALREADY)
			*ret_result = -EINPROGRESS;
		*ret = fd;
		return 0;
	}
	r = make_socket(swap, job, ret, &refused);
	if (r < 0)
		return r;
	if (!cgroup_is_shared(job->caller->tid)) {
		job->outcome->exact = false;
		job->outcome->why = foreign_cgroup;
	}
	if (refused) {
		job->outcome->exact = false;
		job->outcome->why = refused;
	}
	/* Before the connect: on a near network its end comes at once, and is signalled once. */
	if (job->seen.status_flags & O_ASYNC)
		set_async(job, ret);
	if (job->request->purpose == SWAP_TO_SEND || job->request->purpose == SWAP_TO_RESTORE)
		return 0;
	job->put_first = puts_first(swap, job);
	if (job->put_first)
		return 0;
	r = start(job, *ret);
	if (r < 0 && r != -EINPROGRESS) {
		take_port(job);
		return r;
	}
	*ret_result = r;
	return 0;
}

/* Put the new file over one number, if that still names the old one: as it does where nobody could change that. */
static int put(struct swap *swap, struct job *job, int number, int new, bool cloexec)
{
	bool expected;
	int r;

	if (swap->replaces & CALLER_EXPECT && !job->bare)
		return caller_replace_file(job->caller, number, job->old, new, cloexec, 0);
	expected = !job->sole && watch_expect(swap->watch, &swap->report, number);
	r = job->sole || expected ? 1 : caller_has_file(job->caller, number, job->old);
	if (r <= 0)
		return r == -ENOENT ? r : -ESTALE;
	r = caller_put_file(job->caller, number, new, cloexec);
	if (expected)
		watch_expect_nothing(swap->watch, r == 0);
	/* Another thread is just opening at that number, which it can only while nothing stands there. */
	return r == -EBUSY ? -ESTALE : r;
}

/* Threads may wait on it; without memory for it they are not looked for. */
static void moved(struct job *job, int number)
{
	int *grown = reallocarray(job->moved, job->moved_count + 1, sizeof(*grown));

	if (!grown)
		return;
	job->moved = grown;
	job->moved[job->moved_count++] = number;
}

/* The further numbers of the old file. A number that another thread took away meanwhile is no loss. */
static void put_duplicates(struct swap *swap, struct job *job, int new)
{
	for (size_t i = 0; i < swap->report.duplicate_count; i++) {
		int number = swap->report.duplicates[i];
		int cloexec = table_cloexec(job->caller->tid, number);
		int r = cloexec < 0 ? -ESTALE : put(swap, job, number, new, cloexec);

		if (r == 0) {
			job->outcome->duplicates++;
			moved(job, number);
		} else if (r != -ESTALE && r != -ENOENT) {
			job->outcome->exact = false;
			job->outcome->why = "a duplicate of the descriptor could not be replaced";
		}
	}
}

const char *apply_beyond(const struct swap *swap, pid_t tid)
{
	const struct watch_report *report = &swap->report;

	if (report->beyond)
		return report->beyond;
	if (report->strangers == 0)
		return report->partial ? unseen : NULL;
	/* Which is what people can do something about. */
	return has_ring(swap, tid) ? why_ring : stranger;
}

/* Whether every item that was seen follows the new file; otherwise why not. */
static int follow(struct swap *swap, struct job *job, int *new)
{
	struct swap_outcome *outcome = job->outcome;
	const char *why = NULL;
	int r;

	r = repair_items(swap->watch, job->caller, &job->old, new, job->silent, job->sole, &swap->report,
			 job->alone ? NULL : &swap->again, &why);
	if (r < 0)
		return r;
	outcome->items += r;
	if (!why)
		why = apply_beyond(swap, job->caller->tid);
	if (why) {
		outcome->exact = false;
		outcome->why = why;
	}
	return 0;
}

/* Other threads may have registered or duplicated the old file since. */
static void converge(struct swap *swap, struct job *job, int *new)
{
	for (int round = 0; round < CONVERGE_ROUNDS; round++) {
		int r = watch_look(swap->watch, job->caller, -1, job->old, &swap->report);

		if (r < 0) {
			job->outcome->exact = false;
			job->outcome->why = unreadable;
			return;
		}
		if (swap->report.item_count == 0 && swap->report.duplicate_count == 0)
			return;
		put_duplicates(swap, job, *new);
		if (follow(swap, job, new) < 0)
			break;
	}
	job->outcome->exact = false;
	job->outcome->why = unconverged;
}

/* The old socket goes back where it was; it was never touched. */
static void put_back(const struct swap *swap, struct job *job, int new, bool cloexec)
{
	for (size_t i = 0; i < job->moved_count; i++) {
		int number = job->moved[i];
		bool closes = number == job->number ? cloexec : table_cloexec(job->caller->tid, number) == 1;

		if (swap->replaces & CALLER_EXPECT)
			caller_replace_file(job->caller, number, new, job->old, closes, 0);
		else if (caller_has_file(job->caller, number, new) == 1)
			caller_put_file(job->caller, number, job->old, closes);
	}
}

/* Who remembers the old file by one of its numbers has followed; who does not remains. */
static void finish_follow(struct swap *swap, struct job *job, int *new)
{
	for (size_t i = 0; i < swap->report.duplicate_count; i++)
		moved(job, swap->report.duplicates[i]);
	if (!follow_left(swap, job, *new))
		return;
	converge(swap, job, new);
	follow_check(swap, job);
}

static void park(struct swap *swap, struct job *job, int *new)
{
	const struct parked_one one = {
		.tid = job->caller->tid,
		.number = job->number,
		.old_inode = job->seen.inode,
		.dest = job->outcome->dest,
		.peer = job->plan.make.peer,
		.fd = fd_take(new),
	};

	parked_put(&swap->parked, &one);
}

/*
 * Whether the call is over for a program whose number names another file by now: it would wait by that. Where the
 * connection is made already, or refused, it has not to wait.
 */
static bool is_over(struct job *job, int new)
{
	bool ended;

	if (!job->outcome->resume)
		return true;
	if (job->request->purpose != SWAP_TO_CONNECT || fcntl(new, F_SETFL, O_NONBLOCK) < 0)
		return false;
	ended = has_ended(job, new);
	return replacement_finish(new, &job->seen) == 0 && ended;
}

/*
 * What the program is answered, from the result of the start.
 * @as_it_was: the socket has the status flags of the old one already
 */
static int settle(struct job *job, int fd, int result, bool as_it_was)
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

/* Connect what stands at the program's numbers. */
static int start_there(struct swap *swap, struct job *job, int fd)
{
	bool sent = false;
	int r;

	if (job->request->purpose == SWAP_TO_CONNECT && job->seen.blocking)
		r = starter_connect(swap->starter, fd, &job->plan.make.peer, &sent);
	else
		r = start(job, fd);
	/* An answer that is here already is none that the call has at once: it waits for it, and who watches hears of it. */
	if (r < 0 && r != -EINPROGRESS && !sent)
		return r;
	return settle(job, fd, r, job->seen.blocking);
}

/* From the first ADDFD on: the replacement is there, and connected unless it is put first. */
static int commit(struct swap *swap, struct job *job, int *new, int result, bool cloexec)
{
	bool gone;
	int r = 0;

	/* While it still is non-blocking. */
	if (!job->put_first)
		r = settle(job, *new, result, false);
	if (r < 0)
		return r;
	r = replacement_finish(*new, &job->seen);
	if (r < 0)
		return r;
	if (job->plan.make.family != job->seen.family)
		askers_wait(&swap->askers, job->caller->tid, job->number);
	/* Without a duplicate there would be no way back; and nobody but the caller, who waits, sees them before their time. */
	if (job->bare) {
		r = follow(swap, job, new);
		if (r < 0)
			return r;
	}
	r = job->follows ? follow_replace(swap, job, *new, cloexec) : 1;
	if (r > 0)
		r = put(swap, job, job->number, *new, cloexec);
	if (r < 0 && job->bare)
		repair_undo(swap->watch, job->caller, new, &swap->report);
	/* Another thread took the number away, as if after the call, which is over; or before it, which is made again then. */
	gone = r == -ESTALE && !job->bare && !job->follows && !job->put_first && is_over(job, *new);
	if (r < 0 && !gone) {
		/* Interrupted, it comes again at once; killed, it does not. */
		if (r == -ENOENT && job->request->purpose == SWAP_TO_CONNECT && !job->put_first &&
		    !thread_is_dying(job->caller->tid))
			park(swap, job, new);
		return r;
	}
	remember(swap, job, *new);
	if (job->bare)
		return 0;
	if (!gone)
		moved(job, job->number);
	if (job->follows) {
		finish_follow(swap, job, new);
		return 0;
	}
	put_duplicates(swap, job, *new);
	r = job->put_first ? start_there(swap, job, *new) : 0;
	if (r == 0)
		r = follow(swap, job, new);
	if (r < 0) {
		put_back(swap, job, *new, cloexec);
		return r;
	}
	if (!job->alone)
		converge(swap, job, new);
	return 0;
}

/* Close our last duplicate of the old file. Whoever still holds it goes on with the old socket, unless it is a
 * thread that can be woken. */
static void let_go(struct swap *swap, struct job *job, const int *new)
{
	struct waiters waiters = {
		.watch = swap->watch,
		.caller = job->caller,
		.numbers = job->moved,
		.count = job->moved_count,
		.file = &job->old,
		.blocking = job->seen.blocking,
		.report = &swap->report,
		.polls_follow = job->follows,
		.new = job->follows && !job->counted ? new : NULL,
	};
	struct swap_outcome *outcome = job->outcome;
	pid_t tid = job->caller->tid;
	int r;

	if (job->sole) {
		job->old = job->calm ? fd_close(job->old) : linger_close(job->old);
		return;
	}
	if (!outcome->exact && job->alone) {
		/* A reason has been found already. */
		job->old = linger_close(job->old);
		return;
	}
	r = holders_let_go(&swap->holders, swap->watch, tid, &job->old, waiters_look, &waiters);
	waiters_done(&waiters);
	if (!outcome->exact || (r == 0 && !waiters.why))
		return;
	outcome->exact = false;
	if (waiters.why)
		outcome->why = waiters.why;
	else if (r < 0)
		outcome->why = "whether something else holds the old socket could not be told";
	else if (has_ring(swap, tid))
		outcome->why = why_ring;
	else
		outcome->why = "something else holds the old socket as well (another process, or "
			       "io_uring)";
}

/* The connect is left alone: 1. */
static int pass(struct swap_outcome *outcome, const char *why)
{
	outcome->how = SWAP_PASS;
	outcome->resume = true;
	outcome->exact = true;
	outcome->why = why;
	return 1;
}

int apply_look(struct swap *swap, struct job *job, int *ret_cloexec)
{
	const struct watch_report *report = &swap->report;
	struct swap_outcome *outcome = job->outcome;
	int64_t limit;
	int r;

	r = job_look(swap, job);
	outcome->watch = swap->report.by;
	if (r == -EPERM || r == -EACCES)
		return pass(outcome, "the process does not let its descriptors be looked at");
	if (r < 0)
		return r;
	job->alone = report->threads ? report->threads == 1 : thread_is_alone(job->caller->tid);
	job->sole = report->sole;
	job->follows = report->follows;
	job->counted = report->counted;
	job->calm = report->plain.family && !report->plain.lingers;
	*ret_cloexec = report->cloexec >= 0 ? report->cloexec : table_cloexec(job->caller->tid, job->number);
	if (*ret_cloexec < 0)
		return caller_valid(job->caller) ? -ESTALE : -ENOENT;
	/* Above its limit no number can be replaced (replace_fd()): leave it. */
	limit = report->limit >= 0 ? report->limit : caller_file_limit(job->caller);
	if (limit >= 0 && job->number >= limit)
		return pass(outcome, "the number is above RLIMIT_NOFILE");
	for (size_t i = 0; limit >= 0 && i < report->duplicate_count; i++)
		if (report->duplicates[i] >= limit)
			return pass(outcome, "a duplicate's number is above RLIMIT_NOFILE");
	if (policy_has(swap->policy, POLICY_SHARED_PASS) && !job->sole && sharers_exist(job->caller->tid, job->old))
		return pass(outcome, why_shared);
	return 0;
}

int apply_swap(struct swap *swap, struct job *job)
{
	struct swap_outcome *outcome = job->outcome;
	int new = -EBADF;
	int result = 0;
	int cloexec;
	int r;

	r = apply_look(swap, job, &cloexec);
	if (r != 0)
		return r < 0 ? r : 0;
	outcome->exact = true;
	outcome->made = job->plan.make.peer;
	numbers_own(&new);
	r = make_connected(swap, job, &new, &result);
	if (r == 0)
		r = commit(swap, job, &new, result, cloexec);
	if (r >= 0)
		let_go(swap, job, &new);
	free(job->moved);
	job->moved = NULL;
	job->moved_count = 0;
	new = job->sole && job->calm ? fd_close(new) : linger_close(new);
	numbers_disown(&new);
	return r;
}
