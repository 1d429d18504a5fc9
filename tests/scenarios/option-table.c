// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every option of reseat's own table, set before connect and read afterwards.
 *
 * The table is compiled in, not written down a second time nor parsed from what `reseat check --options`
 * prints: what is walked here is what is copied there, an option that is added is tested without another
 * line, and none can be left out. (options.c has a list of its own, by which the table is checked.)
 *
 * For each protocol and each family that a program can have made its socket with. What a user may not
 * set says why, natively and under reseat.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/tcp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server.h"
#include "socket/option_internal.h"
#include "socket/test-values.h"

struct kind {
	int family, protocol;
};

static const struct kind tcp4 = { AF_INET, IPPROTO_TCP }, tcp6 = { AF_INET6, IPPROTO_TCP };
static const struct kind udp4 = { AF_INET, IPPROTO_UDP }, udp6 = { AF_INET6, IPPROTO_UDP };

static bool datagram(const struct kind *kind)
{
	return kind->protocol == IPPROTO_UDP || kind->protocol == IPPROTO_UDPLITE;
}

static int make(const struct kind *kind)
{
	return must(socket(kind->family, (datagram(kind) ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC,
			   kind->protocol));
}

/*
 * SO_INCOMING_CPU is where the last packet was dealt with. Everything here happens on one processor, and
 * the last packet is sent from here.
 */
static void stay(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	must(sched_setaffinity(0, sizeof(one), &one));
}

/* Who is connected to: a listener, or a datagram socket. */
struct far {
	struct server server;
	int peer;
};

static struct far far_open(const struct kind *kind)
{
	struct far far = { .peer = -1 };
	socklen_t length = sizeof(far.server.addr);

	if (!datagram(kind)) {
		far.server = server_open(LOOPBACK);
		return far;
	}
	far.server.addr = inet(LOOPBACK, 0);
	far.server.fd = must(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, kind->protocol));
	must(bind(far.server.fd, (struct sockaddr *)&far.server.addr, length));
	must(getsockname(far.server.fd, (struct sockaddr *)&far.server.addr, &length));
	name_port(far.server.addr.sin_port, "server");
	return far;
}

static int far_connect(const struct far *far, const struct kind *kind, int fd)
{
	struct sockaddr_in6 mapped = inet6("::ffff:" LOOPBACK, far->server.addr.sin_port);

	if (kind->family == AF_INET)
		return do_connect(fd, &far->server.addr, sizeof(far->server.addr));
	return do_connect(fd, &mapped, sizeof(mapped));
}

/* As many bytes as the largest low-water mark that is tried, to the socket, which has them in the end. */
static void far_send(struct far *far, const struct kind *kind, int fd)
{
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} name;
	socklen_t length = sizeof(name);
	char bytes[64] = "";

	if (datagram(kind)) {
		struct sockaddr_in to = inet(LOOPBACK, 0);

		must(getsockname(fd, &name.sa, &length));
		to.sin_port = kind->family == AF_INET ? name.in.sin_port : name.in6.sin6_port;
		must(sendto(far->server.fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&to,
			    sizeof(to)));
	} else {
		far->peer = server_accept(&far->server);
		must(send(far->peer, bytes, sizeof(bytes), 0));
	}
	wait_poll(fd, POLLIN);
	must(recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT));
}

static void far_close(struct far *far)
{
	if (far->peer >= 0)
		close(far->peer);
	far->peer = -1;
}

static void say_value(const char *when, const struct option *option, int fd)
{
	struct test_value value;
	char text[2 * TEST_VALUE_MAX + 1] = "";

	test_value_read(option, fd, &value);
	if (value.error) {
		say("%s %s: %s", option->text, when, errno_name(value.error));
		return;
	}
	for (socklen_t i = 0; i < value.size; i++)
		snprintf(text + 2 * i, 3, "%02x", value.bytes[i]);
	say("%s %s: %s (%u)", option->text, when, text, value.size);
}

static bool settable(const struct option *option, const struct kind *kind)
{
	if (option->inet6_only && kind->family != AF_INET6)
		return false;
	return option->handling == OPTION_COPIED || option->handling == OPTION_SAME_AS;
}

/* Not of a level that the socket lacks: what is said of those is in "untouched". */
static bool of_protocol(const struct option *option, const struct kind *kind)
{
	if (option->level == IPPROTO_TCP)
		return !datagram(kind);
	return datagram(kind) || (option->level != IPPROTO_UDP && option->level != IPPROTO_UDPLITE);
}

static const struct option *entry(size_t index)
{
	if (index < option_table_count)
		return &option_table[index];
	index -= option_table_count;
	return index < option_rest_count ? &option_rest[index] : NULL;
}

static void walk_one(struct far *far, const struct kind *kind, const struct option *option)
{
	int fd = make(kind);
	int r;

	say_value("by default", option, fd);
	r = test_value_change(option, fd);
	say("%s set: %s", option->text, r < 0 ? errno_name(-r) : r ? "changes nothing" : "0");
	if (r >= 0) {
		say_value("before", option, fd);
		if (far_connect(far, kind, fd) < 0) {
			say("%s: connect: %s", option->text, errno_name(errno));
		} else {
			far_send(far, kind, fd);
			say_value("connected", option, fd);
			far_close(far);
		}
	}
	close(fd);
}

