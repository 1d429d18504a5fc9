/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A pass over a table of descriptors, for whatever is wanted: 64 numbers at a time, and most files are told apart by a filter. */
#pragma once

#include "bpf/look/state.h"

/* Of which a few are set. */
#define FILTER_BITS 1024

static __u64 chunk[64];
static __u32 chunk_number; /* of the first */
static __u64 filter[FILTER_BITS / 64] __attribute__((used));

/* The table that is looked at from now on. */
static void enter_table(struct files_struct *files)
{
	struct fdtable *table = READ(files, fdt);

	work.table = table;
	work.fds = READ(table, fd);
	work.open = READ(table, open_fds);
	work.cloexec = READ(table, close_on_exec);
	work.max = READ(table, max_fds);
}

/* The filter's bit of a file. */
static __u32 bit_of(__u64 file)
{
	return (file >> 6 ^ file >> 15) % FILTER_BITS;
}

static void filter_for(__u64 file)
{
	__u32 bit = bit_of(file);

	filter[bit / 64] |= 1ULL << (bit % 64);
}

/* From now on for the instances that are wanted, and for this file; 0: for none besides. */
__noinline int look_out_for(__u64 file)
{
	__builtin_memset(filter, 0, sizeof(filter));
	/* 0 is what stands at a number that is free. */
	if (file)
		filter_for(file);
	for (__u32 i = 0; i < LOOK_WANTED_MAX && i < wanted_count; i++)
		filter_for(wanted[i].file);
	return 0;
}

/* A file that got through the filter. */
__noinline int found(__u64 file, __u32 number)
{
	struct task_struct *owner = work.owner;

	if (file == (__u64)work.file && !owner) {
		__u32 at = answer.number_count;

		if (number == (__u32)question.number)
			return 0;
		if (at >= LOOK_NUMBERS_MAX) {
			work.large = true;
			return 0;
		}
		answer.numbers[at] = number;
		answer.cloexecs[at] = bit_at(work.cloexec, number);
		answer.number_count = at + 1;
		return 0;
	}
	for (__u32 i = 0; i < LOOK_WANTED_MAX && i < wanted_count; i++) {
		if (wanted[i].file != file || wanted[i].number >= 0)
			continue;
		wanted[i].number = number;
		wanted[i].pid = work.owner_pid;
		wanted[i].thread = (__u64)owner;
		missing_count--;
		return 0;
	}
	return 0;
}

static long one_file(__u64 index, void *context)
{
	__u32 i = index % 64, bit = bit_of(chunk[i]);

	if (filter[bit / 64] >> (bit % 64) & 1)
		found(chunk[i], chunk_number + i);
	return 0;
}

/* Up to 64 numbers of the table, by their place in its bitmap. Return: false: there are no more. */
__noinline int look_at_word(__u32 index)
{
	__u64 bits = 0, any = 0;

	if ((__u64)index * 64 >= work.max)
		return false;
	bpf_probe_read_kernel(&bits, sizeof(bits), work.open + index);
	if (!bits)
		return true;
	chunk_number = index * 64;
	bpf_probe_read_kernel(chunk, sizeof(chunk), work.fds + chunk_number);
	/* With nothing to branch on, which the verifier would follow both ways each time. */
	for (__u32 i = 0; i < 64; i++) {
		__u32 bit = bit_of(chunk[i]);

		any |= filter[bit / 64] >> (bit % 64);
	}
	if (any & 1)
		bpf_loop(64, one_file, NULL, 0);
	return true;
}

static long one_word(__u64 index, void *context)
{
	return !look_at_word(index);
}

/* One pass over the whole of it. */
static void search(void)
{
	look_out_for((__u64)work.file);
	bpf_loop(WORDS_MAX, one_word, NULL, 0);
}
