/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Features of the kernel and privileges of the user, each tried by using it.
 *
 * A probe leaves the calling process as it was: whatever changes state happens in a child.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct probe {
	const char *name;
	/* Return: whether the feature is there. @ret may get a word more, e.g. a version. */
	bool (*try)(char *ret, size_t size);
	const char *cost; /* of its absence */
	bool required;	  /* without it `reseat run` does not work */
};

extern const struct probe probes[];
extern const size_t probe_count;

/* Probes that need a process of their own under a filter; probe_notify.c. */
bool probe_no_listener(char *ret, size_t size);
bool probe_notification(char *ret, size_t size);
bool probe_wait_killable(char *ret, size_t size);
bool probe_killable_from_start(char *ret, size_t size);
bool probe_sync_wake_up(char *ret, size_t size);
bool probe_addfd(char *ret, size_t size);
bool probe_expect(char *ret, size_t size);
bool probe_watch_kernel(char *ret, size_t size);
/* What the kernel does when a file is replaced, as caller_replace_flags() tells. */
unsigned int probe_replaces(void);

/* Probes that look into another process; probe_process.c. */
bool probe_getfd(char *ret, size_t size);
bool probe_pidfd_thread(char *ret, size_t size);
bool probe_kcmp_file(char *ret, size_t size);
bool probe_kcmp_epoll(char *ret, size_t size);
bool probe_memory(char *ret, size_t size);
bool probe_fdinfo(char *ret, size_t size);
bool probe_watch_bpf(char *ret, size_t size);
bool probe_watch_default(char *ret, size_t size);
bool probe_compare(char *ret, size_t size);

/* Sockets; probe_socket.c. */
bool probe_ipv6(char *ret, size_t size);
bool probe_netns_cookie(char *ret, size_t size);
bool probe_uring_connect(char *ret, size_t size);
bool probe_origins(char *ret, size_t size);
bool probe_mptcp(char *ret, size_t size);
