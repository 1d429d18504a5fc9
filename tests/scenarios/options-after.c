// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Options asked for and set on a socket that has been swapped: IPv4's act as on an AF_INET socket, IPv6's
 * do not exist.
 *
 * What an option does to packets over IPv6 is in tests/rules.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "i386.h"
#include "server.h"

static void *bad(void)
{
	return (void *)16;
}

/* One getsockopt(2), whatever is wrong with it. */
static void say_get(const char *what, int fd, int level, int name, int asked)
{
	unsigned char value[16];
	socklen_t length = (socklen_t)asked;
	int number;

	memset(value, 0xa5, sizeof(value));
	if (getsockopt(fd, level, name, value, &length) < 0) {
		say("%s %d, length %d: %s, then %d", what, name, asked, errno_name(errno), (int)length);
		return;
	}
	memcpy(&number, value, sizeof(number));
	say("%s %d, length %d: %x, then %d", what, name, asked, number, (int)length);
}

/* Every name of IPPROTO_IPV6, on a socket that never was anything but AF_INET to its program. */
static void ipv6_names(void)
{
	struct connection pair = connection_open();

	for (int name = 0; name < 90; name++) {
		const int one = 1;

		say_get("IPPROTO_IPV6", pair.fd, IPPROTO_IPV6, name, sizeof(int));
		say("IPPROTO_IPV6 %d set: %s", name,
		    errno_name(setsockopt(pair.fd, IPPROTO_IPV6, name, &one, sizeof(one)) < 0 ? errno
											      : 0));
	}
	connection_close(&pair);
}

/* What is said first where several things are wrong. */
static void ipv6_wrong(void)
{
	struct connection pair = connection_open();
	int fds[] = { pair.fd, -1, 777, 0 }, value = 1;
	socklen_t length = sizeof(value);

	for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
		int fd = fds[i];
		const char *what = i ? "another" : "the socket";

		say_result(what, setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &value, -1));
		say_result(what, setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, bad(), sizeof(value)));
		say_result(what, setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, NULL, 0));
		say_result(what, setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &value, 1000000));
		say_get(what, fd, IPPROTO_IPV6, IPV6_TCLASS, -1);
		say_get(what, fd, IPPROTO_IPV6, IPV6_TCLASS, 0);
		say_result(what, getsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, bad(), &length));
		say_result(what, getsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &value, bad()));
	}
	connection_close(&pair);
}

/* An AF_INET6 socket of the program's own keeps all of it. */
static void ipv6_own(void)
{
	struct connection pair = connection_open();
	int fd = must(socket(AF_INET6, SOCK_STREAM, 0)), peer;
	struct sockaddr_in6 to = inet6("::ffff:" LOOPBACK, pair.server.addr.sin_port);

	for (int i = 0; i < 2; i++) {
		say_result("IPV6_TCLASS", set(fd, IPPROTO_IPV6, IPV6_TCLASS, 0x20 + 4 * i));
		say_get("IPV6_TCLASS", fd, IPPROTO_IPV6, IPV6_TCLASS, 4);
		say_result("IP_TOS", set(fd, IPPROTO_IP, IP_TOS, 0x40 + 4 * i));
		say_get("IPV6_TCLASS", fd, IPPROTO_IPV6, IPV6_TCLASS, 4);
		say_get("IP_TOS", fd, IPPROTO_IP, IP_TOS, 4);
		say_get("IPV6_V6ONLY", fd, IPPROTO_IPV6, IPV6_V6ONLY, 4);
		say_get("none", fd, IPPROTO_IPV6, 200, 4);
		if (i == 0)
			say_result("connect", do_connect(fd, &to, sizeof(to)));
	}
	peer = server_accept(&pair.server);
	close(fd);
	close(peer);
	connection_close(&pair);
}

static const int ip_names[] = {
	IP_TOS,	   IP_TTL,	IP_MTU_DISCOVER, IP_RECVERR, IP_MINTTL,	 IP_UNICAST_IF, IP_RECVTOS,
	IP_RECVTTL, IP_PKTINFO, IP_MULTICAST_TTL, IP_MULTICAST_LOOP, IP_FREEBIND, IP_RECVERR_RFC4884,
};

/* Values that fit and values that do not, in each length that the kernel may take or not. */
static void ip_values(void)
{
	static const int values[] = { 0, 1, 4, 0x28, 0x2b, 64, 255, 256, -1, 1 << 24, 70000 };
	static const int lengths[] = { 4, 1, 0, 2, 3, 8, -1, 300 };
	struct connection pair = connection_open();
	unsigned char buffer[300] = { 0 };

	for (size_t i = 0; i < ARRAY_SIZE(ip_names); i++)
		for (size_t j = 0; j < ARRAY_SIZE(values); j++)
			for (size_t k = 0; k < ARRAY_SIZE(lengths); k++) {
				memcpy(buffer, &values[j], sizeof(int));
				if (setsockopt(pair.fd, IPPROTO_IP, ip_names[i], buffer, lengths[k]) < 0)
					say("%d to %x, length %d: %s", ip_names[i], values[j],
					    lengths[k], errno_name(errno));
				say_get("then", pair.fd, IPPROTO_IP, ip_names[i], 4);
			}
	say_result("bad address", setsockopt(pair.fd, IPPROTO_IP, IP_TOS, bad(), sizeof(int)));
	say_result("null", setsockopt(pair.fd, IPPROTO_IP, IP_TOS, NULL, 0));
	say_result("no descriptor", set(999, IPPROTO_IP, IP_TOS, 4));
	say_result("no socket", set(0, IPPROTO_IP, IP_TOS, 4));
	connection_close(&pair);
}

