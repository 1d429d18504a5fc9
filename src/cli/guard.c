// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The guard: what is left when the worker dies.
 *
 * A listener without holders turns every trapped call into ENOSYS, and a program that believed that
 * would go on in ways that nobody tested. The guard holds a duplicate of the listener and does not
 * touch it while the worker lives. When the worker has died, nobody can finish what it began: a
 * socket may be half swapped, a thread may wait for an answer that never comes. So the targets get
 * a clear end, and a message says which and why:
 *
 *     COMMAND                        at once
 *     the thread whose               at once (guard_shared.h)
 *     notification was pending,
 *     or who waits in one
 *     any other process              at its next trapped call; one that makes none goes on
 *
 * SIGKILL from within its namespace does not reach a COMMAND that is PID 1 there. One that the kernel
 * sends does: it sends it to whom a tracer leaves behind that asked for that (PTRACE_O_EXITKILL). A
 * PID 1 that cannot be traced is spared, the listener given up, and its calls fail with ENOSYS.
 *
 * In the front model the guard is COMMAND's parent and the sentinel of its process group
 * (front_link.h) as long as COMMAND lives, and then leaves its session.
 *
 * Every signal is blocked: the guard ends when nobody uses the filter, and not before.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/pidfd.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/channel.h"
#include "cli/front_link.h"
#include "cli/helper.h"
#include "cli/message.h"
#include "cli/parent.h"
#include "cli/session.h"
#include "target/caller.h"
#include "target/thread.h"

/* On Linux 6.1 a receive whose notification was withdrawn in the meantime waits for ever. */
#define GUARD_RECEIVE_USEC 100000

struct guard {
	struct session *session;
	pid_t worker;
	int worker_pidfd;	    /* -EBADF once the worker has gone */
	bool receiving;		    /* the worker died: notifications are ours */
	bool started;		    /* the channel was served */
	struct channel_start start; /* empty before; no pidfd once COMMAND has gone */
	int children;		    /* signalfd */
	struct parent parent;
	struct seccomp_notif *notification;
	size_t notification_size;
};

/* COMMAND has ended: nothing of its terminal, group or standard error is needed any more. */
static void guard_main_gone(struct guard *guard)
{
	struct session *session = guard->session;

	guard->start.pidfd = fd_close(guard->start.pidfd);
	session->messages = fd_close(session->messages);
	session->link[1] = fd_close(session->link[1]);
	session->sentinel[1] = fd_close(session->sentinel[1]);
	session->front_pidfd = fd_close(session->front_pidfd);
	guard->parent.link = guard->parent.front_pidfd = -EBADF;
	if (session->front)
		setsid();
}

/* Kill the process that a thread belongs to. */
static void guard_end_thread(struct guard *guard, pid_t tid, uint64_t id)
{
	const struct caller caller = {.listener = &guard->start.listener, .id = id, .tid = tid};
	pid_t tgid = thread_tgid(tid);
	_cleanup_close_ int pidfd = tgid > 0 ? pidfd_open(tgid, 0) : -EBADF;
	char name[16];

	if (pidfd < 0)
		return;
	/* The notification is still there, so pid and pidfd are those of its sender. */
	if (!caller_valid(&caller))
		return;
	thread_name(tid, name);
	if (tgid != guard->start.pid)
		message(guard->session->messages, "no supervisor any more: ending %s (pid %d)",
			name, tgid);
	pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
}

static void guard_alarm(int number)
{
}

static void guard_receive(struct guard *guard)
{
	const struct itimerval limit = {
		.it_value.tv_usec = GUARD_RECEIVE_USEC,
		.it_interval.tv_usec = GUARD_RECEIVE_USEC,
	};
	const struct itimerval none = {0};
	sigset_t alarm;
	int r;

	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	memset(guard->notification, 0, guard->notification_size);
	setitimer(ITIMER_REAL, &limit, NULL);
	sigprocmask(SIG_UNBLOCK, &alarm, NULL);
	r = ioctl(guard->start.listener, SECCOMP_IOCTL_NOTIF_RECV, guard->notification);
	sigprocmask(SIG_BLOCK, &alarm, NULL);
	setitimer(ITIMER_REAL, &none, NULL);
	if (r == 0)
		guard_end_thread(guard, (pid_t)guard->notification->pid, guard->notification->id);
}

