// SPDX-License-Identifier: LGPL-2.1-or-later
/* Calls that wait for their socket; see held.h. */
#include "intercept/held.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/linger.h"
#include "base/numbers.h"
#include "base/rights.h"
#include "target/signals.h"

/*
 * How often a call is looked at: at first often, for most wait for an answer that is on its way;
 * one that waits for long may cost next to nothing.
 */
#define LOOK_MIN_USEC 1000
#define LOOK_MAX_USEC 10000
#define LOOK_IDLE_USEC 25000
#define IDLE_USEC 30000000

#define EVENTS_MAX 64

/* How often the watcher is asked whether it has room for one more. */
#define POSTS_MAX 64

/* How much of one call is done at a time. */
#define ROUND_MAX 64
#define ROUND_USEC 1000

struct entry {
	struct entry *next;
	bool gone;
	struct caller caller;
	int fd;	    /* the socket */
	struct held_call *call; /* NULL: @fd takes the place of @inode, held_follow() */
	uint64_t inode;
	struct supervisor_held *record; /* or NULL */
	uint64_t since, look_at;
	bool deep; /* it slept uninterruptibly the last time */
};

struct held {
	const int *listener;
	struct records *records;
	struct entry *first;
	/* A received call was seen to sleep interruptibly: this kernel tells by the state. */
	atomic_bool sleeps_lightly;
	atomic_uint count; /* of calls; what was posted, too */
	int epoll, timer, inbox; /* the watcher's */
	int outbox;		 /* in the process's table; not used there */
	int outbox_of_receiver;	 /* the same in the receiver's */
};

