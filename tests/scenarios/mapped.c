// SPDX-License-Identifier: GPL-2.0-or-later
/* AF_INET6 sockets: v4-mapped destinations, as the JVM and gRPC use them, and real IPv6. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "server.h"

static int tcp6(int flags, int v6only)
{
	int fd = must(socket(AF_INET6, SOCK_STREAM | flags, 0));

	must(set(fd, IPPROTO_IPV6, IPV6_V6ONLY, v6only));
	return fd;
}

static struct sockaddr_in6 mapped(const struct sockaddr_in *in)
{
	struct sockaddr_in6 to = inet6("::ffff:0.0.0.0", in->sin_port);

	memcpy(&to.sin6_addr.s6_addr[12], &in->sin_addr, 4);
	return to;
}

static int say_connect6(int fd, const struct sockaddr_in6 *to)
{
	return say_result("connect", do_connect(fd, to, sizeof(*to)));
}

static void say_domain(int fd)
{
	int domain = 0;
	socklen_t length = sizeof(domain);

	must(getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &length));
	say("SO_DOMAIN: %s", domain == AF_INET6 ? "AF_INET6" : domain == AF_INET ? "AF_INET" : "?");
}

static void say_v6only(int fd)
{
	int on = 0;
	socklen_t length = sizeof(on);

	say_result("IPV6_V6ONLY", getsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, &length));
	say("IPV6_V6ONLY is %d", on);
}

static void blocking(void)
{
	struct server server = server_open(SITE);
	struct sockaddr_in6 to = mapped(&server.addr);
	int fd = tcp6(0, 0), peer;

	say_local(fd);
	say_connect6(fd, &to);
	peer = server_accept(&server);
	say_peer(fd);
	say_local(fd);
	say_domain(fd);
	say_v6only(fd);
	say_connect6(fd, &to);
	say_echo(fd, peer);
	close(fd);
	say_recv("server", peer);
	close(peer);
	server_close(&server);
}

static void nonblocking(void)
{
	struct server server = server_open(LOOPBACK);
	struct sockaddr_in6 to = mapped(&server.addr);
	int fd = tcp6(SOCK_NONBLOCK, 0), peer;

	say_connect6(fd, &to);
	say("poll: %s", events_name(wait_poll(fd, POLLIN | POLLOUT)));
	say_error(fd);
	say_connect6(fd, &to);
	say_connect6(fd, &to);
	say_peer(fd);
	say_local(fd);
	peer = server_accept(&server);
	say_echo(fd, peer);
	close(fd);
	close(peer);
	server_close(&server);
}

static void refused(void)
{
	struct server refusing = server_refusing(LOOPBACK);
	struct sockaddr_in6 to = mapped(&refusing.addr);
	int fd = tcp6(0, 0);

	say_connect6(fd, &to);
	say_connect6(fd, &to);
	say_error(fd);
	close(fd);
	fd = tcp6(SOCK_NONBLOCK, 0);
	say_connect6(fd, &to);
	say("poll: %s", events_name(wait_poll(fd, POLLOUT)));
	say_connect6(fd, &to);
	close(fd);
	server_close(&refusing);
}

static void v6only(void)
{
	struct server server = server_open(LOOPBACK);
	struct sockaddr_in6 to = mapped(&server.addr);
	int fd = tcp6(0, 1);

	say_connect6(fd, &to);
	say_connect(fd, &server.addr);
	say_no_more_connections(&server);
	close(fd);
	server_close(&server);
}

/* An AF_INET6 socket given a struct sockaddr_in. */
static void wrong_family(void)
{
	struct server server = server_open(LOOPBACK);
	struct sockaddr_in6 to = mapped(&server.addr);
	int fd = tcp6(0, 0);

	say_connect(fd, &server.addr);
	close(fd);
	fd = tcp(0);
	say_connect6(fd, &to);
	close(fd);
	say_no_more_connections(&server);
	server_close(&server);
}

static void bound(void)
{
	struct server server = server_open(SITE);
	struct sockaddr_in6 to = mapped(&server.addr);
	struct sockaddr_in6 mine = inet6("::ffff:198.51.100.2", 0);
	int fd = tcp6(0, 0), peer;

	say_result("bind", bind(fd, (struct sockaddr *)&mine, sizeof(mine)));
	say_connect6(fd, &to);
	peer = server_accept(&server);
	say_local(fd);
	say_echo(fd, peer);
	close(peer);
	close(fd);
	server_close(&server);
}

