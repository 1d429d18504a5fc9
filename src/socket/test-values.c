// SPDX-License-Identifier: GPL-2.0-or-later
/* Values for the options of the table; see test-values.h. */
#include "socket/test-values.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/net_tstamp.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>

#include "base/compat.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* For who takes an int; the first that reads back as another than before. */
static const int numbers[] = {1, 0, 2, 3, 7, 33, 600, 1220, 4096, 65536, 1000000};

/* For the others, by name. */
static const struct linger linger = {.l_onoff = 1, .l_linger = 5};
static const struct timeval timeout = {.tv_sec = 2, .tv_usec = 500000};
static const int64_t timeout64[] = {3, 0};
static const int stamping[] = {SOF_TIMESTAMPING_SOFTWARE | SOF_TIMESTAMPING_RX_SOFTWARE, 0};
static const struct sock_txtime txtime = {.clockid = CLOCK_MONOTONIC,
					  .flags = SOF_TXTIME_DEADLINE_MODE};
static const uint64_t pacing = 1000000;
static struct sock_filter accept_all[] = {BPF_STMT(BPF_RET | BPF_K, 0xffff)};
static const struct sock_fprog filter = {.len = 1, .filter = accept_all};
static const unsigned char key[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
static const unsigned char no_operations[] = {1, 1, 1, 1};
static const unsigned char padding_header[] = {0, 0, 1, 4, 0, 0, 0, 0};
static const unsigned char routing_header[24] = {0, 2, 2, 1, [8] = 0xfe, [9] = 0x80, [23] = 1};
static const unsigned char loopback[] = {127, 0, 0, 1};
static const unsigned char first_interface[] = {0, 0, 0, 1};
static const int port_range = 40100 << 16 | 40000;
static const int cpu, size = 20000, size_forced = 30000, port_encapsulation = 3, timer = 50000;

#define VALUE(n, v) {.text = n, .data = &(v), .size = sizeof(v)}

static const struct {
	const char *text;
	const void *data;
	socklen_t size;
} values[] = {
	VALUE("SO_LINGER", linger),
	VALUE("SO_RCVTIMEO", timeout),
	VALUE("SO_SNDTIMEO", timeout),
	VALUE("SO_RCVTIMEO_NEW", timeout64),
	VALUE("SO_SNDTIMEO_NEW", timeout64),
	VALUE("SO_TIMESTAMPING", stamping),
	VALUE("SO_TIMESTAMPING_NEW", stamping),
	VALUE("SO_TXTIME", txtime),
	VALUE("SO_MAX_PACING_RATE", pacing),
	VALUE("SO_ATTACH_FILTER", filter),
	VALUE("SO_INCOMING_CPU", cpu),
	VALUE("SO_SNDBUF", size),
	VALUE("SO_RCVBUF", size),
	VALUE("SO_SNDBUFFORCE", size_forced),
	VALUE("SO_RCVBUFFORCE", size_forced),
	{"SO_BINDTODEVICE", "lo", 2},
	{"TCP_CONGESTION", "reno", 4},
	{"TCP_CONGESTION", "cubic", 5},
	{"TCP_ULP", "espintcp", 8},
	VALUE("TCP_FASTOPEN_KEY", key),
	VALUE("TCP_RTO_MAX_MS", timer),
	VALUE("TCP_RTO_MIN_US", timer),
	VALUE("TCP_DELACK_MAX_US", timer),
	VALUE("UDP_ENCAP", port_encapsulation),
	VALUE("IP_OPTIONS", no_operations),
	VALUE("IP_MULTICAST_IF", loopback),
	VALUE("IP_UNICAST_IF", first_interface),
	VALUE("IPV6_UNICAST_IF", first_interface),
	VALUE("IP_LOCAL_PORT_RANGE", port_range),
	VALUE("IPV6_HOPOPTS", padding_header),
	VALUE("IPV6_DSTOPTS", padding_header),
	VALUE("IPV6_RTHDRDSTOPTS", padding_header),
	VALUE("IPV6_RTHDR", routing_header),
};

void test_value_read(const struct option *option, int fd, struct test_value *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->size = option->size ? option->size : sizeof(int);
	/* What has no fixed length. */
	for (size_t i = 0; i < COUNT(values); i++)
		if (strcmp(values[i].text, option->text) == 0 && !option->size &&
		    values[i].size != sizeof(int))
			ret->size = option->name == SO_ATTACH_FILTER && option->level == SOL_SOCKET
					    ? TEST_VALUE_MAX / sizeof(struct sock_filter)
					    : TEST_VALUE_MAX;
	if (getsockopt(fd, option->level, option->name, ret->bytes, &ret->size) < 0) {
		ret->error = errno;
		ret->size = 0;
		memset(ret->bytes, 0, sizeof(ret->bytes));
	}
}

bool test_value_equal(const struct test_value *a, const struct test_value *b)
{
	return a->size == b->size && a->error == b->error &&
	       memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

/* Return: as test_value_change(). */
static int try(const struct option *option, int fd, const void *data, socklen_t length)
{
	struct test_value before, after;

	test_value_read(option, fd, &before);
	if (setsockopt(fd, option->level, option->name, data, length) < 0)
		return -errno;
	test_value_read(option, fd, &after);
	return test_value_equal(&before, &after);
}

int test_value_change(const struct option *option, int fd)
{
	bool special = false;
	int first = 0, best = -1;

	for (size_t i = 0; i < COUNT(values); i++) {
		int r;

		if (strcmp(values[i].text, option->text) != 0)
			continue;
		r = try(option, fd, values[i].data, values[i].size);
		if (r == 0)
			return 0;
		first = special ? first : r;
		best = r == 1 ? 1 : best;
		special = true;
	}
	for (size_t i = 0; !special && i < COUNT(numbers); i++) {
		int r = try(option, fd, &numbers[i], sizeof(int));

		if (r == 0)
			return 0;
		first = i ? first : r;
		best = r == 1 ? 1 : best;
	}
	return best == 1 ? 1 : first;
}
