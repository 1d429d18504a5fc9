// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The blocked threads as /proc tells: /proc/TID/syscall of each other thread of the process.
 *
 * That tells which numbers a call was given, not which file it holds. A thread that began to wait after
 * the file at the number was replaced waits on the new one, and is named all the same.
 */
#include "watch/procfs_waiters.h"

#include <errno.h>

#include "watch/wait_call.h"

struct walk {
	const struct caller *caller;
	const int *numbers;
	size_t count;
	struct watch_report *report;
};

static int visit(void *context, pid_t tid)
{
	struct walk *walk = context;
	struct watch_waiter waiter = {.tid = tid};
	struct thread_syscall call;
	int r;

	r = thread_syscall_again(tid, &call);
	if (r < 0)
		return r == -ESRCH ? 0 : r;
	if (!call.blocked) {
		walk->report->running++;
		return 0;
	}
	r = wait_call_decode(walk->caller, &call, walk->numbers, walk->count, &waiter);
	if (r <= 0)
		return r;
	if (!thread_shares_table(walk->caller->tid, tid) || thread_in_seccomp(tid))
		return 0;
	return watch_report_waiter(walk->report, &waiter);
}

int procfs_waiters(struct watch *watch, const struct caller *caller, const int *numbers, size_t count, int file,
		   struct watch_report *report)
{
	struct walk walk = {
		.caller = caller,
		.numbers = numbers,
		.count = count,
		.report = report,
	};
	int r;

	if (thread_is_alone(caller->tid))
		return 0;
	r = thread_walk(caller->tid, visit, &walk);
	if (r == -ESRCH || (r < 0 && !caller_valid(caller)))
		return -ENOENT;
	return r;
}