/* IP_TOS gives a priority, also afterwards. */
static void ip_priority(void)
{
	struct connection pair = connection_open();

	say_get("SO_PRIORITY", pair.fd, SOL_SOCKET, SO_PRIORITY, 4);
	must(set(pair.fd, IPPROTO_IP, IP_TOS, 0x10));
	say_get("SO_PRIORITY", pair.fd, SOL_SOCKET, SO_PRIORITY, 4);
	must(set(pair.fd, SOL_SOCKET, SO_PRIORITY, 2));
	must(set(pair.fd, IPPROTO_IP, IP_TOS, 0x10));
	say_get("SO_PRIORITY", pair.fd, SOL_SOCKET, SO_PRIORITY, 4);
	connection_close(&pair);
}

static void ip_mtu(void)
{
	static const int lengths[] = { 4, 0, 1, 2, 8, -1 };
	struct server server = server_open(LOOPBACK);
	int fresh = tcp(0);
	struct connection pair = connection_open();
	socklen_t length = sizeof(int);
	int value;

	say_get("fresh", fresh, IPPROTO_IP, IP_MTU, 4);
	for (size_t i = 0; i < ARRAY_SIZE(lengths); i++)
		say_get("IP_MTU", pair.fd, IPPROTO_IP, IP_MTU, lengths[i]);
	say_result("bad value", getsockopt(pair.fd, IPPROTO_IP, IP_MTU, bad(), &length));
	say("length %u", length);
	say_result("bad length", getsockopt(pair.fd, IPPROTO_IP, IP_MTU, &value, bad()));
	close(fresh);
	connection_close(&pair);
	server_close(&server);
}

/* Swapped, disconnected and connected again it still is what it was. */
static void again(void)
{
	const struct sockaddr_in none = { .sin_family = AF_UNSPEC };
	struct connection pair = connection_open();
	int peer;

	must(set(pair.fd, IPPROTO_IP, IP_TTL, 9));
	must(set(pair.fd, IPPROTO_IP, IP_TOS, 0x20));
	must(connect(pair.fd, (const struct sockaddr *)&none, sizeof(none)));
	say_result("IPV6_TCLASS", set(pair.fd, IPPROTO_IPV6, IPV6_TCLASS, 1));
	say_get("IPV6_TCLASS", pair.fd, IPPROTO_IPV6, IPV6_TCLASS, 4);
	say_get("IP_TTL", pair.fd, IPPROTO_IP, IP_TTL, 4);
	must(set(pair.fd, IPPROTO_IP, IP_TTL, 11));
	say_connect(pair.fd, &pair.server.addr);
	peer = server_accept(&pair.server);
	say_get("IP_TTL", pair.fd, IPPROTO_IP, IP_TTL, 4);
	say_get("IP_TOS", pair.fd, IPPROTO_IP, IP_TOS, 4);
	say_get("IPV6_TCLASS", pair.fd, IPPROTO_IPV6, IPV6_TCLASS, 4);
	close(peer);
	connection_close(&pair);
}

static void options_i386(void)
{
	enum { SET = 366, GET = 365, MULTIPLEXED_SET = 14, MULTIPLEXED_GET = 15 };
	struct connection pair;
	unsigned int *memory;

	need_i386();
	memory = low_memory();
	pair = connection_open();
	for (int multiplexed = 0; multiplexed < 2; multiplexed++)
		for (int i = 0; i < 4; i++) {
			const bool write = i & 1, inet6 = i & 2;
			const long call[5] = { pair.fd, inet6 ? IPPROTO_IPV6 : IPPROTO_IP,
					       inet6 ? IPV6_TCLASS : IP_TOS, (long)&memory[0],
					       write ? 4 : (long)&memory[1] };
			const long packed[5] = { write ? MULTIPLEXED_SET : MULTIPLEXED_GET,
						 (long)&memory[8] };
			long result;

			memory[0] = 0x20 + 4 * (unsigned int)multiplexed;
			memory[1] = 4;
			for (int j = 0; j < 5; j++)
				memory[8 + j] = (unsigned int)call[j];
			result = multiplexed ? i386_call(I386_SOCKETCALL, packed)
					     : i386_call(write ? SET : GET, call);
			say_result(inet6 ? "IPPROTO_IPV6" : "IPPROTO_IP", result);
			say("value %x length %u", memory[0], memory[1]);
			say_get("IP_TOS", pair.fd, IPPROTO_IP, IP_TOS, 4);
		}
	connection_close(&pair);
}

const struct scenario scenarios[] = {
	{ "ipv6-names", ipv6_names, MUST_SWAP },
	{ "ipv6-wrong", ipv6_wrong, MUST_SWAP },
	{ "ipv6-own", ipv6_own, MUST_SWAP },
	{ "ip-values", ip_values, MUST_SWAP },
	{ "ip-priority", ip_priority, MUST_SWAP },
	{ "ip-mtu", ip_mtu, MUST_SWAP },
	{ "again", again, MUST_SWAP },
	{ "options-i386", options_i386, MUST_SWAP },
	{ 0 },
};
const struct scenario helpers[] = { { 0 } };
