/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Who remembers an open file.
 *
 * One interface, several backends, one file each: struct watch_backend is data, the registry in
 * watch.c knows them all, best first. A backend is chosen by trying it, and can be forced by name.
 *
 * A look is a snapshot. Other threads of the target may register the file the moment after; who needs
 * certainty looks again until nothing new is found.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/image.h"
#include "target/caller.h"
#include "target/thread.h"

/* One epoll registration of the file. */
struct watch_item {
	pid_t owner;	  /* 0; or a thread of another process, which has the instance, and the caller has not */
	int epoll_number; /* a number of the epoll instance in the caller's table, or in the owner's */
	uint64_t instance; /* which one it is, where the backend can tell; or 0 */
	bool solitary;	  /* nobody else has that, and it is in no other; false also where that cannot be told */
	int number;	  /* the number that the item was added under; epoll's key with the file */
	uint32_t events;  /* the mask, private bits (EPOLLET and the like) included */
	uint64_t data;
};

/* How a blocked thread waits on a file. */
enum watch_wait {
	WATCH_WAIT_RECEIVE, /* read(2), recv(2) and the like */
	WATCH_WAIT_SEND,
	WATCH_WAIT_POLL,   /* poll(2), which the kernel resumes through restart_syscall(2) */
	WATCH_WAIT_SELECT, /* select(2), pselect6(2), ppoll(2): the time that is left goes into memory */
	WATCH_WAIT_OTHER,  /* splice(2) */
};

struct watch_waiter {
	pid_t tid;
	enum watch_wait how;
	bool timed;   /* the call has a timeout argument */
	bool several; /* it may have taken or sent some messages already, and would return at once */
	struct thread_syscall call;
};

/*
 * A TCP socket that is neither bound nor connected, has an owner like the asker's sockets, and signals nobody:
 * what else is to be known of it.
 */
struct watch_plain {
	int family; /* 0: it is another one, or the backend does not look */
	int status_flags;
	bool v6only, shut_read, lingers;
	uint64_t inode, netns_cookie;
};

/* Memory of the caller that is to be copied along with a look. */
struct watch_memory {
	uint64_t address;
	size_t size;
};

/* What a look found. Numbers are of the target's table. Starts zeroed; the arrays grow and are reused. */
struct watch_report {
	struct watch_item *items;
	size_t item_count, item_room;
	int *duplicates; /* further numbers of the same open file, the one asked about left out */
	size_t duplicate_count, duplicate_room;
	struct watch_waiter *waiters; /* filled by watch_waiters() alone */
	size_t waiter_count, waiter_room;
	unsigned int running; /* how many may be about to wait: not blocked, or with the file in their hands */
	long references; /* to the open file, ours included; -1: this backend cannot tell */
	uint64_t file, thread; /* the open file, and the caller's, for watch_expect(); 0: this backend cannot tell */
	size_t rings; /* of io_uring that the process has; what they hold nothing shows */
	unsigned int threads; /* of the caller's process; 0: this backend cannot tell */
	bool sole; /* only the caller's thread has its table, and only we, and the numbers told, have the file */
	bool killable; /* nothing but its end keeps the caller's call from waiting for its answer */
	int cloexec;   /* whether the number asked about is closed on exec; -1: cannot tell */
	int64_t limit; /* the caller's RLIMIT_NOFILE; -1: cannot tell */
	struct watch_plain plain;
	unsigned int strangers; /* that wait on it: neither epoll nor a blocked thread; as far as the backend can tell */
	bool partial; /* processes that may have an epoll instance of the caller's were left out */
	struct image image; /* of the socket; until the next look. Size 0: this backend has none */
	const void *memory; /* that watch_peek() was asked for; until the next look. NULL: it was not, or could not be, read */
	const char *by; /* the name of the backend that answered, which may have asked another; static text */
	/*
	 * Whoever remembers the file by a number of the caller's comes along with that, when caller_replace_file()
	 * replaces it. So items and duplicates are told of only where that costs nothing (@counted).
	 */
	bool follows;
	bool counted;	   /* items and duplicates are as complete as this backend can tell */
	long registrations; /* how many epoll items watch it, whosever they are; -1: this backend cannot tell */
	const char *beyond; /* what was seen and cannot be repaired, or NULL; static text */
};

struct watch;

