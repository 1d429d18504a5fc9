// SPDX-License-Identifier: LGPL-2.1-or-later
/*
 * The options that a program can have set before connect; see option.h.
 *
 * Only what differs from a fresh socket is set. The order is that of the table: SO_PRIORITY stands
 * after IP_TOS, which changes it (ip_sock_set_tos(), rt_tos2priority()); SO_REUSEADDR is there before
 * the replacement is bound.
 */
#include "socket/option.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/in6.h>
#include <linux/net_tstamp.h>
#include <linux/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/compat.h"
#include "base/fd.h"

/* A program's SO_SNDBUF and SO_RCVBUF, from enum in include/uapi/linux/socket.h. */
#define BUF_LOCK_SND 1
#define BUF_LOCK_RCV 2

static int copy_buffer(int from, int to, int name, int force)
{
	int value;
	socklen_t size = sizeof(value);

	if (getsockopt(from, SOL_SOCKET, name, &value, &size) < 0)
		return -errno;
	/* The kernel keeps twice what is asked for (socket(7)); above the sysctl's limit only FORCE. */
	value /= 2;
	if (setsockopt(to, SOL_SOCKET, force, &value, sizeof(value)) == 0)
		return 0;
	return setsockopt(to, SOL_SOCKET, name, &value, sizeof(value)) < 0 ? -errno : 0;
}

/*
 * A classic filter: SO_ATTACH_FILTER's number reads it back (SO_GET_FILTER), counted in instructions. One
 * of eBPF cannot be read: EACCES.
 */
static int copy_filter(const struct option *option, int from, int to)
{
	struct sock_filter *program;
	struct sock_fprog attach;
	socklen_t count = 0;
	int r = 0;

	if (getsockopt(from, option->level, option->name, NULL, &count) < 0)
		return -errno;
	if (count == 0)
		return 0;
	program = calloc(count, sizeof(*program));
	if (!program)
		return -ENOMEM;
	if (getsockopt(from, option->level, option->name, program, &count) < 0) {
		r = -errno;
	} else {
		attach.len = (unsigned short)count;
		attach.filter = program;
		if (setsockopt(to, option->level, option->name, &attach, sizeof(attach)) < 0)
			r = -errno;
	}
	free(program);
	return r;
}

/* IP_OPTIONS: up to 40 bytes, which mean nothing in IPv6. */
static int copy_ip_options(const struct option *option, int from, int to)
{
	unsigned char value[40];
	socklen_t size = sizeof(value);

	if (getsockopt(from, option->level, option->name, value, &size) < 0)
		return -errno;
	if (size == 0)
		return 0;
	return setsockopt(to, option->level, option->name, value, size) < 0 ? -errno : 0;
}

/* SO_BUF_LOCK (Linux 5.14) says whether the program set the sizes; without it they grow by themselves. */
static int copy_buffers(const struct option *option, int from, int to)
{
	int lock = 0;
	socklen_t size = sizeof(lock);
	int r = 0;

	if (getsockopt(from, option->level, option->name, &lock, &size) < 0)
		return -errno;
	if (lock & BUF_LOCK_SND)
		r = copy_buffer(from, to, SO_SNDBUF, SO_SNDBUFFORCE);
	if (r == 0 && (lock & BUF_LOCK_RCV))
		r = copy_buffer(from, to, SO_RCVBUF, SO_RCVBUFFORCE);
	return r;
}

