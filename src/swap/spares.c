// SPDX-License-Identifier: LGPL-2.1-or-later
/* Replacements that are made before they are needed; see spares.h. */
#include "swap/spares.h"

#include <errno.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/numbers.h"
#include "base/rights.h"
#include "base/start.h"
#include "socket/replacement.h"

/* As many as are made at a time. */
#define BATCH RIGHTS_MAX

/* When so few are left more are ordered, which are there before those are used up if a processor has the time. */
#define SPARES_LOW 4

#define SPARES_MAX (SPARES_LOW + BATCH)

/* How old one may be that is used; and so many have to be wanted in as long for any to be made. */
#define SPARES_USEC 1000000
#define WANTED_MIN  16

/* Options that fresh sockets of the two families have differently. */
#define VALUES_MAX 8

struct order {
	int processor; /* the receiver's; -1: not known */
	size_t count;
	struct option_value values[VALUES_MAX];
};

struct spares {
	/* The receiver's: from the place of the first on, oldest first. */
	int fds[SPARES_MAX];
	uint64_t made[SPARES_MAX];
	unsigned int first;
	atomic_uint count;
	atomic_bool ordered; /* and not taken in yet */
	atomic_bool sent;    /* by who makes them: there is something to be taken in */
	uint64_t since; /* wanted are counted, */
	unsigned int wanted, wanted_before;
	int outbox_of_receiver; /* the outbox, in its table */

	/* In the process's table: orders come out of the inbox, and sockets go into it. */
	int inbox, outbox;
	pthread_t maker;
	_Atomic pid_t maker_tid;
	int avoided; /* the maker's: the processor that it does not use; -1: none */
	bool made_maker;
	atomic_bool needless; /* there will be no maker */
};

/* When it is waited for, how often it is told to hurry. */
#define HURRY_NSEC 5000000L

int spares_new(struct spares **ret)
{
	struct spares *spares = calloc(1, sizeof(*spares));
	int pair[2];

	if (!spares)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		free(spares);
		return -errno;
	}
	for (size_t i = 0; i < SPARES_MAX; i++)
		spares->fds[i] = -EBADF;
	spares->avoided = -1;
	spares->inbox = pair[0];
	spares->outbox = spares->outbox_of_receiver = pair[1];
	*ret = spares;
	return 0;
}

static void schedule(pid_t tid, int policy)
{
	const struct sched_param none = {0};

	sched_setscheduler(tid, policy, &none);
}

/* It may not leave the processor that it is at, where others are busy, for one that is free. */
static void fetch(pid_t tid)
{
	int processor = sched_getcpu();
	cpu_set_t here;

	if (processor < 0 || processor >= CPU_SETSIZE)
		return;
	CPU_ZERO(&here);
	CPU_SET(processor, &here);
	sched_setaffinity(tid, sizeof(here), &here);
}

/* It may be in the middle of its work, and not be run: where its class was SCHED_IDLE, for seconds after it was not any more. */
static void end_maker(struct spares *spares)
{
	struct timespec until;

	shutdown(spares->inbox, SHUT_RDWR);
	do {
		if (spares->maker_tid) {
			schedule(spares->maker_tid, SCHED_OTHER);
			fetch(spares->maker_tid);
		}
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += HURRY_NSEC;
		if (until.tv_nsec >= 1000000000L) {
			until.tv_nsec -= 1000000000L;
			until.tv_sec++;
		}
	} while (pthread_clockjoin_np(spares->maker, NULL, CLOCK_MONOTONIC, &until) != 0);
}

void spares_free(struct spares *spares)
{
	if (!spares)
		return;
	if (spares->made_maker)
		end_maker(spares);
	fd_close(spares->inbox);
	fd_close(spares->outbox);
	free(spares);
}

void spares_enter_thread(struct spares *spares)
{
	numbers_own(&spares->outbox_of_receiver);
	for (size_t i = 0; i < SPARES_MAX; i++)
		numbers_own(&spares->fds[i]);
}

/* What has been made. */
static void collect(struct spares *spares)
{
	unsigned int count = spares->count;
	int fds[BATCH];
	uint64_t made;
	ssize_t r;

	if (!spares->sent || count + BATCH > SPARES_MAX)
		return;
	spares->sent = false;
	numbers_expect(-1);
	r = rights_collect(spares->outbox_of_receiver, &made, sizeof(made), fds, BATCH);
	spares->ordered = false;
	if (r < 0 && r != -EMFILE)
		return;
	for (unsigned int i = 0; i < BATCH && fds[i] >= 0; i++, count++) {
		unsigned int place = (spares->first + count) % SPARES_MAX;

		spares->fds[place] = fds[i];
		spares->made[place] = made;
	}
	spares->count = count;
	/* There was no room for them, here or there: not again at once. */
	if (count == 0)
		spares->wanted = spares->wanted_before = 0;
}

