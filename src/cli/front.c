// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The process model with a front process: for an ordinary user under Yama, who may trace only
 * descendants.
 *
 *     front --fork--> worker --fork--> guard --fork--> COMMAND
 *
 * The worker goes into a process group of its own; guard and COMMAND stay in the front's process
 * group, so that the terminal, and whoever signals the group, reaches COMMAND as it would without
 * reseat. The front stands for COMMAND towards its parent:
 *
 *     COMMAND exits               the front exits with the same status
 *     COMMAND dies by a signal    the front dies by the same signal, without a core of its own
 *     COMMAND stops               the front stops itself by the same signal
 *     the front is continued      COMMAND is, unless it is running again already
 *     the front gets a signal     COMMAND gets it, unless it got it itself (front_link.h)
 *     the front is killed         COMMAND is killed, by the guard
 *
 * The front blocks every signal and reads them from a descriptor. A stop signal sent to the group
 * stops COMMAND, and the front follows when it hears of that: if it stopped at once, and COMMAND
 * had a handler, the two would differ. What cannot be passed on is SIGSTOP sent to the front alone.
 *
 * Where connects are only observed the front ends when the report is written.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/channel.h"
#include "cli/front_link.h"
#include "cli/helper.h"
#include "cli/message.h"
#include "cli/observe.h"
#include "cli/session.h"

struct front {
	struct session *session;
	pid_t worker;
	bool worker_gone;
	int worker_status;
	bool told;	   /* of the worker's death */
	pid_t guard;
	pid_t main_pid;
	int main_pidfd;
	int signals;	   /* signalfd */
	pid_t foreground; /* COMMAND's process group, where it is not ours and had the terminal when
			   * COMMAND stopped; else 0 */
};

static noreturn void front_die(int number)
{
	const struct rlimit none = {0};
	sigset_t set;

	/* The core, if any, is COMMAND's. */
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_DUMPABLE, 0);
	signal(number, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, number);
	raise(number);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	_exit(128 + number);
}

static void front_worker(struct front *front)
{
	const char *command = front->session->options->command[0];
	struct signal_words words;

	if (!front->worker_gone) {
		if (waitpid(front->worker, &front->worker_status, WNOHANG) != front->worker)
			return;
		front->worker_gone = true;
	}
	if (front->told || front->worker_status == 0)
		return;
	front->told = true;
	if (WIFSIGNALED(front->worker_status))
		message(front->session->messages,
			"the supervisor (pid %d) was killed by signal %s; ending %s (pid %d)",
			front->worker, message_signal(WTERMSIG(front->worker_status), &words),
			command, front->main_pid);
	else
		message(front->session->messages,
			"the supervisor (pid %d) ended with status %d; ending %s (pid %d)",
			front->worker, WEXITSTATUS(front->worker_status), command, front->main_pid);
}

static noreturn void front_exited(struct front *front, int status)
{
	front_worker(front);
	if (front->session->options->observe)
		observe_wait(front->session->reported[0], front->signals);
	if (WIFSIGNALED(status))
		front_die(WTERMSIG(status));
	_exit(WEXITSTATUS(status));
}

/*
 * Whether COMMAND is stopped now, from /proc/PID/stat. The guard's word may be old: a stop signal
 * to the group that comes while we are being continued stops us directly, and its message is read
 * later.
 */