#define SOL(n, ...) {.text = #n, .level = SOL_SOCKET, .name = n, __VA_ARGS__}
#define TCP(n, ...) {.text = #n, .level = IPPROTO_TCP, .name = n, __VA_ARGS__}
#define IP4(n, ...) {.text = #n, .level = IPPROTO_IP, .name = n, __VA_ARGS__}
#define IP6(n)                                                                                         \
	{.text = #n, .level = IPPROTO_IPV6, .name = n, .inet6_only = true}
#define ALSO6(n) .level6 = IPPROTO_IPV6, .name6 = n

static const struct option options[] = {
	IP4(IP_OPTIONS, .copy = copy_ip_options), /* first: it changes what TCP_MAXSEG reads */
	SOL(SO_REUSEADDR),
	SOL(SO_REUSEPORT),
	SOL(SO_KEEPALIVE),
	SOL(SO_LINGER, .size = sizeof(struct linger)),
	SOL(SO_OOBINLINE),
	SOL(SO_BUF_LOCK, .copy = copy_buffers),
	SOL(SO_RCVLOWAT),
	SOL(SO_RCVTIMEO, .size = sizeof(struct timeval)),
	SOL(SO_SNDTIMEO, .size = sizeof(struct timeval)),
	SOL(SO_MARK),
	SOL(SO_BINDTOIFINDEX, .place_only = true), /* the same field as SO_BINDTODEVICE */
	SOL(SO_DONTROUTE),
	SOL(SO_BROADCAST),
	SOL(SO_TIMESTAMP),
	SOL(SO_TIMESTAMPNS),
	SOL(SO_TIMESTAMPING),
	SOL(SO_INCOMING_CPU),
	SOL(SO_MAX_PACING_RATE, .size = sizeof(__u64)),
	SOL(SO_BUSY_POLL),
	SOL(SO_ZEROCOPY),
	SOL(SO_PREFER_BUSY_POLL),
	SOL(SO_TXREHASH),
	SOL(SO_NOFCS),
	SOL(SO_RXQ_OVFL),
	SOL(SO_SELECT_ERR_QUEUE),
	SOL(SO_WIFI_STATUS),
	SOL(SO_DEBUG),
	SOL(SO_PEEK_OFF),
	SOL(SO_ATTACH_FILTER, .copy = copy_filter),
	SOL(SO_LOCK_FILTER),

	TCP(TCP_NODELAY),
	TCP(TCP_MAXSEG),
	TCP(TCP_CORK),
	TCP(TCP_KEEPIDLE),
	TCP(TCP_KEEPINTVL),
	TCP(TCP_KEEPCNT),
	TCP(TCP_SYNCNT),
	TCP(TCP_LINGER2),
	TCP(TCP_DEFER_ACCEPT),
	TCP(TCP_WINDOW_CLAMP),
	TCP(TCP_QUICKACK),
	TCP(TCP_CONGESTION, .size = 16),
	TCP(TCP_USER_TIMEOUT),
	TCP(TCP_NOTSENT_LOWAT),
	TCP(TCP_FASTOPEN_CONNECT),
	TCP(TCP_INQ),
	TCP(TCP_THIN_LINEAR_TIMEOUTS),
	TCP(TCP_SAVE_SYN),
	TCP(TCP_TX_DELAY),
	TCP(TCP_FASTOPEN_NO_COOKIE),

	IP4(IP_TOS, ALSO6(IPV6_TCLASS)),
	IP4(IP_TTL, ALSO6(IPV6_UNICAST_HOPS)),
	IP4(IP_MTU_DISCOVER, ALSO6(IPV6_MTU_DISCOVER)),
	IP4(IP_RECVERR, ALSO6(IPV6_RECVERR)),
	IP4(IP_FREEBIND),    /* one flag for both families */
	IP4(IP_TRANSPARENT), /* likewise */
	IP4(IP_BIND_ADDRESS_NO_PORT),
	IP4(IP_MINTTL, ALSO6(IPV6_MINHOPCOUNT)),
	IP4(IP_UNICAST_IF, ALSO6(IPV6_UNICAST_IF), .place_only = true),
	IP4(IP_LOCAL_PORT_RANGE), /* one for both families */
	IP4(IP_RECVTOS),
	IP4(IP_RECVTTL),
	IP4(IP_PKTINFO),
	IP4(IP_MULTICAST_LOOP),
	SOL(SO_PRIORITY),

	IP6(IPV6_TCLASS),
	IP6(IPV6_UNICAST_HOPS),
	IP6(IPV6_MTU_DISCOVER),
	IP6(IPV6_RECVERR),
	IP6(IPV6_V6ONLY),
	IP6(IPV6_DONTFRAG),
	IP6(IPV6_ADDR_PREFERENCES),
	IP6(IPV6_MINHOPCOUNT),
};

#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

/* AF_INET and AF_INET6, TCP and MPTCP. */
enum { KIND_COUNT = 4 };

struct value {
	socklen_t size; /* 0: this kind of socket has no such option */
	unsigned char bytes[OPTION_SIZE];
};

struct option_set {
	struct value fresh[KIND_COUNT][OPTION_COUNT];
};

const struct option *option_at(size_t index)
{
	return index < OPTION_COUNT ? &options[index] : NULL;
}

static unsigned int kind_of(int family, int protocol)
{
	return (family == AF_INET6 ? 1 : 0) + (protocol == IPPROTO_MPTCP ? 2 : 0);
}

static void read_option(const struct option *option, int fd, int family, struct value *ret)
{
	ret->size = 0;
	if (option->copy || (option->inet6_only && family != AF_INET6))
		return;
	ret->size = option->size ? option->size : sizeof(int);
	memset(ret->bytes, 0, sizeof(ret->bytes));
	if (getsockopt(fd, option->level, option->name, ret->bytes, &ret->size) < 0)
		ret->size = 0;
}

int option_set_new(struct option_set **ret)
{
	struct option_set *set = calloc(1, sizeof(*set));

	if (!set)
		return -ENOMEM;
	for (unsigned int kind = 0; kind < KIND_COUNT; kind++) {
		int family = kind & 1 ? AF_INET6 : AF_INET;
		int protocol = kind & 2 ? IPPROTO_MPTCP : IPPROTO_TCP;
		_cleanup_close_ int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, protocol);

		if (fd < 0) {
			int error = errno;

			if (kind == 0) {
				free(set);
				return -error;
			}
			continue;
		}
		for (size_t i = 0; i < OPTION_COUNT; i++)
			read_option(&options[i], fd, family, &set->fresh[kind][i]);
	}
	*ret = set;
	return 0;
}

