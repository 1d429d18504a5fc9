// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * A kernel that lets whoever remembers the old file follow, in the step that replaces it.
 *
 *     replace    the number, compared in that very moment; its duplicates; epoll items, with their state; threads in
 *                poll(2) and select(2). All of it, or nothing
 *     count      what still watches the old file: nothing, but for items under numbers that were closed since, and
 *                those in instances that the caller has not got. They are repaired as everywhere else (repair.c)
 *
 * Threads that wait in a call on the old file itself do not follow; see waiters.h. What the kernel refuses is done by
 * hand.
 */
#include "swap/internal.h"

#include <errno.h>

#include "target/caller.h"

static const char foreign_epoll[] = "an epoll instance that another process has watches the socket";

/* Whether it is no use to ask once more, while replacing the number alone may well be possible. */
static bool is_refusal(int error)
{
	switch (error) {
	case -EAGAIN: /* others kept registering it */
	case -EPERM:
	case -EINVAL:
	case -ELOOP:
	case -EEXIST:
	case -EMLINK:
		return true;
	default:
		return false;
	}
}

static int replace(const struct swap *swap, const struct job *job, int old, int new, bool cloexec)
{
	unsigned int flags = CALLER_FOLLOW;

	/* The kernel has to go through the whole table for them: some nanoseconds for each ten descriptors. */
	if (!job->sole || swap->report.duplicate_count > 0)
		flags |= CALLER_DUPLICATES;
	return caller_replace_file(job->caller, job->number, old, new, cloexec, flags);
}

int follow_back(struct swap *swap, struct job *job, int new, bool cloexec)
{
	return replace(swap, job, new, job->old, cloexec);
}

int follow_replace(struct swap *swap, struct job *job, int new, bool cloexec)
{
	int r;

	fault_point("putting");
	r = replace(swap, job, job->old, new, cloexec);
	fault_point("put");
	if (!is_refusal(r))
		return r;
	r = watch_look_fully(swap->watch, job->caller, job->number, job->old, &swap->report);
	if (r < 0)
		return r;
	job->follows = false;
	return 1;
}

/* What of the items is only nearly as it was; NULL: nothing. */
static const char *loses(struct swap *swap, struct job *job, int new)
{
	const struct watch_report *report = &swap->report;

	enum swap_purpose purpose = job->request->purpose;

	/* An item tells of what differs. A connect that was made before is told, and natively only if it took time. */
	if (job->put_first || (purpose != SWAP_TO_CONNECT && purpose != SWAP_TO_FASTOPEN) || !job->silent ||
	    job->outcome->items == 0)
		return NULL;
	if (!report->counted) {
		if (watch_look(swap->watch, job->caller, -1, new, &swap->again) < 0)
			return "the watchers could not be read";
		report = &swap->again;
	}
	return repair_loses(report, true, true);
}

bool follow_left(struct swap *swap, struct job *job, int new)
{
	struct swap_outcome *outcome = job->outcome;
	const struct watch_report *report = &swap->report;
	const char *why;
	long left = 0;

	outcome->duplicates += (unsigned int)report->duplicate_count;
	if (report->registrations != 0)
		left = watch_registrations(swap->watch, job->old);
	if (left >= 0 && report->registrations > left)
		outcome->items += (unsigned int)(report->registrations - left);
	why = report->counted ? apply_beyond(swap, job->caller->tid) : NULL;
	if (!why)
		why = loses(swap, job, new);
	if (why) {
		outcome->exact = false;
		outcome->why = why;
	}
	return left != 0;
}

void follow_check(struct swap *swap, struct job *job)
{
	if (!job->outcome->exact || watch_registrations(swap->watch, job->old) == 0)
		return;
	job->outcome->exact = false;
	job->outcome->why = foreign_epoll;
}
