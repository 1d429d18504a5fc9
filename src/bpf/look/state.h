/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the parts of the look share: how far it has got, and what they read the kernel with.
 *
 * A function that is not static is gone through by the verifier once, with arguments of any value, and not again for each
 * path that leads to it or each round of a loop that calls it, which is what loading took most of its time for. So each
 * part's work, and whatever more than a few lines a loop does, is in one. Such functions take and return numbers: what
 * points into the kernel is handed on as one, or lies in @work.
 *
 * bpftool 7.1 has room for 32 functions; a program with more is refused when it is loaded (-EACCES). The compiler makes one
 * of whatever it does not inline.
 */
#pragma once

#include "bpf/kernel.h"

#include <bpf/bpf_helpers.h>

#include "bpf/contract.h"
#include "bpf/read.h"

/* Threads on the machine, words of a table's bitmap (64 numbers each): more are not looked at. */
#define THREADS_MAX (1 << 20)
#define WORDS_MAX   (1 << 22)

/* Shared with the loader. */
struct look_question question;
struct look_answer answer;

/* Used, so that the compiler leaves it in one piece, as its description (BTF) says; as what each part has of the kind. */
static struct {
	struct file *file;	     /* that is asked about */
	struct task_struct *self;    /* who asks */
	struct task_struct *task;    /* the caller, or NULL */
	struct files_struct *files;  /* the caller's */
	struct fdtable *own, *table; /* the asker's; the one that is looked at, and what that is made of: */
	struct file **fds;
	unsigned long *open, *cloexec;
	__u64 max;
	/* Along all threads: at which process, at which thread of it. */
	struct list_head *processes, *process;
	struct list_head *threads, *thread;
	struct task_struct *met;     /* there; or NULL */
	struct task_struct *owner;   /* whose table is looked at; NULL: the caller's */
	__s32 owner_pid;
	__u32 torn, large;	     /* as the results of these names */
} work __attribute__((used));

/* An open file by its number in the caller's table, or in another thread's. */
struct known {
	__u64 file;
	__s32 number;
	__s32 pid;	 /* of that thread in the first pid namespace, or 0 */
	__u64 thread;	 /* which had this address */
	__u64 files;	 /* the caller's table, which has not got the file; or 0 */
};

/* Epoll instances whose number is not known yet. */
static struct known wanted[LOOK_WANTED_MAX];
static __u32 wanted_count, missing_count; /* those that have no number yet are missing */

/* What stands at a number. */
static inline struct file *file_at(struct fdtable *table, __s32 number)
{
	struct file **fds = READ(table, fd);

	if (number < 0 || (__u32)number >= READ(table, max_fds))
		return NULL;
	return READ_POINTER_1(fds + number);
}

static inline bool bit_at(unsigned long *words, __s32 number)
{
	__u64 word = 0;

	bpf_probe_read_kernel(&word, sizeof(word), words + (__u32)number / 64);
	return word >> ((__u32)number % 64) & 1;
}

static inline __s64 references_of(struct file *file)
{
	struct file___counted *counted = (void *)file;
	struct file___referenced *referenced = (void *)file;

	if (bpf_core_field_exists(counted->f_count))
		return READ(counted, f_count.counter);
	if (bpf_core_field_exists(referenced->f_ref))
		return READ(referenced, f_ref.refcnt.counter) + 1;
	return -1;
}

/* A socket is what points back to its file where a socket does. */
static inline struct socket *socket_of(struct file *file)
{
	struct socket *socket = READ(file, private_data);

	return socket && READ(socket, file) == file ? socket : NULL;
}
