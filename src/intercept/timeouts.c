// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * Blocking connects with SO_SNDTIMEO; see timeouts.h.
 *
 *     RESUMED   answered; the thread is on its way into the kernel's wait. Looked at in short intervals.
 *     WAITING   the thread waits, the socket has its timeout back. Left alone until the time has come.
 *
 * Ended by: the time having come, the thread doing something else by then, its next trapped call.
 */
#include "intercept/timeouts.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
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
#include "target/thread.h"

/* How often a thread is looked at until it waits, and after how long it is taken to be elsewhere. */
#define LOOK_USEC 100
#define LOOKS_MAX 20

/* How long timeouts_add() itself looks, so that a signal finds the program's own value. */
#define SETTLE_USEC 300

/* How long a thread may take to stop when its time has come. */
#define STOP_USEC 10000000

enum phase { FREE, RESUMED, WAITING };

struct entry {
	enum phase phase;
	pid_t tid;
	long nr;
	bool multiplexed; /* through socketcall(2) */
	int number;
	uint64_t inode;
	struct timeval timeout;
	uint64_t due; /* when the program's time has come */
	unsigned int looks;
};

struct timeouts {
	pthread_mutex_t lock;
	struct entry *entries;
	unsigned int used, room;
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
	*ret = timeouts;
	return 0;
}

void timeouts_free(struct timeouts *timeouts)
{
	if (!timeouts)
		return;
	fd_close(timeouts->timer);
	pthread_mutex_destroy(&timeouts->lock);
	free(timeouts->entries);
	free(timeouts);
}

void timeouts_enter_thread(struct timeouts *timeouts)
{
	numbers_own(&timeouts->timer_of_user);
}

int timeouts_descriptor(const struct timeouts *timeouts)
{
	return timeouts->timer;
}

/* Set the timer to the nearest thing to do. The lock is held. */
static void schedule(struct timeouts *timeouts, int timer)
{
	uint64_t now = clock_usec();
	uint64_t next = UINT64_MAX;
	struct itimerspec spec = {0};

	for (unsigned int i = 0; i < timeouts->used; i++) {
		const struct entry *entry = &timeouts->entries[i];
		uint64_t at = entry->phase == RESUMED ? now + LOOK_USEC : entry->due;

		if (entry->phase != FREE && at < next)
			next = at;
	}
	if (next != UINT64_MAX) {
		spec.it_value.tv_sec = (time_t)(next / 1000000);
		spec.it_value.tv_nsec = (long)(next % 1000000) * 1000 + 1;
	}
	timerfd_settime(timer, TFD_TIMER_ABSTIME, &spec, NULL);
}

/* The entry's socket, if it still is the one at the number. Return: a descriptor or -ENOENT. */
static int get_socket(const struct entry *entry)
{
	_cleanup_linger_close_ int fd = -EBADF;
	enum thread_whose whose;
	struct stat st;

	if (thread_get_file(entry->tid, entry->number, &fd, &whose) < 0 ||
	    fstat(fd, &st) < 0 || st.st_ino != entry->inode)
		return -ENOENT;
	return fd_take(&fd);
}

/* Give the socket the program's own timeout back. */
static void restore(const struct entry *entry)
{
	_cleanup_linger_close_ int fd = get_socket(entry);

	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &entry->timeout, sizeof(entry->timeout));
}

/* A thread that is blocked is in the wait of its connect, or past it: the value has been read either way. */
static void look_resumed(struct entry *entry)
{
	struct thread_syscall seen;

	if (thread_syscall(entry->tid, &seen) < 0) {
		entry->phase = FREE;
	} else if (seen.blocked) {
		restore(entry);
		entry->phase = seen.nr == entry->nr ? WAITING : FREE;
	}
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

void timeouts_add(struct timeouts *timeouts, pid_t tid, long nr, bool multiplexed, int number,
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
			.tid = tid,
			.nr = nr,
			.multiplexed = multiplexed,
			.number = number,
			.inode = inode,
			.timeout = *timeout,
			.due = clock_after(since, timeout),
		};
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
 * Whether the thread is in the wait that the entry is about, and not in a later call: of another kind, on
 * another number, on another socket, or not yet with the kernel (its connect waits for us).
 */
static bool waits(const struct entry *entry)
{
	_cleanup_linger_close_ int fd = -EBADF;
	struct thread_syscall seen;

	if (thread_syscall(entry->tid, &seen) < 0 || !seen.blocked || seen.nr != entry->nr)
		return false;
	/* socketcall(2) has the number in memory. */
	if (!entry->multiplexed && (int)seen.args[0] != entry->number)
		return false;
	fd = get_socket(entry);
	return fd >= 0 && !thread_in_seccomp(entry->tid);
}

/* A thread of its own: when it ends it is nobody's tracer any more, whatever happened. */
static void *end_wait(void *context)
{
	struct entry *entry = context;

	thread_end_call(entry->tid, entry->nr, EINPROGRESS, STOP_USEC);
	free(entry);
	return NULL;
}

static void expire(const struct entry *entry)
{
	struct entry *copy;
	pthread_t thread;

	if (!waits(entry))
		return;
	copy = malloc(sizeof(*copy));
	if (!copy)
		return;
	*copy = *entry;
	if (start_thread(&thread, end_wait, copy) < 0)
		free(copy);
	else
		pthread_detach(thread);
}

static void look(struct entry *entry, uint64_t now)
{
	switch (entry->phase) {
	case FREE:
		return;
	case RESUMED:
		look_resumed(entry);
		/* Running all the time: it has been through its connect, whatever came of it. */
		if (entry->phase == RESUMED && ++entry->looks >= LOOKS_MAX) {
			restore(entry);
			entry->phase = FREE;
		}
		return;
	case WAITING:
		if (now < entry->due)
			return;
		expire(entry);
		entry->phase = FREE;
		return;
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
	schedule(timeouts, timeouts->timer);
	pthread_mutex_unlock(&timeouts->lock);
}
