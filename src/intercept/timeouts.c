// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Blocking connects with SO_SNDTIMEO; see timeouts.h.
 *
 *     RESUMED   answered; the thread is on its way into the kernel's wait. Looked at in short intervals.
 *     WAITING   the thread waits, the socket has its timeout back. Left alone until the time has come.
 *     DUE       the time has come; for the next ender that is free.
 *     ENDING    an ender is at it.
 *
 * Ended by: the time having come, the thread doing something else by then, its next trapped call. What becomes of the
 * descriptor's number meanwhile does not matter, as natively: the call has the file.
 *
 * An *ender* is a thread that ends calls, by ptrace(2). One is there from the start: a user who may have no more
 * processes (RLIMIT_NPROC) gets no more threads either, and then a wait would have no end.
 */
#include "intercept/timeouts.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/linger.h"
#include "base/numbers.h"
#include "base/start.h"
#include "target/kick.h"
#include "target/table.h"
#include "target/thread.h"

/*
 * How often a thread is looked at until it waits: for a while in short intervals, then in ever longer ones, and after so
 * many looks (12 s) it is taken to be elsewhere. The same where its time has come and cannot be dealt with yet.
 */
#define LOOK_USEC 100
#define LOOKS_EACH 20	/* after so many the interval is doubled, */
#define DOUBLED_MAX 10	/* so often */
#define LOOKS_MAX 300

/* How long timeouts_add() itself looks, so that a signal finds the program's own value. */
#define SETTLE_USEC 300

/* How long a thread may take to stop when its time has come. */
#define STOP_USEC 10000000

/* When a time that has come is looked at once more, where no ender has taken it. */
#define RETRY_USEC 20000

/* Several calls whose time comes at once need not wait for one that does not stop. */
#define ENDERS_MAX 8

enum phase { FREE, RESUMED, WAITING, DUE, ENDING };

struct entry {
	enum phase phase;
	uint64_t serial;
	pid_t tid;
	uint64_t thread_start; /* tells threads of the same tid apart; from WAITING on */
	long nr;
	uint64_t args[6]; /* as the thread made the call */
	int number;
	uint64_t inode;
	struct timeval timeout;
	uint64_t due; /* when the program's time has come, or it is to be looked at again */
	unsigned int looks;
};

struct timeouts {
	pthread_mutex_t lock;
	pthread_cond_t is_due;
	struct entry *entries;
	unsigned int used, room;
	uint64_t serial;     /* of the last entry */
	unsigned int enders; /* that there are, */
	unsigned int idle;   /* and that wait for something to do */
	bool stopping;	     /* the last ender frees all */
	int timer;	   /* in the table of who calls timeouts_work() */
	int timer_of_user; /* the same in the table of who calls timeouts_add() */
};

int timeouts_new(struct timeouts **ret)
{
	struct timeouts *timeouts = calloc(1, sizeof(*timeouts));

	if (!timeouts)
		return -ENOMEM;
	timeouts->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (timeouts->timer < 0) {
		int r = -errno;

		free(timeouts);
		return r;
	}
	timeouts->timer_of_user = timeouts->timer;
	pthread_mutex_init(&timeouts->lock, NULL);
	pthread_cond_init(&timeouts->is_due, NULL);
	*ret = timeouts;
	return 0;
}

static void free_all(struct timeouts *timeouts)
{
	pthread_cond_destroy(&timeouts->is_due);
	pthread_mutex_destroy(&timeouts->lock);
	free(timeouts->entries);
	free(timeouts);
}

void timeouts_free(struct timeouts *timeouts)
{
	bool last;

	if (!timeouts)
		return;
	pthread_mutex_lock(&timeouts->lock);
	timeouts->timer = fd_close(timeouts->timer);
	timeouts->stopping = true;
	last = timeouts->enders == 0;
	pthread_cond_broadcast(&timeouts->is_due);
	pthread_mutex_unlock(&timeouts->lock);
	if (last)
		free_all(timeouts);
}

void timeouts_enter_thread(struct timeouts *timeouts)
{
	numbers_own(&timeouts->timer_of_user);
}

int timeouts_descriptor(const struct timeouts *timeouts)
{
	return timeouts->timer;
}

