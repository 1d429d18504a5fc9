// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Who remembers an open file: asked of the kernel's own structures. Each file in look/ goes one of these ways.
 *
 *     asker's table -> file -> items that watch it -> epoll instances        items.h, instances.h, elsewhere.h
 *                           -> socket -> wait queue -> threads               waiters.h
 *                                     -> what it is, its bytes               plain.h, image.h
 *     listener -> the call that waits -> thread                              caller.h
 *                 thread -> its memory                                       memory.h
 *                 thread -> its table -> further numbers of the file         table.h
 *
 * The cost does not depend on how many descriptors there are: an epoll instance is searched for once, and the table is
 * searched for further numbers of the file only where it has more references than are accounted for.
 *
 * Nothing is locked. What items and tables are made of is freed by RCU, under which all of this runs. Addresses are
 * only ever read through helpers that check them, so a structure that goes away meanwhile gives nonsense, not a
 * fault; and what was read is found to have changed by its links, and begun again.
 */
#include "bpf/look/caller.h"
#include "bpf/look/elsewhere.h"
#include "bpf/look/image.h"
#include "bpf/look/instances.h"
#include "bpf/look/items.h"
#include "bpf/look/memory.h"
#include "bpf/look/plain.h"
#include "bpf/look/state.h"
#include "bpf/look/table.h"
#include "bpf/look/threads.h"
#include "bpf/look/waiters.h"

/* How often a torn look is begun again here; its caller may ask again. */
#define ROUNDS_MAX 8

char LICENSE[] SEC("license") = "GPL";

/* Of one element; see under_rcu(). */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} once SEC(".maps");

static long one_item(__u64 index, void *context)
{
	return next_item(index) != 0;
}

/* The items, and the references at a moment at which they were so; again as long as they are torn. */
static long one_round(__u64 index, void *context)
{
	answer.rounds = index;
	answer.references = references_of(work.file);
	work.torn = work.large = false;
	enter_items();
	bpf_loop(LOOK_ITEMS_MAX + 1, one_item, NULL, 0);
	if (!items_stand())
		work.torn = true;
	if (!work.torn)
		look_at_waiters();
	return !work.torn;
}

/* Which numbers the file has in the caller's table, and the instances. */
__noinline int look_at_table(void)
{
	__s64 expected = question.file == LOOK_NO_DUPLICATE ? 0 : 1; /* the asker's */

	place_items();
	if (question.number >= 0 && file_at(work.table, question.number) == work.file) {
		answer.there = true;
		answer.cloexec = bit_at(work.cloexec, question.number);
		/* Who asks about its own table may have one descriptor for both. */
		if (work.table != work.own || question.file != question.number)
			expected++;
	}
	answer.expected = expected;
	if (!wanted_count && answer.references == expected && !(question.flags & LOOK_SEARCH))
		return LOOK_DONE;
	answer.searched = true;
	search();
	if (missing_count)
		search_elsewhere();
	place_wanted();
	answer.expected = expected + answer.number_count;
	if (answer.references > answer.expected)
		count_rings();
	return work.large ? LOOK_LARGE : LOOK_DONE;
}

/* The file that is asked about. */
static bool find_file(void)
{
	if (question.file != LOOK_NO_DUPLICATE)
		work.file = file_at(work.own, question.file);
	else if (work.task && answer.tables == 1)
		work.file = file_at(work.table, question.number);
	else
		work.file = NULL;
	return work.file;
}

static enum look_result look_around(void)
{
	struct task_struct *self = (void *)bpf_get_current_task();
	struct fdtable *own = READ(self, files, fdt);

	answer.killable = answer.there = answer.cloexec = answer.threads = answer.searched = answer.rings = 0;
	answer.image_size = answer.copied = 0;
	answer.item_count = answer.number_count = answer.tables = answer.expected = 0;
	answer.plain.is_plain = false;
	work.self = self;
	work.own = own;
	work.files = NULL;
	work.owner = NULL;
	work.owner_pid = 0;
	work.torn = false;
	find_caller();
	if (work.torn)
		return LOOK_TORN;
	if (!work.task && (question.listener >= 0 || question.tid > 0))
		return LOOK_GONE;
	answer.thread = (__u64)work.task;
	if (work.task && !open_table())
		return LOOK_GONE;
	if (!find_file())
		return LOOK_NO_FILE;
	answer.file = (__u64)work.file;
	if (references_of(work.file) < 0)
		return LOOK_STRANGE;
	if (question.flags & LOOK_IMAGE)
		copy_image();
	bpf_loop(ROUNDS_MAX, one_round, NULL, 0);
	if (work.torn)
		return LOOK_TORN;
	if (work.large)
		return LOOK_LARGE;
	if (!work.task || (question.flags & LOOK_WAITERS))
		return LOOK_DONE;
	look_at_socket();
	return look_at_table();
}

/*
 * A program of this type may sleep, so it is not under RCU by itself, and has a way to say that it wants to be only
 * from 6.2. But whatever walks a hash map is (bpf_for_each_hash_elem()).
 */
static long under_rcu(void *map, const void *key, void *value, void *context)
{
	answer.result = look_around();
	return 1;
}

SEC("syscall")
int look(void *context)
{
	const __u32 zero = 0;

	answer.result = LOOK_STRANGE;
	if (!bpf_map_lookup_elem(&once, &zero))
		bpf_map_update_elem(&once, &zero, &zero, 0);
	bpf_for_each_map_elem(&once, under_rcu, NULL, 0);
	if (answer.result == LOOK_DONE)
		copy_memory();
	return 0;
}
