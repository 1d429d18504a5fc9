/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The epoll items that watch the file: a chain, whose links say whether it has changed since.
 *
 *     file -> f_ep -> items -> eventpoll -> file of the epoll instance
 */
#pragma once

#include "bpf/look/state.h"

/* Where the walk along the chain is, and what it began at. */
static struct {
	struct hlist_head *head;
	struct hlist_node *first, *node, **cell;
} chain __attribute__((used));

static void enter_items(void)
{
	struct file *file = work.file;
	struct hlist_head *head = READ(file, f_ep);

	chain.head = head;
	chain.first = chain.node = NULL;
	answer.item_count = 0;
	if (head) {
		chain.cell = &head->first;
		chain.node = chain.first = READ_POINTER_1(head);
	}
}

/* One item more. Return: true: that was the last. */
__noinline int next_item(__u32 index)
{
	struct hlist_node *node = chain.node;
	struct look_item *out;
	struct epitem *item;
	struct file *epoll;

	if (!node)
		return true;
	if (index >= LOOK_ITEMS_MAX) {
		work.large = true;
		return true;
	}
	item = (void *)node - bpf_core_field_offset(struct epitem, fllink);
	out = &answer.items[index];
	epoll = READ(item, ep, file);
	out->epoll = (__u64)epoll;
	out->solitary = references_of(epoll) == 1 && !READ(epoll, f_ep);
	out->number = READ(item, ffd.fd);
	out->events = READ(item, event.events);
	out->data = READ(item, event.data);
	out->ready = READ(item, rdllink.next) !=
		     (void *)item + bpf_core_field_offset(struct epitem, rdllink);
	out->epoll_number = LOOK_NUMBER_LATER;
	out->owner = 0;
	/* In the list still, and in this file's. */
	if (READ(item, ffd.file) != work.file || READ_POINTER_2(node) != chain.cell) {
		work.torn = true;
		return true;
	}
	answer.item_count = index + 1;
	chain.cell = &node->next;
	chain.node = READ_POINTER_1(node);
	return false;
}

/* Whether the chain is as it was at the beginning. */
static bool items_stand(void)
{
	struct file *file = work.file;
	struct hlist_head *head = chain.head;

	return READ(file, f_ep) == head && (!head || READ_POINTER_1(head) == chain.first);
}