static bool front_main_stopped(const struct front *front)
{
	char path[64], line[512];
	_cleanup_close_ int fd = -EBADF;
	ssize_t length;
	char *after;

	group_signal_barrier();
	snprintf(path, sizeof(path), "/proc/%d/stat", front->main_pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	length = read(fd, line, sizeof(line) - 1);
	if (length <= 0)
		return false;
	line[length] = '\0';
	after = strrchr(line, ')');
	return after && after[1] == ' ' && after[2] == 'T';
}

static void front_forward(struct front *front, const struct signalfd_siginfo *got)
{
	siginfo_t info = {
		.si_signo = (int)got->ssi_signo,
		.si_code = got->ssi_code,
	};

	/* A value goes along; otherwise the kernel wants the sender to be ourselves. */
	if (got->ssi_code == SI_QUEUE) {
		info.si_pid = (pid_t)got->ssi_pid;
		info.si_uid = got->ssi_uid;
		info.si_value.sival_ptr = (void *)(uintptr_t)got->ssi_ptr;
		pidfd_send_signal(front->main_pidfd, info.si_signo, &info, 0);
	} else {
		pidfd_send_signal(front->main_pidfd, info.si_signo, NULL, 0);
	}
}

/*
 * The kernel's own signals. Those of the terminal go to a whole group, except what the leader of a
 * session gets when the terminal hangs up; the others (SIGXCPU, SIGCHLD) are about this process.
 */
static bool front_is_for_leader(unsigned int number)
{
	return number == SIGHUP || number == SIGCONT;
}

/*
 * A shell makes a process group of its own and the terminal its own. When it stops, whoever started
 * us takes the terminal, and gives it back to the group that it knows: ours. It has to be passed
 * on.
 */
static void front_note_foreground(struct front *front)
{
	_cleanup_close_ int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	pid_t group = getpgid(front->main_pid);

	front->foreground = 0;
	if (terminal >= 0 && group != getpgrp() && tcgetpgrp(terminal) == group)
		front->foreground = group;
}

static void front_pass_foreground(struct front *front)
{
	_cleanup_close_ int terminal = -EBADF;

	if (front->foreground == 0)
		return;
	terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (terminal >= 0 && tcgetpgrp(terminal) == getpgrp())
		tcsetpgrp(terminal, front->foreground);
	front->foreground = 0;
}

static void front_signal(struct front *front, const struct signalfd_siginfo *got)
{
	bool group;

	if (got->ssi_signo == SIGCHLD)
		return;
	group = sentinel_ask(front->session->sentinel[0], (int)got->ssi_signo);
	if (got->ssi_signo == SIGCONT) {
		/* The guard's says that COMMAND runs already. */
		if ((pid_t)got->ssi_pid == front->guard || (pid_t)got->ssi_pid == front->worker)
			return;
		front_pass_foreground(front);
		/* COMMAND in our group got it: if it is stopped now, it was stopped again. */
		if (!group || (getpgid(front->main_pid) != getpgrp() && front_main_stopped(front)))
			front_forward(front, got);
		return;
	}
	if (group || (got->ssi_code == SI_KERNEL && !front_is_for_leader(got->ssi_signo)))
		return;
	front_forward(front, got);
}

static void front_signals(struct front *front)
{
	struct signalfd_siginfo got;

	while (read(front->signals, &got, sizeof(got)) == sizeof(got))
		front_signal(front, &got);
	front_worker(front);
}

/* COMMAND has stopped. */
static void front_stopped(struct front *front, int number)
{
	static const int stops[] = {SIGTSTP, SIGTTIN, SIGTTOU};
	struct sigaction before, action = {.sa_handler = SIG_DFL};
	sigset_t set;

	/* What stopped COMMAND is usually waiting here, too. */
	front_signals(front);
	if (!front_main_stopped(front))
		return;
	front_note_foreground(front);
	/* None of the stop signals that led here may be taken for a later one. */
	for (size_t i = 0; i < sizeof(stops) / sizeof(*stops); i++)
		sentinel_ask(front->session->sentinel[0], stops[i]);
	if (number == SIGSTOP) {
		raise(SIGSTOP);
		return;
	}
	sigemptyset(&set);
	sigaddset(&set, number);
	sigaction(number, &action, &before);
	raise(number);
	/* Here we stop, unless the group is orphaned, or COMMAND was continued a moment ago: then
	 * the guard's SIGCONT wakes us. */
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	sigprocmask(SIG_BLOCK, &set, NULL);
	sigaction(number, &before, NULL);
}

/* Guard and worker were both killed. Nobody holds the listener, nobody is COMMAND's parent. */
static noreturn void front_abandoned(struct front *front)
{
	struct pollfd pollfd = {.fd = front->main_pidfd, .events = POLLIN};

	if (front->main_pidfd < 0) {
		message(front->session->messages,
			"the supervisor was killed before COMMAND started");
		_exit(EXIT_RESEAT);
	}
	front->told = true;
	message(front->session->messages,
		"the supervisor and its guard were killed; ending %s (pid %d)",
		front->session->options->command[0], front->main_pid);
	pidfd_send_signal(front->main_pidfd, SIGKILL, NULL, 0);
	poll(&pollfd, 1, -1);
	front_die(SIGKILL);
}

static void front_link_event(struct front *front)
{
	struct link_message got;
	int pidfd;

	if (link_receive(front->session->link[0], &got, &pidfd) == 0)
		front_abandoned(front);
	switch (got.kind) {
	case LINK_STARTED:
		front->main_pid = got.value;
		front->guard = got.helper;
		front->main_pidfd = pidfd;
		break;
	case LINK_FAILED:
		message(front->session->messages, "cannot start the supervisor: %s",
			strerror(got.value));
		_exit(EXIT_RESEAT);
	case LINK_STOPPED:
		front_stopped(front, got.value);
		break;
	case LINK_EXITED:
		front_exited(front, got.value);
	}
}

/* In the guard: make COMMAND, then guard it. */
static noreturn void front_guard(struct session *session, pid_t worker, int worker_pidfd)
{
	struct link_message started = {.kind = LINK_STARTED, .helper = getpid()};
	int pidfd;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	started.value = fork();
	if (started.value == 0)
		launch_target(session);
	pidfd = started.value > 0 ? pidfd_open(started.value, 0) : -1;
	if (pidfd < 0) {
		started.kind = LINK_FAILED;
		started.value = errno;
	}
	link_send(session->link[1], &started, pidfd);
	if (pidfd < 0)
		_exit(1);
	fd_close(pidfd);
	guard_main(session, worker, worker_pidfd, started.value);
}

/* In the worker: make the guard, then supervise. */
static noreturn void front_start(struct session *session)
{
	int self = pidfd_open(getpid(), 0);
	pid_t worker = getpid();
	pid_t guard;

	prctl(PR_SET_CHILD_SUBREAPER, 1);
	guard = fork();
	if (guard == 0)
		front_guard(session, worker, self);
	if (guard < 0) {
		const struct link_message failed = {.kind = LINK_FAILED, .value = errno};

		link_send(session->link[1], &failed, -1);
		_exit(0);
	}
	worker_main(session, guard, pidfd_open(guard, 0));
}

static void front_open(struct session *session)
{
	int r = channel_open(session->channel);

	session->front = true;
	session->front_pid = getpid();
	session->front_pidfd = pidfd_open(session->front_pid, 0);
	if (r == 0 && session->options->observe && pipe2(session->reported, O_CLOEXEC) < 0)
		r = -errno;
	if (r == 0 &&
	    (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, session->link) < 0 ||
	     socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, session->sentinel) < 0))
		r = -errno;
	if (r < 0) {
		message(session->messages, "cannot start the supervisor: %s", strerror(-r));
		_exit(EXIT_RESEAT);
	}
}

/* The front keeps as little of COMMAND's world as guard and worker do. */
static void front_prepare(struct front *front)
{
	struct session *session = front->session;
	const int keep[] = {session->messages, session->link[0], session->sentinel[0],
			    session->reported[0]};
	sigset_t all;

	helper_detach("reseat", keep, sizeof(keep) / sizeof(*keep));
	sigfillset(&all);
	front->signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
}

noreturn void front_run(struct session *session)
{
	struct front front = {.session = session, .main_pidfd = -EBADF};
	sigset_t all;

	front_open(session);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	front.worker = fork();
	if (front.worker == 0)
		front_start(session);
	if (front.worker < 0) {
		message(session->messages, "cannot start the supervisor: %s", strerror(errno));
		_exit(EXIT_RESEAT);
	}
	front_prepare(&front);
	for (;;) {
		struct pollfd fds[] = {
			{.fd = session->link[0], .events = POLLIN},
			{.fd = front.main_pidfd < 0 ? -1 : front.signals, .events = POLLIN},
		};

		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[1].revents)
			front_signals(&front);
		if (fds[0].revents)
			front_link_event(&front);
	}
}
