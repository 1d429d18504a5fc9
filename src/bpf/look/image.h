/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The socket as it is. What each byte means its reader found out by changing options of sockets of its own; what lies
 * behind a pointer is not told, but whether it points anywhere.
 */
#pragma once

#include "bpf/look/state.h"

/* Where a field lies in the image. */
#define FIELD(type, field)                                                                             \
	(bpf_core_field_exists(((struct type *)NULL)->field)                                            \
		 ? sizeof(answer.image[0]) + bpf_core_field_offset(struct type, field)                  \
		 : 0)

__noinline int copy_image(void)
{
	const __u32 room = sizeof(answer.image) - sizeof(answer.image[0]);
	struct file *file = work.file;
	struct socket *socket = socket_of(file);
	struct inet_sock *inet;
	struct sock *sock;
	__u64 inet6 = ~0ULL, size;

	if (!socket)
		return 0;
	sock = READ(socket, sk);
	inet = (void *)sock;
	size = sock ? READ(sock, sk_prot_creator, obj_size) : 0;
	/* So that what is compared is the very register that is used, as the kernel wants it. */
	barrier_var(size);
	if (size == 0 || size > room)
		return 0;
	answer.image[0] = READ(socket, flags);
	if (bpf_probe_read_kernel(&answer.image[1], size, sock) < 0)
		return 0;
	answer.image_fields[IMAGE_NET] = FIELD(sock, __sk_common.skc_net.net);
	answer.image_fields[IMAGE_ULP] = FIELD(inet_connection_sock, icsk_ulp_ops);
	answer.image_fields[IMAGE_AO] = FIELD(tcp_sock, ao_info);
	answer.image_fields[IMAGE_TX_DELAY] = FIELD(tcp_sock, tcp_tx_delay);
	answer.image_fields[IMAGE_MIN_TTL] = FIELD(inet_sock, min_ttl);
	answer.image_fields[IMAGE_MIN_HOPCOUNT] = answer.image_fields[IMAGE_HEADERS] = 0;
	if (bpf_core_field_exists(inet->pinet6))
		inet6 = (__u64)READ(inet, pinet6) - (__u64)sock;
	/* Part of the same object, where it has one. */
	if (inet6 < size) {
		answer.image_fields[IMAGE_MIN_HOPCOUNT] = inet6 + FIELD(ipv6_pinfo, min_hopcount);
		answer.image_fields[IMAGE_HEADERS] = inet6 + FIELD(ipv6_pinfo, opt);
	}
	answer.image_size = sizeof(answer.image[0]) + size;
	return 0;
}
