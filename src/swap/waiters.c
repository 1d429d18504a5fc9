// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Threads that are blocked on the old file; see waiters.h.
 *
 *     look at every thread   who waits on a number of the old file by now, while somebody has it still
 *                            (holders.h)
 *     sort                   who can be kicked, who is only reported
 *     kick                   in a thread of its own: ptrace(2) binds tracee and tracer thread; and a thread
 *                            in a notification stops only when the receiver, which is us, has answered it
 *     again                  while threads are running, for one may have the old file in its hand and not
 *                            wait yet
 *
 * Others may keep the file, too: another process's duplicate, a ring. Then threads are looked for in vain,
 * and one that waits on a file that stood at the number earlier, closed since, is taken for a waiter. One
 * that waits on the new file already loses nothing by a kick.
 */
#include "swap/waiters.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/start.h"
#include "target/kick.h"
#include "target/thread.h"

/* Between two looks while threads are running, in which one gets to its wait. */
#define LOOK_AGAIN_USEC 30

/* How long the receiver waits for all kicks, and how long one may take that it does not wait for. */
#define RECEIVER_NSEC 5000000L
#define STOP_USEC 1000000

static const char slow[] = "a thread that waits on the socket did not stop in time";
static const char traced[] = "a traced thread waits on the socket";
static const char other[] = "a thread waits on the socket in splice";
static const char several[] = "recvmmsg or sendmmsg in another thread returned fewer messages";
static const char poll_anew[] =
	"the timeout of a poll in another thread, under seccomp filters of its own, began anew";
static const char poll_denied[] =
	"a thread under seccomp filters of its own waits on the socket in poll";
static const char select_anew[] =
	"the timeout, in memory that cannot be written, of a select in another thread began anew";
static const char receive_anew[] = "the timeout of a receive in another thread began anew";
static const char send_anew[] = "the timeout of a send in another thread began anew";
static const char nonblocking[] = "a thread waited on the socket since before that was made non-blocking";
static const char unseen[] = "the other threads could not be looked at";

/* A kick, and what to say of it. */
struct one {
	struct kick kick;
	/* What is not as natively where the call resumes, begins anew, has ended; or NULL. */
	const char *resumes, *anew, *over;
};

/*
 * Shared by the receiver and the thread that kicks. Who is done with it second frees it.
 */
struct round {
	atomic_bool left;
	size_t count;
	struct one ones[];
};

static void leave(struct round *round)
{
	if (atomic_exchange(&round->left, true))
		free(round);
}

/* A thread of its own: when it ends it is nobody's tracer any more. It uses no descriptors: its table is
 * the receiver's. */
static void *kick_all(void *context)
{
	struct round *round = context;

	/* So that short sleeps are short. */
	prctl(PR_SET_TIMERSLACK, 1000);
	for (size_t i = 0; i < round->count; i++)
		if (thread_kick(&round->ones[i].kick, STOP_USEC) == KICK_WAITS)
			break;
	leave(round);
	return NULL;
}

/*
 * Whether a thread is under filters besides ours and those that we are under ourselves. A filter of its
 * own may forbid restart_syscall(2), which programs never call.
 */
static bool has_own_filters(pid_t tid)
{
	int ours = thread_seccomp_filters(gettid());
	int its = thread_seccomp_filters(tid);

	return ours < 0 || its < 0 || its > ours + 1;
}

/* Return: NULL with @ret filled, or why the waiter is left alone. */
static const char *sort(const struct watch_waiter *waiter, bool blocking, struct one *ret)
{
	struct one one = {
		.kick = {
			.tid = waiter->tid,
			.nr = waiter->call.nr,
			.arg0 = waiter->call.args[0],
			.compat = thread_syscall_is_compat(&waiter->call),
		},
	};

	if (waiter->how == WATCH_WAIT_OTHER)
		return other;
	if (thread_is_traced(waiter->tid))
		return traced;
	switch (waiter->how) {
	case WATCH_WAIT_POLL:
		/* Without a timeout, from the beginning is the same as going on. */
		one.kick.anew = !waiter->timed;
		if (has_own_filters(waiter->tid)) {
			if (!thread_kick_can_begin_anew())
				return poll_denied;
			one.kick.anew = true;
			one.anew = waiter->timed ? poll_anew : NULL;
		}
		break;
	case WATCH_WAIT_SELECT:
		one.anew = select_anew;
		break;
	case WATCH_WAIT_SEND:
		one.anew = send_anew;
		break;
	default:
		one.anew = receive_anew;
		/* That of recvmmsg(2), which the kernel reads again. */
		one.resumes = waiter->timed ? receive_anew : NULL;
	}
	one.over = waiter->several ? several : NULL;
	/* The call that waits has seen another flag than the one that is begun again. */
	if (!blocking && waiter->how != WATCH_WAIT_POLL && waiter->how != WATCH_WAIT_SELECT)
		one.resumes = one.anew = nonblocking;
	*ret = one;
	return NULL;
}

