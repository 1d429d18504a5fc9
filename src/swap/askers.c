// SPDX-License-Identifier: LGPL-2.1-or-later
/* Threads that were sent on to the kernel a moment ago; see askers.h. */
#include "swap/askers.h"

#include <sched.h>
#include <stdbool.h>
#include <time.h>

#include "base/clock.h"
#include "base/fd.h"
#include "target/signals.h"

/* What was let go longer ago has been there, if the machine runs it at all. */
#define RECENT_USEC 100000
/* As a rule it is there after so many looks. Then we sleep between them: a virtual processor that spins may keep
 * the one from running on which it is. */
#define LOOKS_AT_ONCE 10

void askers_add(struct askers *askers, pid_t tid, int number)
{
	unsigned int i = 0;

	/* A thread that asks again has had its answer; others may still be on their way. */
	while (i < ASKERS_MAX && askers->ring[i].tid != tid)
		i++;
	if (i == ASKERS_MAX)
		i = askers->next++ % ASKERS_MAX;
	askers->ring[i] = (struct asker){.tid = tid, .number = number, .since = clock_usec()};
}

/*
 * Asleep is elsewhere: also in its next call of the same kind, which waits for us. Uninterruptibly asleep is not: woken
 * from its notification a thread takes notify_lock first, and waits where we hold that, in our own next ioctl(2). Nor is
 * /proc/TID/syscall asked: one that another processor has yet to put on its queue (TASK_WAKING) is blocked there.
 */
static bool on_its_way(const struct asker *asker)
{
	_cleanup_close_ int status = signals_open(asker->tid);
	struct signals seen;

	return status >= 0 && signals_look(status, &seen) == 0 && (seen.state == 'R' || seen.state == 'D');
}

static void wait_for(const struct asker *asker)
{
	uint64_t start = clock_usec(), look = 0;

	for (unsigned int looks = 1; on_its_way(asker); looks++) {
		if (looks <= LOOKS_AT_ONCE) {
			look = (clock_usec() - start) / looks + 1;
			sched_yield();
		} else if (clock_usec() - start < ASKER_LOOKS * look) {
			nanosleep(&(struct timespec){.tv_nsec = (long)(LOOKS_AT_ONCE * look) * 1000}, NULL);
		} else {
			return;
		}
	}
}

void askers_wait(struct askers *askers, pid_t tid, int number)
{
	/* From the first place on, and again when all are taken. */
	const unsigned int used = askers->next < ASKERS_MAX ? askers->next : ASKERS_MAX;

	for (unsigned int i = 0; i < used; i++) {
		struct asker *asker = &askers->ring[i];

		if (asker->tid == 0 || asker->number != number || asker->tid == tid)
			continue;
		if (clock_usec() - asker->since < RECENT_USEC)
			wait_for(asker);
		asker->tid = 0;
	}
}
