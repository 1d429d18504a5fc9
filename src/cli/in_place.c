// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The process model in place: this process becomes COMMAND.
 *
 * Process id, parent, process group, session, terminal, signals, stops and exit status are
 * COMMAND's by construction, because nothing stands between it and whoever started reseat. Guard
 * and worker are descendants of an intermediate that ends at once, so COMMAND has no child that it
 * did not make:
 *
 *     this process --clone--> intermediate --fork--> guard --fork--> worker
 *
 * The intermediate is made by clone(2) without an exit signal: a SIGCHLD would stay pending in
 * COMMAND where it is blocked.
 *
 * Where COMMAND is whom the kernel gives orphans to, PID 1 of its namespace or a subreaper, the guard
 * would come back to it and be waited for like a child of its own. There is no intermediate then:
 *
 *     this process --clone--> guard --fork--> worker
 *
 * A child without an exit signal is none to wait(2), unless it is asked for with __WALL or __WCLONE.
 * Of an orphan the kernel changes that (reparent_leader() in kernel/exit.c), of a child never.
 *
 * The model needs ptrace access to a process that is no descendant: the guard tries that on this
 * process before anything is changed that cannot be undone.
 */
#include <errno.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "cli/channel.h"
#include "cli/message.h"
#include "cli/privilege.h"
#include "cli/session.h"

static noreturn void in_place_guard(struct session *session, int target)
{
	_cleanup_close_ int self = pidfd_open(getpid(), 0);
	pid_t worker;
	int worker_pidfd;

	if (!privilege_may_access(target)) {
		channel_reply(session->channel[1], CHANNEL_NO_ACCESS, NULL);
		_exit(0);
	}
	channel_reply(session->channel[1], CHANNEL_ACCESS, NULL);
	worker = fork();
	if (worker == 0)
		worker_main(session, getppid(), self);
	setsid();
	if (worker < 0) {
		channel_reply(session->channel[1], CHANNEL_FAILED,
			      "cannot start the supervisor: fork failed");
		_exit(0);
	}
	worker_pidfd = pidfd_open(worker, 0);
	guard_main(session, worker, worker_pidfd, 0);
}

/* Whether orphans come to this process, and to COMMAND after it. */
static bool in_place_adopts(void)
{
	int subreaper = 0;

	if (getpid() == 1)
		return true;
	return prctl(PR_GET_CHILD_SUBREAPER, &subreaper) == 0 && subreaper;
}

/* Wait for the end of a child that was made without an exit signal. */
static void in_place_reap(pid_t child)
{
	while (waitpid(child, NULL, __WCLONE) < 0 && errno == EINTR)
		;
}

/* Return: 0 or a negative errno. */
static int in_place_start_guard(struct session *session)
{
	_cleanup_close_ int self = pidfd_open(getpid(), 0);
	bool direct = in_place_adopts();
	pid_t child;

	if (self < 0)
		return -errno;
	child = (pid_t)syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);
	if (child < 0)
		return -errno;
	if (child == 0 && direct)
		in_place_guard(session, self);
	if (child == 0) {
		pid_t guard = fork();

		if (guard == 0)
			in_place_guard(session, self);
		if (guard < 0)
			channel_reply(session->channel[1], CHANNEL_FAILED,
				      "cannot start the supervisor: fork failed");
		_exit(0);
	}
	if (direct)
		session->guard = child;
	else
		in_place_reap(child);
	return 0;
}

int in_place_run(struct session *session)
{
	struct channel_reply reply;
	int r;

	r = channel_open(session->channel);
	if (r == 0)
		r = in_place_start_guard(session);
	session->channel[1] = fd_close(session->channel[1]);
	if (r < 0) {
		message(session->messages, "cannot start the supervisor: %s", strerror(-r));
		_exit(EXIT_RESEAT);
	}
	r = channel_receive_reply(session->channel[0], &reply);
	if (r > 0 && reply.kind == CHANNEL_NO_ACCESS) {
		session->channel[0] = fd_close(session->channel[0]);
		if (session->guard > 0)
			in_place_reap(session->guard);
		session->guard = 0;
		return -EPERM;
	}
	if (r <= 0 || reply.kind != CHANNEL_ACCESS) {
		message(session->messages, "%s",
			r > 0 ? reply.text : "the supervisor ended before it was ready");
		_exit(EXIT_RESEAT);
	}
	launch_target(session);
}
