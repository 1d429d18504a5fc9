/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Control messages (cmsg(3)) of sockets that present themselves as others.
 *
 * An AF_INET6 socket tells of the traffic class and the hop limit where an AF_INET one tells of the
 * type of service and the time to live; and 32-bit programs have other headers, and some other
 * values, than we have.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "socket/address.h"
#include "socket/present.h"
#include "swap/swap.h"

/* What the Internet sockets can put before one message, with room to spare. */
#define CONTROL_MAX 4096

/* Control messages for a program to read, as put_cmsg() (net/core/scm.c) lays them out. */
struct control_out {
	bool compat;
	bool long_times; /* 64-bit times all the same; struct call */
	size_t room;	/* what the program gave */
	size_t used;	/* of it */
	bool truncated; /* MSG_CTRUNC */
	_Alignas(struct cmsghdr) unsigned char bytes[CONTROL_MAX];
};

/**
 * control_put() - one message. What does not fit is cut, or left out, and @out is marked as
 * truncated.
 */
void control_put(struct control_out *out, int level, int type, const void *value, size_t size);

/**
 * control_received() - what the kernel told of a message, as the program is to read it.
 * @fd: a duplicate of the socket
 * @form: how it presents itself
 * @header: as recvmsg(2) has filled it
 * @from: the address that came with it; family 0: none
 * @out: with @compat and @room set
 */
void control_received(struct swap *swap, int fd, enum present_form form, struct msghdr *header,
		      const union address *from, struct control_out *out);

/* Control messages that a program sends along. */
struct control_in {
	size_t used;
	_Alignas(struct cmsghdr) unsigned char bytes[CONTROL_MAX];
};

/**
 * control_is_common() - whether the kernel asks nobody for a capability for any of these messages, and so
 * not us for one that the program may not have. False for what is not known.
 */
bool control_is_common(const struct control_in *control);

/**
 * control_sent() - what a program passed along with a message to an IPv4 address, for the IPv6
 * packet that it becomes.
 * @from, @size: as they lay in the program's memory
 * @translate: false: the packet is one that the program knows of; only the layout is changed
 *
 * IP_TOS and IP_TTL become IPV6_TCLASS and IPV6_HOPLIMIT; IP_PKTINFO becomes IPV6_PKTINFO as far as
 * it names an interface: the program knows no local address that could be chosen. IP options are
 * left out, and what of IPv6 the kernel would not look at for an IPv4 packet.
 *
 * Return: 0; -EINVAL: as the IPv4 packet would be refused; -ENOBUFS: more than fits.
 */
int control_sent(const void *from, size_t size, bool compat, bool translate, struct control_in *ret);
