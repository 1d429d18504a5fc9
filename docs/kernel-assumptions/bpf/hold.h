/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What hold.bpf.c is asked, and answers. */
#pragma once

struct hold {
	__u32 guarded;	/* within a walk over a hash map */
	__u64 longest;	/* nanoseconds that it stays */

	__u32 inside;	/* it has begun */
	__u32 returned; /* by the other side: the grace period that it waited for after that is over */
	__u32 early;	/* ... and was while this still ran */
};
