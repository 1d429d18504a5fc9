// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Executes small programs (program.h) that it reads, one after the other, and writes what they saw.
 *
 *	interpret FIRST-PORT [POINTS-FILE] < PROGRAMS
 *
 *	program MODE [POINT SKIP]	in	LINE TEXT: RESULT	out
 *	LINE...					...
 *	end					passed HELD POINT...
 *						pids PID...
 *						end
 *
 * A line that waits says so, and its result comes after the line that ended the wait: who wakes whom is part of what is
 * told. Time is not. Lines that are let go together (+) may take effect in any order, and MODE says in which they
 * are let go: 0 all at once, 1 to 6 one after the other in one of their orders, others at times that follow from it. With a POINT the first of them begins, and the others are executed one after the other
 * while the supervisor is held there (base/fault.h), if it comes there, which HELD says; then it goes on.
 */
#include <err.h>
#include <fcntl.h>
#include <linux/futex.h>
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
#include "base/fault.h"
#include "program.h"

/* How many programs' ports lie beside each other: a port is not used again at once. */
enum { SLOTS = 400 };

static const int64_t look_again_ns = 60000, late_ns = 5000000, end_ns = 1000000000;
static int64_t give_up_ns = 3000000000;

/* A receive that a supervisor keeps for longer waits: it is answered when there is something to answer. */
static int64_t held_ns = 20000000;

/* What the supervisor is held by, or NULL; whether it was, in this program. */
static struct fault_control *control;
static bool was_held;

/* By actor: the line whose end is not told yet, counted from 1; and the one that is waited for no longer. */
static unsigned int open_lines[ACTORS], given_up[ACTORS];

static bool is_held(void)
{
	return control && __atomic_load_n(&control->state, __ATOMIC_ACQUIRE) == FAULT_HELD;
}

static void point_state(uint32_t state)
{
	__atomic_store_n(&control->state, state, __ATOMIC_RELEASE);
	syscall(SYS_futex, &control->state, FUTEX_WAKE, 1000, NULL, NULL, 0);
}

static void point_arm(void)
{
	if (!control)
		errx(1, "a point takes a file that the supervisor knows");
	control->logged = 0;
	strcpy(control->name, program.point);
	control->skip = program.skip;
	control->begun = 0;
	point_state(FAULT_ARMED);
}

static void start(void)
{
	pid_t child;

	fflush(stdout);
	shared->actors[0].process = 0;
	child = fork();
	if (child < 0)
		err(1, "fork");
	if (child == 0) {
		close_range(3, ~0U, 0);
		actor_signals();
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
	return is_call(line, "exit") || is_call(line, "exit_group");
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

	if (shared->exec)
		return false;
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
	/* For as long as the supervisor is held itself. */
	if (look == LOOK_HELD && is_held())
		return true;
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
	else if (!shared->actors[actor].pid || look_at(&shared->actors[actor]) == LOOK_GONE)
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

/* The first one waits in the hands of a supervisor that is held, and the others are executed meanwhile. */
static void execute_held(unsigned int first, unsigned int last)
{
	unsigned int ended;
	bool held;

	point_arm();
	execute(first, 0);
	settle();
	/* The call may be over before the supervisor comes to the point. */
	futex_wait((atomic_uint *)&control->state, FAULT_ARMED, late_ns);
	held = is_held();
	for (unsigned int i = first + 1; i <= last; i++) {
		execute(i, 0);
		settle();
	}
	was_held = was_held || held;
	ended = __atomic_load_n(&control->ended, __ATOMIC_ACQUIRE);
	point_state(FAULT_IDLE);
	/* Who made the call may be gone, or have its answer, before the supervisor is done with it. */
	if (held)
		futex_wait((atomic_uint *)&control->ended, ended, end_ns);
	settle();
}

static void run(const struct anew *anew)
{
	memset(shared, 0, sizeof(*shared));
	shared->anew = *anew;
	was_held = false;
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
			(program.point[0] ? execute_held : execute_together)(first, i);
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
	if (control)
		printf("passed %d %.*s\n", was_held, (int)__atomic_load_n(&control->logged, __ATOMIC_ACQUIRE), control->log);
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

static void *map(int fd, size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED)
		err(1, "memory that is shared");
	return at;
}

static void point_open(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		err(1, "%s", path);
	control = map(fd, sizeof(*control));
	close(fd);
}

int main(int argc, char **argv)
{
	struct anew anew = { .pid = getpid() };
	int first;

	if (argc == 5 && !strcmp(argv[1], "--anew"))
		actor_anew(argv[2], argv[3], argv[4]);
	if (argc < 2 || argc > 3 || (first = atoi(argv[1])) <= 0)
		errx(2, "usage: interpret FIRST-PORT [POINTS-FILE] < PROGRAMS");
	give_up_ns *= slowly(1);
	held_ns *= slowly(1);
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	signal(SIGPIPE, SIG_IGN);
	anew.fd = memfd_create("interpret", MFD_CLOEXEC);
	if (anew.fd < 0 || ftruncate(anew.fd, sizeof(*shared)) < 0)
		err(1, "memory that is shared");
	shared = map(anew.fd, sizeof(*shared));
	if (argc == 3)
		point_open(argv[2]);
	anew.silent = peer_silent();
	for (unsigned int i = 0; program_read(); i++) {
		anew.first = (in_port_t)(first + i % SLOTS * PORTS_EACH);
		ports_use(anew.first, anew.silent);
		run(&anew);
		finish();
	}
	return 0;
}
