// SPDX-License-Identifier: GPL-2.0-or-later
/* Actors: they wait for a line, execute it, and say so. */
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "program.h"

struct shared *shared;

int64_t now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000LL + time.tv_nsec;
}

void futex_wake_all(atomic_uint *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, 1000, NULL, NULL, 0);
}

/* Not longer than @timeout_ns, if that is not 0. Returns early whenever it likes. */
void futex_wait(atomic_uint *word, unsigned int seen, long timeout_ns)
{
	const struct timespec timeout = { .tv_sec = timeout_ns / 1000000000, .tv_nsec = timeout_ns % 1000000000 };

	syscall(SYS_futex, word, FUTEX_WAIT, seen, timeout_ns ? &timeout : NULL, NULL, 0);
}

void event_happened(void)
{
	atomic_fetch_add(&shared->events, 1);
	futex_wake_all(&shared->events);
}

void actor_live(unsigned int number)
{
	struct actor *self = &shared->actors[number];
	unsigned int last = self->done;

	self->tid = gettid();
	self->pid = getpid();
	event_happened();
	for (;;) {
		unsigned int told = self->told;

		if (told == last) {
			futex_wait(&self->told, told, 0);
			continue;
		}
		self->begun = last = told;
		while (now_ns() < self->at)
			;
		call_execute(number, &program.lines[told - 1], told - 1, &shared->results[told - 1]);
		self->done = told;
		event_happened();
	}
}
