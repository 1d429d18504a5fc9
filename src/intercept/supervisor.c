// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The supervisor: two threads, and what helps them.
 *
 * The *receiver* sits in RECV, which keeps the time short in which a target's call can still be
 * interrupted, and does all the work of a notification. It has left the process's descriptor table,
 * because repairing epoll needs the target's numbers free (numbers.h); everything that it uses it holds
 * in variables registered there.
 *
 * The *watcher* is the thread that called supervisor_run(). It waits for the listener's hang-up, because
 * RECV does not return for that on Linux 6.1, for supervisor_stop(), for connects whose time has come, and for
 * calls that wait for their socket (held.h).
 *
 * A third one ends connects whose time has come (timeouts.c).
 */
#include "intercept/intercept.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/compat.h"
#include "base/fault.h"
#include "base/fd.h"
#include "base/numbers.h"
#include "base/start.h"
#include "intercept/absent.h"
#include "intercept/handlers.h"

/* Interrupts RECV. It does nothing, and its handler is there only so that it does not kill. */
#define WAKE_SIGNAL SIGURG

/* fs.nr_open's default: as many numbers as a process can have. */
#define FILE_LIMIT 1048576

/* A swap with items in two epoll instances takes some ten. */
#define SPARE_DESCRIPTORS 16

/* How often it is to look at what it keeps. */
#define EXPIRE_USEC 1000000

/* The receiver is told to stop this often until it has. */
#define WAKE_NSEC 5000000L

struct supervisor {
	int listener;
	int stop;  /* eventfd: supervisor_stop() */
	atomic_bool stopping;
	atomic_bool handling; /* what may be answered already, and is not told of yet */
	struct notification *notification;
	struct records *records;
	struct absent *absent;
	struct handlers handlers;
	pthread_t receiver;
	int result;
};

