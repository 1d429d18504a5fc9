// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Executes small programs (program.h) that it reads, one after the other, and writes what they saw.
 *
 *	interpret FIRST-PORT < PROGRAMS
 *
 *	program MODE		in	LINE TEXT: RESULT	out
 *	LINE...				...
 *	end				pids PID...
 *					end
 *
 * A line that waits says so, and its result comes after the line that ended the wait: who wakes whom is part of what is
 * told. Time is not. Lines that are let go together (+) may take effect in any order, and MODE says in which they
 * are let go: 0 all at once, 1 to 6 one after the other in one of their orders, others at times that follow from it.
 */
#include <err.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../slow.h"
#include "program.h"

/* How many programs' ports lie beside each other: a port is not used again at once. */
enum { SLOTS = 400 };

static const int64_t look_again_ns = 60000;
static int64_t give_up_ns = 3000000000;

/* A receive that a supervisor keeps for longer waits: it is answered when there is something to answer. */
static int64_t held_ns = 20000000;

/* By actor: the line whose end is not told yet, counted from 1; and the one that is waited for no longer. */
static unsigned int open_lines[ACTORS], given_up[ACTORS];

static void handle(int number)
{
}

static void start(void)
{
	struct sigaction action = { .sa_handler = handle, .sa_flags = SA_RESTART };
	pid_t child;

	fflush(stdout);
	shared->actors[0].process = 0;
	child = fork();
	if (child < 0)
		err(1, "fork");
	if (child == 0) {
		close_range(3, ~0U, 0);
		signal(SIGPIPE, SIG_IGN);
		sigaction(SIGUSR1, &action, NULL);
		action.sa_flags = 0;
		sigaction(SIGUSR2, &action, NULL);
		actor_live(0);
	}
	while (!shared->actors[0].pid) {
		unsigned int seen = shared->events;

		if (!shared->actors[0].pid)
			futex_wait(&shared->events, seen, 10000000);
	}
}

static bool is_call(unsigned int line, const char *name)
{
	return !strcmp(program.lines[line].words[0], name);
}

static bool is_exit(unsigned int line)
{
	return is_call(line, "exit");
}

/* Whether a call is waited for even if it waits. */
static bool is_patient(unsigned int line)
{
	return program.lines[line].patient || is_exit(line) || is_call(line, "fork") || is_call(line, "thread");
}

/* Whether an actor has nothing to do, or waits with it; looked at since @since. */
static bool is_settled(unsigned int number, int64_t since)
{
	struct actor *actor = &shared->actors[number];
	unsigned int line = open_lines[number];
	enum look look;

	if (!actor->pid || !line || given_up[number] == line)
		return true;
	if (actor->done == line && !is_exit(line - 1))
		return true;
	look = look_at(actor);
	if (look == LOOK_GONE) {
		/* A thread that ended itself, or with its process. */
		for (unsigned int i = 0; i < ACTORS; i++)
			if (i == number || (actor->process == number && shared->actors[i].process == number))
				shared->actors[i].pid = 0;
		actor->done = line;
		return true;
	}
	if (look == LOOK_HELD && now_ns() - since > held_ns && is_call(line - 1, "recvfrom"))
		look = LOOK_WAITS;
	return look == LOOK_WAITS && actor->begun == line && actor->done != line &&
	       !is_patient(line - 1);
}

/* Wait until nothing moves any more: twice, since who was just woken may be about to wait again. */
static void settle(void)
{
	int64_t since = now_ns();
	unsigned int quiet = 0;

	while (quiet < 2) {
		unsigned int seen = shared->events;
		bool settled = true;

		for (unsigned int i = 0; i < ACTORS; i++)
			settled = is_settled(i, since) && settled;
		if (settled) {
			quiet++;
			continue;
		}
		quiet = 0;
		if (now_ns() - since > give_up_ns) {
			for (unsigned int i = 0; i < ACTORS; i++)
				if (!is_settled(i, since))
					given_up[i] = open_lines[i];
			return;
		}
		futex_wait(&shared->events, seen, look_again_ns);
	}
}

static void let_go(unsigned int line, int64_t at)
{
	struct actor *actor = &shared->actors[program.lines[line].actor];

	open_lines[program.lines[line].actor] = line + 1;
	actor->at = at;
	actor->told = line + 1;
	futex_wake_all(&actor->told);
}

/* A line by itself. */
static void execute(unsigned int line, int64_t at)
{
	struct result *result = &shared->results[line];
	int actor = program.lines[line].actor;

	if (actor == PEER)
		peer_execute(&program.lines[line], line, result);
	else if (!shared->actors[actor].pid)
		tell(result, "nobody");
	else if (open_lines[actor])
		tell(result, "busy");
	else
		let_go(line, at);
}

