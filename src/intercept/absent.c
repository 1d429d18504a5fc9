// SPDX-License-Identifier: LGPL-2.1-or-later
/* Calls whose memory is not there; see absent.h. */
#include "intercept/absent.h"

#include <errno.h>
#include <linux/audit.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/start.h"

/* Pages that are looked at for one call; a datagram's own are fewer where they are of 4 KiB. */
#define PAGES_MAX 32

/* The receiver is woken this often until it has taken the call. */
#define WAKE_NSEC 1000000L

/*
 * A program calls again and again with the same memory, mostly of its stack. What was there is not looked for
 * again so long: a handler that takes a page away and serves it anew within that, and makes a trapped call
 * meanwhile, is not to be expected.
 */
#define SEEN_SLOTS 64
#define SEEN_USEC 10000

/* What is written of an address, or of an option, at least. */
#define SOME_BYTES 28

struct pages {
	uint64_t at[PAGES_MAX]; /* an address in each that is meant */
	size_t count;
};

struct entry {
	struct entry *next;
	struct absent *absent;
	struct caller caller; /* as it was received */
	struct caller detached;
	struct seccomp_notif request;
	struct supervisor_held *record; /* or NULL */
	struct pages pages;
	bool touched;
	bool taken; /* by the receiver, or by absent_free() */
};

/* A page that was there a moment ago. */
struct seen {
	pid_t tid;
	uint64_t page;
	uint64_t until;
};

struct absent {
	struct seen seen[SEEN_SLOTS]; /* the receiver's */
	pthread_mutex_t lock;
	size_t users; /* the owner, and each thread that touches */
	const int *listener;
	struct records *records;
	pid_t receiver;
	int wake;
	struct entry *first; /* not taken yet */
	bool ready;	     /* one of them may have been touched */
};

int absent_new(struct absent **ret, const int *listener, struct records *records)
{
	struct absent *absent = calloc(1, sizeof(*absent));

	if (!absent)
		return -ENOMEM;
	pthread_mutex_init(&absent->lock, NULL);
	absent->users = 1;
	absent->listener = listener;
	absent->records = records;
	*ret = absent;
	return 0;
}

/* The lock is held, and not any more. */
static void leave(struct absent *absent)
{
	bool last = --absent->users == 0;

	pthread_mutex_unlock(&absent->lock);
	if (!last)
		return;
	pthread_mutex_destroy(&absent->lock);
	free(absent);
}

/* The lock is held. The thread that touches frees it. */
static void take(struct absent *absent, struct entry *entry)
{
	struct entry **link = &absent->first;

	while (*link != entry)
		link = &(*link)->next;
	*link = entry->next;
	entry->taken = true;
	records_remove(absent->records, entry->record);
}

void absent_free(struct absent *absent)
{
	if (!absent)
		return;
	pthread_mutex_lock(&absent->lock);
	while (absent->first) {
		struct entry *entry = absent->first;

		caller_resume(&entry->detached);
		take(absent, entry);
	}
	leave(absent);
}

void absent_enter_thread(struct absent *absent, int wake)
{
	absent->receiver = gettid();
	absent->wake = wake;
}

static uint64_t page_size(void)
{
	static uint64_t size;

	if (!size)
		size = (uint64_t)sysconf(_SC_PAGESIZE);
	return size;
}

static void add(struct pages *pages, uint64_t address, uint64_t size)
{
	const uint64_t page = page_size();
	uint64_t end = address + size;

	/* What wraps around is refused by whoever reads it. */
	if (!address || end < address)
		return;
	for (; address < end && pages->count < PAGES_MAX; address = (address / page + 1) * page)
		pages->at[pages->count++] = address;
}