static void walk(const struct kind *kind, int level)
{
	struct far far = far_open(kind);
	unsigned int walked = 0;

	stay();
	for (size_t i = 0; entry(i); i++)
		if (entry(i)->level == level && settable(entry(i), kind)) {
			walk_one(&far, kind, entry(i));
			walked++;
		}
	if (!walked)
		fail("no option of level %d", level);
	server_close(&far.server);
}

/* A socket on which nothing was set has, connected, what one natively has. */
static void untouched(const struct kind *kind)
{
	struct far far = far_open(kind);
	int fd = make(kind);

	stay();
	must(far_connect(&far, kind, fd));
	far_send(&far, kind, fd);
	for (size_t i = 0; entry(i); i++)
		if (settable(entry(i), kind))
			say_value("untouched", entry(i), fd);
	close(fd);
	far_close(&far);
	server_close(&far.server);
}

/*
 * A bound port is handed over with the help of options of reseat's own; none of that is to be seen, nor
 * lost of what the program had set.
 */
static void bound(const struct kind *kind)
{
	static const struct {
		int option, port;
	} cases[] = { { 0, 0 }, { SO_REUSEADDR, 0 }, { SO_REUSEPORT, 0 }, { 0, 99 }, { SO_REUSEADDR, 99 } };

	stay();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct far far = far_open(kind);
		struct sockaddr_in mine = inet(LOOPBACK, htons((in_port_t)cases[i].port));
		socklen_t length = sizeof(mine);
		int fd = make(kind), third;

		if (cases[i].option)
			must(set(fd, SOL_SOCKET, cases[i].option, 1));
		say("option %d port %d", cases[i].option, cases[i].port);
		say_result("bind", bind(fd, (struct sockaddr *)&mine, sizeof(mine)));
		must(getsockname(fd, (struct sockaddr *)&mine, &length));
		must(far_connect(&far, kind, fd));
		far_send(&far, kind, fd);
		for (size_t j = 0; entry(j); j++)
			if (settable(entry(j), kind) && of_protocol(entry(j), kind))
				say_value("bound", entry(j), fd);
		for (size_t j = 0; j < option_rest_count; j++)
			if (option_rest[j].level == IPPROTO_TCP && option_rest[j].name == TCP_REPAIR &&
			    !datagram(kind))
				say_value("bound", &option_rest[j], fd);
		/* Who agrees to share, and who does not. */
		for (int option = 0; option <= SO_REUSEPORT && mine.sin_port; option++) {
			if (option && option != SO_REUSEADDR && option != SO_REUSEPORT)
				continue;
			third = make(kind);
			if (option)
				must(set(third, SOL_SOCKET, option, 1));
			say("a third with %d: %s", option,
			    errno_name(bind(third, (struct sockaddr *)&mine, sizeof(mine)) < 0 ? errno
											      : 0));
			close(third);
		}
		/* What closes first keeps the TIME_WAIT: not the port of the next. */
		far_close(&far);
		close(fd);
		server_close(&far.server);
	}
}

struct step {
	const char *text;
	int value;
};

/* By name, for the combinations below. */
static const struct option *named(const char *text)
{
	for (size_t i = 0; entry(i); i++)
		if (strcmp(entry(i)->text, text) == 0)
			return entry(i);
	fail("no option %s", text);
}

/* Options that change one another, in both orders; all that the steps name is read in the end. */
static void combine(const struct kind *kind)
{
	static const struct step cases[][5] = {
		{ { "IP_TOS", 0x10 }, { "SO_PRIORITY", 0 } },
		{ { "SO_PRIORITY", 3 }, { "IP_TOS", 0x10 } },
		{ { "IP_TOS", 0x10 }, { "IP_TOS", 0 }, { "SO_PRIORITY", 5 } },
		{ { "IP_OPTIONS", 0x01010101 }, { "TCP_MAXSEG", 1000 } },
		{ { "TCP_MAXSEG", 1000 }, { "IP_OPTIONS", 0x01010101 } },
		{ { "SO_RCVLOWAT", 40 }, { "SO_RCVBUF", 20000 }, { "TCP_WINDOW_CLAMP", 9000 } },
		{ { "TCP_WINDOW_CLAMP", 9000 }, { "SO_RCVBUF", 20000 } },
		{ { "SO_RCVBUF", 20000 }, { "SO_BUF_LOCK", 0 } },
		{ { "SO_SNDBUF", 20000 }, { "SO_BUF_LOCK", 2 }, { "SO_RCVBUF", 30000 } },
		{ { "SO_BUF_LOCK", 3 } },
		{ { "SO_SNDBUF", 1 }, { "SO_RCVBUF", 1 } },
		{ { "SO_TIMESTAMP_NEW", 1 }, { "SO_TIMESTAMPING", 0x18 }, { "SO_TIMESTAMP", 1 } },
		{ { "SO_TIMESTAMPNS", 1 }, { "SO_TIMESTAMPING_NEW", 0x18 }, { "SO_TIMESTAMPNS_NEW", 1 } },
		{ { "SO_TIMESTAMPING", 0x98 } }, /* with OPT_ID, which TCP wants connected */
		{ { "TCP_KEEPIDLE", 30 }, { "TCP_USER_TIMEOUT", 9000 }, { "SO_KEEPALIVE", 1 } },
		{ { "TCP_NODELAY", 1 }, { "TCP_CORK", 1 } },
		{ { "IP_TTL", 7 }, { "IP_TTL", -1 } },
		{ { "IP_PKTINFO", 1 }, { "IP_RECVTTL", 1 }, { "IP_RECVTOS", 1 }, { "IP_RECVERR", 1 } },
		{ { "SO_LOCK_FILTER", 1 } },
	};
	struct far far = far_open(kind);

	stay();
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct step *steps = cases[i];
		int fd = make(kind);

		for (size_t j = 0; j < 5 && steps[j].text; j++) {
			const struct option *option = named(steps[j].text);

			say("%zu: %s %x: %s", i, option->text, steps[j].value,
			    errno_name(set(fd, option->level, option->name, steps[j].value) < 0 ? errno
											       : 0));
		}
		must(far_connect(&far, kind, fd));
		far_send(&far, kind, fd);
		for (size_t j = 0; j < 5 && steps[j].text; j++)
			if (of_protocol(named(steps[j].text), kind))
				say_value("connected", named(steps[j].text), fd);
		close(fd);
		far_close(&far);
	}
	server_close(&far.server);
}

