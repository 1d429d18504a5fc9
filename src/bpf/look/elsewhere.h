/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Epoll instances that the caller's table has not got: they were closed there after a fork. They are searched for in the tables
 * of all threads, once; what is found is remembered as any (instances.h).
 */
#pragma once

#include "bpf/look/instances.h"
#include "bpf/look/state.h"
#include "bpf/look/table.h"
#include "bpf/look/threads.h"

/* The table that is being searched, and how far; the latest that was. */
static struct {
	struct files_struct *files, *searched;
	__u32 word;
} others __attribute__((used));

/* On to the next thread. Return: false: there is none. */
__noinline int next_table(void)
{
	struct task_struct *task, *self = work.self;
	struct files_struct *files;

	if (!next_thread())
		return false;
	task = work.met;
	if (!task)
		return true;
	files = BPF_CORE_READ(task, files);
	/* Threads have one table, as a rule. Our own process is no watcher; and who cannot be named cannot be asked. */
	if (!files || files == work.files || files == others.searched ||
	    BPF_CORE_READ(task, group_leader) == BPF_CORE_READ(self, group_leader) || !tid_of((__u64)task))
		return true;
	work.owner = task;
	work.owner_pid = BPF_CORE_READ(task, pid);
	others.searched = others.files = files;
	others.word = 0;
	enter_table(files);
	return true;
}

/* One step along the tables of all threads: 64 numbers, or to another thread. */
static long one_step(__u64 index, void *context)
{
	if (!others.files)
		return !next_table();
	if (!look_at_word(others.word)) {
		others.files = NULL;
		return 0;
	}
	others.word++;
	return missing_count == 0;
}

static void search_elsewhere(void)
{
	struct task_struct *caller = work.task;

	/* The file itself is none of them, so further numbers of it are not looked for any more. */
	look_out_for(0);
	others.searched = work.files;
	others.files = NULL;
	enter_machine(caller);
	bpf_loop(WORDS_MAX, one_step, NULL, 0);
}
