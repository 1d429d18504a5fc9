/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading the kernel's structures by address.
 *
 * From 6.2 the kernel takes our word for what lies at an address (bpf_rdonly_cast()), and a field is read by one instruction.
 * Before, each takes a call that costs some twenty times as much. In both an address that is none reads as zeros.
 */
#pragma once

#include "bpf/kernel.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

/* kernel/bpf/verifier.c: what it knows by name. */
enum special_kfunc_type {
	KF_bpf_rdonly_cast,
	KF_bpf_preempt_disable,
};

extern void *bpf_rdonly_cast(const void *address, __u32 type) __ksym __weak;

#define CAN_CAST bpf_core_enum_value_exists(enum special_kfunc_type, KF_bpf_rdonly_cast)

#define CAST(address) ((typeof(address))bpf_rdonly_cast((address), bpf_core_type_id_kernel(typeof(*(address)))))

#define READ_FIELD_1(from, a)	       (CAST(from)->a)
#define READ_FIELD_2(from, a, b)       (CAST(READ_FIELD_1(from, a))->b)
#define READ_FIELD_3(from, a, b, c)    (CAST(READ_FIELD_2(from, a, b))->c)
#define READ_FIELD_4(from, a, b, c, d) (CAST(READ_FIELD_3(from, a, b, c))->d)

#define READ_BY_COUNT(_1, _2, _3, _4, count, ...) READ_FIELD_##count

/*
 * As BPF_CORE_READ(), for what is read in every look. Loading takes longer for each that there is: what is read now and then
 * is left to the original.
 */
#define READ(from, ...)                                                                              \
	(CAN_CAST ? READ_BY_COUNT(__VA_ARGS__, 4, 3, 2, 1)(from, __VA_ARGS__) : BPF_CORE_READ(from, __VA_ARGS__))

/* The first or second of two pointers, which is what a link is, and an element of an array of them. */
#define READ_POINTER_1(from) ({                                                                      \
	struct list_head *_from = (void *)(from), *_to = NULL;                                        \
	if (CAN_CAST)                                                                                 \
		_to = CAST(_from)->next;                                                              \
	else                                                                                          \
		bpf_probe_read_kernel(&_to, sizeof(_to), _from);                                      \
	(void *)_to;                                                                                  \
})
#define READ_POINTER_2(from) READ_POINTER_1((void *)(from) + sizeof(void *))

static __u64 number_of_address;

/* An address as the number that it is: functions that are verified by themselves take nothing else. */
static __always_inline __u64 as_number(const void *address)
{
	*(volatile __u64 *)&number_of_address = (__u64)address;
	return *(volatile __u64 *)&number_of_address;
}