static uint64_t interval(unsigned int looks)
{
	unsigned int doubled = looks / LOOKS_EACH;

	return (uint64_t)LOOK_USEC << (doubled < DOUBLED_MAX ? doubled : DOUBLED_MAX);
}

static uint64_t next_look(const struct entry *entry, uint64_t now)
{
	switch (entry->phase) {
	case RESUMED:
		return now + interval(entry->looks);
	case WAITING:
		return entry->due;
	case DUE:
		return now + RETRY_USEC;
	default:
		return UINT64_MAX;
	}
}

/* Set the timer to the nearest thing to do. The lock is held. */
static void schedule(struct timeouts *timeouts, int timer)
{
	uint64_t now = clock_usec();
	uint64_t next = UINT64_MAX;
	struct itimerspec spec = {0};

	for (unsigned int i = 0; i < timeouts->used; i++) {
		uint64_t at = next_look(&timeouts->entries[i], now);

		if (at < next)
			next = at;
	}
	if (next != UINT64_MAX) {
		spec.it_value.tv_sec = (time_t)(next / 1000000);
		spec.it_value.tv_nsec = (long)(next % 1000000) * 1000 + 1;
	}
	timerfd_settime(timer, TFD_TIMER_ABSTIME, &spec, NULL);
}

/* What stands at a number of the thread's, if it is the entry's socket. Return: a descriptor or -ENOENT. */
static int get_at(const struct entry *entry, int number)
{
	_cleanup_linger_close_ int fd = -EBADF;
	enum thread_whose whose;
	struct stat st;

	if (thread_get_file(entry->tid, number, &fd, &whose) < 0 || fstat(fd, &st) < 0 || st.st_ino != entry->inode)
		return -ENOENT;
	return fd_take(&fd);
}

struct search {
	const struct entry *entry;
	int fd;
};

static int visit_number(void *context, int number, enum table_kind kind, uint64_t inode)
{
	struct search *search = context;

	if (kind == TABLE_SOCKET && inode == search->entry->inode)
		search->fd = get_at(search->entry, number);
	return search->fd >= 0;
}

/* The entry's socket, also where another thread has moved it already. Return: a descriptor or -ENOENT. */
static int get_socket(const struct entry *entry)
{
	struct search search = {.entry = entry, .fd = get_at(entry, entry->number)};

	if (search.fd < 0)
		table_walk_once(entry->tid, visit_number, &search);
	return search.fd;
}

/* Give the socket the program's own timeout back. */
static void restore(const struct entry *entry)
{
	_cleanup_linger_close_ int fd = get_socket(entry);

	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &entry->timeout, sizeof(entry->timeout));
}

/*
 * Whether what a thread is blocked in looks like the call. Each later call that looks the same is trapped, and
 * timeouts_forget() comes before its answer.
 */
static bool is_the_call(const struct entry *entry, const struct thread_syscall *seen)
{
	return seen->blocked && seen->nr == entry->nr && memcmp(seen->args, entry->args, sizeof(entry->args)) == 0;
}

/* A thread that is blocked is in the wait of its connect, or past it: the value has been read either way. */
static void look_resumed(struct entry *entry)
{
	struct thread_syscall seen;
	int r = thread_syscall(entry->tid, &seen);

	if (r == -ESRCH) {
		entry->phase = FREE;
	} else if (r == 0 && seen.blocked) {
		restore(entry);
		entry->looks = 0;
		entry->phase = is_the_call(entry, &seen) &&
					       thread_start_time(entry->tid, &entry->thread_start) != -ESRCH ?
				       WAITING :
				       FREE;
	}
}

/*
 * Whether a thread that has not been seen to wait may still come to it: it has not run since the answer. Otherwise it
 * has been through its connect, whatever came of it, and only a connect that is under way can be waited for.
 */