static bool guard_hung_up(const struct guard *guard)
{
	struct pollfd pollfd = {.fd = guard->start.listener};

	return guard->start.listener < 0 || (poll(&pollfd, 1, 0) == 1 && pollfd.revents & POLLHUP);
}

/* In place the worker is our child; in the front model the front, its parent, says how it ended. */
static void guard_tell(struct guard *guard)
{
	const struct session *session = guard->session;
	const char *command = session->command_name;
	struct signal_words words;
	int status = guard->parent.worker_status;

	if (!guard->parent.worker_gone)
		return;
	if (WIFSIGNALED(status))
		message(session->messages,
			"the supervisor (pid %d) was killed by signal %s; ending %s (pid %d)",
			guard->worker, message_signal(WTERMSIG(status), &words), command,
			guard->start.pid);
	else
		message(session->messages,
			"the supervisor (pid %d) ended with status %d; ending %s (pid %d)",
			guard->worker, WEXITSTATUS(status), command, guard->start.pid);
}

/* In a process of its own, whose end is what kills. Return: whether COMMAND will end. */
static bool guard_end_init(pid_t target)
{
	int status = 0;
	pid_t tracer = fork();

	if (tracer == 0)
		_exit(ptrace(PTRACE_SEIZE, target, NULL, PTRACE_O_EXITKILL) < 0);
	return tracer > 0 && waitpid(tracer, &status, 0) == tracer && status == 0;
}

static void guard_end_main(struct guard *guard)
{
	pidfd_send_signal(guard->start.pidfd, SIGKILL, NULL, 0);
	if (guard->start.pid != 1 || guard_end_init(guard->start.pid))
		return;
	message(guard->session->messages,
		"%s (pid 1) cannot be ended; the calls that reseat answered fail with ENOSYS from now on",
		guard->session->command_name);
	guard->start.listener = fd_close(guard->start.listener);
}

static void guard_worker_gone(struct guard *guard)
{
	struct session *session = guard->session;
	struct seccomp_notif pending;

	guard->worker_pidfd = fd_close(guard->worker_pidfd);
	parent_reap(&guard->parent);
	if (atomic_load(&session->shared->stage) != WORKER_READY) {
		/* COMMAND has not started, takes the first reply, and ends. */
		channel_reply(session->channel[1], CHANNEL_FAILED,
			      "the supervisor was killed before it was ready");
		session->channel[1] = fd_close(session->channel[1]);
		return;
	}
	if (guard_hung_up(guard))
		return;
	guard_tell(guard);
	guard->receiving = true;
	if (guard->start.pidfd >= 0)
		guard_end_main(guard);
	if (guard->start.listener < 0)
		return;
	/* The worker's last, then those that wait; it may have been answered, then its id is not valid any more. */
	memcpy(&pending, session->shared->request, sizeof(pending));
	if (pending.id)
		guard_end_thread(guard, (pid_t)pending.pid, pending.id);
	/* They fill the table from its beginning. */
	for (size_t i = 0; i < GUARD_HELD_MAX && atomic_load(&session->shared->held[i].tid); i++) {
		const __u64 id = atomic_load(&session->shared->held[i].id);

		if (id)
			guard_end_thread(guard, atomic_load(&session->shared->held[i].tid), id);
	}
}

static void guard_children(struct guard *guard)
{
	struct signalfd_siginfo info;

	while (read(guard->children, &info, sizeof(info)) > 0)
		;
	parent_reap(&guard->parent);
	if (guard->parent.main_gone)
		guard_main_gone(guard);
}

static bool guard_done(const struct guard *guard)
{
	if (guard->session->front && !guard->parent.main_gone)
		return false;
	return guard->started && guard->start.listener < 0;
}

