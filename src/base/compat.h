/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What the running kernel may have and Debian 12's headers do not name.
 *
 * Every name here is probed at run time before it is relied on; defining it promises nothing about
 * the kernel. Nothing outside this file defines a kernel constant.
 */
#pragma once

#include <fcntl.h>
#include <linux/seccomp.h>
#include <linux/types.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <netinet/in.h>

/* Linux 5.19: once received, a notification is interrupted by fatal signals only. */
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

/* Linux 6.6: wake the supervisor on the target's processor, and the reverse. */
#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif

/*
 * The project's own series (kernel/README.md), which no released kernel has. An ADDFD of which more is said is another
 * ioctl, since the size of its structure is part of its number; where the headers know the longer one, this is the same.
 */
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE (1UL << 6)
#endif
#ifndef SECCOMP_ADDFD_FLAG_EXPECT
#define SECCOMP_ADDFD_FLAG_EXPECT (1UL << 2)
#endif
#ifndef SECCOMP_ADDFD_FLAG_RESP
#define SECCOMP_ADDFD_FLAG_RESP (1UL << 3)
#endif
#ifndef SECCOMP_ADDFD_FLAG_FOLLOW
#define SECCOMP_ADDFD_FLAG_FOLLOW (1UL << 4)
#endif
#ifndef SECCOMP_ADDFD_FLAG_DUPS
#define SECCOMP_ADDFD_FLAG_DUPS (1UL << 5)
#endif

struct seccomp_notif_addfd_long {
	__u64 id;
	__u32 flags;
	__u32 srcfd;
	__u32 newfd;
	__u32 newfd_flags;
	__u32 oldfd; /* EXPECT */
	__u32 reserved;
	__s64 val; /* RESP, as the next two */
	__s32 error;
	__u32 resp_flags;
};

#define SECCOMP_IOCTL_NOTIF_ADDFD_LONG SECCOMP_IOW(3, struct seccomp_notif_addfd_long)

/* Linux 6.9: a pidfd that names one thread. */
#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif

/* Linux 5.14: which network namespace a socket lives in. */
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

/* Linux 5.14: whether SO_SNDBUF and SO_RCVBUF were set by the program. */
#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72
#endif

/* Linux 6.0. */
#ifndef SO_TXREHASH
#define SO_TXREHASH 74
#endif

/* Linux 5.1: the same as SO_SNDTIMEO, with 64-bit time on every architecture. */
#ifndef SO_SNDTIMEO_NEW
#define SO_SNDTIMEO_NEW 67
#endif

#ifndef SO_PREFER_BUSY_POLL
#define SO_PREFER_BUSY_POLL 69
#endif
#ifndef SO_BUSY_POLL_BUDGET
#define SO_BUSY_POLL_BUDGET 70
#endif
#ifndef SO_RESERVE_MEM
#define SO_RESERVE_MEM 73
#endif

/* Linux 4.20 and 5.1. */
#ifndef IPV6_MULTICAST_ALL
#define IPV6_MULTICAST_ALL 29
#endif
#ifndef IPV6_ROUTER_ALERT_ISOLATE
#define IPV6_ROUTER_ALERT_ISOLATE 30
#endif

/* Linux 6.3. */
#ifndef IP_LOCAL_PORT_RANGE
#define IP_LOCAL_PORT_RANGE 51
#endif

/* Linux 5.1: the second generation of time stamps, with 64-bit time on every architecture. */
#ifndef SO_TIMESTAMP_NEW
#define SO_TIMESTAMP_NEW 63
#define SO_TIMESTAMPNS_NEW 64
#define SO_TIMESTAMPING_NEW 65
#define SO_RCVTIMEO_NEW 66
#endif
#ifndef SO_DETACH_REUSEPORT_BPF
#define SO_DETACH_REUSEPORT_BPF 68
#endif

/* Linux 5.19, 6.5, 6.12, 6.14, 6.16 and 6.17. */
#ifndef SO_RCVMARK
#define SO_RCVMARK 75
#endif
#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#define SO_PEERPIDFD 77
#endif
#ifndef SO_DEVMEM_DONTNEED
#define SO_DEVMEM_DONTNEED 80
#endif
#ifndef SO_RCVPRIORITY
#define SO_RCVPRIORITY 82
#endif
#ifndef SO_PASSRIGHTS
#define SO_PASSRIGHTS 83
#endif
#ifndef SO_INQ
#define SO_INQ 84
#endif

/* Linux 6.4. */
#ifndef IP_PROTOCOL
#define IP_PROTOCOL 52
#endif

/* Linux 5.9. */
#ifndef IP_RECVERR_RFC4884
#define IP_RECVERR_RFC4884 26
#endif
#ifndef IPV6_RECVERR_RFC4884
#define IPV6_RECVERR_RFC4884 31
#endif

#ifndef TCP_TX_DELAY
#define TCP_TX_DELAY 37
#endif

/* Linux 6.7, 6.9 and 6.15. */
#ifndef TCP_AO_ADD_KEY
#define TCP_AO_ADD_KEY 38
#define TCP_AO_DEL_KEY 39
#define TCP_AO_INFO 40
#define TCP_AO_GET_KEYS 41
#define TCP_AO_REPAIR 42
#endif
#ifndef TCP_IS_MPTCP
#define TCP_IS_MPTCP 43
#endif
#ifndef TCP_RTO_MAX_MS
#define TCP_RTO_MAX_MS 44
#define TCP_RTO_MIN_US 45
#define TCP_DELACK_MAX_US 46
#endif

/* include/net/udplite.h; gone with UDP-Lite itself in later kernels. */
#ifndef UDPLITE_SEND_CSCOV
#define UDPLITE_SEND_CSCOV 10
#define UDPLITE_RECV_CSCOV 11
#endif

/* linux/socket.h: a send that sends nothing. The C library has it as MSG_PROXY. */
#ifndef MSG_PROBE
#define MSG_PROBE 0x10
#endif

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

/* Linux 6.7: Landlock rules for TCP ports. The structure grows; this is its first 16 bytes. */
#define RESEAT_LANDLOCK_ACCESS_NET_CONNECT_TCP (1ULL << 1)
