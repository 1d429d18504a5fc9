// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A notified call that waits for its answer while a signal is pending for its thread can be
 * answered with -ERESTARTSYS (512), an error that programs never see: on its way to the handler the
 * call becomes EINTR, or with SA_RESTART is made again, as the kernel does it with its own. It
 * works also for a signal without a handler (SIGSTOP), and where a tracer wants the thread.
 *
 * Whether the thread will go that way its state in /proc tells: a received call sleeps
 * interruptibly (S) until something wakes its thread, and uninterruptibly (D) from then on. Of a
 * signal for a process with several threads only the one that it was chosen for is woken, so that
 * another stays S.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "assume.h"

#define RESTART 512

static int flags;
static volatile sig_atomic_t ran;

static void handler(int number)
{
	ran++;
}

/* Exits with the errno of a notified call, and 128 more if the handler ran. */
static int target(void)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };
	int r;

	must(sigaction(SIGUSR1, &action, NULL));
	r = connect_to(must(socket(AF_INET, SOCK_STREAM, 0)), AF_INET, htons(9));
	return -r + (ran ? 128 : 0);
}

/* Another thread waits; the signal is blocked by it, or by the one that makes the call. */
static bool other_takes;

static void *idle(void *context)
{
	for (;;)
		pause();
	return NULL;
}

static int threaded(void)
{
	sigset_t set;
	pthread_t thread;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	must(-pthread_sigmask(other_takes ? SIG_UNBLOCK : SIG_BLOCK, &set, NULL));
	must(-pthread_create(&thread, NULL, idle, NULL));
	must(-pthread_sigmask(other_takes ? SIG_BLOCK : SIG_UNBLOCK, &set, NULL));
	return target();
}

/* The thread's state in /proc. */
static char state_of(pid_t tid)
{
	char path[64], text[512] = "";
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", tid, tid);
	file = fopen(path, "re");
	if (!file || !fgets(text, sizeof(text), file) || !strrchr(text, ')'))
		return '?';
	fclose(file);
	return strrchr(text, ')')[2];
}

/* Wait for the state; it is on its way there. */
static void wait_state(pid_t tid, char state)
{
	long start = now_ms();

	while (state_of(tid) != state)
		check(now_ms() - start < DEADLINE, "state %c, not %c", state_of(tid), state);
}

/* Whether a call that was restarted comes as another notification, which is answered with EPERM. */
static int outcome(struct target *t, bool again)
{
	if (again) {
		struct seccomp_notif notification = receive(t);

		must(answer(t, notification.id, -EPERM, 0, 0));
	}
	return target_end(t) >> 8;
}

static int handled(int with)
{
	struct seccomp_notif notification;
	struct target t;

	flags = with;
	t = target_start(target, SYS_connect, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
	notification = receive(&t);
	wait_state(t.pid, 'S');
	must(kill(t.pid, SIGUSR1));
	wait_state(t.pid, 'D');
	must(answer(&t, notification.id, -RESTART, 0, 0));
	return outcome(&t, with & SA_RESTART);
}

static int stopped(void)
{
	struct seccomp_notif notification;
	struct target t = target_start(target, SYS_connect, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
	int status;

	notification = receive(&t);
	wait_state(t.pid, 'S');
	must(kill(t.pid, SIGSTOP));
	wait_state(t.pid, 'D');
	must(answer(&t, notification.id, -RESTART, 0, 0));
	must(waitpid(t.pid, &status, WUNTRACED));
	check(WIFSTOPPED(status), "not stopped: status %x", status);
	must(kill(t.pid, SIGCONT));
	return outcome(&t, true);
}

/* A signal for the process. */
static int for_process(bool other)
{
	struct seccomp_notif notification;
	struct target t;

	flags = 0;
	other_takes = other;
	t = target_start(threaded, SYS_connect, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
	notification = receive(&t);
	wait_state(t.pid, 'S');
	must(kill(t.pid, SIGUSR1));
	if (other) {
		check(!wait_for(-1, 0, 50) && state_of(t.pid) == 'S', "woken by another's signal");
		must(answer(&t, notification.id, -EPERM, 0, 0));
		return target_end(&t) >> 8;
	}
	wait_state(t.pid, 'D');
	must(answer(&t, notification.id, -RESTART, 0, 0));
	return outcome(&t, false);
}

/* Seized and interrupted, as strace -p does it: stops when it is answered, and makes the call again. */
static int seized(void)
{
	struct seccomp_notif notification;
	struct target t;
	int status;

	t = target_start(target, SYS_connect, SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV);
	notification = receive(&t);
	wait_state(t.pid, 'S');
	if (ptrace(PTRACE_SEIZE, t.pid, 0, 0) < 0)
		missing("ptrace(2) of a child: errno %d", errno);
	must(ptrace(PTRACE_INTERRUPT, t.pid, 0, 0));
	wait_state(t.pid, 'D');
	must(answer(&t, notification.id, -RESTART, 0, 0));
	must(waitpid(t.pid, &status, __WALL));
	check(WIFSTOPPED(status) && status >> 16 == PTRACE_EVENT_STOP, "status %x", status);
	must(ptrace(PTRACE_DETACH, t.pid, 0, 0));
	return outcome(&t, true);
}

int main(void)
{
	int r;

	r = handled(0);
	check(r == EINTR + 128, "with a handler: %d", r);
	r = handled(SA_RESTART);
	check(r == EPERM + 128, "with SA_RESTART: %d", r);
	r = stopped();
	check(r == EPERM, "stopped and continued: %d", r);
	r = for_process(false);
	check(r == EINTR + 128, "for the process: %d", r);
	r = for_process(true);
	check(r == EPERM + 128, "for another thread of it: %d", r);
	r = seized();
	check(r == EPERM, "seized: %d", r);
	return 0;
}
