// SPDX-License-Identifier: LGPL-2.1-or-later
/* Whether anybody else holds a file; see holders.h. */
#include "swap/holders.h"

#include <errno.h>
#include <linux/kcmp.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/linger.h"
#include "base/numbers.h"
#include "base/self.h"
#include "target/thread.h"

/* How long a system call of another thread, which holds the file as long as it lasts, is waited for. */
#define PATIENCE_USEC 1000

/* And how often is looked at least: on a busy machine one turn may take longer than that. */
#define PATIENCE_LOOKS 8

void holders_init(struct holders *holders)
{
	holders->epoll = -EBADF;
}

void holders_own_descriptor(struct holders *holders)
{
	numbers_own(&holders->epoll);
}

/* How it is found out whether anybody else has the file. */
struct question {
	struct watch *watch; /* by the references, of which ours is one; NULL: by an item */
	int file;
	int epoll, number;
};

/*
 * Whether an item is there, by the number that it was added under. Not epoll_wait(2), which is quicker:
 * a socket that somebody is connecting at the moment has nothing to report.
 */
static bool has_item(int epoll, int number)
{
	struct kcmp_epoll_slot slot = {.efd = epoll, .tfd = number};
	pid_t self = self_tid();

	return syscall(SYS_kcmp, self, self, KCMP_EPOLL_TFD, (unsigned long)epoll, &slot) >= 0 ||
	       errno != ENOENT;
}

static bool is_held(const struct question *question)
{
	if (question->watch)
		return watch_references(question->watch, question->file) != 1;
	return has_item(question->epoll, question->number);
}

/* Who reads /proc may hold any file for an instant, hence the second look for everybody. */
static bool stays(const struct question *question, pid_t tid, void (*look)(void *context), void *context)
{
	uint64_t end;

	if (!is_held(question))
		return false;
	sched_yield();
	if (!is_held(question))
		return false;
	if (thread_is_alone(tid))
		return true;
	end = clock_usec() + PATIENCE_USEC;
	for (int looks = 0; looks < PATIENCE_LOOKS || clock_usec() < end; looks++) {
		if (look)
			look(context);
		sched_yield();
		if (!is_held(question))
			return false;
	}
	return true;
}

/* With a backend that can tell, the file is let go of afterwards. */
static bool count(struct watch *watch, pid_t tid, int *file, void (*look)(void *context), void *context)
{
	const struct question question = {.watch = watch, .file = *file};
	bool held = stays(&question, tid, look, context);

	*file = linger_close(*file);
	return held;
}

int holders_let_go(struct holders *holders, struct watch *watch, pid_t tid, int *file,
		   void (*look)(void *context), void *context)
{
	long references = watch_references(watch, *file);
	struct epoll_event nothing = {0};
	int r = 0;

	if (references == 1)
		*file = linger_close(*file);
	if (references > 0)
		return references > 1 && count(watch, tid, file, look, context);
	if (holders->epoll < 0) {
		holders->epoll = epoll_create1(EPOLL_CLOEXEC);
		if (holders->epoll < 0) {
			r = -errno;
			holders->epoll = -EBADF;
		}
	}
	const struct question question = {.epoll = holders->epoll, .number = *file};

	if (r == 0 && epoll_ctl(question.epoll, EPOLL_CTL_ADD, question.number, &nothing) < 0)
		r = -errno;
	*file = linger_close(*file);
	if (r < 0 || !stays(&question, tid, look, context))
		return r;
	/* The item would stay for as long as the file: it goes with the instance. */
	holders->epoll = fd_close(holders->epoll);
	return 1;
}