/* Wait for a descriptor of our own. */
static int watch(struct held *held, int fd, void *mark)
{
	struct epoll_event event = {.events = EPOLLIN, .data.ptr = mark};

	return epoll_ctl(held->epoll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int held_new(struct held **ret, const int *listener, struct records *records)
{
	struct held *held = calloc(1, sizeof(*held));
	int pair[2] = {-EBADF, -EBADF};
	int r;

	if (!held)
		return -ENOMEM;
	held->listener = listener;
	held->records = records;
	r = socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) < 0 ? -errno : 0;
	held->inbox = pair[0];
	held->outbox = held->outbox_of_receiver = pair[1];
	held->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (r == 0 && held->epoll < 0)
		r = -errno;
	held->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (r == 0 && held->timer < 0)
		r = -errno;
	if (r == 0)
		r = watch(held, held->inbox, &held->inbox);
	if (r == 0)
		r = watch(held, held->timer, &held->timer);
	if (r < 0) {
		held_free(held);
		return r;
	}
	*ret = held;
	return 0;
}

static void entry_free(struct held *held, struct entry *entry)
{
	if (entry->call)
		atomic_fetch_sub(&held->count, 1);
	records_remove(held->records, entry->record);
	if (entry->call)
		entry->call->free(entry->call);
	linger_close(entry->fd);
	free(entry);
}

void held_enter_thread(struct held *held)
{
	numbers_own(&held->outbox_of_receiver);
}

bool held_waits(struct held_call *call, int fd, int flags, uint64_t since, bool *ret_timed)
{
	const int name = call->events & EPOLLOUT ? SO_SNDTIMEO : SO_RCVTIMEO;
	struct timeval timeout = {0};
	socklen_t size = sizeof(timeout);

	call->deadline = UINT64_MAX;
	*ret_timed = false;
	if ((flags & (MSG_DONTWAIT | MSG_ERRQUEUE)) || (fcntl(fd, F_GETFL) & O_NONBLOCK))
		return false;
	if (getsockopt(fd, SOL_SOCKET, name, &timeout, &size) == 0 &&
	    (timeout.tv_sec || timeout.tv_usec)) {
		call->deadline = clock_after(since, &timeout);
		*ret_timed = true;
	}
	return true;
}

bool held_pauses(struct held_call *call, unsigned int count, uint64_t since)
{
	call->more = count && (count >= ROUND_MAX || clock_usec() - since >= ROUND_USEC);
	return call->more;
}

int held_descriptor(const struct held *held)
{
	return held->epoll;
}

/*
 * The next entry that was posted, or NULL. It travels as a pointer, its socket as a descriptor: the
 * two tables are different ones. Without a socket there was no room for another descriptor.
 */
static struct entry *collect(int inbox)
{
	struct entry *entry = NULL;
	int fd;

	rights_receive(inbox, &entry, sizeof(entry), &fd, 1);
	if (entry)
		entry->fd = fd;
	return entry;
}

/* The state and the signals of a held thread; not kept open, for each call would cost a descriptor more. */
static int look_at_signals(pid_t tid, struct signals *ret)
{
	_cleanup_close_ int status = signals_open(tid);

	return status < 0 ? status : signals_look(status, ret);
}

/* What the watcher may come too late to see, of the first that is held. */
static void learn(struct held *held, pid_t tid)
{
	struct signals seen;

	if (!atomic_load(&held->sleeps_lightly) && look_at_signals(tid, &seen) == 0 && seen.state == 'S')
		atomic_store(&held->sleeps_lightly, true);
}

/*
 * Hand a call over to the watcher. Its queue is short, and what is in flight counts against the user's limit
 * on descriptors (too_many_unix_fds()): it is waited for, since the watcher waits for nobody.
 */
static int post(struct held *held, struct entry *entry, int fd)
{
	struct pollfd room = {.fd = held->outbox_of_receiver, .events = POLLOUT};
	const struct timespec pause = {.tv_nsec = 1000000};
	int r;

	for (int i = 0; i < POSTS_MAX; i++) {
		r = rights_send(held->outbox_of_receiver, &entry, sizeof(entry), &fd, 1);
		if (r != -EAGAIN && r != -ETOOMANYREFS)
			break;
		if (r == -ETOOMANYREFS)
			nanosleep(&pause, NULL);
		else
			poll(&room, 1, 100);
	}
	return r;
}

int held_add(struct held *held, struct notification *notification, int fd, struct held_call *call)
{
	struct entry *entry = calloc(1, sizeof(*entry));
	int r;

	if (!entry)
		return -ENOMEM;
	entry->caller = notification_detach(notification, held->listener);
	entry->call = call;
	entry->fd = -EBADF;
	entry->record = records_add(held->records, &entry->caller);
	learn(held, entry->caller.tid);
	atomic_fetch_add(&held->count, 1);
	/* From the moment that it is posted it belongs to the watcher. */
	r = post(held, entry, fd);
	if (r < 0) {
		atomic_fetch_sub(&held->count, 1);
		notification->owed = true;
		records_remove(held->records, entry->record);
		free(entry);
	}
	return r;
}

void held_follow(void *context, uint64_t inode, int fd)
{
	struct held *held = context;
	struct entry *entry = atomic_load(&held->count) ? calloc(1, sizeof(*entry)) : NULL;

	if (!entry)
		return;
	entry->inode = inode;
	entry->fd = -EBADF;
	entry->gone = true;
	if (post(held, entry, fd) < 0)
		free(entry);
}

/* No more is waited for; freed at the end of held_work(), since events may still name it. */
static void finish(struct held *held, struct entry *entry)
{
	if (entry->fd >= 0)
		epoll_ctl(held->epoll, EPOLL_CTL_DEL, entry->fd, NULL);
	entry->fd = linger_close(entry->fd);
	entry->gone = true;
}

static void try(struct held *held, struct entry *entry)
{
	int64_t value;

	/* What is taken out of the socket for a thread that has gone would be lost. */
	if (!caller_valid(&entry->caller)) {
		finish(held, entry);
		return;
	}
	entry->call->more = false;
	if (!entry->call->attempt(entry->call, &entry->caller, entry->fd, &value))
		return;
	/* Before the answer: the program may close its socket at once, and that must be the end of it. */
	finish(held, entry);
	caller_answer(&entry->caller, value);
}

static void end(struct held *held, struct entry *entry, int error)
{
	int64_t value = entry->call->end(entry->call, &entry->caller, error);

	finish(held, entry);
	caller_answer(&entry->caller, value);
}

/* Wait for the socket. Where there is no room for it the program shall not hear of that, though the kernel tells it an
 * address of the other family. */
static void begin(struct held *held, struct entry *entry)
{
	/* By edges: a level that the call does not take away (an error queue) would never end. */
	struct epoll_event event = {
		.events = entry->call->events | EPOLLRDHUP | EPOLLET,
		.data.ptr = entry,
	};

	if (entry->fd >= 0 && epoll_ctl(held->epoll, EPOLL_CTL_ADD, entry->fd, &event) == 0)
		return;
	finish(held, entry);
	caller_resume(&entry->caller);
}

static void follow(struct held *held, uint64_t inode, int fd)
{
	for (struct entry *entry = held->first; entry; entry = entry->next) {
		struct stat st;

		if (entry->gone || fstat(entry->fd, &st) < 0 || st.st_ino != inode)
			continue;
		epoll_ctl(held->epoll, EPOLL_CTL_DEL, entry->fd, NULL);
		linger_close(entry->fd);
		entry->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
		begin(held, entry);
	}
}

static void accept_posted(struct held *held)
{
	struct entry *entry;

	while ((entry = collect(held->inbox))) {
		if (!entry->call) {
			follow(held, entry->inode, entry->fd);
			entry_free(held, entry);
			continue;
		}
		entry->next = held->first;
		held->first = entry;
		entry->since = clock_usec();
		/* At once, as long as it sleeps undisturbed. */
		entry->look_at = entry->since;
		begin(held, entry);
	}
}

/* Whether the thread is wanted elsewhere, and will go there when it is answered. */
static bool is_wanted(struct held *held, struct entry *entry, const struct signals *seen)
{
	const bool again = entry->deep;

	if (seen->own)
		return true;
	if (entry->call->disturbed)
		return false;
	if (seen->state == 'S')
		atomic_store(&held->sleeps_lightly, true);
	/* Twice, for it sleeps so as well for the moment that it waits for a lock. The first of all
	 * calls may have been woken before it was ever seen; then a signal has to be there. */
	entry->deep = seen->state == 'D' && (atomic_load(&held->sleeps_lightly) || seen->shared);
	return entry->deep && again;
}

static void look(struct held *held, struct entry *entry, uint64_t now)
{
	struct signals seen;

	if (!caller_valid(&entry->caller))
		finish(held, entry);
	else if (now >= entry->call->deadline && !entry->call->more)
		end(held, entry, -EAGAIN);
	else if (look_at_signals(entry->caller.tid, &seen) == 0 && is_wanted(held, entry, &seen))
		end(held, entry, -SIGNALS_RESTART);
}

static uint64_t interval(const struct entry *entry, uint64_t now)
{
	uint64_t age = now - entry->since;

	if (entry->deep)
		return LOOK_MIN_USEC;
	if (age > IDLE_USEC)
		return LOOK_IDLE_USEC;
	age /= 16;
	if (age < LOOK_MIN_USEC)
		return LOOK_MIN_USEC;
	return age < LOOK_MAX_USEC ? age : LOOK_MAX_USEC;
}

/* Look at what is due, and find out when to look again. */
static void look_at_all(struct held *held)
{
	uint64_t now = clock_usec();
	uint64_t next = UINT64_MAX;
	struct itimerspec spec = {0};

	for (struct entry *entry = held->first; entry; entry = entry->next) {
		if (entry->gone)
			continue;
		if (now >= entry->look_at || now >= entry->call->deadline) {
			look(held, entry, now);
			entry->look_at = now + interval(entry, now);
		}
		if (!entry->gone && entry->call->more)
			next = now;
		if (entry->look_at < next)
			next = entry->look_at;
		if (!entry->gone && !entry->call->more && entry->call->deadline < next)
			next = entry->call->deadline;
	}
	if (next != UINT64_MAX) {
		spec.it_value.tv_sec = (time_t)(next / 1000000);
		spec.it_value.tv_nsec = (long)(next % 1000000) * 1000 + 1;
	}
	timerfd_settime(held->timer, TFD_TIMER_ABSTIME, &spec, NULL);
}

/*
 * Calls that have more to do, each in its turn: no edge tells of what is there already, and the
 * others, of this thread and of this list, wait no longer than one attempt of each takes.
 */
static void try_again(struct held *held)
{
	for (struct entry *entry = held->first; entry; entry = entry->next)
		if (!entry->gone && entry->call->more)
			try(held, entry);
}

static void sweep(struct held *held)
{
	struct entry **link = &held->first;

	while (*link) {
		struct entry *entry = *link;

		if (entry->gone) {
			*link = entry->next;
			entry_free(held, entry);
		} else {
			link = &entry->next;
		}
	}
}

void held_work(struct held *held)
{
	struct epoll_event events[EVENTS_MAX];
	int count = epoll_wait(held->epoll, events, EVENTS_MAX, 0);

	try_again(held);
	for (int i = 0; i < count; i++) {
		struct entry *entry = events[i].data.ptr;
		uint64_t expirations;

		if (events[i].data.ptr == &held->inbox) {
			accept_posted(held);
		} else if (events[i].data.ptr == &held->timer) {
			if (read(held->timer, &expirations, sizeof(expirations)) < 0)
				continue;
		} else if (!entry->gone && !entry->call->more) {
			try(held, entry);
		}
	}
	look_at_all(held);
	sweep(held);
}

void held_free(struct held *held)
{
	struct entry *entry;

	if (!held)
		return;
	while (held->inbox >= 0 && (entry = collect(held->inbox))) {
		entry->next = held->first;
		held->first = entry;
	}
	while ((entry = held->first)) {
		held->first = entry->next;
		if (!entry->gone)
			caller_resume(&entry->caller);
		entry_free(held, entry);
	}
	fd_close(held->inbox);
	fd_close(held->outbox);
	fd_close(held->epoll);
	fd_close(held->timer);
	free(held);
}