static uint64_t min_size(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* What the arguments name. Of mmsghdr it is as many as fit, of the larger ABI. */
static void find_pages(const struct call *call, struct pages *ret)
{
	const uint64_t *args = call->args;

	switch (call->kind) {
	case CALL_CONNECT:
	case CALL_BIND:
		add(ret, args[1], min_size((uint32_t)args[2], sizeof(struct sockaddr_storage)));
		break;
	case CALL_GETPEERNAME:
	case CALL_GETSOCKNAME:
		add(ret, args[2], sizeof(int));
		add(ret, args[1], SOME_BYTES);
		break;
	case CALL_GETSOCKOPT:
		add(ret, args[4], sizeof(int));
		add(ret, args[3], SOME_BYTES);
		break;
	case CALL_SETSOCKOPT:
		add(ret, args[3], min_size((uint32_t)args[4], SOME_BYTES));
		break;
	case CALL_IOCTL:
		add(ret, args[2], SOME_BYTES);
		break;
	case CALL_SENDTO:
		add(ret, args[4], min_size((uint32_t)args[5], sizeof(struct sockaddr_storage)));
		add(ret, args[1], args[2]);
		break;
	case CALL_RECVFROM:
		add(ret, args[4], args[4] ? SOME_BYTES : 0);
		add(ret, args[5], sizeof(int));
		add(ret, args[1], args[2]);
		break;
	case CALL_SENDMSG:
	case CALL_RECVMSG:
		add(ret, args[1], sizeof(struct msghdr));
		break;
	case CALL_SENDMMSG:
	case CALL_RECVMMSG:
		add(ret, args[1], (uint64_t)(uint32_t)args[2] * sizeof(struct mmsghdr));
		break;
	default:
		break;
	}
}

/*
 * Whether every page is mapped, also where that cannot be told: no CONFIG_NUMA, not ours to look at. Older
 * kernels do not tell the page of zeros, or what is no memory, from one that is to come.
 */
static bool is_there(pid_t tid, struct pages *pages)
{
	void *at[PAGES_MAX];
	int status[PAGES_MAX];

	if (tid <= 0 || pages->count == 0)
		return true;
	for (size_t i = 0; i < pages->count; i++)
		at[i] = (void *)(uintptr_t)pages->at[i];
	if (syscall(SYS_move_pages, (long)tid, pages->count, at, NULL, status, 0L) != 0)
		return true;
	for (size_t i = 0; i < pages->count; i++)
		if (status[i] < 0)
			return false;
	return true;
}

static void touch_pages(const struct entry *entry)
{
	for (size_t i = 0; i < entry->pages.count; i++) {
		char byte;
		struct iovec local = {.iov_base = &byte, .iov_len = 1};
		struct iovec place = {.iov_base = (void *)(uintptr_t)entry->pages.at[i], .iov_len = 1};

		/* What it cannot read the receiver cannot either. */
		if (process_vm_readv(entry->caller.tid, &local, 1, &place, 1, 0) < 0)
			continue;
	}
}

/* A thread that shares the receiver's table, and therefore opens nothing. */
static void *touch(void *context)
{
	const struct timespec interval = {.tv_nsec = WAKE_NSEC};
	struct entry *entry = context;
	struct absent *absent = entry->absent;

	touch_pages(entry);
	pthread_mutex_lock(&absent->lock);
	entry->touched = true;
	__atomic_store_n(&absent->ready, true, __ATOMIC_RELEASE);
	/* The signal may come before the receiver waits. */
	while (!entry->taken) {
		syscall(SYS_tgkill, getpid(), absent->receiver, absent->wake);
		pthread_mutex_unlock(&absent->lock);
		nanosleep(&interval, NULL);
		pthread_mutex_lock(&absent->lock);
	}
	free(entry);
	leave(absent);
	return NULL;
}

static struct seen *slot_of(struct absent *absent, pid_t tid, uint64_t address)
{
	const uint64_t page = address / page_size();
	struct seen *slot = &absent->seen[(page + (uint64_t)tid) % SEEN_SLOTS];

	if (slot->tid != tid || slot->page != page)
		*slot = (struct seen){.tid = tid, .page = page};
	return slot;
}

/* Whether all were there a moment ago. */
static bool was_there(struct absent *absent, pid_t tid, const struct pages *pages)
{
	const uint64_t now = pages->count ? clock_about_usec() : 0;

	for (size_t i = 0; i < pages->count; i++)
		if (slot_of(absent, tid, pages->at[i])->until <= now)
			return false;
	return true;
}

static void note_there(struct absent *absent, pid_t tid, const struct pages *pages)
{
	const uint64_t until = clock_about_usec() + SEEN_USEC;

	for (size_t i = 0; i < pages->count; i++)
		slot_of(absent, tid, pages->at[i])->until = until;
}

static bool look(struct absent *absent, struct notification *notification, struct pages *pages)
{
	const pid_t tid = notification->caller.tid;
	struct entry *entry;
	pthread_t thread;
	bool started;

	if (notification->again || was_there(absent, tid, pages))
		return true;
	if (is_there(tid, pages)) {
		note_there(absent, tid, pages);
		return true;
	}
	entry = calloc(1, sizeof(*entry));
	if (!entry)
		return true;
	entry->absent = absent;
	entry->pages = *pages;
	entry->request = *notification->request;
	entry->caller = notification->caller;
	entry->detached = notification_detach(notification, absent->listener);
	entry->record = records_add(absent->records, &entry->caller);
	pthread_mutex_lock(&absent->lock);
	started = start_thread(&thread, touch, entry) == 0;
	if (started) {
		pthread_detach(thread);
		absent->users++;
		entry->next = absent->first;
		absent->first = entry;
	}
	pthread_mutex_unlock(&absent->lock);
	if (started)
		return false;
	/* As good as it gets. */
	notification->owed = true;
	records_remove(absent->records, entry->record);
	free(entry);
	return true;
}

bool absent_decode(struct absent *absent, struct notification *notification)
{
#if defined(__x86_64__)
	const struct seccomp_data *data = &notification->request->data;
	struct pages pages = {0};

	/* socketcall(2): six words. */
	if (data->arch == AUDIT_ARCH_I386 && data->nr == 102) {
		add(&pages, data->args[1], 6 * sizeof(uint32_t));
		return look(absent, notification, &pages);
	}
#endif
	return true;
}

bool absent_call(struct absent *absent, struct notification *notification, const struct call *call)
{
	struct pages pages;

	pages.count = 0;
	find_pages(call, &pages);
	return look(absent, notification, &pages);
}

bool absent_next(struct absent *absent, struct notification *notification)
{
	struct entry *entry;

	if (!__atomic_load_n(&absent->ready, __ATOMIC_ACQUIRE))
		return false;
	pthread_mutex_lock(&absent->lock);
	for (entry = absent->first; entry && !entry->touched; entry = entry->next)
		;
	if (entry) {
		notification_attach(notification, &entry->request, &entry->caller);
		take(absent, entry);
	} else {
		absent->ready = false;
	}
	pthread_mutex_unlock(&absent->lock);
	return entry;
}