/* The target's numbers have to exist in our table too. Beyond the hard limit it takes CAP_SYS_RESOURCE. */
static void raise_file_limit(void)
{
	struct rlimit limit = {FILE_LIMIT, FILE_LIMIT};

	if (setrlimit(RLIMIT_NOFILE, &limit) == 0 || getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/* What a swap takes for a moment, and calls of several threads, has to be there before a program depends on it. */
static int has_room(const struct supervisor *supervisor)
{
	int spare[SPARE_DESCRIPTORS];
	int count = 0, r = 0;

	while (count < SPARE_DESCRIPTORS && r == 0) {
		spare[count] = fcntl(supervisor->stop, F_DUPFD_CLOEXEC, 0);
		if (spare[count] < 0)
			r = -errno;
		else
			count++;
	}
	while (count)
		close(spare[--count]);
	return r;
}

/* Whether /proc shows the processes that notifications name: those of our own pid namespace. */
static bool proc_is_ours(struct policy_error *error)
{
	char target[16] = "";

	if (readlink("/proc/self", target, sizeof(target) - 1) > 0 && atoi(target) == getpid())
		return true;
	snprintf(error->text, sizeof(error->text), "%s; mount one: mount -t proc proc /proc",
		 target[0] ? "/proc is that of another pid namespace" : "there is no /proc here");
	return false;
}

int supervisor_new(struct supervisor **ret, int listener, const struct supervisor_options *options,
		   struct policy_error *error)
{
	const struct swap_options swap_options = {
		.policy = options->policy,
		.watch_backend = options->watch_backend,
		.listener = listener,
		.first = options->first,
		.observe = options->observe,
		.origins = options->origins,
	};
	struct supervisor *supervisor = calloc(1, sizeof(*supervisor));
	int r;

	error->text[0] = '\0';
	if (!supervisor) {
		fd_close(listener);
		return -ENOMEM;
	}
	supervisor->listener = listener;
	supervisor->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	raise_file_limit();
	r = supervisor->stop < 0 ? -errno : 0;
	if (r == 0 && !proc_is_ours(error))
		r = -ENOENT;
	if (r == 0)
		r = notification_new(&supervisor->notification, options->request,
				     options->request_size);
	if (r == 0)
		r = swap_new(&supervisor->handlers.swap, &swap_options, error);
	if (r == 0)
		r = timeouts_new(&supervisor->handlers.timeouts);
	if (r == 0)
		r = records_new(&supervisor->records, options->held, options->held_count);
	if (r == 0)
		r = held_new(&supervisor->handlers.held, &supervisor->listener, supervisor->records);
	if (r == 0)
		swap_on_replaced(supervisor->handlers.swap, held_follow, supervisor->handlers.held);
	if (r == 0)
		r = absent_new(&supervisor->absent, &supervisor->listener, supervisor->records);
	if (r == 0 && options->observe)
		r = summary_new(&supervisor->handlers.summary);
	if (r == 0 && options->trace != TRACE_NONE)
		r = trace_new(&supervisor->handlers.trace, options->trace, options->trace_fd);
	if (r == 0)
		r = has_room(supervisor);
	/* Before the program is there, which may take all the threads that its user may have. */
	if (r == 0 && !options->observe)
		r = timeouts_start(supervisor->handlers.timeouts);
	if (r < 0) {
		if (!error->text[0])
			snprintf(error->text, sizeof(error->text), "the supervisor cannot start: %s%s",
				 strerror(-r), r == -EMFILE ? "; " NUMBERS_RAISE_LIMIT : "");
		supervisor_free(supervisor);
		return r;
	}
	/* Linux 6.6; before it the answer takes a little longer. */
	ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
	*ret = supervisor;
	return 0;
}

void supervisor_free(struct supervisor *supervisor)
{
	if (!supervisor)
		return;
	trace_free(supervisor->handlers.trace);
	held_free(supervisor->handlers.held);
	absent_free(supervisor->absent);
	records_free(supervisor->records);
	summary_free(supervisor->handlers.summary);
	timeouts_free(supervisor->handlers.timeouts);
	swap_free(supervisor->handlers.swap);
	notification_free(supervisor->notification);
	fd_close(supervisor->stop);
	fd_close(supervisor->listener);
	free(supervisor);
}

/* Whether memory of the caller is going to be read or written. */
static bool concerns_memory(const struct supervisor *supervisor, const struct call *call)
{
	switch (call->kind) {
	case CALL_CONNECT:
	case CALL_SENDTO:
	case CALL_SENDMSG:
	case CALL_SENDMMSG:
		return !call->hidden;
	default:
		return swap_translates(supervisor->handlers.swap);
	}
}

static void dispatch(struct supervisor *supervisor, uint64_t received)
{
	struct notification *notification = supervisor->notification;
	struct handlers *handlers = &supervisor->handlers;
	struct call call;

	fault_point(FAULT_BEGIN);
	if (!absent_decode(supervisor->absent, notification))
		return;
	if (call_decode(&notification->caller, &notification->request->data, &call) < 0) {
		notification_resume(notification);
		return;
	}
	if (concerns_memory(supervisor, &call) &&
	    !absent_call(supervisor->absent, notification, &call))
		return;
	switch (call.kind) {
	case CALL_CONNECT:
		handle_connect(handlers, notification, &call, received);
		break;
	case CALL_GETPEERNAME:
	case CALL_GETSOCKNAME:
		handle_name(handlers, notification, &call);
		break;
	case CALL_GETSOCKOPT:
		handle_option(handlers, notification, &call);
		break;
	case CALL_BIND:
		handle_bind(handlers, notification, &call);
		break;
	case CALL_LISTEN:
		handle_listen(handlers, notification, &call);
		break;
	case CALL_SETSOCKOPT:
		handle_set_option(handlers, notification, &call);
		break;
	case CALL_IOCTL:
		handle_ioctl(handlers, notification, &call);
		break;
	case CALL_SENDTO:
	case CALL_SENDMSG:
	case CALL_SENDMMSG:
		handle_send(handlers, notification, &call, received);
		break;
	case CALL_RECVFROM:
	case CALL_RECVMSG:
	case CALL_RECVMMSG:
		handle_receive(handlers, notification, &call, received);
		break;
	case CALL_IO_URING_SETUP:
		handle_ring(handlers, notification, &call);
		break;
	case CALL_LANDLOCK_RESTRICT_SELF:
		handle_restrict(handlers, notification, &call);
		break;
	case CALL_OTHER:
		notification_resume(notification);
		break;
	}
	notification_release(notification);
}

static void handle(struct supervisor *supervisor)
{
	const uint64_t now = clock_usec();

	atomic_store(&supervisor->handling, true);
	clock_note(now);
	dispatch(supervisor, now);
	fault_point(FAULT_END);
	atomic_store(&supervisor->handling, false);
}

/* Whether nobody uses the filter any more. */
static bool hung_up(int listener)
{
	struct pollfd p = {.fd = listener, .events = POLLIN};

	return poll(&p, 1, 0) > 0 && (p.revents & POLLHUP);
}

static int receive(struct supervisor *supervisor, int *listener)
{
	while (!atomic_load(&supervisor->stopping)) {
		int r;

		while (absent_next(supervisor->absent, supervisor->notification))
			handle(supervisor);
		r = notification_receive(supervisor->notification, listener);

		if (r == -EINTR) {
			clock_note(clock_usec());
			swap_expire(supervisor->handlers.swap);
			continue;
		}
		if (r == -ENOENT) {
			if (hung_up(*listener))
				return 0;
			continue;
		}
		if (r < 0)
			return r;
		handle(supervisor);
		swap_idle(supervisor->handlers.swap);
	}
	return 0;
}

/* Make the watcher's poll return. */
static void tell(int stop)
{
	const uint64_t one = 1;

	if (write(stop, &one, sizeof(one)) < 0) {
		/* Full: it has been told. */
	}
}

static void *receiver(void *context)
{
	struct supervisor *supervisor = context;
	int listener = supervisor->listener;
	int stop = supervisor->stop;

	/* From here on the numbers of this thread's table are its own. */
	supervisor->result = fd_own_table();
	if (supervisor->result == 0) {
		numbers_own(&listener);
		numbers_own(&stop);
		timeouts_enter_thread(supervisor->handlers.timeouts);
		held_enter_thread(supervisor->handlers.held);
		absent_enter_thread(supervisor->absent, WAKE_SIGNAL);
		swap_enter_thread(supervisor->handlers.swap);
		supervisor->result = numbers_keep_registered();
		if (supervisor->result == 0)
			supervisor->result = receive(supervisor, &listener);
	}
	atomic_store(&supervisor->stopping, true);
	tell(stop);
	numbers_disown_all();
	return NULL;
}

static void ignore(int signal)
{
}

int supervisor_start(struct supervisor *supervisor)
{
	struct sigaction wake = {.sa_handler = ignore};
	sigset_t all, before;
	int r;

	/* Without SA_RESTART, so that RECV returns. */
	sigaction(WAKE_SIGNAL, &wake, NULL);
	sigfillset(&all);
	sigdelset(&all, WAKE_SIGNAL);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = start_thread(&supervisor->receiver, receiver, supervisor);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r;
}

int supervisor_run(struct supervisor *supervisor)
{
	const struct timespec interval = {.tv_nsec = WAKE_NSEC};
	uint64_t next = 0; /* when the receiver is reminded of what it keeps for a while */

	for (;;) {
		struct pollfd p[] = {
			{.fd = supervisor->listener},
			{.fd = supervisor->stop, .events = POLLIN},
			{.fd = timeouts_descriptor(supervisor->handlers.timeouts), .events = POLLIN},
			{.fd = held_descriptor(supervisor->handlers.held), .events = POLLIN},
		};

		if (poll(p, sizeof(p) / sizeof(p[0]), 1000) < 0 && errno != EINTR)
			break;
		if (swap_waits(supervisor->handlers.swap) && clock_usec() >= next) {
			pthread_kill(supervisor->receiver, WAKE_SIGNAL);
			next = clock_usec() + EXPIRE_USEC;
		}
		if (p[2].revents)
			timeouts_work(supervisor->handlers.timeouts);
		if (p[3].revents)
			held_work(supervisor->handlers.held);
		if ((p[0].revents & POLLHUP) || p[1].revents || atomic_load(&supervisor->stopping))
			break;
	}
	atomic_store(&supervisor->stopping, true);
	while (pthread_tryjoin_np(supervisor->receiver, NULL) == EBUSY) {
		pthread_kill(supervisor->receiver, WAKE_SIGNAL);
		nanosleep(&interval, NULL);
	}
	return supervisor->result;
}

void supervisor_stop(struct supervisor *supervisor)
{
	int saved = errno;

	tell(supervisor->stop);
	errno = saved;
}

int supervisor_report(struct supervisor *supervisor, const struct report_options *options, FILE *file)
{
	return summary_write(supervisor->handlers.summary, options, file);
}

bool supervisor_idle(struct supervisor *supervisor)
{
	return !atomic_load(&supervisor->handling) &&
	       (!supervisor->handlers.trace || trace_idle(supervisor->handlers.trace));
}
