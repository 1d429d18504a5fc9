// SPDX-License-Identifier: LGPL-2.1-or-later
/* Threads that were sent on to the kernel a moment ago; see askers.h. */
#include "swap/askers.h"

#include <sched.h>
#include <stdbool.h>

#include "base/clock.h"
#include "target/thread.h"

/* What was let go longer ago has been there, if the machine runs it at all. */
#define RECENT_USEC 10000

void askers_add(struct askers *askers, pid_t tid, int number)
{
	askers->ring[askers->next++ % ASKERS_MAX] =
		(struct asker){.tid = tid, .number = number, .since = clock_usec()};
}

static bool on_its_way(const struct asker *asker)
{
	struct thread_syscall seen;

	/* Blocked is elsewhere: also in its next call of the same kind, which waits for us. */
	return thread_syscall(asker->tid, &seen) == 0 && !seen.blocked;
}

void askers_wait(struct askers *askers, pid_t tid, int number)
{
	uint64_t now = 0;

	for (unsigned int i = 0; i < ASKERS_MAX; i++) {
		struct asker *asker = &askers->ring[i];

		if (asker->tid == 0 || asker->number != number || asker->tid == tid)
			continue;
		now = clock_usec();
		while (now - asker->since < RECENT_USEC && on_its_way(asker)) {
			sched_yield();
			if (clock_usec() - now > ASKER_USEC)
				break;
		}
		asker->tid = 0;
	}
}
