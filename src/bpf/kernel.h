/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's structures, as far as they are used: where a field lies is found out when a program is loaded
 * (CO-RE), so order and what stands between do not matter. A name with three underscores is a flavour: the same
 * structure as some kernels have it.
 *
 * No header of the kernel's is needed, and no list of all of its types.
 */
#pragma once

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;

#define NULL  ((void *)0)
#define true  1
#define false 0
#define bool  _Bool

/* asm-generic/errno.h */
#define ESTALE 116

/* linux/bpf.h */
enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
};

/*
 * linux/types.h: pointers and nothing else, so these are read as they stand here, and in every look all as the first
 * (READ_POINTER_1()). Each structure that the kernel looks for costs a walk along all of its types when a program is loaded.
 */
struct list_head {
	struct list_head *next, *prev;
};

struct hlist_node {
	struct hlist_node *next, **pprev;
};

struct hlist_head {
	struct hlist_node *first;
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

/* Some have no name in the kernel; only the outermost structure's counts. */
struct atomic64 {
	__s64 counter;
};

struct file_ref {
	struct atomic64 refcnt;
};

struct atomic {
	int counter;
};

/* include/linux/cred.h, uidgid.h */
struct kuid {
	unsigned int val;
};

struct kgid {
	unsigned int val;
};

struct cred {
	struct kuid euid;
	struct kgid egid;
};

/* include/linux/fs.h */
struct inode {
	struct kuid i_uid;
	struct kgid i_gid;
	unsigned long i_ino;
};

struct file {
	unsigned int f_flags;
	void *private_data;
	struct inode *f_inode;
	struct hlist_head *f_ep; /* of epoll items that watch the file; 5.11 */
};

struct fown_struct {
	struct pid *pid;
	int signum;
};

struct file___owner { /* until 6.12 */
	struct fown_struct f_owner;
};

struct file___owned { /* from 6.13; NULL: never set */
	struct fown_struct *f_owner;
};

struct file___counted { /* until 6.12 */
	struct atomic64 f_count;
};

struct file___referenced { /* from 6.13; it is one less */
	struct file_ref f_ref;
};

/* include/linux/fdtable.h */
struct fdtable {
	unsigned int max_fds;
	struct file **fd;
	unsigned long *close_on_exec;
	unsigned long *open_fds;
};

struct files_struct {
	struct atomic count;
	struct fdtable *fdt;
};

/* include/linux/pid.h */
struct pid_namespace;

struct upid {
	int nr;
	struct pid_namespace *ns;
};

struct pid {
	unsigned int level;
	struct upid numbers[1];
};

/* include/linux/sched.h, sched/signal.h */
struct rlimit {
	unsigned long rlim_cur;
};

struct signal_struct {
	int nr_threads;
	struct rlimit rlim[16];
	struct list_head thread_head;
};

struct task_struct {
	struct list_head tasks;
	int pid;
	struct task_struct *group_leader;
	struct pid *thread_pid;
	struct list_head thread_node;
	const struct cred *cred;
	struct files_struct *files;
	struct signal_struct *signal;
};

struct io_uring_task;

struct task_struct___uring { /* with CONFIG_IO_URING */
	struct io_uring_task *io_uring;
};

/* kernel/seccomp.c */
struct seccomp_knotif {
	struct task_struct *task;
	__u64 id;
	struct list_head list;
};

struct notification {
	struct list_head notifications;
};

struct seccomp_filter {
	bool wait_killable_recv; /* 5.19 */
	struct notification *notif;
};

/* fs/eventpoll.c */
struct eventpoll {
	struct file *file;
};

struct epoll_filefd {
	struct file *file;
	int fd;
};

struct epoll_event {
	__u32 events;
	__u64 data;
};

struct epitem {
	struct list_head rdllink; /* points to itself where the item is not ready */
	struct epoll_filefd ffd;
	struct eventpoll *ep;
	struct hlist_node fllink;
	struct epoll_event event;
};

/* include/linux/wait.h, net.h, poll.h */
struct wait_queue_head {
	struct list_head head;
};

struct wait_queue_entry {
	void *private;
	void *func;
	struct list_head entry;
};

struct socket_wq {
	struct wait_queue_head wait;
};

struct sock;

struct socket {
	unsigned long flags;
	struct file *file;
	struct sock *sk;
	struct socket_wq wq;
};

struct poll_wqueues {
	struct task_struct *polling_task;
};

/* include/net/sock.h, net_namespace.h */
struct proto {
	unsigned int obj_size;
};

struct net {
	__u64 net_cookie;
};

struct possible_net {
	struct net *net; /* with CONFIG_NET_NS */
};

struct in6 {
	__u64 halves[2]; /* not as the kernel has it */
};

struct sock_common {
	__be32 skc_rcv_saddr;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	unsigned char skc_ipv6only : 1;
	struct possible_net skc_net;
	struct in6 skc_v6_rcv_saddr;
	unsigned long skc_flags;
};

enum sock_flags {
	SOCK_LINGER = 4,
};

struct sock {
	struct sock_common __sk_common;
	struct proto *sk_prot_creator;
	__u16 sk_type;
	__u16 sk_protocol;
	__u8 sk_shutdown;
};

/* include/net/inet_sock.h, linux/ipv6.h, net/inet_connection_sock.h, linux/tcp.h */
struct ipv6_pinfo {
	struct in6 saddr;
	__u8 min_hopcount;
	void *opt;
};

struct inet_sock {
	struct ipv6_pinfo *pinet6; /* with CONFIG_IPV6 */
	__be32 inet_saddr;
	__be16 inet_sport;
	__u8 min_ttl;
};

struct inet_connection_sock {
	const void *icsk_ulp_ops;
};

struct tcp_sock {
	__u32 segs_out;
	__u32 tcp_tx_delay;
	void *ao_info; /* 6.7, with CONFIG_TCP_AO */
};

#pragma clang attribute pop