static void print_line(const char *before, unsigned int line, const char *result)
{
	printf("%s%u %s: %s\n", before, line, program.lines[line].text, result);
}

/* What lines first to last gave, then what they ended. */
static void print(unsigned int first, unsigned int last)
{
	for (unsigned int i = first; i <= last; i++) {
		int actor = program.lines[i].actor;

		if (actor == PEER || open_lines[actor] != i + 1) {
			print_line("", i, shared->results[i].text);
		} else if (shared->actors[actor].done == i + 1) {
			print_line("", i, shared->results[i].text);
			open_lines[actor] = 0;
		} else if (!shared->actors[actor].pid) {
			print_line("", i, "gone");
			open_lines[actor] = 0;
		} else {
			print_line("", i, look_at(&shared->actors[actor]) == LOOK_RUNS ? "never ends" : "waits");
		}
	}
	for (unsigned int i = 0; i < first; i++) {
		int actor = program.lines[i].actor;

		if (actor == PEER || open_lines[actor] != i + 1)
			continue;
		if (shared->actors[actor].done == i + 1)
			print_line("  then ", i, shared->results[i].text);
		else if (!shared->actors[actor].pid)
			print_line("  then ", i, "gone");
		else
			continue;
		open_lines[actor] = 0;
	}
}

/* The k-th order of up to three, four in part. */
static void order(unsigned int k, unsigned int count, unsigned int *ret)
{
	bool used[LINES_MAX] = { 0 };

	for (unsigned int i = 0; i < count; i++) {
		unsigned int nth = k % (count - i), at = 0;

		k /= count - i;
		for (;; at++)
			if (!used[at] && nth-- == 0)
				break;
		used[at] = true;
		ret[i] = at;
	}
}

static void execute_together(unsigned int first, unsigned int last)
{
	unsigned int orders[LINES_MAX], count = last - first + 1;
	int64_t at = now_ns() + 40000;

	order(program.mode ? program.mode - 1 : 0, count, orders);
	srandom(program.mode);
	for (unsigned int i = 0; i < count; i++) {
		if (program.mode >= 1 && program.mode <= 6) {
			execute(first + orders[i], 0);
			settle();
		} else {
			execute(first + orders[i], at + (program.mode ? random() % 150000 : 0));
		}
	}
	settle();
}

static void run(void)
{
	memset(shared, 0, sizeof(*shared));
	memset(open_lines, 0, sizeof(open_lines));
	memset(given_up, 0, sizeof(given_up));
	peer_open();
	start();
	for (unsigned int i = 0, first = 0; i < program.count; i++) {
		if (program.lines[i].together && i + 1 < program.count)
			continue;
		if (i == first) {
			execute(i, 0);
			settle();
		} else {
			execute_together(first, i);
		}
		print(first, i);
		first = i + 1;
	}
}

/* End the program, and all that it has started. */
static void end(void)
{
	char pids[ACTORS * 12 + 1] = "";
	int used = 0;

	for (;;) {
		pid_t pid;

		for (unsigned int i = 0; i < ACTORS; i++)
			if (shared->actors[i].pid && shared->actors[i].process == i)
				kill(shared->actors[i].pid, SIGKILL);
		while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
			if (used < (int)sizeof(pids) - 12)
				used += snprintf(pids + used, sizeof(pids) - used, " %d", pid);
		if (pid < 0)
			break;
		usleep(50);
	}
	peer_rest();
	peer_close();
	printf("pids%s\nend\n", pids);
	fflush(stdout);
}

static void finish(void)
{
	for (unsigned int i = 0; i < ACTORS; i++) {
		const struct actor *actor = &shared->actors[i];

		if (actor->pid && actor->process == i)
			look_open(i, actor->pid);
	}
	end();
}

int main(int argc, char **argv)
{
	in_port_t silent;
	int first;

	if (argc != 2 || (first = atoi(argv[1])) <= 0)
		errx(2, "usage: interpret FIRST-PORT < PROGRAMS");
	give_up_ns *= slowly(1);
	held_ns *= slowly(1);
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	signal(SIGPIPE, SIG_IGN);
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		err(1, "memory that is shared");
	silent = peer_silent();
	for (unsigned int i = 0; program_read(); i++) {
		ports_use((in_port_t)(first + i % SLOTS * PORTS_EACH), silent);
		run();
		finish();
	}
	return 0;
}
