/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threads: of a process, and of the machine. */
#pragma once

#include "bpf/look/state.h"

static void enter_process(struct task_struct *task)
{
	struct signal_struct *signal = BPF_CORE_READ(task, signal);
	struct list_head *threads = (void *)signal + bpf_core_field_offset(struct signal_struct, thread_head);

	work.threads = threads;
	work.thread = BPF_PROBE_READ(threads, next);
}

/* A thread's number in the asker's pid namespace, or 0. */
__noinline int tid_of(__u64 of)
{
	struct task_struct *self = work.self, *task = (void *)of;
	struct pid *mine = BPF_CORE_READ(self, thread_pid);
	struct pid *pid = BPF_CORE_READ(task, thread_pid);
	__u32 level = BPF_CORE_READ(mine, level);
	struct upid *number, *own;
	__u64 offset;

	if (!pid || BPF_CORE_READ(pid, level) < level)
		return 0;
	offset = bpf_core_field_offset(struct pid, numbers) + (__u64)level * bpf_core_type_size(struct upid);
	number = (void *)pid + offset;
	own = (void *)mine + offset;
	return BPF_CORE_READ(number, ns) == BPF_CORE_READ(own, ns) ? BPF_CORE_READ(number, nr) : 0;
}

/*
 * All threads of the machine, process by process, from a thread's process on. A step leads to work.met, or, with NULL there,
 * from one process to the next. Return: false: all around.
 */
static void enter_machine(struct task_struct *task)
{
	struct task_struct *leader = BPF_CORE_READ(task, group_leader);

	work.processes = work.process = (void *)leader + bpf_core_field_offset(struct task_struct, tasks);
	enter_process(leader);
}

__noinline int next_thread(void)
{
	struct list_head *process = work.process, *thread = work.thread;

	work.met = NULL;
	if (thread == work.threads) {
		process = BPF_PROBE_READ(process, next);
		/* The list has a head, which is a task as well. */
		if (!process || process == work.processes)
			return false;
		work.process = process;
		enter_process((void *)process - bpf_core_field_offset(struct task_struct, tasks));
		return true;
	}
	if (!thread)
		return false;
	work.met = (void *)thread - bpf_core_field_offset(struct task_struct, thread_node);
	work.thread = BPF_PROBE_READ(thread, next);
	return true;
}

/* A thread has this from the first ring that it made or used until its end. */
static long one_ring(__u64 index, void *context)
{
	struct list_head *thread = work.thread;
	struct task_struct___uring *task;

	if (!thread || thread == work.threads)
		return 1;
	task = (void *)thread - bpf_core_field_offset(struct task_struct, thread_node);
	if (BPF_CORE_READ(task, io_uring))
		answer.rings++;
	work.thread = BPF_PROBE_READ(thread, next);
	return 0;
}

/* How many threads of the caller's process use io_uring. */
static void count_rings(void)
{
	struct task_struct___uring *any = NULL;

	if (!bpf_core_field_exists(any->io_uring))
		return;
	enter_process(work.task);
	bpf_loop(THREADS_MAX, one_ring, NULL, 0);
}