static bool may_come_to_wait(const struct entry *entry)
{
	_cleanup_linger_close_ int fd = get_socket(entry);
	struct tcp_info info = {0};
	socklen_t size = sizeof(info);

	if (fd < 0 || getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
		return true;
	return info.tcpi_state == TCP_SYN_SENT || info.tcpi_state == TCP_SYN_RECV;
}

/* Free entries at the end need not be looked at. The lock is held. */
static void trim(struct timeouts *timeouts)
{
	while (timeouts->used && timeouts->entries[timeouts->used - 1].phase == FREE)
		timeouts->used--;
}

static bool make_room(struct timeouts *timeouts)
{
	unsigned int room = timeouts->room ? timeouts->room * 2 : 16;
	struct entry *grown;

	if (timeouts->used < timeouts->room)
		return true;
	grown = reallocarray(timeouts->entries, room, sizeof(*grown));
	if (!grown)
		return false;
	timeouts->entries = grown;
	timeouts->room = room;
	return true;
}

void timeouts_add(struct timeouts *timeouts, pid_t tid, long nr, const __u64 args[6], int number,
		  uint64_t inode, const struct timeval *timeout, uint64_t since)
{
	struct entry *entry = NULL;

	pthread_mutex_lock(&timeouts->lock);
	for (unsigned int i = 0; i < timeouts->used && !entry; i++)
		if (timeouts->entries[i].phase == FREE)
			entry = &timeouts->entries[i];
	if (!entry && make_room(timeouts))
		entry = &timeouts->entries[timeouts->used++];
	if (entry) {
		const uint64_t until = clock_usec() + SETTLE_USEC;

		*entry = (struct entry){
			.phase = RESUMED,
			.serial = ++timeouts->serial,
			.tid = tid,
			.nr = nr,
			.number = number,
			.inode = inode,
			.timeout = *timeout,
			.due = clock_after(since, timeout),
		};
		memcpy(entry->args, args, sizeof(entry->args));
		while (entry->phase == RESUMED && clock_usec() < until)
			look_resumed(entry);
		schedule(timeouts, timeouts->timer_of_user);
	}
	pthread_mutex_unlock(&timeouts->lock);
}

void timeouts_forget(struct timeouts *timeouts, pid_t tid)
{
	/* Every connect comes this way, and only its thread adds any. */
	if (__atomic_load_n(&timeouts->used, __ATOMIC_RELAXED) == 0)
		return;
	pthread_mutex_lock(&timeouts->lock);
	for (unsigned int i = 0; i < timeouts->used; i++) {
		struct entry *entry = &timeouts->entries[i];

		if (entry->phase == FREE || entry->tid != tid)
			continue;
		if (entry->phase == RESUMED)
			restore(entry);
		entry->phase = FREE;
	}
	trim(timeouts);
	pthread_mutex_unlock(&timeouts->lock);
}

void timeouts_settle(struct timeouts *timeouts, pid_t tid)
{
	timeouts_forget(timeouts, tid);
	pthread_mutex_lock(&timeouts->lock);
	for (unsigned int i = 0; i < timeouts->used; i++)
		if (timeouts->entries[i].phase == RESUMED)
			look_resumed(&timeouts->entries[i]);
	pthread_mutex_unlock(&timeouts->lock);
}

/*
 * Whether the thread is in the wait that the entry is about, and not in a later call: another one, or one that is not
 * yet with the kernel (its connect waits for us).
 *
 * Return: 1; 0; -EAGAIN: it cannot be told now.
 */
static int waits(const struct entry *entry)
{
	struct thread_syscall seen;
	uint64_t start;
	int r = thread_syscall(entry->tid, &seen);

	if (r == -ESRCH)
		return 0;
	if (r < 0)
		return -EAGAIN;
	/* The kernel may have woken it for something that does not end its wait. */
	if (!seen.blocked)
		return entry->looks < LOOKS_MAX ? -EAGAIN : 0;
	if (!is_the_call(entry, &seen) || thread_in_seccomp(entry->tid))
		return 0;
	r = thread_start_time(entry->tid, &start);
	if (r < 0)
		return r == -ESRCH ? 0 : -EAGAIN;
	return start == entry->thread_start;
}

static struct entry *find_phase(struct timeouts *timeouts, enum phase phase)
{
	for (unsigned int i = 0; i < timeouts->used; i++)
		if (timeouts->entries[i].phase == phase)
			return &timeouts->entries[i];
	return NULL;
}

/* The entry that an ender has taken, unless it was forgotten meanwhile. */
static struct entry *find_taken(struct timeouts *timeouts, uint64_t serial)
{
	for (unsigned int i = 0; i < timeouts->used; i++)
		if (timeouts->entries[i].phase == ENDING && timeouts->entries[i].serial == serial)
			return &timeouts->entries[i];
	return NULL;
}

/*
 * The lock is held, and let go of meanwhile. A thread that somebody traces, or that does not stop, still waits for its
 * end: it is tried again. Return: as thread_end_call().
 */
static int end_wait(struct timeouts *timeouts, struct entry *entry)
{
	const struct entry taken = *entry;
	int r = waits(entry);

	entry->phase = ENDING;
	if (r > 0) {
		pthread_mutex_unlock(&timeouts->lock);
		r = thread_end_call(taken.tid, taken.nr, EINPROGRESS, STOP_USEC);
		pthread_mutex_lock(&timeouts->lock);
	}
	entry = find_taken(timeouts, taken.serial);
	if (!entry)
		return r;
	if (r >= 0 || r == -ESRCH) {
		entry->phase = FREE;
		trim(timeouts);
		return r;
	}
	entry->due = clock_usec() + interval(entry->looks++);
	entry->phase = WAITING;
	if (!timeouts->stopping)
		schedule(timeouts, timeouts->timer);
	return r;
}

/*
 * When the thread ends it is nobody's tracer any more, whatever happened: so it does when one did not stop. And when
 * there is nothing to do and another one waits for that already.
 */
static void *ender(void *context)
{
	struct timeouts *timeouts = context;
	bool attached = false;
	bool last;

	pthread_mutex_lock(&timeouts->lock);
	while (!timeouts->stopping && !attached) {
		struct entry *entry = find_phase(timeouts, DUE);

		if (entry) {
			attached = end_wait(timeouts, entry) == -ETIMEDOUT;
			continue;
		}
		if (timeouts->idle)
			break;
		timeouts->idle++;
		pthread_cond_wait(&timeouts->is_due, &timeouts->lock);
		timeouts->idle--;
	}
	last = --timeouts->enders == 0 && timeouts->stopping;
	pthread_mutex_unlock(&timeouts->lock);
	if (last)
		free_all(timeouts);
	return NULL;
}

/* The lock is held. Return: 0 or a negative errno. */
static int add_ender(struct timeouts *timeouts)
{
	sigset_t all, before;
	pthread_t thread;
	int r;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = start_thread(&thread, ender, timeouts);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r == 0) {
		timeouts->enders++;
		pthread_detach(thread);
	}
	return r;
}