struct watch_backend {
	const char *name;
	const char *needs; /* for people: what it takes */
	/* See watch_missing(). */
	const char *(*missing)(void);
	/*
	 * Whether it works here, found by using it; where it was not asked for by name, as far as that is cheap. 0, or
	 * a negative errno. @replaces: see watch_open()
	 */
	int (*open)(struct watch **ret, bool named, unsigned int replaces);
	void (*close)(struct watch *watch);
	/* See watch_begin(), watch_enter_thread(); NULL: nothing is to be done. */
	void (*begin)(struct watch *watch, pid_t first);
	void (*enter_thread)(struct watch *watch);
	/* See watch_look(). */
	int (*look)(struct watch *watch, const struct caller *caller, int number, int file,
		    struct watch_report *report);
	/* See watch_look_fully(); NULL: look() does. */
	int (*look_fully)(struct watch *watch, const struct caller *caller, int number, int file,
			  struct watch_report *report);
	/* See watch_image(); NULL: there are none. */
	int (*image)(struct watch *watch, int file, struct image *ret);
	/* See watch_glance(); NULL: it cannot. */
	int (*glance)(struct watch *watch, const struct caller *caller, int number, int file,
		      struct watch_report *report);
	/* See watch_peek(); NULL: it cannot. */
	int (*peek)(struct watch *watch, const struct caller *caller, int number, const struct watch_memory *memory,
		    struct watch_report *report);
	/* See watch_waiters(). */
	int (*waiters)(struct watch *watch, const struct caller *caller, const int *numbers,
		       size_t count, int file, struct watch_report *report);
	/* See watch_is_instance(); NULL: by kcmp(2). */
	bool (*is_instance)(struct watch *watch, const struct watch_item *item, int epoll, int file);
	/* See watch_references(), watch_registrations(); NULL: it cannot tell. */
	long (*references)(struct watch *watch, int file);
	long (*registrations)(struct watch *watch, int file);
	/* See watch_spare(); NULL: nothing is to be done. */
	void (*spare)(struct watch *watch, uint64_t usec);
	/* See watch_compares(), watch_expect(), watch_expect_nothing(); NULL: it does not, and the others are not called. */
	bool (*compares)(struct watch *watch);
	bool (*expect)(struct watch *watch, const struct watch_report *report, int number);
	void (*expect_nothing)(struct watch *watch, bool put);
};

struct watch {
	const struct watch_backend *backend;
};

/**
 * watch_open() - choose a backend.
 * @name: its name, or NULL for the best that works
 * @replaces: what the kernel does when a file is replaced, as caller_replace_flags() tells; 0: nothing
 *
 * Return: 0; -ENOENT: no backend of that name; or the errno for which the named one does not work here.
 */
int watch_open(const char *name, unsigned int replaces, struct watch **ret);
void watch_close(struct watch *watch);

/**
 * watch_begin() - a program starts; whatever is looked at from now on was forked by it.
 * @first: its process, in our pid namespace, or 0 where that is not known
 */
void watch_begin(struct watch *watch, pid_t first);

/**
 * watch_enter_thread() - the calling thread, which has left the descriptor table that watch_open() was called in, is
 * the only one to use @watch from now on. Its descriptors are registered with numbers.h, and go with its table; then
 * watch_close() is called in the other one.
 */
void watch_enter_thread(struct watch *watch);

/**
 * watch_backend_at() - the backends, best first; NULL past the last.
 */
const struct watch_backend *watch_backend_at(size_t index);

/**
 * watch_missing() - what a backend takes that is not there, told without trying. Return: static text; NULL: nothing is
 * known to be missing, or there is no such backend.
 */
const char *watch_missing(const char *name);

/**
 * watch_look() - who remembers the open file that stands at a number of the caller's table.
 * @number: negative: none, all numbers of the file are further ones
 * @file: our duplicate of it
 * @report: cleared and filled; the image only with a number, for who looks again needs none
 *
 * Return: 0; -EPERM, -EACCES: not ours to look at; -ENOENT: the caller is gone; -ENOMEM, -EMFILE.
 */
int watch_look(struct watch *watch, const struct caller *caller, int number, int file,
	       struct watch_report *report);

/**
 * watch_look_fully() - the same, and the items and duplicates are told of also where they would follow.
 */
