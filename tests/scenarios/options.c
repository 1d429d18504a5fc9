// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Socket options set before connect are there afterwards.
 *
 * One table: each option with a value that differs from the default. Each is tried twice: by
 * itself, connected and read back (walk-*), and all together on one socket (together). What
 * setsockopt(2) says is compared too, so a kernel or a user without an option says the same
 * natively and under reseat.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include "server.h"

#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK 72
#endif
#ifndef SO_TXREHASH
#define SO_TXREHASH 74
#endif
#ifndef SO_PREFER_BUSY_POLL
#define SO_PREFER_BUSY_POLL 69
#endif
#ifndef IP_LOCAL_PORT_RANGE
#define IP_LOCAL_PORT_RANGE 51
#endif
#ifndef TCP_TX_DELAY
#define TCP_TX_DELAY 37
#endif

enum kind {
	NUMBER,
	LINGER,
	TIME,
	TEXT,
};

static const struct option {
	const char *name;
	int level, option;
	enum kind kind;
	int value;
	const char *text;
} options[] = {
#define SOCKET(o, ...) { #o, SOL_SOCKET, o, __VA_ARGS__ }
#define TCP(o, ...) { #o, IPPROTO_TCP, o, __VA_ARGS__ }
#define IP(o, ...) { #o, IPPROTO_IP, o, __VA_ARGS__ }
	SOCKET(SO_LINGER, LINGER, 7),
	SOCKET(SO_KEEPALIVE, NUMBER, 1),
	SOCKET(SO_RCVBUF, NUMBER, 50000),
	SOCKET(SO_SNDBUF, NUMBER, 60000),
	SOCKET(SO_RCVBUFFORCE, NUMBER, 70000),
	SOCKET(SO_SNDBUFFORCE, NUMBER, 80000),
	SOCKET(SO_BUF_LOCK, NUMBER, 3),
	SOCKET(SO_RCVLOWAT, NUMBER, 3),
	SOCKET(SO_RCVTIMEO, TIME, 1500),
	SOCKET(SO_SNDTIMEO, TIME, 2500),
	SOCKET(SO_PRIORITY, NUMBER, 4),
	SOCKET(SO_MARK, NUMBER, 77),
	SOCKET(SO_BINDTODEVICE, TEXT, 0, "lo"),
	SOCKET(SO_OOBINLINE, NUMBER, 1),
	SOCKET(SO_REUSEADDR, NUMBER, 1),
	SOCKET(SO_REUSEPORT, NUMBER, 1),
	SOCKET(SO_BROADCAST, NUMBER, 1),
	SOCKET(SO_DONTROUTE, NUMBER, 1),
	SOCKET(SO_TIMESTAMP, NUMBER, 1),
	SOCKET(SO_TIMESTAMPNS, NUMBER, 1),
	SOCKET(SO_TIMESTAMPING, NUMBER, 0x18),
	SOCKET(SO_TIMESTAMP_OLD, NUMBER, 1),
	SOCKET(SO_TIMESTAMPNS_OLD, NUMBER, 1),
	SOCKET(SO_TIMESTAMPING_OLD, NUMBER, 0x18),
	SOCKET(SO_TIMESTAMP_NEW, NUMBER, 1),
	SOCKET(SO_TIMESTAMPNS_NEW, NUMBER, 1),
	SOCKET(SO_TIMESTAMPING_NEW, NUMBER, 0x18),
	SOCKET(SO_INCOMING_CPU, NUMBER, 0),
	SOCKET(SO_MAX_PACING_RATE, NUMBER, 1000000),
	SOCKET(SO_BUSY_POLL, NUMBER, 20),
	SOCKET(SO_PREFER_BUSY_POLL, NUMBER, 1),
	SOCKET(SO_ZEROCOPY, NUMBER, 1),
	SOCKET(SO_TXREHASH, NUMBER, 0),
	SOCKET(SO_PASSCRED, NUMBER, 1),
	SOCKET(SO_LOCK_FILTER, NUMBER, 1),
	SOCKET(SO_NOFCS, NUMBER, 1),
	SOCKET(SO_RXQ_OVFL, NUMBER, 1),
	SOCKET(SO_SELECT_ERR_QUEUE, NUMBER, 1),
	SOCKET(SO_WIFI_STATUS, NUMBER, 1),
	SOCKET(SO_DEBUG, NUMBER, 1),
	TCP(TCP_NODELAY, NUMBER, 1),
	TCP(TCP_CORK, NUMBER, 1),
	TCP(TCP_KEEPIDLE, NUMBER, 33),
	TCP(TCP_KEEPINTVL, NUMBER, 11),
	TCP(TCP_KEEPCNT, NUMBER, 4),
	TCP(TCP_QUICKACK, NUMBER, 0),
	TCP(TCP_MAXSEG, NUMBER, 1220),
	TCP(TCP_USER_TIMEOUT, NUMBER, 12000),
	TCP(TCP_CONGESTION, TEXT, 0, "reno"),
	TCP(TCP_DEFER_ACCEPT, NUMBER, 7),
	TCP(TCP_WINDOW_CLAMP, NUMBER, 40000),
	TCP(TCP_NOTSENT_LOWAT, NUMBER, 16384),
	TCP(TCP_SYNCNT, NUMBER, 3),
	TCP(TCP_LINGER2, NUMBER, 9),
	TCP(TCP_THIN_LINEAR_TIMEOUTS, NUMBER, 1),
	TCP(TCP_SAVE_SYN, NUMBER, 1),
	TCP(TCP_INQ, NUMBER, 1),
	TCP(TCP_TIMESTAMP, NUMBER, 1),
	TCP(TCP_TX_DELAY, NUMBER, 1000),
	TCP(TCP_FASTOPEN_NO_COOKIE, NUMBER, 1),
	IP(IP_TOS, NUMBER, 0x28),
	IP(IP_TTL, NUMBER, 33),
	IP(IP_MINTTL, NUMBER, 5),
	IP(IP_MTU_DISCOVER, NUMBER, IP_PMTUDISC_INTERFACE),
	IP(IP_RECVERR, NUMBER, 1),
	IP(IP_RECVTOS, NUMBER, 1),
	IP(IP_RECVTTL, NUMBER, 1),
	IP(IP_PKTINFO, NUMBER, 1),
	IP(IP_FREEBIND, NUMBER, 1),
	IP(IP_TRANSPARENT, NUMBER, 1),
	IP(IP_BIND_ADDRESS_NO_PORT, NUMBER, 1),
	IP(IP_NODEFRAG, NUMBER, 1),
	IP(IP_LOCAL_PORT_RANGE, NUMBER, 40100 << 16 | 40000),
	IP(IP_MULTICAST_TTL, NUMBER, 9),
	IP(IP_MULTICAST_LOOP, NUMBER, 0),
	IP(IP_UNICAST_IF, NUMBER, 1 << 24),
};

