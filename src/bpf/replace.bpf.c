// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SECCOMP_IOCTL_NOTIF_ADDFD that replaces a file only if it is the expected one.
 *
 *     ADDFD -> the target's thread wakes: receive_fd_replace() -> security_file_receive() -> replace_fd()
 *
 * The file is received by the thread that waits in the notification, in its own table, and security modules are asked
 * right before. This program is asked together with them (fmod_ret): is the thread the one that was told, and another file, or
 * none, stands at the number, then the answer is ESTALE, which ADDFD returns. Nothing has been changed.
 *
 * replace_fd() takes the table's lock only after the answer. So what is left is another thread that closes and reuses the number
 * between the two: some instructions, where a comparison from outside leaves two changes of process.
 */
#include "bpf/kernel.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/contract.h"

char LICENSE[] SEC("license") = "GPL";

/* Shared with the loader. */
struct replace_expected expected;

static __u64 standing_at(struct fdtable *table, __s32 number)
{
	struct file **fds = BPF_CORE_READ(table, fd);
	__u64 file = 0;

	if (number >= 0 && (__u32)number < BPF_CORE_READ(table, max_fds))
		bpf_probe_read_kernel(&file, sizeof(file), fds + number);
	return file;
}

SEC("fmod_ret/security_file_receive")
int replace(void *context)
{
	struct task_struct *self = (void *)bpf_get_current_task();

	/* A thread that waits in a notification receives nothing else. */
	if ((__u64)self != expected.thread)
		return 0;
	expected.compared++;
	return standing_at(BPF_CORE_READ(self, files, fdt), expected.number) == expected.file ? 0 : -ESTALE;
}
