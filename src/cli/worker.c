// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The worker: the process that holds the supervisor.
 *
 * The main thread runs the supervisor. A second thread waits for everything else:
 *
 *     the listener hangs up     nobody uses the filter any more: stop the supervisor (on Linux 6.1
 *                               a blocked receive would never return)
 *     COMMAND ends              give up standard error, because somebody may wait for its end; where
 *                               connects are only observed, after the report (observe.h)
 *     the guard ends            go on alone; in the front model, take over its children
 *     the trace                 copied to standard error, see below
 *     the front ends            only in the guard's place: end COMMAND
 *
 * A trace that goes to standard error must not keep a pipe or socket open after COMMAND ended, but
 * the supervisor writes it by threads of its own, and later than the calls that it is about. There
 * the trace goes through a pipe of ours, and only the second thread holds standard error. Where
 * COMMAND was the last user of the filter everything is copied; where daemons go on, what comes
 * within a short while after COMMAND's end. Files and terminals have no reader who waits for an
 * end; they are given to the supervisor as they are.
 *
 * Waiting for any child would take away the stops of threads that the supervisor is tracing, so the
 * worker reaps nobody as long as there is a guard.
 *
 * The worker ends when its targets have ended and ignores whatever asks it to end sooner: a signal
 * to every process of a service must not take the connections of one that is still finishing its
 * work.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/kcmp.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/start.h"
#include "cli/channel.h"
#include "cli/helper.h"
#include "cli/message.h"
#include "cli/observe.h"
#include "cli/parent.h"
#include "cli/privilege.h"
#include "cli/session.h"

/* How long a trace has to be silent after COMMAND ended before it is given up. */
#define TRACE_QUIET_MS 100

/* How long a parent may take to wait for COMMAND. */
#define REAP_MS 100

/* How long the report waits for all to be told of. */
#define REPORT_WAIT_USEC 1000000

struct worker {
	struct session *session;
	struct supervisor *supervisor;
	struct channel_start start; /* the listener is a duplicate, for its hang-up */
	pid_t guard;
	int guard_pidfd;
	int trace_in, trace_out;    /* the pipe of the trace, or -EBADF */
	int children;		    /* signalfd; front model */
	bool alone;		    /* the guard has gone */
	bool main_gone;		    /* COMMAND ended */
	bool ended;		    /* the listener hung up */
	sem_t stopped;		    /* posted when the second thread leaves the supervisor alone */
	struct parent parent;
};

static void worker_fail(struct session *session, const char *text)
{
	atomic_store(&session->shared->stage, WORKER_FAILED);
	channel_reply(session->channel[1], CHANNEL_FAILED, text);
	_exit(0);
}

static void worker_signals(void)
{
	sigset_t set;

	/* All but those that tell of a mistake of ours, as far as that can be had. */
	for (int number = 1; number <= SIGRTMAX; number++)
		if (number != SIGSEGV && number != SIGBUS && number != SIGILL && number != SIGFPE &&
		    number != SIGABRT && number != SIGSYS)
			signal(number, SIG_IGN);
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_SETMASK, &set, NULL);
}

/* Give up standard error, because somebody may wait for its end. */
static void worker_close_errors(struct worker *worker)
{
	worker->trace_in = fd_close(worker->trace_in);
	worker->session->messages = fd_close(worker->session->messages);
}

/* Copy what the pipe holds. */
static void worker_relay(struct worker *worker)
{
	char buffer[4096];
	ssize_t length;

	while ((length = read(worker->trace_in, buffer, sizeof(buffer))) > 0)
		fd_write_all(worker->session->messages, buffer, (size_t)length);
	if (length == 0)
		worker_close_errors(worker);
}

/* Whether nobody uses the filter any more; waits up to @timeout milliseconds for that. */
static bool worker_hung_up(const struct worker *worker, int timeout)
{
	struct pollfd pollfd = {.fd = worker->start.listener};

	return worker->ended || (poll(&pollfd, 1, timeout) == 1 && pollfd.revents & POLLHUP);
}

/*
 * How many processes COMMAND has left behind. In place they are no relatives of ours, and before Linux 6.11
 * COMMAND itself counts until its parent has waited for it.
 */
static long worker_left(const struct worker *worker)
{
	if (worker->session->front)
		return worker_hung_up(worker, 0) ? 0 : observe_left(worker->guard, worker->start.pid);
	return worker_hung_up(worker, REAP_MS) ? 0 : -1;
}

/*
 * The report follows the trace, whose last lines may still be on their way: a call is answered first, and told
 * of then.
 */