static struct timespec in_a_while(void)
{
	struct timespec then;

	clock_gettime(CLOCK_MONOTONIC, &then);
	then.tv_nsec += RECEIVER_NSEC;
	if (then.tv_nsec >= 1000000000L) {
		then.tv_nsec -= 1000000000L;
		then.tv_sec++;
	}
	return then;
}

static const char *verdict_of(const struct one *one)
{
	switch (one->kick.state) {
	case KICK_WAITS:
		return slow;
	case KICK_REFUSED:
		return traced;
	case KICK_RESUMES:
		return one->resumes;
	case KICK_ANEW:
		return one->anew;
	case KICK_OVER:
		return one->over;
	case KICK_GONE:
		break;
	}
	return NULL;
}

/* What the kicks came to. */
static const char *verdict(const struct round *round)
{
	const char *why = NULL;

	for (size_t i = 0; i < round->count && !why; i++)
		why = verdict_of(&round->ones[i]);
	return why;
}

/* Takes @round. */
static const char *kick(struct round *round)
{
	const struct timespec until = in_a_while();
	const char *why = slow;
	pthread_t thread;

	if (start_thread(&thread, kick_all, round) < 0) {
		free(round);
		return slow;
	}
	if (pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &until) == 0)
		why = verdict(round);
	else
		pthread_detach(thread);
	leave(round);
	return why;
}

static bool is_known(const struct waiters *waiters, pid_t tid)
{
	for (size_t i = 0; i < waiters->known_count; i++)
		if (waiters->known[i] == tid)
			return true;
	return false;
}

static int remember(struct waiters *waiters)
{
	const struct watch_report *report = waiters->report;
	pid_t *grown = reallocarray(waiters->known, waiters->known_count + report->waiter_count,
				    sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	waiters->known = grown;
	for (size_t i = 0; i < report->waiter_count; i++)
		waiters->known[waiters->known_count++] = report->waiters[i].tid;
	return 0;
}

static bool follows(const struct waiters *waiters, const struct watch_waiter *waiter)
{
	return waiters->polls_follow && (waiter->how == WATCH_WAIT_POLL || waiter->how == WATCH_WAIT_SELECT);
}

/* Deal with the waiters of one look. */
static const char *deal_with(struct waiters *waiters)
{
	const struct watch_report *report = waiters->report;
	struct round *round;
	const char *why = NULL;
	const char *kicked = NULL;

	if (report->waiter_count == 0)
		return NULL;
	round = calloc(1, sizeof(*round) + report->waiter_count * sizeof(round->ones[0]));
	if (!round)
		return unseen;
	for (size_t i = 0; i < report->waiter_count; i++) {
		const char *reason;

		if (is_known(waiters, report->waiters[i].tid) || follows(waiters, &report->waiters[i]))
			continue;
		reason = sort(&report->waiters[i], waiters->blocking, &round->ones[round->count]);
		if (!reason)
			round->count++;
		else if (!why)
			why = reason;
	}
	if (remember(waiters) < 0)
		why = unseen;
	if (round->count)
		kicked = kick(round);
	else
		free(round);
	return why ? why : kicked;
}

/* All numbers of the new file; once. */
static int find_numbers(struct waiters *waiters)
{
	const struct watch_report *report = waiters->report;
	int r;

	if (!waiters->new)
		return 0;
	r = watch_look(waiters->watch, waiters->caller, -1, *waiters->new, waiters->report);
	if (r < 0)
		return r;
	waiters->found = calloc(report->duplicate_count + 1, sizeof(*waiters->found));
	if (!waiters->found)
		return -ENOMEM;
	for (size_t i = 0; i < report->duplicate_count; i++)
		waiters->found[i] = report->duplicates[i];
	waiters->numbers = waiters->found;
	waiters->count = report->duplicate_count;
	waiters->new = NULL;
	return 0;
}

void waiters_look(void *context)
{
	struct waiters *waiters = context;
	const char *why;
	int r;

	if (clock_usec() < waiters->next)
		return;
	r = find_numbers(waiters);
	if (r == 0)
		r = watch_waiters(waiters->watch, waiters->caller, waiters->numbers, waiters->count,
				  *waiters->file, waiters->report);
	why = r < 0 ? unseen : deal_with(waiters);
	if (!waiters->why)
		waiters->why = why;
	/* With nobody running nobody can be about to wait. */
	if (r < 0 || waiters->report->running == 0)
		waiters->next = UINT64_MAX;
	else
		waiters->next = clock_usec() + LOOK_AGAIN_USEC;
}

void waiters_done(struct waiters *waiters)
{
	free(waiters->found);
	waiters->found = NULL;
	free(waiters->known);
	waiters->known = NULL;
	waiters->known_count = 0;
}
