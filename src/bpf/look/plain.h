/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether the file is a TCP socket with nothing special about it, and then what else is to be known (struct look_plain). */
#pragma once

#include "bpf/look/state.h"

/* linux/socket.h, net.h, uapi/linux/in.h, net/tcp_states.h */
#define AF_INET	    2
#define AF_INET6    10
#define SOCK_STREAM 1
#define IPPROTO_TCP 6
#define TCP_CLOSE   7

/* Whether somebody is to be signalled when there is something to read, or another signal than SIGIO was chosen. */
static bool is_signalled(struct file *file)
{
	struct file___owned *owned = (void *)file;
	struct file___owner *owner = (void *)file;
	struct fown_struct *by = NULL;

	if (bpf_core_field_exists(owned->f_owner)) {
		by = READ(owned, f_owner);
		return by && (READ(by, pid) || READ(by, signum));
	}
	return READ(owner, f_owner.pid) || READ(owner, f_owner.signum);
}

/* By its address or its port; address_is_any() and inet_getname() of both families. */
static bool is_bound(struct sock *sock, __u16 family)
{
	struct inet_sock *inet = (void *)sock;
	struct ipv6_pinfo *inet6;
	__u64 in6[2] = {0};

	if (READ(inet, inet_sport) || READ(inet, inet_saddr) ||
	    READ(sock, __sk_common.skc_rcv_saddr))
		return true;
	if (family != AF_INET6)
		return false;
	if (!bpf_core_field_exists(inet->pinet6))
		return true;
	inet6 = READ(inet, pinet6);
	bpf_probe_read_kernel(in6, sizeof(in6),
			      (void *)sock + bpf_core_field_offset(struct sock, __sk_common.skc_v6_rcv_saddr));
	if (in6[0] || in6[1])
		return true;
	bpf_probe_read_kernel(in6, sizeof(in6), (void *)inet6 + bpf_core_field_offset(struct ipv6_pinfo, saddr));
	return in6[0] || in6[1];
}

static __always_inline bool is_ours(struct file *file)
{
	struct task_struct *self = work.self;

	return READ(file, f_inode, i_uid.val) == READ(self, cred, euid.val) &&
	       READ(file, f_inode, i_gid.val) == READ(self, cred, egid.val);
}

__noinline int look_at_socket(void)
{
	struct file *file = work.file;
	struct socket *socket = socket_of(file);
	struct look_plain *plain = &answer.plain;
	struct tcp_sock *tcp;
	struct sock *sock;

	if (!socket)
		return 0;
	sock = READ(socket, sk);
	tcp = (void *)sock;
	if (!sock || READ(sock, sk_protocol) != IPPROTO_TCP || READ(sock, sk_type) != SOCK_STREAM)
		return 0;
	plain->family = READ(sock, __sk_common.skc_family);
	if ((plain->family != AF_INET && plain->family != AF_INET6) || is_bound(sock, plain->family) ||
	    is_signalled(file) || !is_ours(file))
		return 0;
	/* After the address: another thread's connect may have bound it since. */
	if (READ(sock, __sk_common.skc_state) != TCP_CLOSE || READ(tcp, segs_out) != 0)
		return 0;
	plain->flags = READ(file, f_flags);
	plain->inode = READ(file, f_inode, i_ino);
	if (!bpf_core_field_exists(sock->__sk_common.skc_net.net))
		return 0;
	plain->netns_cookie = READ(sock, __sk_common.skc_net.net, net_cookie);
	plain->v6only = plain->family == AF_INET6 && BPF_CORE_READ_BITFIELD_PROBED(sock, __sk_common.skc_ipv6only);
	plain->shutdown = READ(sock, sk_shutdown);
	plain->lingers = READ(sock, __sk_common.skc_flags) >>
				 bpf_core_enum_value(enum sock_flags, SOCK_LINGER) & 1;
	plain->is_plain = true;
	return 0;
}
