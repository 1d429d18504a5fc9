// SPDX-License-Identifier: GPL-2.0-or-later
/* Threads and processes of a program begin, and end. */
#include <err.h>
#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "call.h"

static void *live(void *number)
{
	actor_live((unsigned int)(uintptr_t)number);
	return NULL;
}

static unsigned int newcomer(struct call *call)
{
	unsigned int number = constant(call->words[0]);

	if (number == 0 || number >= ACTORS)
		errx(1, "no actor can be called %s", call->words[0]);
	return number;
}

static void wait_for(unsigned int number)
{
	while (!shared->actors[number].pid) {
		unsigned int seen = shared->events;

		if (!shared->actors[number].pid)
			futex_wait(&shared->events, seen, 10000000);
	}
}

long do_thread(struct call *call)
{
	unsigned int number = newcomer(call);
	pthread_attr_t attributes;
	pthread_t thread;

	if (shared->actors[number].pid) {
		tell(call->result, "is there");
		return -1;
	}
	shared->actors[number].process = shared->actors[call->actor].process;
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, 128 * 1024);
	if (pthread_create(&thread, &attributes, live, (void *)(uintptr_t)number))
		errx(1, "no thread");
	wait_for(number);
	return 0;
}

long do_fork(struct call *call)
{
	unsigned int number = newcomer(call);
	pid_t child;

	if (shared->actors[number].pid) {
		tell(call->result, "is there");
		return -1;
	}
	shared->actors[number].process = number;
	child = fork();
	if (child < 0)
		err(1, "fork");
	if (child == 0)
		actor_live(number);
	wait_for(number);
	return 0;
}

long do_exit(struct call *call)
{
	struct actor *self = &shared->actors[call->actor];

	tell(call->result, "exits");
	self->done = call->number + 1;
	event_happened();
	if (self->process == call->actor)
		_exit(0);
	syscall(SYS_exit, 0);
	return 0;
}