static bool is_old(uint64_t made, uint64_t now)
{
	return now > made && now - made > SPARES_USEC;
}

static void count_wanted(struct spares *spares, uint64_t now)
{
	uint64_t passed = now - spares->since;

	if (passed > SPARES_USEC) {
		spares->wanted_before = passed > 2 * SPARES_USEC ? 0 : spares->wanted;
		spares->wanted = 0;
		spares->since = now;
	}
	spares->wanted++;
}

static int take_first(struct spares *spares)
{
	unsigned int first = spares->first;

	spares->first = (first + 1) % SPARES_MAX;
	spares->count--;
	return fd_take(&spares->fds[first]);
}

static void drop_old(struct spares *spares, uint64_t now)
{
	while (spares->count > 0 && is_old(spares->made[spares->first], now))
		fd_close(take_first(spares));
}

int spares_take(struct spares *spares)
{
	uint64_t now = clock_about_usec();

	count_wanted(spares, now);
	if (spares->ordered)
		collect(spares);
	drop_old(spares, now);
	return spares->count > 0 ? take_first(spares) : -ENOENT;
}

void spares_order(struct spares *spares, const struct option_set *options)
{
	struct order order;
	int r;

	if (spares->needless || (spares->wanted < WANTED_MIN && spares->wanted_before < WANTED_MIN))
		return;
	if (spares->ordered)
		collect(spares);
	if (spares->ordered || spares->count > SPARES_LOW)
		return;
	memset(&order, 0, sizeof(order));
	r = option_apart(options, AF_INET, IPPROTO_TCP, order.values, VALUES_MAX);
	if (r < 0)
		return;
	order.count = (size_t)r;
	order.processor = sched_getcpu();
	spares->ordered = rights_send(spares->outbox_of_receiver, &order, sizeof(order), NULL, 0) == 0;
}

void spares_forget(struct spares *spares)
{
	while (spares->count > 0)
		fd_close(take_first(spares));
}

void spares_expire(struct spares *spares)
{
	if (spares->ordered)
		collect(spares);
	if (spares->count > 0)
		drop_old(spares, clock_about_usec());
}

bool spares_wait(const struct spares *spares)
{
	return spares->count > 0 || (spares->ordered && !spares->needless);
}

/* As many as were ordered, or as can be had. */
static void fill(struct spares *spares, const struct order *order)
{
	uint64_t made = clock_about_usec();
	int fds[BATCH];
	size_t count = 0;

	while (count < BATCH && replacement_prepare(order->values, order->count, &fds[count]) == 0)
		count++;
	/* None is an answer as well. */
	if (rights_send(spares->inbox, &made, sizeof(made), fds, count) < 0)
		rights_send(spares->inbox, &made, sizeof(made), NULL, 0);
	spares->sent = true;
	while (count > 0)
		fd_close(fds[--count]);
}

/*
 * Anywhere but where the receiver, and with it the program, are being run: woken from there this thread would be put there,
 * and a thread of its own class has to be preempted to let it go on. Where it may use no other processor it stays.
 */
static void avoid(struct spares *spares, int processor)
{
	cpu_set_t others;

	if (processor == spares->avoided || processor < 0 || processor >= CPU_SETSIZE ||
	    sched_getaffinity(getpid(), sizeof(others), &others) < 0)
		return;
	CPU_CLR(processor, &others);
	if (CPU_COUNT(&others) > 0)
		sched_setaffinity(0, sizeof(others), &others);
	spares->avoided = processor;
}

static void *make(void *context)
{
	struct spares *spares = context;
	struct order order;

	spares->maker_tid = gettid();
	while (rights_receive(spares->inbox, &order, sizeof(order), NULL, 0) == sizeof(order)) {
		/* Only when a processor has nothing else to do: else it would cost the program more than it saves it. */
		schedule(0, SCHED_IDLE);
		avoid(spares, order.processor);
		/* That alone takes it from no processor. */
		sched_yield();
		fill(spares, &order);
		/* Who is not run cannot end, either. */
		schedule(0, SCHED_OTHER);
	}
	return NULL;
}

int spares_descriptor(const struct spares *spares)
{
	return spares->made_maker || spares->needless ? -EBADF : spares->inbox;
}

/* From SCHED_IDLE: CAP_SYS_NICE. */
static bool may_come_back(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {0};

	return syscall(SYS_capget, &header, data) == 0 && (data[0].effective >> CAP_SYS_NICE & 1);
}

void spares_work(struct spares *spares)
{
	sigset_t all, before;

	spares->needless = !may_come_back();
	if (spares->needless)
		return;
	/* They are for the thread that calls. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	spares->made_maker = start_thread(&spares->maker, make, spares) == 0;
	spares->needless = !spares->made_maker;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}
