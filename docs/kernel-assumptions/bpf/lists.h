/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What lists.bpf.c is asked, and answers. Its counterpart has the types from src/bpf/kernel.h. */
#pragma once

#define LISTS_MAX 16

struct lists {
	__s32 file; /* a number of the asker's, or -1 */

	__u64 self; /* the address of the asker's task */

	/* Of the epoll items that watch the file, in the order of the chain. */
	__u32 watched; /* there is a chain, which may be empty */
	__u32 item_count;
	struct {
		__s32 number;
		__u32 is_files; /* it says that it watches this file */
		__u32 linked;	/* it points back to where the chain led to it from */
		__u32 ready;	/* it is in its instance's list of what is */
	} items[LISTS_MAX];

	/* Of the socket's wait queue, likewise. */
	__u32 is_socket;
	__u32 wait_count;
	struct {
		char name[64];	/* of its wake function */
		__u64 private;	/* the address that is kept for it */
		__u64 polling;	/* the task there, were it struct poll_wqueues */
		__u32 linked;	/* it points back to the one before */
	} waits[LISTS_MAX];
	__u32 closed; /* the head points back to the last */
};