int timeouts_start(struct timeouts *timeouts)
{
	int r;

	pthread_mutex_lock(&timeouts->lock);
	r = add_ender(timeouts);
	pthread_mutex_unlock(&timeouts->lock);
	return r;
}

/* Where there cannot be another ender, one that is busy comes to it, or the next look finds that there can be. */
static void wake_enders(struct timeouts *timeouts)
{
	unsigned int due = 0;

	for (unsigned int i = 0; i < timeouts->used; i++)
		due += timeouts->entries[i].phase == DUE;
	if (due)
		pthread_cond_signal(&timeouts->is_due);
	for (unsigned int free = timeouts->idle; free < due && timeouts->enders < ENDERS_MAX; free++)
		if (add_ender(timeouts) < 0)
			return;
}

static void look(struct entry *entry, uint64_t now)
{
	if (entry->phase == RESUMED) {
		look_resumed(entry);
		if (entry->phase == RESUMED && ++entry->looks >= LOOKS_EACH &&
		    (entry->looks >= LOOKS_MAX || !may_come_to_wait(entry))) {
			restore(entry);
			entry->phase = FREE;
		}
	} else if (entry->phase == WAITING && now >= entry->due) {
		entry->phase = DUE;
	}
}

void timeouts_work(struct timeouts *timeouts)
{
	uint64_t expirations;
	uint64_t now;

	pthread_mutex_lock(&timeouts->lock);
	if (read(timeouts->timer, &expirations, sizeof(expirations)) < 0 && errno != EAGAIN) {
		pthread_mutex_unlock(&timeouts->lock);
		return;
	}
	now = clock_usec();
	for (unsigned int i = 0; i < timeouts->used; i++)
		look(&timeouts->entries[i], now);
	trim(timeouts);
	wake_enders(timeouts);
	schedule(timeouts, timeouts->timer);
	pthread_mutex_unlock(&timeouts->lock);
}
