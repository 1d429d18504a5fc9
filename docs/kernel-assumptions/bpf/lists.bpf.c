// SPDX-License-Identifier: GPL-2.0-or-later
/* Copies the lists that hang on a file, for programs that know what has to be in them. */
#include "bpf/kernel.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "lists.h"

char LICENSE[] SEC("license") = "GPL";

struct lists lists;

static struct {
	struct file *file;
	struct hlist_node *node, **cell;
	struct list_head *head, *entry, *before;
} work __attribute__((used));

static const char as_symbol[] = "%ps";

static long one_item(__u64 index, void *context)
{
	struct hlist_node *node = work.node;
	struct epitem *item;

	if (!node || index >= LISTS_MAX)
		return 1;
	item = (void *)node - bpf_core_field_offset(struct epitem, fllink);
	lists.items[index].number = BPF_CORE_READ(item, ffd.fd);
	lists.items[index].is_files = BPF_CORE_READ(item, ffd.file) == work.file;
	lists.items[index].linked = BPF_PROBE_READ(node, pprev) == work.cell;
	lists.items[index].ready = BPF_CORE_READ(item, rdllink.next) !=
				   (void *)item + bpf_core_field_offset(struct epitem, rdllink);
	lists.item_count = index + 1;
	work.cell = &node->next;
	work.node = BPF_PROBE_READ(node, next);
	return 0;
}

static long one_wait(__u64 index, void *context)
{
	struct list_head *entry = work.entry;
	struct wait_queue_entry *wait;
	struct poll_wqueues *polled;
	__u64 function;

	if (!entry || entry == work.head || index >= LISTS_MAX)
		return 1;
	wait = (void *)entry - bpf_core_field_offset(struct wait_queue_entry, entry);
	polled = BPF_CORE_READ(wait, private);
	function = (__u64)BPF_CORE_READ(wait, func);
	bpf_snprintf(lists.waits[index].name, sizeof(lists.waits[index].name), as_symbol, &function,
		     sizeof(function));
	lists.waits[index].private = (__u64)polled;
	lists.waits[index].polling = (__u64)BPF_CORE_READ(polled, polling_task);
	lists.waits[index].linked = BPF_PROBE_READ(entry, prev) == work.before;
	lists.wait_count = index + 1;
	work.before = entry;
	work.entry = BPF_PROBE_READ(entry, next);
	return 0;
}

SEC("syscall")
int copy_lists(void *context)
{
	struct task_struct *self = (void *)bpf_get_current_task();
	struct fdtable *table = BPF_CORE_READ(self, files, fdt);
	struct file **files = BPF_CORE_READ(table, fd), *file = NULL;
	struct hlist_head *chain;
	struct list_head *head;
	struct socket *socket;

	lists.self = (__u64)self;
	lists.watched = lists.item_count = lists.is_socket = lists.wait_count = lists.closed = 0;
	if (lists.file < 0)
		return 0;
	bpf_probe_read_kernel(&file, sizeof(file), files + lists.file);
	work.file = file;
	chain = BPF_CORE_READ(file, f_ep);
	if (chain) {
		lists.watched = true;
		work.cell = &chain->first;
		work.node = BPF_PROBE_READ(chain, first);
		bpf_loop(LISTS_MAX, one_item, NULL, 0);
	}
	socket = BPF_CORE_READ(file, private_data);
	if (!socket || BPF_CORE_READ(socket, file) != file)
		return 0;
	lists.is_socket = true;
	head = (void *)socket + bpf_core_field_offset(struct socket, wq.wait.head);
	work.head = work.before = head;
	work.entry = BPF_PROBE_READ(head, next);
	bpf_loop(LISTS_MAX, one_wait, NULL, 0);
	lists.closed = work.entry == head && BPF_PROBE_READ(head, prev) == work.before;
	return 0;
}
