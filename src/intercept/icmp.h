/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Errors of IPv6, as the IPv4 socket would have told of them (struct sock_extended_err, ip(7),
 * IP_RECVERR).
 */
#pragma once

#include <time.h>

#include <linux/errqueue.h>

/* What an IPv6 header has more than an IPv4 one. */
#define ICMP_HEADER_DIFFERENCE 20

/**
 * icmp_to_ipv4() - an error from the queue of an IPv6 packet's socket, in place.
 *
 * ICMPv6's type and code become ICMP's as RFC 7915, section 5.2, translates them, and the errno the
 * one that the kernel has for those (icmp_err_convert[] in net/ipv4/icmp.c). What no translator
 * would pass on becomes "host unreachable", since the program has to be told of something. A path's
 * MTU, also one that the own host complains of, gets smaller by the difference of the headers.
 * Errors of ICMP, timestamps and completions stay as they are.
 */
void icmp_to_ipv4(struct sock_extended_err *error);