int watch_look_fully(struct watch *watch, const struct caller *caller, int number, int file,
		     struct watch_report *report);

/**
 * watch_image() - what the kernel has of a socket of ours.
 * @ret: stands until the next look
 *
 * Return: 0; -EOPNOTSUPP: this backend has no images; -EAGAIN: not yet, or not this time; another negative errno.
 */
int watch_image(struct watch *watch, int file, struct image *ret);

/**
 * watch_glance() - the same, if it costs no more than a few system calls, so that it can come before it is
 * known what for.
 *
 * The file stood at the number, and the call still waited then. Return: as watch_look(); -EAGAIN: it would cost
 * more, or the file does not stand there.
 */
int watch_glance(struct watch *watch, const struct caller *caller, int number, int file,
		 struct watch_report *report);

/**
 * watch_peek() - the same without a duplicate of the file: what stands at the number.
 * @memory: is copied as well, where the backend can; or NULL
 *
 * Return: as watch_glance(); -EAGAIN also where anybody but the caller's thread could put another file there meanwhile.
 */
int watch_peek(struct watch *watch, const struct caller *caller, int number, const struct watch_memory *memory,
	       struct watch_report *report);

/**
 * watch_waiters() - which other threads of the caller's process are blocked on a file that stands, or
 * stood until now, at the numbers.
 * @file: our duplicate of it, or -EBADF where we have let go of it
 * @report: its waiters and running are filled, the rest is left alone
 *
 * A thread whose call waits for a supervisor's answer is none: it has not looked its number up yet. A
 * backend that knows only the numbers may name threads that wait on what stands there since. Return: 0;
 * -EPERM, -EACCES; -ENOENT: the caller is gone; -ENOMEM, -EMFILE.
 */
int watch_waiters(struct watch *watch, const struct caller *caller, const int *numbers, size_t count, int file,
		  struct watch_report *report);

/**
 * watch_references() - how many have an open file: each number in a table, each system call on it at the moment.
 * @file: our duplicate
 *
 * Return: the number, ours included; -1: this cannot be told.
 */
long watch_references(struct watch *watch, int file);

/**
 * watch_registrations() - how many epoll items watch an open file, in whatever process's instances.
 * @file: our duplicate
 *
 * Return: the number; -1: this cannot be told.
 */
long watch_registrations(struct watch *watch, int file);

/**
 * watch_spare() - so much time was spent because the backend has not got ready what it takes some time to get ready:
 * it may do so when that has paid.
 */
void watch_spare(struct watch *watch, uint64_t usec);

/**
 * watch_is_instance() - whether an epoll instance is the one that an item was seen in: another thread may have
 * closed the number meanwhile, and reused it.
 * @epoll: our duplicate of what stands at the item's epoll_number
 * @file: our duplicate of the file that the item watches
 */
bool watch_is_instance(struct watch *watch, const struct watch_item *item, int epoll, int file);

/**
 * watch_open_below() - for a backend that asks another one: the best that works of those after it.
 * Return: as watch_open().
 */
int watch_open_below(const struct watch_backend *backend, struct watch **ret);

/**
 * watch_compares() - whether watch_expect() works here; what it takes is loaded.
 */
bool watch_compares(struct watch *watch);

/**
 * watch_expect() - let the kernel compare what stands at a number of the caller's, when it is about to be replaced.
 * @report: of the last look at the file that has to stand there, which we hold; its image is lost
 *
 * Return: true: until watch_expect_nothing(), which has to be called, caller_put_file() to the number fails with -ESTALE if
 * another file stands there, or none; false: this backend, or kernel, cannot: compare before.
 */
bool watch_expect(struct watch *watch, const struct watch_report *report, int number);

/**
 * watch_expect_nothing() - the number was replaced, or not.
 * @put: it was
 */
void watch_expect_nothing(struct watch *watch, bool put);

/* For backends: begin again with what watch_look() fills. */
void watch_report_clear(struct watch_report *report);

/* For backends: append. Return 0 or -ENOMEM. */
int watch_report_item(struct watch_report *report, const struct watch_item *item);
int watch_report_duplicate(struct watch_report *report, int number);
int watch_report_waiter(struct watch_report *report, const struct watch_waiter *waiter);
void watch_report_free(struct watch_report *report);

extern const struct watch_backend watch_kernel, watch_bpf, watch_procfs;