static void worker_report(struct worker *worker)
{
	struct session *session = worker->session;
	uint64_t end = clock_usec() + REPORT_WAIT_USEC;

	while (!supervisor_idle(worker->supervisor) && clock_usec() < end) {
		struct pollfd pollfd = {.fd = worker->trace_in, .events = POLLIN};

		/* Files and terminals tell nothing: look again soon. */
		if (poll(&pollfd, 1, 5) == 1)
			worker_relay(worker);
	}
	if (worker->trace_in >= 0)
		worker_relay(worker);
	observe_report(session, worker->supervisor, worker_left(worker));
	session->reported[1] = fd_close(session->reported[1]);
}

/* The first thread may take the supervisor away when nothing is to be asked of it any more. */
static void worker_leave(struct worker *worker)
{
	if (worker->ended && (worker->main_gone || !worker->session->options->observe))
		sem_post(&worker->stopped);
}

/* Of the processes that COMMAND left behind as well; into a file, for nobody waits any more. */
static void worker_last_report(struct worker *worker)
{
	if (worker->session->options->observe && worker->session->report >= 0)
		observe_report(worker->session, worker->supervisor, 0);
}

static void worker_main_gone(struct worker *worker)
{
	worker->main_gone = true;
	worker->start.pidfd = fd_close(worker->start.pidfd);
	if (worker->session->options->observe) {
		worker_report(worker);
		worker_leave(worker);
	}
	if (worker->trace_in < 0)
		worker_close_errors(worker);
}

static void worker_guard_gone(struct worker *worker)
{
	worker->guard_pidfd = fd_close(worker->guard_pidfd);
	if (worker_hung_up(worker, 0))
		return;
	worker->alone = true;
	message(worker->session->messages,
		"the guard (pid %d) was killed; should the supervisor (pid %d) be killed too, "
		"connects fail with ENOSYS",
		worker->guard, getpid());
	parent_reap(&worker->parent);
}

/*
 * The listener can hang up before COMMAND is seen to have ended. Until then, and until the
 * supervisor has let go of its end of the pipe, there is a trace to copy; and in the guard's place
 * a front to be told.
 */
static bool worker_done(const struct worker *worker)
{
	return worker->ended && worker->main_gone && worker->trace_in < 0 &&
	       !(worker->alone && worker->session->front && !worker->parent.main_gone);
}

/* How long to wait for something to happen: for ever, or as long as daemons may still trace. */
static int worker_quiet(const struct worker *worker)
{
	return worker->main_gone && !worker->ended && worker->trace_in >= 0 ? TRACE_QUIET_MS : -1;
}

static void *worker_wait(void *context)
{
	struct worker *worker = context;
	struct session *session = worker->session;
	enum { LISTENER, MAIN, GUARD, TRACE, CHILDREN, FRONT, COUNT };

	while (!worker_done(worker)) {
		struct pollfd fds[COUNT] = {
			[LISTENER] = {.fd = worker->ended ? -1 : worker->start.listener},
			[MAIN] = {.fd = worker->start.pidfd, .events = POLLIN},
			[GUARD] = {.fd = worker->guard_pidfd, .events = POLLIN},
			[TRACE] = {.fd = worker->trace_in, .events = POLLIN},
			[CHILDREN] = {.fd = worker->children, .events = POLLIN},
			[FRONT] = {.fd = worker->alone && !worker->parent.main_gone
						 ? session->link[1]
						 : -1},
		};

		int r = poll(fds, COUNT, worker_quiet(worker));

		if (r < 0)
			continue;
		if (r == 0)
			worker_close_errors(worker);
		if (fds[TRACE].revents)
			worker_relay(worker);
		if (fds[CHILDREN].revents) {
			struct signalfd_siginfo info;

			while (read(worker->children, &info, sizeof(info)) > 0)
				;
			if (worker->alone)
				parent_reap(&worker->parent);
		}
		if (fds[GUARD].revents)
			worker_guard_gone(worker);
		if (fds[FRONT].revents & POLLHUP) {
			pidfd_send_signal(worker->start.pidfd, SIGKILL, NULL, 0);
			session->link[1] = fd_close(session->link[1]);
			worker->parent.link = -EBADF;
		}
		if (fds[MAIN].revents)
			worker_main_gone(worker);
		if (fds[LISTENER].revents) {
			worker->ended = true;
			supervisor_stop(worker->supervisor);
			if (worker->main_gone)
				worker_last_report(worker);
			worker_leave(worker);
		}
	}
	return NULL;
}

/* Where the supervisor writes the trace. Return: a descriptor, or a negative errno. */
static int worker_trace(struct worker *worker)
{
	struct session *session = worker->session;
	struct stat st;
	int pipe_fds[2];

	if (session->options->trace == TRACE_NONE)
		return -EBADF;
	if (session->trace >= 0)
		return session->trace;
	if (session->messages < 0 || fstat(session->messages, &st) < 0)
		return open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (!S_ISFIFO(st.st_mode) && !S_ISSOCK(st.st_mode))
		return fcntl(session->messages, F_DUPFD_CLOEXEC, 3);
	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	fcntl(pipe_fds[0], F_SETFL, O_NONBLOCK);
	worker->trace_in = pipe_fds[0];
	worker->trace_out = pipe_fds[1];
	return pipe_fds[1];
}

