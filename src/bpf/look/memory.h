/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory of the caller: what process_vm_readv(2) reads, for two thirds of what that takes. It may wait for the page, so it is
 * not under RCU, and needs a reference to the thread.
 */
#pragma once

#include "bpf/look/state.h"

/* From 5.18 there is a helper, from 6.2 a reference, and from 6.10 programs like this one may take it. */
#define CAN_COPY bpf_core_enum_value_exists(enum special_kfunc_type, KF_bpf_preempt_disable)

extern struct task_struct *bpf_task_from_pid(__s32 pid) __ksym __weak;
extern void bpf_task_release(struct task_struct *task) __ksym __weak;

static __always_inline void copy_memory(void)
{
	__u64 length = question.length;
	struct task_struct *of = work.task, *task;

	if (!CAN_COPY || !of || length == 0)
		return;
	/* What is compared here is the very register that is used, as the kernel wants it. */
	barrier_var(length);
	if (length > sizeof(answer.memory))
		return;
	task = bpf_task_from_pid(READ(of, pid));
	if (!task)
		return;
	/* Else it has gone, and its number is another's. */
	if (as_number(task) == answer.thread)
		answer.copied = bpf_copy_from_user_task(answer.memory, length, (void *)question.address, task, 0) == 0;
	bpf_task_release(task);
}
