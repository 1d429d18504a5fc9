/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who stands on the socket's wait queue.
 *
 *     file -> socket -> wait queue -> wake function, thread
 *
 * What stands there says by its function what it is: its name is asked for once. Only those that are listed below lead to
 * a thread; whatever else is there (an io_uring's poll, another part of the kernel) is only counted.
 */
#pragma once

#include "bpf/look/state.h"
#include "bpf/look/threads.h"

/* Wake functions whose kind is remembered, by a part of their address. */
#define FUNCTIONS 64

/* What can stand on the queue. */
#define WAITS_MAX (LOOK_ITEMS_MAX + LOOK_WAITERS_MAX)

enum kind {
	UNKNOWN,
	STRANGER, /* not to be interpreted */
	EPOLL,	  /* found as an item already */
	POLL,	  /* its private pointer is to struct poll_wqueues */
	THREAD,	  /* ... to the thread */
};

struct function {
	__u64 address;
	enum kind kind;
};

static struct function functions[FUNCTIONS];

/* Where the walk along the queue is. */
static struct {
	struct list_head *head, *entry, *before;
} queue __attribute__((used));

static const char as_symbol[] = "%ps";
static const char of_epoll[] = "ep_poll_callback";
static const char of_poll[] = "pollwake";
static const char of_threads[][32] = {
	"autoremove_wake_function",
	"default_wake_function",
	"receiver_wake_function",
	"woken_wake_function",
};

/* By its name; a module's has the module's name behind it. */
static enum kind kind_by_name(__u64 function)
{
	char name[64] = {0};

	bpf_snprintf(name, sizeof(name), as_symbol, &function, sizeof(function));
	if (bpf_strncmp(name, sizeof(name), of_epoll) == 0)
		return EPOLL;
	if (bpf_strncmp(name, sizeof(name), of_poll) == 0)
		return POLL;
	for (__u32 i = 0; i < sizeof(of_threads) / sizeof(of_threads[0]); i++)
		if (bpf_strncmp(name, sizeof(name), of_threads[i]) == 0)
			return THREAD;
	return STRANGER;
}

__noinline int kind_of(__u64 function)
{
	struct function *known = &functions[(function >> 4 ^ function >> 10) % FUNCTIONS];

	if (known->kind == UNKNOWN || known->address != function) {
		known->address = function;
		known->kind = kind_by_name(function);
	}
	return known->kind;
}

/* One step along the queue. Return: true: that was all. */
__noinline int next_wait(__u32 index)
{
	struct list_head *link = queue.entry, *before = queue.before, *head = queue.head;
	struct task_struct *task = NULL;
	struct wait_queue_entry *wait;
	struct poll_wqueues *polled;
	__u64 function;
	__u32 place;

	if (link == head) {
		if (READ_POINTER_2(head) != before)
			work.torn = true;
		return true;
	}
	if (index >= WAITS_MAX) {
		work.large = true;
		return true;
	}
	wait = (void *)link - bpf_core_field_offset(struct wait_queue_entry, entry);
	function = as_number(READ(wait, func));
	/* Without a function a place is marked in the list (WQ_FLAG_BOOKMARK, until 6.6). */
	switch (function ? kind_of(function) : EPOLL) {
	case EPOLL:
		break;
	case POLL:
		polled = READ(wait, private);
		task = READ(polled, polling_task);
		break;
	case THREAD:
		task = READ(wait, private);
		break;
	default:
		answer.strangers++;
	}
	/* It may be on a stack. What is in the list still has been in it all the while. */
	if (!link || READ_POINTER_2(link) != before || READ_POINTER_1(before) != link) {
		work.torn = true;
		return true;
	}
	if (task && work.files && READ(task, files) == work.files) {
		answer.waits++;
		place = answer.waiter_count;
		if (place >= LOOK_WAITERS_MAX) {
			work.large = true;
			return true;
		}
		answer.waiters[place] = tid_of(as_number(task));
		answer.waiter_count = place + 1;
	}
	queue.before = link;
	queue.entry = READ_POINTER_1(link);
	return false;
}

static long one_wait(__u64 index, void *context)
{
	return next_wait(index) != 0;
}

__noinline int look_at_waiters(void)
{
	struct socket *socket = socket_of(work.file);
	struct list_head *head;

	answer.strangers = answer.waits = answer.waiter_count = 0;
	if (!socket)
		return 0;
	head = (void *)socket + bpf_core_field_offset(struct socket, wq.wait.head);
	queue.head = head;
	queue.before = head;
	queue.entry = READ_POINTER_1(head);
	bpf_loop(WAITS_MAX + 1, one_wait, NULL, 0);
	return 0;
}
