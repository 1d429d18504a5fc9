// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The last steps of reseat in the process that becomes COMMAND.
 *
 * Nothing of reseat is left there after execve(2): every descriptor is CLOEXEC, the signal mask is
 * the one that reseat was started with, dispositions were never changed, the variable that names
 * the watch backend is taken out of the environment. The filter comes first and COMMAND last:
 * between them the supervisor says that everything that can fail has worked. This thread makes no
 * call meanwhile that the filter traps. A policy may trap sendmsg(2), which hands the listener over: that
 * is done by a thread that was started before the filter was loaded, and has none.
 */
#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/start.h"
#include "cli/channel.h"
#include "cli/message.h"
#include "cli/session.h"
#include "intercept/intercept.h"

static noreturn void launch_fail(const struct session *session, const char *text)
{
	message(session->messages, "%s", text);
	_exit(EXIT_RESEAT);
}

static noreturn void launch_fail_filter(const struct session *session, int error)
{
	switch (error) {
	case -EBUSY:
		message(session->messages,
			"another seccomp supervisor already listens to this process (nested reseat "
			"run, or a container runtime's listener): the kernel allows one listener in "
			"a chain of filters; run reseat outside of it, or give the outer one these "
			"rules");
		break;
	case -ENOSYS:
	case -EINVAL:
		message(session->messages, "this kernel has no seccomp user notification (%s); "
			"'reseat check' says what else is missing", strerror(-error));
		break;
	case -EACCES:
		message(session->messages,
			"the seccomp filter was refused: neither CAP_SYS_ADMIN nor "
			"no_new_privs");
		break;
	default:
		message(session->messages, "cannot load the seccomp filter: %s", strerror(-error));
		break;
	}
	_exit(EXIT_RESEAT);
}

static noreturn void launch_exec(const struct session *session)
{
	char **command = session->options->command;
	int error;

	unsetenv(WATCH_BACKEND_VARIABLE);
	sigprocmask(SIG_SETMASK, &session->mask, NULL);
	setrlimit(RLIMIT_NOFILE, &session->files);
	execvp(command[0], command);
	error = errno;
	message(session->messages, "'%s': %s", command[0], strerror(error));
	_exit(error == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE);
}

/* The thread without a filter. */
struct handover {
	pthread_t thread;
	sem_t loaded;
	int channel;
	const struct channel_start *start;
	int result;
};

static void *launch_hand_over(void *context)
{
	struct handover *handover = context;

	while (sem_wait(&handover->loaded) < 0)
		;
	handover->result = channel_send_start(handover->channel, handover->start);
	return NULL;
}

noreturn void launch_target(struct session *session)
{
	struct filter_options filter;
	struct channel_reply reply = {.kind = CHANNEL_FAILED};
	struct channel_start start = {.pid = getpid(), .pidfd = -EBADF, .listener = -EBADF};
	struct handover handover = {.channel = session->channel[0], .start = &start};
	int r;

	sem_init(&handover.loaded, 0, 0);
	filter_options_for(&filter, session->options->policy);
	if (session->options->origins)
		filter_options_share(&filter);
	if (session->options->observe)
		filter_options_observe(&filter);
	start.pidfd = pidfd_open(start.pid, 0);
	if (start.pidfd < 0)
		launch_fail(session, errno == ENOSYS ? "this kernel has no pidfd_open(2)" : "out of descriptors");
	r = start_thread(&handover.thread, launch_hand_over, &handover);
	if (r < 0)
		launch_fail(session, "cannot start a thread");
	r = filter_load(&filter, session->no_new_privs, &start.listener);
	if (r < 0)
		launch_fail_filter(session, r);
	sem_post(&handover.loaded);
	pthread_join(handover.thread, NULL);
	r = handover.result;
	start.listener = fd_close(start.listener);
	if (r == 0)
		r = channel_receive_reply(session->channel[0], &reply);
	if (r <= 0)
		launch_fail(session, "the supervisor ended before it was ready");
	if (reply.kind != CHANNEL_READY)
		launch_fail(session, reply.text);
	launch_exec(session);
}
