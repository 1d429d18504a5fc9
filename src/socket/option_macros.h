/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The words in which the two files of the option table are written. */
#pragma once

#include <linux/in6.h>
#include <linux/net_tstamp.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include "base/compat.h"
#include "socket/option_internal.h"

#define IS_SET " is set, which cannot be taken along"

/* Each writes out its name itself: handed on, it would be the number by then. */
#define SOL(n, ...) {.text = #n, .lost = #n IS_SET, .level = SOL_SOCKET, .name = n, __VA_ARGS__}
#define TCP(n, ...) {.text = #n, .lost = #n IS_SET, .level = IPPROTO_TCP, .name = n, __VA_ARGS__}
#define UDP(n, ...) {.text = #n, .lost = #n IS_SET, .level = IPPROTO_UDP, .name = n, __VA_ARGS__}
#define LITE(n, ...) {.text = #n, .lost = #n IS_SET, .level = IPPROTO_UDPLITE, .name = n, __VA_ARGS__}
#define IP4(n, ...) {.text = #n, .lost = #n IS_SET, .level = IPPROTO_IP, .name = n, __VA_ARGS__}
#define IP6(n, ...)                                                                                    \
	{.text = #n, .lost = #n IS_SET, .level = IPPROTO_IPV6, .name = n, .inet6_only = true, __VA_ARGS__}

/* The IPv6 side: of every socket; of datagram sockets. */
#define ALSO6(n) .text6 = #n, .level6 = IPPROTO_IPV6, .name6 = n
#define DATAGRAM6(n) .text6 = #n, .level6 = IPPROTO_IPV6, .name6 = n, .datagram6 = true

#define SAME_AS(x) .handling = OPTION_SAME_AS, .why = x
#define READ_ONLY(...) .handling = OPTION_READ_ONLY, .why = "" __VA_ARGS__
#define NOTHING(x) .handling = OPTION_NOTHING, .why = x
#define LOST(x) .handling = OPTION_LOST, .why = x
#define RESERVED(x) .handling = OPTION_RESERVED, .why = x
