// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Doing what was planned.
 *
 * The order of a swap, and why:
 *
 *   look       while the old file is still everywhere
 *   make       socket, options, owner, bound port: all that can fail without anyone having seen it
 *   connect    an immediate error goes to the program, which keeps its old socket (start.c)
 *   open       the epoll instances of its items, where other threads run: one of them may end the call by execve(2), and from then
 *              on nothing of the caller's can be reached, while the items can still be moved. And items are then missing
 *              for less time (repair.c)
 *   put        each number of the old file, compared right before, by the kernel where it can: the commit (put.c). One with
 *              our patches does that and the next two in one step (follow.c). Without a duplicate of the old file (job->bare)
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
 * Where the kernel moves the items with the number, everything is put before it is connected, and back with them: then
 * they hear of the connect, or of its failure, what they would hear.
 *
 * And only then the answer. If the caller goes away in between nothing is owed to it; what is closed
 * here is all there is.
 */
#include "swap/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/linger.h"
#include "base/numbers.h"
#include "target/cgroup.h"
#include "target/sharers.h"
#include "target/table.h"
#include "target/thread.h"

/* Rounds of looking again before what is left is reported. */
#define CONVERGE_ROUNDS 4

const char why_ring[] = "an io_uring of the process may hold the old socket";
const char why_shared[] = "another process has the socket as well";
static const char stranger[] = "something other than epoll and blocked threads waits on the socket";
static const char unseen[] = "processes that may watch the socket were not all looked at";
static const char unconverged[] = "other threads kept registering the old socket";
static const char foreign_cgroup[] = "the socket is accounted to reseat's control group";
static const char unreadable[] = "the watchers could not be read";

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
		r = present_mark(job->old, job->seen.family, job->seen.type, make->form);
		if (r < 0)
			return r;
	}
	remember(swap, job, job->old);
	outcome->made = make->peer;
	outcome->exact = true;
	outcome->inode = job->seen.inode;
	r = start_in_place(swap, job);
	if (r == 0)
		start_recheck(job, job->old);
	return r;
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

static int make_socket(const struct swap *swap, const struct job *job, int *ret, const char **ret_refused)
{
	/* Where repair_items() needs it. With a duplicate of the old socket, that may stand there. */
	const int number = job->bare && swap->report.item_count > 0 ? swap->report.items[0].number : -1;
	int r;

	if (number >= 0)
		numbers_expect(number);
	r = replacement_make(&job->plan.make, swap->options, job->old, &job->seen, &swap->report.image, ret, ret_refused);
	if (number >= 0 && r == 0 && *ret != number)
		numbers_missed(*ret);
	return r;
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

	job->put_first = false;
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
	fault_point("made");
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
	job->put_first = start_follows_put(swap, job);
	if (job->put_first)
		return 0;
	return start_before_put(job, *ret, ret_result);
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

/* A datagram socket that is shut for receiving is ready for it, and the replacement likewise: repair_loses() speaks of sending. */
static const char *tells_the_end(const struct job *job, const struct watch_report *report)
{
	if (!job->silent || !job->seen.shut_read)
		return NULL;
	for (size_t i = 0; i < report->item_count; i++)
		if ((report->items[i].events & EPOLLET) && (report->items[i].events & (EPOLLIN | EPOLLRDHUP)))
			return "an edge-triggered epoll item reports once more that nothing is to be received";
	return NULL;
}

/* Whether every item that was seen follows the new file; otherwise why not. */
static int follow(struct swap *swap, struct job *job)
{
	struct swap_outcome *outcome = job->outcome;
	const char *why = NULL;
	int r;

	r = repair_items(&job->repair, job->silent, &swap->report, job->alone ? NULL : &swap->again, &why);
	if (r < 0)
		return r;
	outcome->items += r;
	if (!why)
		why = tells_the_end(job, &swap->report);
	if (!why)
		why = apply_beyond(swap, job->caller->tid);
	if (why) {
		outcome->exact = false;
		outcome->why = why;
	}
	return 0;
}

/* Other threads may have registered or duplicated the old file since. */
static void converge(struct swap *swap, struct job *job, const int *new)
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
		if (follow(swap, job) < 0)
			break;
	}
	job->outcome->exact = false;
	job->outcome->why = unconverged;
}