#define WALK(name, kind, level)                                                                        \
	static void name(void)                                                                         \
	{                                                                                              \
		walk(&kind, level);                                                                    \
	}

WALK(tcp4_socket, tcp4, SOL_SOCKET)
WALK(tcp4_tcp, tcp4, IPPROTO_TCP)
WALK(tcp4_ip, tcp4, IPPROTO_IP)
WALK(tcp6_socket, tcp6, SOL_SOCKET)
WALK(tcp6_tcp, tcp6, IPPROTO_TCP)
WALK(tcp6_ip, tcp6, IPPROTO_IP)
WALK(tcp6_ipv6, tcp6, IPPROTO_IPV6)
WALK(udp4_socket, udp4, SOL_SOCKET)
WALK(udp4_udp, udp4, IPPROTO_UDP)
WALK(udp4_ip, udp4, IPPROTO_IP)
WALK(udp6_socket, udp6, SOL_SOCKET)
WALK(udp6_udp, udp6, IPPROTO_UDP)
WALK(udp6_ip, udp6, IPPROTO_IP)
WALK(udp6_ipv6, udp6, IPPROTO_IPV6)

static void tcp4_untouched(void)
{
	untouched(&tcp4);
}

static void tcp6_untouched(void)
{
	untouched(&tcp6);
}

static void udp4_untouched(void)
{
	untouched(&udp4);
}

static void udp6_untouched(void)
{
	untouched(&udp6);
}

static void tcp4_bound(void)
{
	bound(&tcp4);
}

static void udp4_bound(void)
{
	bound(&udp4);
}

static void tcp4_combined(void)
{
	combine(&tcp4);
}

static void tcp6_combined(void)
{
	combine(&tcp6);
}

static void udp4_combined(void)
{
	combine(&udp4);
}

const struct scenario scenarios[] = {
	{ "tcp4-socket", tcp4_socket, MUST_SWAP },
	{ "tcp4-tcp", tcp4_tcp, MUST_SWAP },
	{ "tcp4-ip", tcp4_ip, MUST_SWAP },
	{ "tcp4-untouched", tcp4_untouched, MUST_SWAP },
	{ "tcp4-bound", tcp4_bound, MUST_SWAP },
	{ "tcp4-combined", tcp4_combined, MUST_SWAP },
	{ "tcp6-socket", tcp6_socket, MUST_SWAP },
	{ "tcp6-tcp", tcp6_tcp, MUST_SWAP },
	{ "tcp6-ip", tcp6_ip, MUST_SWAP },
	{ "tcp6-ipv6", tcp6_ipv6, MUST_SWAP },
	{ "tcp6-untouched", tcp6_untouched, MUST_SWAP },
	{ "tcp6-combined", tcp6_combined, MUST_SWAP },
	{ "udp4-socket", udp4_socket, MUST_SWAP },
	{ "udp4-udp", udp4_udp, MUST_SWAP },
	{ "udp4-ip", udp4_ip, MUST_SWAP },
	{ "udp4-untouched", udp4_untouched, MUST_SWAP },
	{ "udp4-bound", udp4_bound, MUST_SWAP },
	{ "udp4-combined", udp4_combined, MUST_SWAP },
	{ "udp6-socket", udp6_socket, MUST_SWAP },
	{ "udp6-udp", udp6_udp, MUST_SWAP },
	{ "udp6-ip", udp6_ip, MUST_SWAP },
	{ "udp6-ipv6", udp6_ipv6, MUST_SWAP },
	{ "udp6-untouched", udp6_untouched, MUST_SWAP },
	{ 0 },
};
const struct scenario helpers[] = { { 0 } };
