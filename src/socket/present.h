/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * How a socket presents itself to its program: as itself, or as the IPv4 socket that it stands for.
 *
 * The socket carries the answer itself, so that nothing is tracked, nothing leaks, a restarted
 * supervisor still knows, and fork and SCM_RIGHTS change nothing. The marks are options that have no
 * effect on such a socket and that programs do not set there:
 *
 *   AF_INET6  IPV6_ROUTER_ALERT_ISOLATE (Linux 5.1; only IPV6_ROUTER_ALERT on raw sockets looks at it)
 *             says that the peer is translated. IPV6_MULTICAST_ALL (4.20) says whose: of stream sockets it is off
 *             where it is the program's own AF_INET6 socket; of datagram sockets, for which it matters which
 *             multicasts they get, where the program made an AF_INET one
 *   AF_INET   IP_MULTICAST_ALL off says that the peer is translated; not on datagram sockets, where it has
 *             an effect: for those the caller has to remember it
 *
 * An AF_INET program cannot see the first two at all: natively IPPROTO_IPV6 gives it ENOPROTOOPT. What stands for its stream
 * socket is made while it waits, and so carries one mark, not two.
 */
#pragma once

#include <stdbool.h>

enum present_form {
	PRESENT_ITSELF,
	PRESENT_INET,	   /* an AF_INET6 socket that stands for an AF_INET one */
	PRESENT_MAPPED,	   /* the program's own AF_INET6 socket, connected to an IPv4-mapped address */
	PRESENT_INET_PEER, /* an AF_INET socket whose peer is another than was asked for */
};

/**
 * present_mark() - set how a socket presents itself.
 * @fd: an AF_INET6 socket, or for PRESENT_INET_PEER an AF_INET one; for PRESENT_ITSELF either. For PRESENT_INET a fresh one, which
 *	stands for an AF_INET socket for all its life
 * @family: the socket's own
 * @type: SOCK_STREAM or SOCK_DGRAM
 *
 * Return: 0 or a negative errno; -ENOPROTOOPT, -EOPNOTSUPP: a socket that cannot carry the mark (MPTCP).
 */
int present_mark(int fd, int family, int type, enum present_form form);

/**
 * present_read() - how a socket presents itself; the question that getpeername(2) of a program that
 * never swapped pays for.
 * @inet_peers: whether sockets may be marked PRESENT_INET_PEER; else AF_INET ones are not asked
 * @ret_family: receives the socket's own family, where the form is not PRESENT_ITSELF
 */
enum present_form present_read(int fd, bool inet_peers, int *ret_family);
