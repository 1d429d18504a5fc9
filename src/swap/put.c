// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Putting a file over the numbers that name another one, and back.
 *
 * Each function has its description in internal.h.
 */
#include "swap/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

#include "target/table.h"

int put_number(struct swap *swap, struct job *job, int number, int new, bool cloexec)
{
	bool expected;
	int r;

	fault_point("putting");
	if (swap->replaces & CALLER_EXPECT && !job->bare) {
		r = caller_replace_file(job->caller, number, job->old, new, cloexec, 0);
		fault_point("put");
		return r;
	}
	expected = !job->sole && watch_expect(swap->watch, &swap->report, number);
	r = job->sole || expected ? 1 : caller_has_file(job->caller, number, job->old);
	if (r <= 0)
		return r == -ENOENT ? r : -ESTALE;
	fault_point("compared");
	r = caller_put_file(job->caller, number, new, cloexec);
	fault_point("put");
	if (expected)
		watch_expect_nothing(swap->watch, r == 0);
	/* Another thread is just opening at that number, which it can only while nothing stands there. */
	return r == -EBUSY ? -ESTALE : r;
}

void put_late_flags(struct job *job, int new)
{
	int now = fcntl(job->old, F_GETFL);
	int changed = (now ^ job->seen.status_flags) & (O_NONBLOCK | O_APPEND);
	int flags;

	if (now < 0 || !changed)
		return;
	flags = fcntl(new, F_GETFL);
	if (flags < 0 || fcntl(new, F_SETFL, (flags & ~changed) | (now & changed)) < 0)
		return;
	job->seen.status_flags ^= changed;
	job->seen.blocking = !(now & O_NONBLOCK);
}

void put_moved(struct job *job, int number)
{
	int *grown = reallocarray(job->moved, job->moved_count + 1, sizeof(*grown));

	if (!grown)
		return;
	job->moved = grown;
	job->moved[job->moved_count++] = number;
}

void put_duplicates(struct swap *swap, struct job *job, int new)
{
	for (size_t i = 0; i < swap->report.duplicate_count; i++) {
		int number = swap->report.duplicates[i];
		int cloexec = table_cloexec(job->caller->tid, number);
		int r = cloexec < 0 ? -ESTALE : put_number(swap, job, number, new, cloexec);

		if (r == 0) {
			job->outcome->duplicates++;
			put_moved(job, number);
		} else if (r != -ESTALE && r != -ENOENT) {
			job->outcome->exact = false;
			job->outcome->why = "a duplicate of the descriptor could not be replaced";
		}
	}
}

void put_back(struct swap *swap, struct job *job, int new, bool cloexec)
{
	if (job->follows) {
		follow_back(swap, job, new, cloexec);
		return;
	}
	for (size_t i = 0; i < job->moved_count; i++) {
		int number = job->moved[i];
		bool closes = number == job->number ? cloexec : table_cloexec(job->caller->tid, number) == 1;

		fault_point("putting-back");
		if (swap->replaces & CALLER_EXPECT)
			caller_replace_file(job->caller, number, new, job->old, closes, 0);
		else if (caller_has_file(job->caller, number, new) == 1)
			caller_put_file(job->caller, number, job->old, closes);
		fault_point("put-back");
	}
}