static long write_option(int fd, const struct option *option)
{
	struct linger linger = { 1, option->value };
	struct timeval time = { option->value / 1000, option->value % 1000 * 1000 };

	switch (option->kind) {
	case LINGER:
		return setsockopt(fd, option->level, option->option, &linger, sizeof(linger));
	case TIME:
		return setsockopt(fd, option->level, option->option, &time, sizeof(time));
	case TEXT:
		return setsockopt(fd, option->level, option->option, option->text,
				  strlen(option->text));
	default:
		return set(fd, option->level, option->option, option->value);
	}
}

static void say_option(const char *when, int fd, const struct option *option)
{
	struct linger linger = { 0 };
	struct timeval time = { 0 };
	unsigned char text[64] = "";
	int number = 0;
	socklen_t length = sizeof(number);

	switch (option->kind) {
	case LINGER:
		length = sizeof(linger);
		must(getsockopt(fd, option->level, option->option, &linger, &length));
		say("%s %s: %d %d", option->name, when, linger.l_onoff, linger.l_linger);
		break;
	case TIME:
		length = sizeof(time);
		must(getsockopt(fd, option->level, option->option, &time, &length));
		say("%s %s: %ld ms", option->name, when,
		    (long)(time.tv_sec * 1000 + (time.tv_usec + 500) / 1000));
		break;
	case TEXT:
		length = sizeof(text) - 1;
		must(getsockopt(fd, option->level, option->option, text, &length));
		say("%s %s: %s length %u", option->name, when, text, length);
		break;
	default:
		if (getsockopt(fd, option->level, option->option, &number, &length) < 0)
			say("%s %s: %s", option->name, when, errno_name(errno));
		else
			say("%s %s: %d length %u", option->name, when, number, length);
	}
}

