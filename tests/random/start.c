// SPDX-License-Identifier: GPL-2.0-or-later
/* Threads and processes of a program begin, and end. */
#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
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

long do_exit_group(struct call *call)
{
	struct actor *self = &shared->actors[call->actor];

	tell(call->result, "exits");
	self->done = call->number + 1;
	event_happened();
	_exit(0);
}

/* Whoever calls it, the process goes on as its first thread. */
long do_exec(struct call *call)
{
	unsigned int first = shared->actors[call->actor].process;
	char pid[12], fd[12], number[12];
	char *arguments[] = { "interpret", "--anew", pid, fd, number, NULL };
	char *text = shared->anew.text, *end = text + sizeof(shared->anew.text);

	memcpy(shared->anew.variables, call_variables(), sizeof(shared->anew.variables));
	for (unsigned int i = 0; i < program.count; i++)
		text += snprintf(text, end - text, "%s%s", i ? "\n" : "", program.lines[i].text);
	snprintf(pid, sizeof(pid), "%d", shared->anew.pid);
	snprintf(fd, sizeof(fd), "%d", shared->anew.fd);
	snprintf(number, sizeof(number), "%u", first);
	shared->exec = 1;
	execv("/proc/self/exe", arguments);
	shared->exec = 0;
	return -1;
}

static void handle(int number)
{
}

void actor_signals(void)
{
	struct sigaction action = { .sa_handler = handle, .sa_flags = SA_RESTART };

	signal(SIGPIPE, SIG_IGN);
	sigaction(SIGUSR1, &action, NULL);
	action.sa_flags = 0;
	sigaction(SIGUSR2, &action, NULL);
}

void actor_anew(const char *pid, const char *fd, const char *actor)
{
	unsigned int number = (unsigned int)atoi(actor), line;
	struct actor *self;
	char path[64];
	int file;

	snprintf(path, sizeof(path), "/proc/%s/fd/%s", pid, fd);
	file = open(path, O_RDWR | O_CLOEXEC);
	if (file < 0)
		err(1, "%s", path);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	close(file);
	if (shared == MAP_FAILED)
		err(1, "memory that is shared");
	ports_use(shared->anew.first, shared->anew.silent);
	program_parse(shared->anew.text);
	memcpy(call_variables(), shared->anew.variables, sizeof(shared->anew.variables));
	actor_signals();
	/* Its call ended with the program that made it. */
	self = &shared->actors[number];
	line = self->told;
	if (line && self->done != line) {
		memset(&shared->results[line - 1], 0, sizeof(shared->results[0]));
		tell(&shared->results[line - 1], "gone");
		self->done = line;
	}
	for (unsigned int i = 0; i < ACTORS; i++)
		if (i != number && shared->actors[i].process == number)
			shared->actors[i].pid = 0;
	shared->exec = 0;
	actor_live(number);
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