static void guard_loop(struct guard *guard)
{
	struct session *session = guard->session;
	enum { CHANNEL, LISTENER, WORKER, MAIN, FRONT, SENTINEL, CHILDREN, COUNT };

	while (!guard_done(guard)) {
		struct pollfd fds[COUNT] = {
			[CHANNEL] = {.fd = guard->started ? -1 : session->channel[1],
				     .events = POLLIN},
			[LISTENER] = {.fd = guard->start.listener,
				      .events = guard->receiving ? POLLIN : 0},
			[WORKER] = {.fd = guard->started ? guard->worker_pidfd : -1,
				    .events = POLLIN},
			/* In the front model COMMAND's end is seen by reaping it. */
			[MAIN] = {.fd = session->front ? -1 : guard->start.pidfd, .events = POLLIN},
			[FRONT] = {.fd = session->link[1]},
			[SENTINEL] = {.fd = session->sentinel[1], .events = POLLIN},
			[CHILDREN] = {.fd = guard->children, .events = POLLIN},
		};

		if (poll(fds, COUNT, -1) < 0)
			continue;
		if (fds[CHANNEL].revents) {
			if (channel_receive_start(session->channel[1], &guard->start) < 0)
				channel_reply(session->channel[1], CHANNEL_FAILED,
					      "the guard is out of descriptors");
			guard->started = true;
		}
		if (fds[SENTINEL].revents && sentinel_answer(session->sentinel[1]) <= 0)
			session->sentinel[1] = fd_close(session->sentinel[1]);
		if (fds[WORKER].revents)
			guard_worker_gone(guard);
		if (fds[LISTENER].revents & POLLIN)
			guard_receive(guard);
		if (fds[LISTENER].revents & (POLLHUP | POLLERR))
			guard->start.listener = fd_close(guard->start.listener);
		if (fds[MAIN].revents)
			guard_main_gone(guard);
		if (fds[FRONT].revents & POLLHUP && !guard->parent.main_gone) {
			/* The front was killed, and COMMAND is what it stood for. */
			kill(guard->parent.main_pid, SIGKILL);
			session->link[1] = fd_close(session->link[1]);
			guard->parent.link = -EBADF;
		}
		if (fds[CHILDREN].revents)
			guard_children(guard);
	}
}

static void guard_signals(struct guard *guard)
{
	struct sigaction alarm = {.sa_handler = guard_alarm};
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	signal(SIGCHLD, SIG_DFL);
	guard->children = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	sigaction(SIGALRM, &alarm, NULL);
	sigfillset(&set);
	sigprocmask(SIG_SETMASK, &set, NULL);
}

static int guard_allocate(struct guard *guard)
{
	struct seccomp_notif_sizes sizes = {0};

	if (syscall(SYS_seccomp, SECCOMP_GET_NOTIF_SIZES, 0, &sizes) < 0)
		sizes.seccomp_notif = 0;
	guard->notification_size = sizeof(struct seccomp_notif);
	if (sizes.seccomp_notif > guard->notification_size)
		guard->notification_size = sizes.seccomp_notif;
	guard->notification = calloc(1, guard->notification_size);
	return guard->notification ? 0 : -ENOMEM;
}

noreturn void guard_main(struct session *session, pid_t worker, int worker_pidfd, pid_t main_pid)
{
	const int keep[] = {session->channel[1],  session->messages,	session->link[1],
			    session->sentinel[1], session->front_pidfd, worker_pidfd};
	struct guard guard = {
		.session = session,
		.worker = worker,
		.worker_pidfd = worker_pidfd,
		.start = {.listener = -EBADF, .pidfd = -EBADF},
		.parent = {
			.main_pid = main_pid,
			.worker = session->front ? 0 : worker,
			.link = session->link[1],
			.front_pidfd = session->front_pidfd,
		},
	};

	helper_detach("reseat-guard", keep, sizeof(keep) / sizeof(*keep));
	helper_title("reseat-guard");
	guard_signals(&guard);
	if (guard_allocate(&guard) < 0)
		_exit(1);
	/* What ended before the signals were watched. */
	parent_reap(&guard.parent);
	if (guard.parent.main_gone)
		guard_main_gone(&guard);
	guard_loop(&guard);
	/* The listener hung up: the worker ends, too, and has no other parent. */
	if (!session->front && !guard.parent.worker_gone)
		waitpid(worker, NULL, 0);
	_exit(0);
}