/* What the kernel itself changes on a connected socket, and not to the same value each time. */
static bool settles(const struct option *option)
{
	if (option->level == SOL_SOCKET)
		return option->option == SO_INCOMING_CPU;
	return option->level == IPPROTO_TCP &&
	       (option->option == TCP_QUICKACK || option->option == TCP_TIMESTAMP);
}

/* The default, the write, the value, and what became of it on a connected socket. */
static void walk(int level, int kind)
{
	struct server server = server_open(LOOPBACK);

	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		const struct option *option = &options[i];
		int fd, peer;

		if (option->level != level)
			continue;
		fd = tcp(kind);
		if (!settles(option))
			say_option("by default", fd, option);
		if (write_option(fd, option) < 0) {
			say("%s cannot be set: %s", option->name, errno_name(errno));
			close(fd);
			continue;
		}
		if (!settles(option))
			say_option("set", fd, option);
		if (do_connect(fd, &server.addr, sizeof(server.addr)) < 0 && errno != EINPROGRESS) {
			say("%s: connect: %s", option->name, errno_name(errno));
			close(fd);
			continue;
		}
		peer = server_accept(&server);
		wait_poll(fd, POLLOUT);
		if (!settles(option))
			say_option("connected", fd, option);
		close(fd);
		close(peer);
	}
	server_close(&server);
}

static void walk_socket(void)
{
	walk(SOL_SOCKET, 0);
}

static void walk_tcp(void)
{
	walk(IPPROTO_TCP, 0);
}

static void walk_ip(void)
{
	walk(IPPROTO_IP, 0);
}

static void walk_nonblocking(void)
{
	walk(SOL_SOCKET, SOCK_NONBLOCK);
	walk(IPPROTO_TCP, SOCK_NONBLOCK);
	walk(IPPROTO_IP, SOCK_NONBLOCK);
}

/* A fresh socket's defaults are those of a fresh socket, also once connected. */
static void defaults(void)
{
	struct server server = server_open(LOOPBACK);
	int fd = tcp(0), peer;

	say_connect(fd, &server.addr);
	peer = server_accept(&server);
	for (size_t i = 0; i < ARRAY_SIZE(options); i++)
		if (!settles(&options[i]))
			say_option("untouched", fd, &options[i]);
	close(fd);
	close(peer);
	server_close(&server);
}

static void together(void)
{
	/* What one program sets at once; those left out change others or need a privilege. */
	static const char *const names[] = {
		"SO_LINGER", "SO_KEEPALIVE", "SO_RCVBUF", "SO_SNDBUF", "SO_RCVLOWAT", "SO_RCVTIMEO",
		"SO_SNDTIMEO", "SO_PRIORITY", "SO_OOBINLINE", "SO_REUSEADDR", "TCP_NODELAY",
		"TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_MAXSEG", "TCP_USER_TIMEOUT",
		"TCP_CONGESTION", "TCP_NOTSENT_LOWAT", "TCP_SYNCNT", "TCP_LINGER2", "IP_TTL",
		"IP_MTU_DISCOVER", "IP_RECVERR", "IP_BIND_ADDRESS_NO_PORT", "IP_TOS",
	};
	struct server server = server_open(LOOPBACK);
	int fd = tcp(SOCK_CLOEXEC), peer;

	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < ARRAY_SIZE(options); i++)
			for (size_t j = 0; j < ARRAY_SIZE(names); j++) {
				if (strcmp(options[i].name, names[j]))
					continue;
				if (!pass)
					must(write_option(fd, &options[i]));
				else
					say_option("connected", fd, &options[i]);
			}
		if (!pass)
			say_connect(fd, &server.addr);
	}
	say("CLOEXEC: %d", must(fcntl(fd, F_GETFD)));
	say("status flags: %x", must(fcntl(fd, F_GETFL)));
	peer = server_accept(&server);
	close(fd);
	close(peer);
	server_close(&server);
}

