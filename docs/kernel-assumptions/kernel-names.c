// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A program that may be loaded with CAP_BPF and CAP_PERFMON alone names a function of the kernel by its address (%ps),
 * also where /proc/kallsyms hides the addresses: without CAP_SYSLOG, whatever kernel.kptr_restrict is.
 */
#include <linux/capability.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "bpf/lists-load.h"

/* Keep no capability but two. */
static void drop(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	const unsigned int second = 1U << (CAP_BPF % 32) | 1U << (CAP_PERFMON % 32);
	struct __user_cap_data_struct data[2] = { { 0 }, { second, second, 0 } };

	if (syscall(SYS_capset, &header, data) < 0)
		missing("CAP_BPF and CAP_PERFMON");
}

/* Whether the list of the kernel's symbols says where one is. */
static bool addresses_show(void)
{
	unsigned long long address = 0;
	FILE *file = fopen("/proc/kallsyms", "re");

	if (!file || fscanf(file, "%llx", &address) != 1)
		missing("/proc/kallsyms");
	fclose(file);
	return address != 0;
}

int main(void)
{
	int fd = must(socket(AF_INET, SOCK_DGRAM, 0)), epoll = must(epoll_create1(0));
	struct epoll_event event = { .events = EPOLLIN };
	const struct lists *lists;

	drop();
	if (addresses_show())
		fprintf(stderr, "no addresses are hidden here\n");
	must(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
	load_lists();
	lists = lists_of(fd);
	check(lists->wait_count == 1, "%u in the queue", lists->wait_count);
	check(!strcmp(lists->waits[0].name, "ep_poll_callback"), "the function is called '%s'", lists->waits[0].name);
	return 0;
}