/* Bound to an IPv6 address the socket cannot go to an IPv4 one. */
static void bound_ipv6(void)
{
	struct server server = server_open(LOOPBACK);
	struct sockaddr_in6 to = mapped(&server.addr), mine = inet6("::1", 0);
	int fd = tcp6(0, 0);

	say_result("bind", bind(fd, (struct sockaddr *)&mine, sizeof(mine)));
	say_connect6(fd, &to);
	say_no_more_connections(&server);
	close(fd);
	server_close(&server);
}

static int server6(struct sockaddr_in6 *address)
{
	socklen_t length = sizeof(*address);
	int fd = tcp6(0, 1);

	*address = inet6("::1", 0);
	must(bind(fd, (struct sockaddr *)address, length));
	must(getsockname(fd, (struct sockaddr *)address, &length));
	must(listen(fd, 8));
	name_port(address->sin6_port, "server");
	return fd;
}

static void real(void)
{
	struct sockaddr_in6 to;
	struct server server = { .fd = server6(&to), .filler = -1 };
	int fd = tcp6(0, 0), peer;

	say_connect6(fd, &to);
	peer = server_accept(&server);
	say_peer(fd);
	say_local(fd);
	say_domain(fd);
	say_echo(fd, peer);
	say_connect6(fd, &to);
	close(peer);
	close(fd);
	server_close(&server);
}

/* IPv6 first, disconnected, then v4-mapped: what glibc's getaddrinfo does with datagrams. */
static void real_then_mapped(void)
{
	struct sockaddr_in6 to, to4;
	struct server first = { .fd = server6(&to), .filler = -1 };
	struct server server = server_open(LOOPBACK);
	struct sockaddr none = { .sa_family = AF_UNSPEC };
	int fd = tcp6(0, 0), peer;

	say_connect6(fd, &to);
	close(server_accept(&first));
	say_result("disconnect", do_connect(fd, &none, sizeof(none)));
	to4 = mapped(&server.addr);
	say_connect6(fd, &to4);
	peer = server_accept(&server);
	say_peer(fd);
	say_echo(fd, peer);
	close(peer);
	/* Back to IPv6 is no part of this: natively such a connect stays pending for ever. */
	say_result("disconnect", do_connect(fd, &none, sizeof(none)));
	say_peer(fd);
	close(fd);
	server_close(&server);
	server_close(&first);
}

static void short_address(void)
{
	struct server server = server_open(LOOPBACK);
	struct sockaddr_in6 to = mapped(&server.addr);
	int fd = tcp6(0, 0), peer;

	/* 24 bytes are enough (SIN6_LEN_RFC2133), 23 are not. */
	say_result("23 bytes", do_connect(fd, &to, 23));
	say_result("24 bytes", do_connect(fd, &to, 24));
	peer = server_accept(&server);
	say_peer(fd);
	say_echo(fd, peer);
	close(peer);
	close(fd);
	server_close(&server);
}

static void late(void)
{
	struct server silent = server_silent(SITE);
	struct sockaddr_in6 to = mapped(&silent.addr);
	struct timeval timeout = { 0, 200000 };
	int fd = tcp6(0, 0), peer;
	long start = now_ms();

	must(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)));
	say_connect6(fd, &to);
	say_elapsed("time-out", start, 200);
	say_connect6(fd, &to);
	server_drain(&silent);
	wait_poll(fd, POLLOUT);
	say_connect6(fd, &to);
	peer = server_accept(&silent);
	say_echo(fd, peer);
	close(peer);
	close(fd);
	server_close(&silent);
}

const struct scenario scenarios[] = {
	{ "blocking", blocking, MUST_SWAP },
	{ "nonblocking", nonblocking, MUST_SWAP },
	{ "refused", refused, MUST_SWAP },
	{ "v6only", v6only, MUST_TRACE },
	{ "wrong-family", wrong_family, MUST_TRACE },
	{ "bound", bound, MUST_SWAP },
	{ "bound-ipv6", bound_ipv6, MUST_TRACE },
	{ "real", real },
	{ "real-then-mapped", real_then_mapped, MUST_SWAP },
	{ "short-address", short_address, MUST_SWAP },
	{ "late", late, MUST_SWAP | SLOW },
	{ 0 },
};
const struct scenario helpers[] = { { 0 } };