/* IP-level options set after connect act on the connection. */
static void set_after(void)
{
	struct server server = server_open(LOOPBACK);
	int fd = tcp(0), peer;

	say_connect(fd, &server.addr);
	peer = server_accept(&server);
	for (size_t i = 0; i < ARRAY_SIZE(options); i++) {
		const struct option *option = &options[i];

		if (option->level != IPPROTO_IP)
			continue;
		if (write_option(fd, option) < 0)
			say("%s cannot be set: %s", option->name, errno_name(errno));
		else
			say_option("set", fd, option);
	}
	close(fd);
	close(peer);
	server_close(&server);
}

static void status_flags(void)
{
	static const int flags[] = { 0, O_NONBLOCK, O_APPEND, O_NONBLOCK | O_APPEND, O_NOATIME };
	struct server server = server_open(LOOPBACK);

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		for (int cloexec = 0; cloexec <= 1; cloexec++) {
			int fd = tcp(cloexec ? SOCK_CLOEXEC : 0), peer;

			must(fcntl(fd, F_SETFL, flags[i]));
			say_connect(fd, &server.addr);
			say("flags %x: F_GETFL %x F_GETFD %d", flags[i], must(fcntl(fd, F_GETFL)),
			    must(fcntl(fd, F_GETFD)));
			peer = server_accept(&server);
			close(fd);
			close(peer);
		}
	server_close(&server);
}

static volatile sig_atomic_t number, descriptor;

static void handler(int signal, siginfo_t *info, void *context)
{
	number = signal;
	descriptor = info->si_fd;
}

static void owner(void)
{
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
	struct f_owner_ex owner = { .type = F_OWNER_TID, .pid = gettid() };
	struct server server = server_open(LOOPBACK);
	int fd = tcp(0), peer;
	long start = now_ms();

	must(sigaction(SIGRTMIN + 3, &action, NULL));
	must(fcntl(fd, F_SETOWN_EX, &owner));
	must(fcntl(fd, F_SETSIG, SIGRTMIN + 3));
	say_connect(fd, &server.addr);
	owner = (struct f_owner_ex){ 0 };
	must(fcntl(fd, F_GETOWN_EX, &owner));
	say("owner: type %d, this thread: %s", owner.type, owner.pid == gettid() ? "yes" : "no");
	say("signal: SIGRTMIN+%d", must(fcntl(fd, F_GETSIG)) - SIGRTMIN);
	peer = server_accept(&server);
	must(fcntl(fd, F_SETFL, O_ASYNC));
	must(send(peer, "x", 1, 0));
	while (!number && now_ms() - start < DEADLINE)
		sched_yield();
	say("caught: SIGRTMIN+%d for the descriptor: %s", number - SIGRTMIN,
	    descriptor == fd ? "yes" : "no");
	close(fd);
	close(peer);
	server_close(&server);
}