/* Who remembers the old file by one of its numbers has followed; who does not remains. */
static void finish_follow(struct swap *swap, struct job *job, const int *new)
{
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

/* From the first ADDFD on: the replacement is there, and connected unless it is put first. */
static int commit(struct swap *swap, struct job *job, int *new, int result, bool cloexec)
{
	bool gone;
	int r = 0;

	/* While it still is non-blocking. */
	if (!job->put_first)
		r = start_settle(job, *new, result, false);
	if (r < 0)
		return r;
	/* Nobody sees the flags of one that is put first where nobody else runs: they can wait until its connect has started. */
	r = job->put_first && job->alone ? 0 : replacement_finish(*new, &job->seen);
	if (r < 0)
		return r;
	if (job->plan.make.family != job->seen.family)
		askers_wait(&swap->askers, job->caller->tid, job->number);
	/* Without a duplicate there would be no way back; and nobody but the caller, who waits, sees them before their time. */
	if (job->bare) {
		r = follow(swap, job);
		if (r < 0)
			return r;
	}
	/* Another thread may end the call (execve(2)), and then nothing is found by it any more. */
	if (!job->alone && !job->follows)
		repair_open(&job->repair, &swap->report);
	/* Other threads may have changed it since the look. */
	r = job->alone ? -ENODATA : table_cloexec(job->caller->tid, job->number);
	if (r >= 0)
		cloexec = r;
	r = job->follows ? follow_replace(swap, job, *new, cloexec) : 1;
	if (r > 0)
		r = put_number(swap, job, job->number, *new, cloexec);
	if (r < 0 && job->bare)
		repair_undo(&job->repair, &swap->report);
	/* Another thread took the number away, as if after the call, which is over; or before it, which is made again then. */
	gone = r == -ESTALE && !job->bare && !job->follows && !job->put_first && start_is_over(job, *new);
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
	if (!job->alone)
		put_late_flags(job, *new);
	if (!gone)
		put_moved(job, job->number);
	if (job->follows) {
		for (size_t i = 0; i < swap->report.duplicate_count; i++)
			put_moved(job, swap->report.duplicates[i]);
	} else {
		put_duplicates(swap, job, *new);
	}
	r = job->put_first ? start_after_put(swap, job, *new) : 0;
	if (r == 0 && !job->follows)
		r = follow(swap, job);
	if (r < 0) {
		put_back(swap, job, *new, cloexec);
		return r;
	}
	fault_point("repaired");
	if (job->follows) {
		finish_follow(swap, job, new);
		return 0;
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
	fault_point("looked");
	outcome->exact = true;
	outcome->made = job->plan.make.peer;
	numbers_own(&new);
	r = make_connected(swap, job, &new, &result);
	if (r == 0) {
		repair_begin(&job->repair, swap->watch, job->caller, &job->old, &new, job->sole);
		r = commit(swap, job, &new, result, cloexec);
		repair_end(&job->repair);
	}
	if (r >= 0 && swap->replaced && job->seen.type == SOCK_DGRAM)
		swap->replaced(swap->replaced_context, job->seen.inode, new);
	fault_point("closing");
	if (r >= 0)
		let_go(swap, job, &new);
	fault_point("closed");
	if (r >= 0 && !job->alone)
		start_recheck(job, new);
	free(job->moved);
	job->moved = NULL;
	job->moved_count = 0;
	new = job->sole && job->calm ? fd_close(new) : linger_close(new);
	numbers_disown(&new);
	return r;
}
