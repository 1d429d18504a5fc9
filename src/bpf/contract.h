/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What src/watch asks the program of look.bpf.c, and what that answers; what it tells that of replace.bpf.c.
 *
 * All of it lies in memory that a program and its loader share: a look is one system call, which copies nothing. One
 * thread asks at a time. Numbers of the *asker* are of the table of the thread that makes the call, those of the
 * *caller* are of the table of the thread that is asked about.
 */
#pragma once

#ifdef __bpf__
#include "bpf/kernel.h"
#else
#include <linux/types.h>
#endif

#include "base/image.h"

/* An answer with more than this is LOOK_LARGE. */
#define LOOK_ITEMS_MAX	 512
#define LOOK_NUMBERS_MAX 512
#define LOOK_WAITERS_MAX 512

/* Epoll instances that are searched for in one look; the rest keeps LOOK_NUMBER_LATER, so ask again. */
#define LOOK_WANTED_MAX 16

enum look_result {
	LOOK_DONE = 0,
	LOOK_TORN,    /* what was read changed all the while */
	LOOK_LARGE,   /* there is more than the answer has room for */
	LOOK_NO_FILE, /* nothing stands at the asker's number */
	LOOK_GONE,    /* the caller's call waits no more; or there is no such thread */
	LOOK_STRANGE, /* this kernel is not as expected */
};

/* Bytes of a socket that are told. A larger one is not told at all. */
#define LOOK_IMAGE_MAX 8192

/* Bytes of the caller's memory that may be asked for: struct sockaddr_storage. */
#define LOOK_MEMORY_MAX 128

/* Flags of a question. */
#define LOOK_SEARCH  (1U << 0) /* for further numbers, whatever the references say */
#define LOOK_WAITERS (1U << 1) /* neither numbers nor epoll instances: references, and which threads wait */
#define LOOK_IMAGE   (1U << 2) /* the bytes of the socket, if the file is one */

struct look_question {
	__s32 listener; /* the asker's, on which the call waits; negative: go by the tid */
	__s32 tid;	/* in the asker's pid namespace; 0: no table is looked at */
	__u64 id;	/* of the call */
	__s32 file;	/* the asker's duplicate of the file; or LOOK_NO_DUPLICATE */
	__s32 number;	/* the caller's number for it; negative: none */
	__u32 flags;
	__u32 length;	/* of the memory that is asked for; 0: none */
	__u64 address;	/* of it, the caller's */
};

/*
 * In place of the asker's duplicate: the file that stands at the caller's number. Answered, with LOOK_DONE, only where
 * nobody but the caller's thread has its table, so that the file stays where it is as long as the call waits.
 */
#define LOOK_NO_DUPLICATE (-1)

/* In place of a number of the caller. */
#define LOOK_NUMBER_NONE  (-1) /* the file stands in no table that was looked at */
#define LOOK_NUMBER_LATER (-2) /* it was not searched for */

struct look_item {
	__u64 epoll; /* the epoll instance's open file, as an address */
	__u64 data;
	__u32 events;	    /* the mask, private bits included */
	__s32 number;	    /* the item was added under */
	__s32 epoll_number; /* of the instance in the caller's table, or in the owner's; or LOOK_NUMBER_ */
	__s32 owner;	    /* 0; or a thread of another process whose table has it, and the caller's does not */
	__u32 ready;	    /* whether it is on the list of what has something to report */
	__u32 solitary;	    /* one reference is all that there is to the instance, and none watches it */
};

/*
 * A TCP socket about which there is next to nothing to tell, as nearly all are that a program is about to connect:
 * neither bound nor connected, in CLOSE with no segment sent, nobody's to be signalled, and owned by the asker.
 */
struct look_plain {
	__u32 is_plain; /* all else counts only for such a socket */
	__u32 flags;	/* of the open file, as F_GETFL tells */
	__u64 inode;
	__u64 netns_cookie;
	__u16 family;
	__u8 v6only;
	__u8 shutdown; /* RCV_SHUTDOWN 1, SEND_SHUTDOWN 2 */
	__u32 lingers; /* SO_LINGER is on */
};

struct look_answer {
	__u32 result; /* enum look_result; all else counts for LOOK_DONE alone */
	__u32 rounds; /* how often it was begun again */
	__u64 file;   /* the open file, as an address */
	__u64 thread; /* the caller, as an address */
	__s64 references;
	__u32 there;	/* whether it stands at the number */
	__u32 cloexec;	/* whether that is closed on exec */
	__u32 threads;	/* of the caller's process */
	__u32 killable; /* the caller's call waits for its answer whatever signal comes, but for one that kills */
	__u32 tables;	/* who has the caller's table: threads, kernel's included, and processes (CLONE_FILES) */
	__u32 expected; /* references that are accounted for */
	__u64 limit;	/* the caller's RLIMIT_NOFILE, the soft one */
	__u32 searched; /* whether the whole table was: otherwise there are no further numbers to be told of */
	__u32 rings;	/* with more references than numbers: threads of the caller's process that use io_uring */
	__u32 strangers; /* on the socket's wait queue: neither of epoll nor of a thread in a system call */
	__u32 waits;	 /* of threads that have the caller's table; one poll(2) may wait twice */
	__u32 waiter_count;
	__u32 item_count;
	__u32 number_count;
	__u32 copied; /* whether the memory that was asked for could be read; before Linux 6.10 never */
	__u8 memory[LOOK_MEMORY_MAX];
	struct look_plain plain; /* only where there is a caller */
	struct look_item items[LOOK_ITEMS_MAX];
	__s32 numbers[LOOK_NUMBERS_MAX]; /* further ones of the file */
	__s32 waiters[LOOK_WAITERS_MAX]; /* the threads, in the asker's pid namespace */
	__u8 cloexecs[LOOK_NUMBERS_MAX]; /* whether those numbers are closed on exec */

	/* The kernel's objects: the flags of struct socket, and then its struct sock with all that that is
	 * the beginning of. */
	__u32 image_size; /* 0: no socket, or it was not asked for */
	__u16 image_fields[IMAGE_FIELDS]; /* see struct image */
	__u64 image[LOOK_IMAGE_MAX / 8];
};

/* What a file that a thread receives has to stand over. Other threads of the machine receive files as ever. */
struct replace_expected {
	__u64 thread; /* in a notification, as an address; 0: none. Written last, and cleared first */
	__u64 file;   /* the open file, as an address */
	__s32 number; /* where it stands */
	__u32 compared; /* how often that was compared */
};