/* O_ASYNC before connect: the signal comes with the connection, and names the program's number. */
static void owner_async(void)
{
	struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO };
	struct server server = server_open(LOOPBACK);
	int fd = tcp(0), peer;
	long start = now_ms();

	must(sigaction(SIGRTMIN + 3, &action, NULL));
	must(fcntl(fd, F_SETOWN, getpid()));
	must(fcntl(fd, F_SETSIG, SIGRTMIN + 3));
	must(fcntl(fd, F_SETFL, O_ASYNC | O_NONBLOCK));
	say_connect(fd, &server.addr);
	wait_poll(fd, POLLOUT);
	say("flags: %x", must(fcntl(fd, F_GETFL)));
	number = descriptor = 0;
	peer = server_accept(&server);
	must(send(peer, "x", 1, 0));
	while (!number && now_ms() - start < DEADLINE)
		sched_yield();
	say("caught: SIGRTMIN+%d for the descriptor: %s", number - SIGRTMIN,
	    descriptor == fd ? "yes" : "no");
	close(fd);
	close(peer);
	server_close(&server);
}

static void uid(void)
{
	struct server server = server_open(LOOPBACK);
	int fd = tcp(0), peer;
	struct stat status;

	must(fstat(fd, &status));
	say("fresh: uid as the process: %s", status.st_uid == geteuid() ? "yes" : "no");
	say_connect(fd, &server.addr);
	must(fstat(fd, &status));
	say("connected: uid as the process: %s", status.st_uid == geteuid() ? "yes" : "no");
	peer = server_accept(&server);
	close(fd);
	close(peer);
	server_close(&server);
}

static void given_away(void)
{
	struct server server = server_open(LOOPBACK);
	int fd = tcp(0), peer;
	struct stat status;

	must(fchown(fd, 1234, -1));
	say_connect(fd, &server.addr);
	must(fstat(fd, &status));
	say("connected: uid %u", status.st_uid);
	peer = server_accept(&server);
	close(fd);
	close(peer);
	server_close(&server);
}

/* A classic filter that was attached before connect is still attached. */
static void filter(void)
{
	struct sock_filter code[] = { BPF_STMT(BPF_RET | BPF_K, 0xffff) };
	struct sock_filter back[8] = { 0 };
	struct sock_fprog program = { ARRAY_SIZE(code), code };
	struct server server = server_open(LOOPBACK);
	int fd = tcp(0), peer;
	socklen_t length = ARRAY_SIZE(back);

	say_result("SO_ATTACH_FILTER",
		   setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)));
	say_connect(fd, &server.addr);
	if (getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, back, &length) < 0)
		say_result("SO_GET_FILTER", -1);
	else
		say("filter: %u instructions, the first %x %x", length, back[0].code, back[0].k);
	peer = server_accept(&server);
	say_echo(fd, peer);
	close(fd);
	close(peer);
	server_close(&server);
}

/* The device that is not there: curl expects ENODEV. */
static void no_device(void)
{
	struct server server = server_open(LOOPBACK);
	int fd = tcp(0), peer;

	say_result("SO_BINDTODEVICE",
		   setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "no-such-dev", 12));
	say_connect(fd, &server.addr);
	peer = server_accept(&server);
	close(fd);
	close(peer);
	server_close(&server);
}

const struct scenario scenarios[] = {
	{ "walk-socket", walk_socket, MUST_SWAP },
	{ "walk-tcp", walk_tcp, MUST_SWAP },
	{ "walk-ip", walk_ip, MUST_SWAP },
	{ "walk-nonblocking", walk_nonblocking, MUST_SWAP },
	{ "defaults", defaults, MUST_SWAP },
	{ "together", together, MUST_SWAP },
	{ "set-after", set_after, MUST_SWAP },
	{ "status-flags", status_flags, MUST_SWAP },
	{ "owner", owner, MUST_SWAP },
	{ "owner-async", owner_async, MUST_SWAP },
	{ "uid", uid, MUST_SWAP },
	{ "given-away", given_away, MUST_SWAP | NEEDS_ROOT },
	{ "filter", filter, MUST_SWAP },
	{ "no-device", no_device, MUST_SWAP },
	{ 0 },
};
const struct scenario helpers[] = { { 0 } };
