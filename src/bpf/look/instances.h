/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where the epoll instances are. One is searched for once, and remembered by its address and number, which are compared
 * before each use.
 */
#pragma once

#include "bpf/look/state.h"
#include "bpf/look/threads.h"

/* Epoll instances that are remembered, by a part of their address. */
#define REMEMBERED 256

static struct known remembered[REMEMBERED];

/* Files that were made together lie side by side, page by page: all of the address has to count. */
static __u32 place_of(__u64 file)
{
	return (file * 0x9e3779b97f4a7c15ULL >> 32) % REMEMBERED;
}

/* Whether a file is where it was. Another caller may have itself what this one has not. */
static __always_inline bool is_there(const struct known *known)
{
	struct task_struct *task = (void *)known->thread;

	if (known->files && known->files != (__u64)work.files)
		return false;
	if (!known->pid)
		return (__u64)file_at(work.table, known->number) == known->file;
	/* What was a thread's memory may be another's, or no thread's any more: then who asks finds another file. */
	return READ(task, pid) == known->pid &&
	       (__u64)file_at(READ(task, files, fdt), known->number) == known->file;
}

/* The number of the instance, if it is where it was; otherwise it is wanted. */
__noinline int place_item(__u32 index)
{
	struct look_item *item;
	struct known *known;
	__u64 file;

	if (index >= LOOK_ITEMS_MAX)
		return 0;
	item = &answer.items[index];
	file = item->epoll;
	known = &remembered[place_of(file)];
	if (known->file != file || !is_there(known))
		known = &remembered[place_of(file ^ (__u64)work.files)];
	if (known->file == file && is_there(known)) {
		item->epoll_number = known->number;
		item->owner = known->pid ? tid_of(known->thread) : 0;
		return 0;
	}
	for (__u32 i = 0; i < LOOK_WANTED_MAX; i++) {
		if (i >= wanted_count) {
			wanted[i].file = file;
			wanted[i].number = LOOK_NUMBER_NONE;
			wanted[i].pid = 0;
			wanted_count = i + 1;
			missing_count++;
			return 0;
		}
		if (wanted[i].file == file)
			return 0;
	}
	return 0;
}

static long one_to_place(__u64 index, void *context)
{
	place_item(index);
	return 0;
}

/* Which number each item's epoll instance has, from memory. */
static void place_items(void)
{
	wanted_count = missing_count = 0;
	bpf_loop(answer.item_count, one_to_place, NULL, 0);
}

/* One that was not known before. */
__noinline int place_found(__u32 index)
{
	struct look_item *item;

	if (index >= LOOK_ITEMS_MAX)
		return 0;
	item = &answer.items[index];
	if (item->epoll_number != LOOK_NUMBER_LATER)
		return 0;
	for (__u32 i = 0; i < LOOK_WANTED_MAX && i < wanted_count; i++) {
		if (wanted[i].file != item->epoll)
			continue;
		item->epoll_number = wanted[i].number;
		wanted[i].files = 0;
		if (wanted[i].pid > 0) {
			item->owner = tid_of(wanted[i].thread);
			wanted[i].files = (__u64)work.files;
		}
		if (wanted[i].number >= 0)
			remembered[place_of(item->epoll ^ wanted[i].files)] = wanted[i];
		return 0;
	}
	return 0;
}

static long one_found(__u64 index, void *context)
{
	place_found(index);
	return 0;
}

/* The same of those that were wanted, from what was found. */
static void place_wanted(void)
{
	bpf_loop(answer.item_count, one_found, NULL, 0);
}
