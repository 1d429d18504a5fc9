// SPDX-License-Identifier: GPL-2.0-or-later
/* The table of `reseat check`; see probe.h. */
#include "cli/probe.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cli/privilege.h"

/* Descriptors that a supervisor of a busy program needs. */
#define PROBE_DESCRIPTORS 4096

static bool probe_yama(char *ret, size_t size)
{
	static const char *const words[] = {
		[YAMA_CLASSIC] = "ptrace_scope 0",
		[YAMA_DESCENDANTS] = "ptrace_scope 1",
		[YAMA_CAPABILITY] = "ptrace_scope 2",
		[YAMA_NONE] = "ptrace_scope 3",
	};
	int scope = privilege_yama();

	snprintf(ret, size, "%s", scope == YAMA_ABSENT ? "no Yama" : words[scope]);
	return scope < YAMA_CAPABILITY ||
	       (scope == YAMA_CAPABILITY && privilege_has(CAP_SYS_PTRACE));
}

static bool probe_in_place(char *ret, size_t size)
{
	return privilege_yama() < YAMA_DESCENDANTS || privilege_has(CAP_SYS_PTRACE);
}

static bool probe_sys_admin(char *ret, size_t size)
{
	return privilege_has(CAP_SYS_ADMIN);
}

static bool probe_sys_ptrace(char *ret, size_t size)
{
	return privilege_has(CAP_SYS_PTRACE);
}

static bool probe_net_admin(char *ret, size_t size)
{
	return privilege_has(CAP_NET_ADMIN);
}

static bool probe_net_raw(char *ret, size_t size)
{
	return privilege_has(CAP_NET_RAW);
}

static bool probe_landlock(char *ret, size_t size)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	if (abi < 0)
		snprintf(ret, size, "%s", strerror(errno));
	else
		snprintf(ret, size, "ABI %ld", abi);
	return abi >= 1;
}

static bool probe_descriptors(char *ret, size_t size)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return false;
	snprintf(ret, size, "hard limit %llu", (unsigned long long)limit.rlim_max);
	return limit.rlim_max >= PROBE_DESCRIPTORS;
}

const struct probe probes[] = {
	{"no other seccomp listener", probe_no_listener,
	 "the kernel allows one listener: run reseat outside of the supervisor or container", true},
	{"seccomp notification", probe_notification, "nothing works without it (Linux 5.0)", true},
	{"SECCOMP_IOCTL_NOTIF_ADDFD, SETFD", probe_addfd, "no socket can be swapped (Linux 5.9)",
	 true},
	{"SECCOMP WAIT_KILLABLE_RECV", probe_wait_killable,
	 "a signal during a connect can repeat it (Linux 5.19)", false},
	{"SECCOMP WAIT_KILLABLE", probe_killable_from_start,
	 "a signal may end a connect with EINTR before it is seen (kernel/README.md)", false},
	{"SECCOMP SYNC_WAKE_UP", probe_sync_wake_up,
	 "each trapped call takes about a third longer (Linux 6.6)", false},
	{"pidfd_getfd", probe_getfd, "no socket can be looked at (Linux 5.6)", true},
	{"PIDFD_THREAD", probe_pidfd_thread,
	 "connects of threads with a descriptor table of their own pass (Linux 6.9)", false},
	{"kcmp KCMP_FILE", probe_kcmp_file, "a wrong file could be replaced (CONFIG_KCMP)", true},
	{"kcmp KCMP_EPOLL_TFD", probe_kcmp_epoll, "epoll items are found more slowly", false},
	{"/proc/PID/fdinfo of epoll", probe_fdinfo,
	 "epoll items cannot be found (the procfs backend needs /proc)", true},
	{"SECCOMP ADDFD EXPECT", probe_expect,
	 "a file that takes the number in the wrong microsecond is replaced (kernel/README.md)", false},
	{"watch backend kernel", probe_watch_kernel,
	 "what watches a socket is found and repaired from outside", false},
	{"watch backend bpf", probe_watch_bpf,
	 "a swap takes the longer the more descriptors the program has (the procfs backend)", false},
	{"watch backend by default", probe_watch_default, "nobody says who watches a socket", true},
	{"ADDFD compares (fmod_ret)", probe_compare,
	 "a number that another thread closes and reuses in the last microseconds is overwritten", false},
	{"process_vm_readv", probe_memory, "addresses of a connect cannot be read", true},
	{"Yama lets us", probe_yama,
	 "no process may be looked into: set kernel.yama.ptrace_scope to 1", true},
	{"COMMAND in place", probe_in_place, "a front process passes on signals and status", false},
	{"CAP_SYS_ADMIN", probe_sys_admin,
	 "no_new_privs is set: set-user-ID programs run unprivileged; rules with netns PATH fail",
	 false},
	{"CAP_SYS_PTRACE", probe_sys_ptrace,
	 "programs that change user or are undumpable pass; under Yama a front process", false},
	{"CAP_NET_ADMIN", probe_net_admin,
	 "SO_MARK, high SO_PRIORITY and SO_*BUFFORCE are not copied", false},
	{"CAP_NET_RAW", probe_net_raw, "IP_TRANSPARENT and some SO_BINDTODEVICE are not copied",
	 false},
	{"IPv6", probe_ipv6, "rules to IPv6 addresses fail", false},
	{"SO_NETNS_COOKIE", probe_netns_cookie,
	 "sockets are told apart by network namespace more slowly (Linux 5.14)", false},
	{"socket local storage", probe_origins,
	 "where a rule sends several addresses to one, which it was is forgotten after 65536 sockets (CAP_BPF)", false},
	{"io_uring connect", probe_uring_connect,
	 "blocking IPv6 sockets connecting to ::ffff:a.b.c.d are swapped, not used in place",
	 false},
	{"Landlock", probe_landlock, "nothing is lost: no program can restrict itself with it",
	 false},
	{"MPTCP", probe_mptcp, "nothing is lost: MPTCP sockets do not exist here", false},
	{"descriptors", probe_descriptors,
	 "raise the hard RLIMIT_NOFILE: the supervisor holds several for each busy thread", false},
};

const size_t probe_count = sizeof(probes) / sizeof(*probes);
