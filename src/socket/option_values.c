// SPDX-License-Identifier: LGPL-2.1-or-later
/* Values to change an option with; see option_values.h. */
#include "socket/option_values.h"

#include <linux/filter.h>
#include <string.h>
#include <sys/time.h>

#include "socket/option_macros.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* For who takes an int. */
static const int numbers[] = {1, 0, 3, 33, 1220, 20000, 1000000};

static const struct linger linger = {.l_onoff = 1, .l_linger = 3};
static const struct timeval timeout = {.tv_sec = 7, .tv_usec = 250000};
static const int64_t timeout64[] = {11, 0};
static const int stamping[] = {SOF_TIMESTAMPING_RX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE, 0};
static const struct sock_txtime txtime = {.clockid = 1 /* CLOCK_MONOTONIC */,
					  .flags = SOF_TXTIME_DEADLINE_MODE | SOF_TXTIME_REPORT_ERRORS};
static const uint64_t pacing = 123456;
static struct sock_filter accept_all[] = {BPF_STMT(BPF_RET | BPF_K, 0xffff)};
static const struct sock_fprog filter = {.len = 1, .filter = accept_all};
static const unsigned char key[16] = {16, 15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1};
static const unsigned char no_operations[] = {1, 1, 1, 1};
static const unsigned char padding_header[] = {0, 0, 1, 4, 0, 0, 0, 0};
static const unsigned char routing_header[24] = {0, 2, 2, 1, [8] = 0xfe, [9] = 0x80, [23] = 1};
static const unsigned char loopback[] = {127, 0, 0, 1};
static const unsigned char first_interface[] = {0, 0, 0, 1};
static const int port_range = 50200 << 16 | 50100;
static const int low_delay = 16 /* IPTOS_LOWDELAY, which moves SO_PRIORITY as most others do not */;
static const int processor, timer = 60000, encapsulation = 3 /* UDP_ENCAP_L2TPINUDP: the others want CONFIG_XFRM */;

#define VALUE(l, n, v) {.level = l, .name = n, .value = {.data = &(v), .size = sizeof(v)}}

static const struct {
	int level, name;
	struct option_try value;
} special[] = {
	VALUE(SOL_SOCKET, SO_LINGER, linger),
	VALUE(SOL_SOCKET, SO_RCVTIMEO, timeout),
	VALUE(SOL_SOCKET, SO_SNDTIMEO, timeout),
	VALUE(SOL_SOCKET, SO_RCVTIMEO_NEW, timeout64),
	VALUE(SOL_SOCKET, SO_SNDTIMEO_NEW, timeout64),
	VALUE(SOL_SOCKET, SO_TIMESTAMPING, stamping),
	VALUE(SOL_SOCKET, SO_TIMESTAMPING_NEW, stamping),
	VALUE(SOL_SOCKET, SO_TXTIME, txtime),
	VALUE(SOL_SOCKET, SO_MAX_PACING_RATE, pacing),
	VALUE(SOL_SOCKET, SO_ATTACH_FILTER, filter),
	VALUE(SOL_SOCKET, SO_INCOMING_CPU, processor),
	{SOL_SOCKET, SO_BINDTODEVICE, {"lo", 2}},
	/* Of those that are there without a module. */
	{IPPROTO_TCP, TCP_CONGESTION, {"reno", 4}},
	VALUE(IPPROTO_TCP, TCP_FASTOPEN_KEY, key),
	VALUE(IPPROTO_TCP, TCP_RTO_MAX_MS, timer),
	VALUE(IPPROTO_TCP, TCP_RTO_MIN_US, timer),
	VALUE(IPPROTO_TCP, TCP_DELACK_MAX_US, timer),
	VALUE(IPPROTO_UDP, UDP_ENCAP, encapsulation),
	VALUE(IPPROTO_IP, IP_TOS, low_delay),
	VALUE(IPPROTO_IP, IP_OPTIONS, no_operations),
	VALUE(IPPROTO_IP, IP_MULTICAST_IF, loopback),
	VALUE(IPPROTO_IP, IP_UNICAST_IF, first_interface),
	VALUE(IPPROTO_IP, IP_LOCAL_PORT_RANGE, port_range),
	VALUE(IPPROTO_IPV6, IPV6_UNICAST_IF, first_interface),
	VALUE(IPPROTO_IPV6, IPV6_HOPOPTS, padding_header),
	VALUE(IPPROTO_IPV6, IPV6_DSTOPTS, padding_header),
	VALUE(IPPROTO_IPV6, IPV6_RTHDRDSTOPTS, padding_header),
	VALUE(IPPROTO_IPV6, IPV6_RTHDR, routing_header),
};

bool option_values_at(const struct option *option, size_t index, struct option_try *ret)
{
	for (size_t i = 0; i < COUNT(special); i++) {
		if (special[i].level != option->level || special[i].name != option->name)
			continue;
		*ret = special[i].value;
		return index == 0;
	}
	if (index >= COUNT(numbers))
		return false;
	*ret = (struct option_try){.data = &numbers[index], .size = sizeof(numbers[index])};
	return true;
}
