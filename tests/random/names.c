// SPDX-License-Identifier: GPL-2.0-or-later
/* Names of constants, options and addresses, in programs and in what they tell. */
#include <err.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "program.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif
#ifndef TCP_FASTOPEN_CONNECT
#define TCP_FASTOPEN_CONNECT 30
#endif

static const struct {
	const char *name;
	uint32_t value;
} constants[] = {
	{ "inet", AF_INET },
	{ "inet6", AF_INET6 },
	{ "unix", AF_UNIX },
	{ "stream", SOCK_STREAM },
	{ "dgram", SOCK_DGRAM },
	{ "nonblock", O_NONBLOCK },
	{ "cloexec", O_CLOEXEC },
	{ "append", O_APPEND },
	{ "async", O_ASYNC },
	{ "tcp", IPPROTO_TCP },
	{ "udp", IPPROTO_UDP },
	{ "mptcp", IPPROTO_MPTCP },
	{ "in", EPOLLIN },
	{ "out", EPOLLOUT },
	{ "pri", EPOLLPRI },
	{ "err", EPOLLERR },
	{ "hup", EPOLLHUP },
	{ "rdhup", EPOLLRDHUP },
	{ "rdnorm", EPOLLRDNORM },
	{ "wrnorm", EPOLLWRNORM },
	{ "et", EPOLLET },
	{ "oneshot", EPOLLONESHOT },
	{ "exclusive", EPOLLEXCLUSIVE },
	{ "wakeup", EPOLLWAKEUP },
	{ "add", EPOLL_CTL_ADD },
	{ "mod", EPOLL_CTL_MOD },
	{ "del", EPOLL_CTL_DEL },
	{ "peek", MSG_PEEK },
	{ "dontwait", MSG_DONTWAIT },
	{ "waitall", MSG_WAITALL },
	{ "trunc", MSG_TRUNC },
	{ "oob", MSG_OOB },
	{ "more", MSG_MORE },
	{ "errqueue", MSG_ERRQUEUE },
	{ "fastopen", MSG_FASTOPEN },
	{ "rd", SHUT_RD },
	{ "wr", SHUT_WR },
	{ "rdwr", SHUT_RDWR },
	{ "getfl", F_GETFL },
	{ "setfl", F_SETFL },
	{ "getfd", F_GETFD },
	{ "setfd", F_SETFD },
	{ "dupfd", F_DUPFD },
	{ "dupfd_cloexec", F_DUPFD_CLOEXEC },
	{ "fionread", FIONREAD },
	{ "fionbio", FIONBIO },
};

uint32_t constant(const char *words)
{
	uint32_t value = 0;
	char *end;

	value = (uint32_t)strtol(words, &end, 0);
	if (end != words && !*end)
		return value;
	value = 0;
	for (const char *word = words; *word;) {
		size_t length = strcspn(word, "|"), i;

		for (i = 0; i < ARRAY_SIZE(constants); i++)
			if (strlen(constants[i].name) == length &&
			    !strncmp(constants[i].name, word, length))
				break;
		if (i == ARRAY_SIZE(constants))
			errx(1, "no constant is called %s", words);
		value |= constants[i].value;
		word += length + (word[length] == '|');
	}
	return value;
}

void tell_events(struct result *result, uint32_t events)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} names[] = {
		{ EPOLLIN, "in" },	   { EPOLLPRI, "pri" },	      { EPOLLOUT, "out" },
		{ EPOLLERR, "err" },	   { EPOLLHUP, "hup" },	      { 0x20, "nval" },
		{ EPOLLRDNORM, "rdnorm" }, { EPOLLRDBAND, "rdband" }, { EPOLLWRNORM, "wrnorm" },
		{ EPOLLWRBAND, "wrband" }, { EPOLLMSG, "msg" },	      { EPOLLRDHUP, "rdhup" },
		{ EPOLLEXCLUSIVE, "exclusive" }, { EPOLLWAKEUP, "wakeup" }, { EPOLLONESHOT, "oneshot" },
		{ EPOLLET, "et" },
	};
	bool any = false;

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (events & names[i].bit) {
			tell(result, "%s%s", any ? "|" : "", names[i].name);
			any = true;
		}
	}
	if (!any)
		tell(result, "none");
}

