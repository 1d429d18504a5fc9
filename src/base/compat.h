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

#ifndef TCP_TX_DELAY
#define TCP_TX_DELAY 37
#endif

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

/* Linux 6.7: Landlock rules for TCP ports. The structure grows; this is its first 16 bytes. */
#define RESEAT_LANDLOCK_ACCESS_NET_CONNECT_TCP (1ULL << 1)
