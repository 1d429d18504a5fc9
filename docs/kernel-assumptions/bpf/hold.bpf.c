// SPDX-License-Identifier: GPL-2.0-or-later
/* Stays in the kernel for a while, within a walk over a hash map or not. */
#include "bpf/kernel.h"

#include <bpf/bpf_helpers.h>

#include "hold.h"

#define ROUNDS_MAX (1 << 23)

char LICENSE[] SEC("license") = "GPL";

volatile struct hold hold;
static __u64 end;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} once SEC(".maps");

static long one_round(__u64 index, void *context)
{
	return hold.returned || bpf_ktime_get_ns() > end;
}

static long stay(void *map, const void *key, void *value, void *context)
{
	end = bpf_ktime_get_ns() + hold.longest;
	hold.inside = true;
	bpf_loop(ROUNDS_MAX, one_round, NULL, 0);
	hold.early = hold.returned;
	return 1;
}

SEC("syscall")
int stay_inside(void *context)
{
	const __u32 zero = 0;

	bpf_map_update_elem(&once, &zero, &zero, 0);
	if (hold.guarded)
		bpf_for_each_map_elem(&once, stay, NULL, 0);
	else
		stay(NULL, NULL, NULL, NULL);
	return 0;
}