static const struct named_option options[] = {
	{ "so_error", SOL_SOCKET, SO_ERROR, OPTION_INT },
	{ "so_type", SOL_SOCKET, SO_TYPE, OPTION_INT },
	{ "so_domain", SOL_SOCKET, SO_DOMAIN, OPTION_INT },
	{ "so_protocol", SOL_SOCKET, SO_PROTOCOL, OPTION_INT },
	{ "so_acceptconn", SOL_SOCKET, SO_ACCEPTCONN, OPTION_INT },
	{ "so_reuseaddr", SOL_SOCKET, SO_REUSEADDR, OPTION_INT },
	{ "so_reuseport", SOL_SOCKET, SO_REUSEPORT, OPTION_INT },
	{ "so_keepalive", SOL_SOCKET, SO_KEEPALIVE, OPTION_INT },
	{ "so_broadcast", SOL_SOCKET, SO_BROADCAST, OPTION_INT },
	{ "so_oobinline", SOL_SOCKET, SO_OOBINLINE, OPTION_INT },
	{ "so_priority", SOL_SOCKET, SO_PRIORITY, OPTION_INT },
	{ "so_rcvlowat", SOL_SOCKET, SO_RCVLOWAT, OPTION_INT },
	{ "so_rcvbuf", SOL_SOCKET, SO_RCVBUF, OPTION_INT },
	{ "so_sndbuf", SOL_SOCKET, SO_SNDBUF, OPTION_INT },
	{ "so_timestamp", SOL_SOCKET, SO_TIMESTAMP, OPTION_INT },
	{ "so_linger", SOL_SOCKET, SO_LINGER, OPTION_LINGER },
	{ "so_rcvtimeo", SOL_SOCKET, SO_RCVTIMEO, OPTION_TIME },
	{ "so_sndtimeo", SOL_SOCKET, SO_SNDTIMEO, OPTION_TIME },
	{ "tcp_nodelay", IPPROTO_TCP, TCP_NODELAY, OPTION_INT },
	{ "tcp_cork", IPPROTO_TCP, TCP_CORK, OPTION_INT },
	{ "tcp_maxseg", IPPROTO_TCP, TCP_MAXSEG, OPTION_INT },
	{ "tcp_window_clamp", IPPROTO_TCP, TCP_WINDOW_CLAMP, OPTION_INT },
	{ "tcp_user_timeout", IPPROTO_TCP, TCP_USER_TIMEOUT, OPTION_INT },
	{ "tcp_keepidle", IPPROTO_TCP, TCP_KEEPIDLE, OPTION_INT },
	{ "tcp_keepcnt", IPPROTO_TCP, TCP_KEEPCNT, OPTION_INT },
	{ "tcp_syncnt", IPPROTO_TCP, TCP_SYNCNT, OPTION_INT },
	{ "tcp_linger2", IPPROTO_TCP, TCP_LINGER2, OPTION_INT },
	{ "tcp_defer_accept", IPPROTO_TCP, TCP_DEFER_ACCEPT, OPTION_INT },
	{ "tcp_notsent_lowat", IPPROTO_TCP, TCP_NOTSENT_LOWAT, OPTION_INT },
	{ "tcp_fastopen_connect", IPPROTO_TCP, TCP_FASTOPEN_CONNECT, OPTION_INT },
	{ "tcp_state", IPPROTO_TCP, TCP_INFO, OPTION_BYTE },
	{ "ip_tos", IPPROTO_IP, IP_TOS, OPTION_INT },
	{ "ip_ttl", IPPROTO_IP, IP_TTL, OPTION_INT },
	{ "ip_mtu_discover", IPPROTO_IP, IP_MTU_DISCOVER, OPTION_INT },
	{ "ip_recverr", IPPROTO_IP, IP_RECVERR, OPTION_INT },
	{ "ip_freebind", IPPROTO_IP, IP_FREEBIND, OPTION_INT },
	{ "ip_bind_no_port", IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, OPTION_INT },
	{ "ipv6_v6only", IPPROTO_IPV6, IPV6_V6ONLY, OPTION_INT },
	{ "ipv6_tclass", IPPROTO_IPV6, IPV6_TCLASS, OPTION_INT },
	{ "ipv6_hops", IPPROTO_IPV6, IPV6_UNICAST_HOPS, OPTION_INT },
};