/* What no swap can do without, and a filter that we were started under may deny: nothing is begun then. */
static void worker_need(struct worker *worker)
{
	struct session *session = worker->session;
	pid_t pid = worker->start.pid;
	char text[200];
	int r = fd_own_table();

	if (r < 0) {
		snprintf(text, sizeof(text), "unshare(2) and close_range(2) are denied (%s): allow one of them", strerror(-r));
		worker_fail(session, text);
	}
	/* Nothing is compared here, nor read, but whether they may be called is found out. */
	if (syscall(SYS_kcmp, getpid(), pid, KCMP_FILES, 0UL, 0UL) < 0) {
		snprintf(text, sizeof(text), "kcmp(2) is denied or missing (%s): without it a wrong file could be replaced",
			 strerror(errno));
		worker_fail(session, text);
	}
	if (process_vm_readv(pid, NULL, 0, NULL, 0, 0) < 0) {
		snprintf(text, sizeof(text), "process_vm_readv(2) is denied or missing (%s): addresses of a connect cannot be read",
			 strerror(errno));
		worker_fail(session, text);
	}
}

/* Everything up to COMMAND's start. */
static void worker_start(struct worker *worker)
{
	struct session *session = worker->session;
	struct policy_error error = {0};
	struct supervisor_options options = {
		.policy = session->options->policy,
		.watch_backend = session->options->watch_backend,
		.observe = session->options->observe,
		.origins = session->options->origins,
		.trace = session->options->trace,
		.request = session->shared->request,
		.request_size = sizeof(session->shared->request),
		.held = session->shared->held,
		.held_count = GUARD_HELD_MAX,
	};
	int listener, r;

	if (channel_receive_start(session->channel[1], &worker->start) <= 0)
		_exit(0);
	if (!privilege_may_access(worker->start.pidfd))
		worker_fail(session, "no ptrace access to COMMAND (a security module or container "
				     "denies it; CAP_SYS_PTRACE may help)");
	worker_need(worker);
	options.trace_fd = worker_trace(worker);
	if (options.trace_fd < 0 && options.trace != TRACE_NONE)
		worker_fail(session, "cannot open the trace");
	options.first = worker->start.pid;
	listener = worker->start.listener;
	worker->start.listener = fcntl(listener, F_DUPFD_CLOEXEC, 3);
	if (worker->start.listener < 0)
		worker_fail(session, "out of descriptors");
	r = supervisor_new(&worker->supervisor, listener, &options, &error);
	if (r < 0)
		worker_fail(session, error.text[0] ? error.text : strerror(-r));
}

noreturn void worker_main(struct session *session, pid_t guard, int guard_pidfd)
{
	const int keep[] = {session->channel[1], session->messages,    session->trace,
			    session->report,	 session->reported[1], session->link[1],
			    session->front_pidfd, guard_pidfd};
	struct worker worker = {
		.session = session,
		.guard = guard,
		.guard_pidfd = guard_pidfd,
		.trace_in = -EBADF,
		.trace_out = -EBADF,
		.children = -EBADF,
	};
	pthread_t waiter;
	sigset_t children;

	/*
	 * A group of its own, so that nothing that is sent to COMMAND's comes here, but COMMAND's
	 * session: the scheduler groups tasks by session (sched(7), autogroup), and a call that
	 * crosses from one group to the other and back costs half as much again.
	 */
	setpgid(0, 0);
	helper_detach("reseat-worker", keep, sizeof(keep) / sizeof(*keep));
	worker_signals();
	worker_start(&worker);
	helper_title("reseat-worker");
	worker.parent = (struct parent){
		.main_pid = worker.start.pid,
		.link = session->link[1],
		.front_pidfd = session->front_pidfd,
	};
	if (session->front) {
		sigemptyset(&children);
		sigaddset(&children, SIGCHLD);
		worker.children = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
	}
	sem_init(&worker.stopped, 0, 0);
	if (start_thread(&waiter, worker_wait, &worker) < 0 || supervisor_start(worker.supervisor) < 0)
		worker_fail(session, "cannot start a thread");
	atomic_store(&session->shared->stage, WORKER_READY);
	channel_reply(session->channel[1], CHANNEL_READY, NULL);
	session->channel[1] = fd_close(session->channel[1]);
	if (supervisor_run(worker.supervisor) < 0)
		_exit(1);
	while (sem_wait(&worker.stopped) < 0)
		;
	/* Writes the rest of the trace, which the second thread copies to the end of the pipe. */
	supervisor_free(worker.supervisor);
	worker.trace_out = fd_close(worker.trace_out);
	pthread_join(waiter, NULL);
	if (session->front)
		waitpid(guard, NULL, 0);
	_exit(0);
}
