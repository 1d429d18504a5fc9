// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Doing what was planned.
 *
 * The order of a swap, and why:
 *
 *   look       while the old file is still everywhere
 *   make       socket, options, owner, bound port: all that can fail without anyone having seen it
 *   connect    an immediate error goes to the program, which keeps its old socket
 *   put        each number of the old file, compared right before: the commit
 *   repair     epoll items, new ones first, then the old ones away (repair.c)
 *   look again where other threads run, until nothing names the old file any more
 *   close      every duplicate of ours: a FIN, and epoll's own clean-up, would wait for them
 *
 * and only then the answer. If the caller goes away in between nothing is owed to it; what is closed
 * here is all there is.
 */
#include "swap/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/compat.h"
#include "base/fd.h"
#include "base/numbers.h"
#include "target/table.h"
#include "target/thread.h"

/* Rounds of looking again before what is left is reported. */
#define CONVERGE_ROUNDS 4

/* A timeout that never comes, but for which an interrupted connect(2) returns EINTR as with any. */
#define ENDLESS_SECONDS (10L * 365 * 24 * 3600)

static const char unconverged[] = "other threads kept registering the old socket";
static const char unreadable[] = "the watchers could not be read";

/*
 * A blocking connect with SO_SNDTIMEO waits natively, but the kernel would end a *second* connect on
 * the socket, which the resumed one is, with EALREADY where the program expects EINPROGRESS. So it waits
 * without an end, and timeouts.c ends it. If the handshake is over already there is nothing to wait for.
 */
static int settle_timeout(struct job *job, int fd, const union address *peer, bool blocking_fd)
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
	if (!blocking_fd) {
		if (connect(fd, &peer->sa, address_size(peer)) == 0) {
			outcome->resume = false;
			outcome->error = 0;
			return 0;
		}
		if (errno != EALREADY) {
			outcome->resume = false;
			outcome->error = errno;
			return 0;
		}
	}
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &endless, sizeof(endless)) < 0)
		return -errno;
	outcome->has_timeout = true;
	outcome->timeout = timeout;
	return 0;
}

/* The answer to a connect that was started with result @r, and whether the program's own waits. */
static void answer(struct job *job, int r)
{
	struct swap_outcome *outcome = job->outcome;

	outcome->resume = r == -EINPROGRESS && job->seen.blocking;
	outcome->error = outcome->resume ? 0 : -r;
}

/* For who asks for the peer's name later, as far as the socket does not tell itself. */
static void remember(struct swap *swap, struct job *job, int fd)
{
	enum present_form form = job->plan.make.form;
	bool unmarked = job->seen.protocol == IPPROTO_MPTCP;

	if (form != PRESENT_ITSELF)
		swap->translates = true;
	if (unmarked && form != PRESENT_ITSELF)
		swap->unmarked = true;
	if (swap->unmarked || (form != PRESENT_ITSELF && job->outcome->decision.action == POLICY_TO))
		origin_put(swap->origins, fd, &job->outcome->dest.in, form);
}

int apply_in_place(struct swap *swap, struct job *job)
{
	const struct replacement *make = &job->plan.make;
	struct swap_outcome *outcome = job->outcome;
	int r;

	if (make->form != PRESENT_ITSELF || swap->translates) {
		r = present_mark(job->old, job->seen.family, make->form);
		if (r < 0 && r != -ENOPROTOOPT && r != -EOPNOTSUPP)
			return r;
	}
	remember(swap, job, job->old);
	if (job->seen.blocking)
		r = starter_connect(swap->starter, job->old, &make->peer);
	else
		r = connect(job->old, &make->peer.sa, address_size(&make->peer)) < 0 ? -errno : 0;
	answer(job, r);
	outcome->made = make->peer;
	outcome->exact = true;
	outcome->inode = job->seen.inode;
	if (outcome->resume)
		return settle_timeout(job, job->old, &make->peer, true);
	return 0;
}

/* Signals carry the number that O_ASYNC was set through: the target's, in our table. */
static void set_async(struct job *job, const int *new)
{
	int r = numbers_claim(job->number);

	if (r == 0 && dup3(*new, job->number, O_CLOEXEC) < 0)
		r = -errno;
	if (r == 0) {
		r = replacement_set_async(job->number);
		close(job->number);
	}
	if (r < 0) {
		job->outcome->exact = false;
		job->outcome->why = "O_ASYNC";
	}
}

/*
 * The replacement, connected or connecting: parked by an earlier call, or made now. @ret is a registered
 * variable, which the caller closes also on failure.
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
	int fd;
	int r;

	fd = parked_take(&swap->parked, &wanted);
	if (fd >= 0) {
		*ret_result = connect(fd, &make->peer.sa, address_size(&make->peer)) < 0 ? -errno : 0;
		if (*ret_result == -EALREADY)
			*ret_result = -EINPROGRESS;
		*ret = fd;
		return 0;
	}
	r = replacement_make(make, swap->options, job->old, &job->seen, ret, &refused);
	if (r < 0)
		return r;
	if (refused) {
		job->outcome->exact = false;
		job->outcome->why = refused;
	}
	/* Before the connect: on a near network its end comes at once, and is signalled once. */
	if (job->seen.status_flags & O_ASYNC)
		set_async(job, ret);
	r = connect(*ret, &make->peer.sa, address_size(&make->peer)) < 0 ? -errno : 0;
	if (r < 0 && r != -EINPROGRESS)
		return r;
	*ret_result = r;
	return 0;
}