const struct named_option *option_by_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (!strcmp(options[i].name, name))
			return &options[i];
	errx(1, "no option is called %s", name);
}

static const struct {
	const char *name, *inet, *inet6;
} hosts[] = {
	{ "lo", "127.0.0.1", "::1" },
	{ "lo2", "127.0.0.2", "::2" },
	{ "any", "0.0.0.0", "::" },
	{ "far", "203.0.113.1", "2001:db8:ffff::1" },
};

static const char *const port_roles[PORTS_EACH] = { "listening", "refusing", "x", "y" };
static in_port_t first, silent;

void ports_use(in_port_t first_port, in_port_t silent_port)
{
	first = first_port;
	silent = silent_port;
}

in_port_t port_first(void)
{
	return first;
}

static in_port_t port_by_name(const char *name)
{
	if (!strcmp(name, "silent"))
		return silent;
	for (unsigned int i = 0; i < PORTS_EACH; i++)
		if (!strcmp(name, port_roles[i]))
			return first + i;
	if (strcmp(name, "0") != 0)
		errx(1, "no port is called %s", name);
	return 0;
}

static const char *port_name(in_port_t port)
{
	port = ntohs(port);
	if (port == 0)
		return "0";
	if (port == silent)
		return "silent";
	return port >= first && port < first + PORTS_EACH ? port_roles[port - first] : "some";
}

socklen_t address_by_name(const char *text, struct sockaddr_storage *ret)
{
	struct sockaddr_in *in = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)ret;
	char family[8] = "in", host[8], port[16], mapped[64];
	size_t i;

	memset(ret, 0, sizeof(*ret));
	if (!strcmp(text, "unspec"))
		return sizeof(struct sockaddr);
	if (sscanf(text, "%7[^:/]:%7[^/]/%15s", family, host, port) != 3) {
		strcpy(family, "in");
		if (sscanf(text, "%7[^:/]/%15s", host, port) != 2)
			errx(1, "no address: %s", text);
	}
	for (i = 0; i < ARRAY_SIZE(hosts) && strcmp(hosts[i].name, host); i++)
		;
	if (i == ARRAY_SIZE(hosts))
		errx(1, "no host is called %s", host);
	if (!strcmp(family, "in") || !strcmp(family, "short")) {
		in->sin_family = AF_INET;
		in->sin_port = htons(port_by_name(port));
		inet_pton(AF_INET, hosts[i].inet, &in->sin_addr);
		return *family == 's' ? 8 : sizeof(*in);
	}
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port_by_name(port));
	snprintf(mapped, sizeof(mapped), "::ffff:%s", hosts[i].inet);
	if (strcmp(family, "map") != 0 && strcmp(family, "six") != 0)
		errx(1, "no family is called %s", family);
	inet_pton(AF_INET6, *family == 'm' ? mapped : hosts[i].inet6, &in6->sin6_addr);
	return sizeof(*in6);
}

void tell_address(struct result *result, const void *address, socklen_t length)
{
	const struct sockaddr_in *in = address;
	const struct sockaddr_in6 *in6 = address;
	char text[INET6_ADDRSTRLEN] = "?";

	if (length < sizeof(sa_family_t)) {
		tell(result, " length %u", length);
	} else if (in->sin_family == AF_INET) {
		inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text));
		tell(result, " %s/%s length %u", text, port_name(in->sin_port), length);
	} else if (in->sin_family == AF_INET6) {
		inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text));
		tell(result, " [%s]/%s length %u", text, port_name(in6->sin6_port), length);
		if (in6->sin6_flowinfo || in6->sin6_scope_id)
			tell(result, " flow %u scope %u", in6->sin6_flowinfo, in6->sin6_scope_id);
	} else {
		tell(result, " family %d length %u", in->sin_family, length);
	}
}
