/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who is asked about, and its table.
 *
 * The call that waits is on the stack of its thread, which the notification holds where it is. Were the thread killed
 * this moment, the table could be another's: but then what the caller does with the answer fails as well.
 */
#pragma once

#include "bpf/look/state.h"
#include "bpf/look/table.h"
#include "bpf/look/threads.h"

/* Calls that wait on one listener at the same time: more are not looked at. */
#define CALLS_MAX 65536

/* asm-generic/resource.h */
#define RLIMIT_NOFILE 7

/* Where the walk along the calls is. */
static struct {
	struct list_head *head, *entry, *before;
} calls __attribute__((used));

/* One step along the calls that wait on a listener. */
static long one_call(__u64 index, void *context)
{
	struct seccomp_knotif *call;
	/* Copied, because READ() would take our own structures for the kernel's. */
	struct list_head *entry = calls.entry;

	if (entry == calls.head)
		return 1;
	/* The list's memory is not RCU's. What does not point back is not in it any more. */
	if (!entry || READ_POINTER_2(entry) != calls.before) {
		work.torn = true;
		return 1;
	}
	call = (void *)entry - bpf_core_field_offset(struct seccomp_knotif, list);
	if (READ(call, id) == question.id) {
		work.task = READ(call, task);
		return 1;
	}
	calls.before = entry;
	calls.entry = READ_POINTER_1(entry);
	return 0;
}

static void find_by_call(struct fdtable *own)
{
	struct file *listener = file_at(own, question.listener);
	struct seccomp_filter *filter = listener ? READ(listener, private_data) : NULL;
	struct notification *notification = filter ? READ(filter, notif) : NULL;
	struct list_head *head;

	if (!notification)
		return;
	if (bpf_core_field_exists(filter->wait_killable_recv))
		answer.killable = READ(filter, wait_killable_recv);
	head = (void *)notification + bpf_core_field_offset(struct notification, notifications);
	calls.head = head;
	calls.before = head;
	calls.entry = READ_POINTER_1(head);
	bpf_loop(CALLS_MAX, one_call, NULL, 0);
}

static long one_thread(__u64 index, void *context)
{
	if (!next_thread())
		return 1;
	if (!work.met || tid_of(as_number(work.met)) != question.tid)
		return 0;
	work.task = work.met;
	return 1;
}

/* By the call that waits or by the tid: work.task, or NULL where there is no such thread. */
__noinline int find_caller(void)
{
	work.task = NULL;
	if (question.listener >= 0) {
		find_by_call(work.own);
	} else if (question.tid > 0) {
		/* From our own process on: most often it is a relative. */
		enter_machine(work.self);
		bpf_loop(THREADS_MAX, one_thread, NULL, 0);
	}
	return 0;
}

/* Begin with its table. Return: false: it has none. */
static bool open_table(void)
{
	struct task_struct *task = work.task;
	struct files_struct *files = READ(task, files);

	work.files = files;
	/* A thread that ends has none. */
	if (!files)
		return false;
	enter_table(files);
	answer.threads = READ(task, signal, nr_threads);
	answer.limit = READ(task, signal, rlim[RLIMIT_NOFILE].rlim_cur);
	answer.tables = READ(files, count.counter);
	return true;
}