void option_set_free(struct option_set *set)
{
	free(set);
}

static int write_option(const struct option *option, int to, int to_family, bool changes_family,
			const struct value *value)
{
	if (setsockopt(to, option->level, option->name, value->bytes, value->size) < 0)
		return -errno;
	if (changes_family && to_family == AF_INET6 && option->name6 &&
	    setsockopt(to, option->level6, option->name6, value->bytes, value->size) < 0)
		return -errno;
	return 0;
}

void option_copy(const struct option_set *set, int from, int from_family, int protocol, int to,
		 int to_family, bool elsewhere, const char **ret_refused)
{
	unsigned int kind = kind_of(from_family, protocol);
	bool changes_family = from_family != to_family;

	*ret_refused = NULL;
	for (size_t i = 0; i < OPTION_COUNT; i++) {
		const struct option *option = &options[i];
		struct value value;
		int r = 0;

		if (option->copy) {
			r = option->copy(option, from, to);
			/* A kernel without the option has nothing to copy. */
			if (r == -ENOPROTOOPT || r == -EOPNOTSUPP)
				r = 0;
		} else if (set->fresh[kind][i].size > 0 &&
			   !(option->inet6_only && to_family != AF_INET6)) {
			read_option(option, from, from_family, &value);
			if (value.size > 0 && (value.size != set->fresh[kind][i].size ||
					       memcmp(value.bytes, set->fresh[kind][i].bytes,
						      sizeof(value.bytes)) != 0))
				r = elsewhere && option->place_only
					    ? -ENODEV
					    : write_option(option, to, to_family, changes_family,
							   &value);
		}
		if (r < 0 && !*ret_refused)
			*ret_refused = option->text;
	}
}