/* Put the new file over one number, if that still names the old one. */
static int put(struct job *job, int number, int new, bool cloexec)
{
	int r = caller_has_file(job->caller, number, job->old);

	if (r <= 0)
		return r == -ENOENT ? r : -ESTALE;
	r = caller_put_file(job->caller, number, new, cloexec);
	/* Another thread is just opening at that number, which it can only while nothing stands there. */
	return r == -EBUSY ? -ESTALE : r;
}

/* The further numbers of the old file. A number that another thread took away meanwhile is no loss. */
static void put_duplicates(struct swap *swap, struct job *job, int new)
{
	for (size_t i = 0; i < swap->report.duplicate_count; i++) {
		int number = swap->report.duplicates[i];
		int cloexec = table_cloexec(job->caller->tid, number);
		int r = cloexec < 0 ? -ESTALE : put(job, number, new, cloexec);

		if (r == 0) {
			job->outcome->duplicates++;
		} else if (r != -ESTALE && r != -ENOENT) {
			job->outcome->exact = false;
			job->outcome->why = "a duplicate of the descriptor could not be replaced";
		}
	}
}

/* Whether everything that was seen follows the new file; otherwise why not. */
static int follow(struct swap *swap, struct job *job, int *new)
{
	struct swap_outcome *outcome = job->outcome;
	const char *why = NULL;
	int r;

	put_duplicates(swap, job, *new);
	r = repair_items(job->caller, &job->old, new, &swap->report, &why);
	if (r < 0)
		return r;
	outcome->items += r;
	if (!why)
		why = swap->report.beyond;
	if (why) {
		outcome->exact = false;
		outcome->why = why;
	}
	return 0;
}

/* Other threads may have registered or duplicated the old file since. */
static void converge(struct swap *swap, struct job *job, int *new)
{
	if (thread_is_alone(job->caller->tid))
		return;
	for (int round = 0; round < CONVERGE_ROUNDS; round++) {
		int r = watch_look(swap->watch, job->caller, -1, job->old, &swap->report);

		if (r < 0) {
			job->outcome->exact = false;
			job->outcome->why = unreadable;
			return;
		}
		if (swap->report.item_count == 0 && swap->report.duplicate_count == 0)
			return;
		if (follow(swap, job, new) < 0)
			break;
	}
	job->outcome->exact = false;
	job->outcome->why = unconverged;
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

/* From the first ADDFD on: the replacement is there and connected. */
static int commit(struct swap *swap, struct job *job, int *new, int result, bool cloexec)
{
	struct swap_outcome *outcome = job->outcome;
	struct stat st;
	int r;

	answer(job, result);
	if (outcome->resume) {
		/* While it still is non-blocking. */
		r = settle_timeout(job, *new, &job->plan.make.peer, false);
		if (r < 0)
			return r;
	}
	r = replacement_finish(*new, &job->seen);
	if (r < 0)
		return r;
	if (outcome->has_timeout && fstat(*new, &st) == 0)
		outcome->inode = st.st_ino;
	if (job->plan.make.family != job->seen.family)
		askers_wait(&swap->askers, job->caller->tid, job->number);
	r = put(job, job->number, *new, cloexec);
	if (r < 0) {
		/* Interrupted, it comes again at once; killed, it does not. */
		if (r == -ENOENT && !thread_is_dying(job->caller->tid))
			park(swap, job, new);
		return r;
	}
	remember(swap, job, *new);
	r = follow(swap, job, new);
	if (r < 0) {
		/* The old socket goes back where it was; it was never touched. */
		if (caller_has_file(job->caller, job->number, *new) == 1)
			caller_put_file(job->caller, job->number, job->old, cloexec);
		for (size_t i = 0; i < swap->report.duplicate_count; i++) {
			int number = swap->report.duplicates[i];

			if (caller_has_file(job->caller, number, *new) == 1)
				caller_put_file(job->caller, number, job->old,
						table_cloexec(job->caller->tid, number) == 1);
		}
		return r;
	}
	converge(swap, job, new);
	return 0;
}

static int pass(struct swap_outcome *outcome, const char *why)
{
	outcome->how = SWAP_PASS;
	outcome->resume = true;
	outcome->exact = true;
	outcome->why = why;
	return 0;
}

int apply_swap(struct swap *swap, struct job *job)
{
	struct swap_outcome *outcome = job->outcome;
	int new = -EBADF;
	int result = 0;
	int cloexec;
	int64_t limit;
	int r;

	/* Above its limit no number can be replaced (replace_fd()): leave it. */
	limit = caller_file_limit(job->caller);
	if (limit >= 0 && job->number >= limit)
		return pass(outcome, "the number is above RLIMIT_NOFILE");
	cloexec = table_cloexec(job->caller->tid, job->number);
	if (cloexec < 0)
		return caller_valid(job->caller) ? -ESTALE : -ENOENT;
	r = watch_look(swap->watch, job->caller, job->number, job->old, &swap->report);
	if (r == -EPERM || r == -EACCES)
		return pass(outcome, "the process does not let its descriptors be looked at");
	if (r < 0)
		return r;
	for (size_t i = 0; limit >= 0 && i < swap->report.duplicate_count; i++)
		if (swap->report.duplicates[i] >= limit)
			return pass(outcome, "a duplicate's number is above RLIMIT_NOFILE");
	outcome->exact = true;
	outcome->made = job->plan.make.peer;
	numbers_own(&new);
	r = make_connected(swap, job, &new, &result);
	if (r == 0)
		r = commit(swap, job, &new, result, cloexec);
	if (r < 0)
		replacement_undo(job->old, &job->seen);
	new = fd_close(new);
	numbers_disown(&new);
	return r;
}
