// SPDX-License-Identifier: LGPL-2.1-or-later
/* Capabilities of ours that a target has not; see capability.h. */
#include "target/capability.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "target/sandbox.h"
#include "target/thread.h"

/* By hand: the calls are for one thread, which libcap(3) does not promise. */
struct sets {
	struct __user_cap_header_struct header;
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];
};

static int get(struct sets *ret)
{
	*ret = (struct sets){.header = {.version = _LINUX_CAPABILITY_VERSION_3}};
	return syscall(SYS_capget, &ret->header, ret->data) < 0 ? -errno : 0;
}

static int set_effective(struct sets *sets, uint64_t effective)
{
	sets->data[0].effective = (uint32_t)effective;
	sets->data[1].effective = (uint32_t)(effective >> 32);
	return syscall(SYS_capset, &sets->header, sets->data) < 0 ? -errno : 0;
}

int capabilities_lower(pid_t tid, struct capabilities *ret)
{
	struct capabilities own;
	struct sets sets;
	int r = get(&sets);

	if (r < 0)
		return r;
	own.effective = sets.data[0].effective | (uint64_t)sets.data[1].effective << 32;
	own.left = own.effective;
	if (own.effective)
		own.left &= sandbox_in_our_userns(tid) ? thread_capabilities(tid) : 0;
	if (own.left != own.effective)
		r = set_effective(&sets, own.left);
	if (r == 0)
		*ret = own;
	return r;
}

void capabilities_restore(const struct capabilities *lowered)
{
	struct sets sets;

	if (lowered->left == lowered->effective)
		return;
	/* What is permitted may be put into effect; without it we could not go on. */
	if (get(&sets) < 0 || set_effective(&sets, lowered->effective) < 0)
		abort();
}
