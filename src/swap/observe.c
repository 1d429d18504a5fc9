// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * What would be done, without doing it.
 *
 * Everything up to the first thing that anybody could see is done as in apply.c: the watchers are looked
 * for, and the replacement is made, with its options, so that what cannot be taken along is known and
 * the time is real. It is neither bound, which would change the old socket, nor connected, and closed
 * again. Putting it in place and repairing are rehearsed in ways that have no effect.
 *
 * Whether there is a way to the new destination a datagram socket tells, whose connect sends nothing.
 *
 * Who else holds the old file shows only when it is let go of. So here other processes' tables are
 * searched, and an io_uring is enough to say that it may; what is in flight is not found.
 */
#include "swap/internal.h"

#include <errno.h>
#include <limits.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/linger.h"
#include "base/numbers.h"
#include "target/sharers.h"
#include "target/table.h"

/*
 * The error with which a connect would end at once: ENETUNREACH and what else routes say. It counts for
 * nothing where the datagram socket cannot be made. Return: 0, or a negative errno.
 */
static int way(struct swap *swap, struct job *job)
{
	struct replacement make = job->plan.make;
	struct snapshot plain = job->seen;
	uint64_t start = clock_usec();
	const char *refused;
	int fd = -EBADF;
	int r;

	make.marked = false;
	plain.type = SOCK_DGRAM;
	plain.protocol = IPPROTO_UDP;
	plain.owner.pid = plain.signal = 0;
	plain.bound = plain.shut_read = false;
	numbers_own(&fd);
	r = replacement_make(&make, swap->options, job->old, &plain, NULL, &fd, &refused);
	if (r == 0 && connect(fd, &make.peer.sa, address_size(&make.peer)) < 0)
		r = -errno;
	else
		r = 0;
	fd = fd_close(fd);
	numbers_disown(&fd);
	job->outcome->aside_usec += (uint32_t)(clock_usec() - start);
	return r;
}

int observe_in_place(struct swap *swap, struct job *job)
{
	struct swap_outcome *outcome = job->outcome;

	outcome->made = job->plan.make.peer;
	outcome->exact = true;
	outcome->resume = true;
	return way(swap, job);
}

/* The calls that repair.c makes for each item, without an effect. */
static void rehearse_repair(const struct job *job, const struct watch_report *report, int new)
{
	struct epoll_event event = {0};
	_cleanup_close_ int own = -EBADF;

	if (report->item_count == 0 || job->follows)
		return;
	own = epoll_create1(EPOLL_CLOEXEC);
	for (size_t i = 0; i < report->item_count; i++) {
		_cleanup_close_ int epoll = -EBADF;

		if (own < 0 || repair_open_epoll(job->caller, &report->items[i], &epoll) < 0)
			return;
		epoll_ctl(own, EPOLL_CTL_ADD, new, &event);
		epoll_ctl(own, EPOLL_CTL_DEL, new, NULL);
	}
}

/*
 * And those of put(): each number is compared, then replaced. That takes two changes of process, which are
 * half of the time, so it is really asked for, at a number above any RLIMIT_NOFILE: the thread wakes and
 * refuses (docs/kernel-assumptions/setfd-limit.c). Where the kernel lets all follow it is one call, and nothing is to be
 * repaired.
 */
static void rehearse_put(const struct job *job, const struct watch_report *report, int new)
{
	caller_has_file(job->caller, job->number, job->old);
	caller_put_file(job->caller, INT_MAX, new, true);
	for (size_t i = 0; !job->follows && i < report->duplicate_count; i++) {
		table_cloexec(job->caller->tid, report->duplicates[i]);
		caller_has_file(job->caller, report->duplicates[i], job->old);
		caller_put_file(job->caller, INT_MAX, new, true);
	}
}

static const char *holder(struct swap *swap, struct job *job)
{
	uint64_t start = clock_usec();
	const char *why = NULL;

	if (has_ring(swap, job->caller->tid))
		why = why_ring;
	else if (sharers_exist(job->caller->tid, job->old))
		why = why_shared;
	job->outcome->aside_usec += (uint32_t)(clock_usec() - start);
	return why;
}

int observe_swap(struct swap *swap, struct job *job)
{
	struct swap_outcome *outcome = job->outcome;
	struct snapshot unbound = job->seen;
	const char *refused = NULL, *why;
	int new = -EBADF;
	int cloexec, r;

	outcome->resume = true;
	r = apply_look(swap, job, &cloexec);
	if (r != 0)
		return r < 0 ? r : 0;
	if (!swap->report.counted) {
		uint64_t start = clock_usec();

		r = watch_look_fully(swap->watch, job->caller, job->number, job->old, &swap->report);
		outcome->aside_usec += (uint32_t)(clock_usec() - start);
		if (r < 0)
			return r;
	}
	outcome->made = job->plan.make.peer;
	outcome->items = (unsigned int)swap->report.item_count;
	outcome->duplicates = (unsigned int)swap->report.duplicate_count;
	unbound.bound = false;
	numbers_own(&new);
	r = replacement_make(&job->plan.make, swap->options, job->old, &unbound, &swap->report.image, &new, &refused);
	if (r == 0) {
		rehearse_put(job, &swap->report, new);
		rehearse_repair(job, &swap->report, new);
	}
	if (r == 0)
		holders_let_go(&swap->holders, swap->watch, job->caller->tid, &new, NULL, NULL);
	new = linger_close(new);
	numbers_disown(&new);
	if (r == 0)
		r = way(swap, job);
	if (r < 0)
		return r;
	/*
	 * In the order of apply.c, where the last reason stands. A datagram socket's connect is always over at
	 * once; a stream's only sometimes, which nobody can know.
	 */
	why = repair_loses(&swap->report, job->seen.type == SOCK_DGRAM && !job->follows, job->follows);
	if (!why)
		why = apply_beyond(swap, job->caller->tid);
	if (!why)
		why = refused;
	if (!why)
		why = holder(swap, job);
	outcome->exact = !why;
	outcome->why = why;
	return 0;
}
