// SPDX-License-Identifier: GPL-2.0-or-later
/* recvmsg(2) and sendmsg(2), and datagrams to addresses without connect. */
#include <errno.h>
#include <netinet/udp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "messages.h"
#include "udp-server.h"

static void receive(void)
{
	static const socklen_t names[] = { 128, 16, 15, 2, 0 };
	struct dual dual = dual_open(SITE);
	int fd = dual_connected(&dual, 0);
	char first[3] = "", second[3] = "";
	struct iovec iov[] = { { first, 2 }, { NULL, 0 }, { second, 2 } };

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		struct sockaddr_storage from = { 0 };
		struct msghdr message = {
			.msg_name = &from,
			.msg_namelen = names[i],
			.msg_iov = iov,
			.msg_iovlen = ARRAY_SIZE(iov),
			.msg_flags = -1,
		};

		dual_reply(&dual, i ? "abcdef" : "abc", 0);
		wait_poll(fd, POLLIN);
		say_message("recvmsg", recvmsg(fd, &message, i & 1 ? MSG_TRUNC : 0), &message);
		say("parts %s %s", first, second);
	}
	dual_reply(&dual, "no name", 0);
	wait_poll(fd, POLLIN);
	say_result("no name", recvmsg(fd, &(struct msghdr){ .msg_iov = iov, .msg_iovlen = 3 }, 0));
	say_result("too many parts", recvmsg(fd, &(struct msghdr){ .msg_iov = iov, .msg_iovlen = 1025 },
					     MSG_DONTWAIT));
	say_result("bad parts", recvmsg(fd, &(struct msghdr){ .msg_iov = (void *)16, .msg_iovlen = 1 },
					MSG_DONTWAIT));
	say_result("bad message", recvmsg(fd, (void *)16, MSG_DONTWAIT));
	say_recvmsg("nothing", fd, MSG_DONTWAIT);
	dual_close(&dual, fd);
}

static void control(void)
{
	struct dual dual = dual_open(SITE);
	int fd = udp(0);

	must(set(fd, IPPROTO_IP, IP_RECVTTL, 1));
	must(set(fd, IPPROTO_IP, IP_RECVTOS, 1));
	must(set(fd, IPPROTO_IP, IP_PKTINFO, 1));
	must(set(fd, SOL_SOCKET, SO_TIMESTAMP, 1));
	say_connect(fd, &dual.addr);
	say_result("send", send(fd, "hello", 5, 0));
	say_dual(&dual);
	dual_reply(&dual, "hello", 0x20);
	wait_poll(fd, POLLIN);
	say_recvmsg("MSG_PEEK", fd, MSG_PEEK);
	say_recvmsg("recvmsg", fd, 0);
	dual_close(&dual, fd);
}

/* sendmsg(2) with one control message. */
static void send_with(const char *what, struct dual *dual, int fd, bool named, int type, const void *value,
		      size_t size)
{
	_Alignas(struct cmsghdr) char control[64] = "";
	struct iovec iov[] = { { "hel", 3 }, { "lo", 2 } };
	struct msghdr message = {
		.msg_name = named ? &dual->addr : NULL,
		.msg_namelen = named ? sizeof(dual->addr) : 0,
		.msg_iov = iov,
		.msg_iovlen = 2,
		.msg_control = control,
		.msg_controllen = CMSG_SPACE(size),
	};

	*CMSG_FIRSTHDR(&message) = (struct cmsghdr){ CMSG_LEN(size), IPPROTO_IP, type };
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), value, size);
	if (say_result(what, sendmsg(fd, &message, 0)) >= 0)
		say_dual(dual);
}

static void send_control(void)
{
	struct dual dual = dual_open(SITE);
	int fd = dual_connected(&dual, 0);
	unsigned char tos = 0x28;
	int number = 0x28, ttl = 9;
	struct in_pktinfo any = { 0 };

	for (int named = 0; named < 2; named++) {
		send_with("IP_TOS", &dual, fd, named, IP_TOS, &tos, sizeof(tos));
		send_with("IP_TOS, an int", &dual, fd, named, IP_TOS, &number, sizeof(number));
		send_with("IP_TOS, odd", &dual, fd, named, IP_TOS, &number, 3);
		send_with("IP_TTL", &dual, fd, named, IP_TTL, &ttl, sizeof(ttl));
		send_with("IP_PKTINFO", &dual, fd, named, IP_PKTINFO, &any, sizeof(any));
	}
	ttl = 0;
	send_with("IP_TTL of 0", &dual, fd, true, IP_TTL, &ttl, sizeof(ttl));
	ttl = 256;
	send_with("IP_TTL of 256", &dual, fd, true, IP_TTL, &ttl, sizeof(ttl));
	send_with("no such", &dual, fd, true, IP_MULTICAST_TTL, &ttl, sizeof(ttl));
	dual_close(&dual, fd);
}

/* One socket, never connected, that asks two servers, as a resolver does. */
static void unconnected(void)
{
	struct dual dual = dual_open(SITE), other = dual_open(SITE2);
	struct sockaddr_in none = inet(NOWHERE, htons(9));
	int fd = udp(SOCK_NONBLOCK);

	name_port(other.addr.sin_port, "other");
	say_result("first", sendto(fd, "one", 3, 0, (struct sockaddr *)&dual.addr, sizeof(dual.addr)));
	say_dual(&dual);
	say_recvfrom("nothing", fd, 0);
	say_peer(fd);
	say_result("second", sendto(fd, "two", 3, 0, (struct sockaddr *)&other.addr,
				    sizeof(other.addr)));
	say_dual(&other);
	dual_reply(&other, "hello", 0);
	wait_poll(fd, POLLIN);
	say_recvfrom("from the second", fd, 0);
	dual_reply(&dual, "hello", 0);
	wait_poll(fd, POLLIN);
	say_recvmsg("from the first", fd, 0);
	say_result("nowhere", sendto(fd, "x", 1, 0, (struct sockaddr *)&none, sizeof(none)));
	say_result("then connect", do_connect(fd, &dual.addr, sizeof(dual.addr)));
	say_peer(fd);
	say_result("send", send(fd, "three", 5, 0));
	say_dual(&dual);
	close(other.fd);
	dual_close(&dual, fd);
}

/* A blocking one that waits for its answer. */
static void *answer(void *argument)
{
	struct dual *dual = argument;

	say_dual(dual);
	dual_reply(dual, "hello", 0);
	return NULL;
}

static void ask(void)
{
	struct dual dual = dual_open(SITE);
	pthread_t thread;
	int fd = udp(0);

	must(-pthread_create(&thread, NULL, answer, &dual));
	must(sendto(fd, "ask", 3, 0, (struct sockaddr *)&dual.addr, sizeof(dual.addr)));
	say_recvfrom("recvfrom", fd, 0);
	must(-pthread_join(thread, NULL));
	dual_close(&dual, fd);
}

/* Bound to a port of its own before. */
static void bound(void)
{
	struct dual dual = dual_open(SITE);
	struct sockaddr_in own = udp_refusing("0.0.0.0");
	int fd = udp(0);

	name_port(own.sin_port, "own");
	must(bind(fd, (struct sockaddr *)&own, sizeof(own)));
	say_result("sendto", sendto(fd, "one", 3, 0, (struct sockaddr *)&dual.addr, sizeof(dual.addr)));
	say_dual(&dual);
	say("from the port: %s", dual.client.sin6_port == own.sin_port ? "yes" : "no");
	say_local(fd);
	dual_reply(&dual, "hello", 0);
	wait_poll(fd, POLLIN);
	say_recvfrom("recvfrom", fd, 0);
	dual_close(&dual, fd);
}

/* MSG_ZEROCOPY: the kernel reads a datagram's data only when all of it is there, and says when it is done. */
static void zerocopy(void)
{
	static char first[600], second[600], in[2000];
	struct dual dual = dual_open(SITE);
	int fd = dual_connected(&dual, 0), counts[2] = { 0 };
	ssize_t n;

	must(set(fd, SOL_SOCKET, SO_ZEROCOPY, 1));
	must(set(fd, IPPROTO_UDP, UDP_SEGMENT, 1400));
	memset(first, 'A', sizeof(first));
	memset(second, 'B', sizeof(second));
	for (int i = 0; i < 2; i++)
		say_result("sendto", sendto(fd, i ? second : first, sizeof(first),
					    MSG_ZEROCOPY | (i ? 0 : MSG_MORE),
					    (struct sockaddr *)&dual.addr, sizeof(dual.addr)));
	wait_poll(dual.fd, POLLIN);
	n = must(recv(dual.fd, in, sizeof(in), 0));
	for (ssize_t i = 0; i < n; i++)
		counts[in[i] == 'A' ? 0 : 1] += in[i] == 'A' || in[i] == 'B';
	say("server: %zd bytes, %d A, %d B", n, counts[0], counts[1]);
	wait_poll(fd, 0);
	say_recvmsg("done", fd, MSG_ERRQUEUE);
	say_recvmsg("no more", fd, MSG_ERRQUEUE);
	dual_close(&dual, fd);
}

/* One control message of whatever level, to ::1. */
static void send_privileged(const char *what, int fd, in_port_t port, int level, int type,
			    const void *value, size_t size)
{
	_Alignas(struct cmsghdr) char control[64] = "";
	struct sockaddr_in6 to = inet6("::1", port);
	struct iovec iov = { "x", 1 };
	struct msghdr message = {
		.msg_name = &to,
		.msg_namelen = sizeof(to),
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = CMSG_SPACE(size),
	};

	*CMSG_FIRSTHDR(&message) = (struct cmsghdr){ CMSG_LEN(size), level, type };
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&message)), value, size);
	say_result(what, sendmsg(fd, &message, 0));
}

static void send_all_privileged(int fd, in_port_t port)
{
	static const unsigned char options[8] = { 0, 0, 5, 2, 0, 0, 1, 0 }, none[8] = { 0, 0, 1, 4 };
	static const int priorities[] = { 0, 3, 6, 7, -1 };
	const int number = 1;

	send_privileged("IPV6_HOPOPTS", fd, port, IPPROTO_IPV6, IPV6_HOPOPTS, options, sizeof(options));
	send_privileged("IPV6_DSTOPTS", fd, port, IPPROTO_IPV6, IPV6_DSTOPTS, none, sizeof(none));
	send_privileged("IPV6_TCLASS", fd, port, IPPROTO_IPV6, IPV6_TCLASS, &number, sizeof(number));
	for (size_t i = 0; i < ARRAY_SIZE(priorities); i++)
		send_privileged("SO_PRIORITY", fd, port, SOL_SOCKET, SO_PRIORITY, &priorities[i],
				sizeof(priorities[i]));
	send_privileged("SO_MARK", fd, port, SOL_SOCKET, SO_MARK, &number, sizeof(number));
	send_privileged("SO_MARK, odd", fd, port, SOL_SOCKET, SO_MARK, &number, 1);
	send_privileged("no such", fd, port, SOL_SOCKET, SO_DEBUG, &number, sizeof(number));
}

/* Control messages that only the privileged may send along. */
static void privileged(void)
{
	struct dual dual = dual_open(SITE);
	struct sockaddr_in6 mapped = inet6("::ffff:" SITE, dual.addr.sin_port);
	int fd = must(socket(AF_INET6, SOCK_DGRAM, 0)), status;
	pid_t child;

	must(sendto(fd, "one", 3, 0, (struct sockaddr *)&mapped, sizeof(mapped)));
	say_dual(&dual);
	send_all_privileged(fd, dual.addr.sin_port);
	child = must(fork());
	if (child == 0) {
		must(syscall(SYS_setresgid, 65534, 65534, 65534));
		must(syscall(SYS_setresuid, 65534, 65534, 65534));
		must(prctl(PR_SET_DUMPABLE, 1));
		say("unprivileged");
		send_all_privileged(fd, dual.addr.sin_port);
		exit(0);
	}
	must(waitpid(child, &status, 0));
	say("status %d", status);
	dual_close(&dual, fd);
}

/* MSG_FASTOPEN means nothing on a datagram socket. */
static void fast(void)
{
	struct dual dual = dual_open(SITE);
	struct iovec iov = { "two", 3 };
	struct mmsghdr messages[2] = {
		{ .msg_hdr = { .msg_name = &dual.addr, .msg_namelen = sizeof(dual.addr),
			       .msg_iov = &iov, .msg_iovlen = 1 } },
	};
	int fd = udp(0);

	messages[1] = messages[0];
	say_result("sendto", sendto(fd, "one", 3, MSG_FASTOPEN, (struct sockaddr *)&dual.addr,
				    sizeof(dual.addr)));
	say_dual(&dual);
	say_peer(fd);
	say_result("sendmsg", sendmsg(fd, &messages[0].msg_hdr, MSG_FASTOPEN));
	say_dual(&dual);
	say_result("sendmmsg", sendmmsg(fd, messages, 2, MSG_FASTOPEN));
	say_dual(&dual);
	say_dual(&dual);
	say_result("connect", do_connect(fd, &dual.addr, sizeof(dual.addr)));
	say_result("without an address", sendto(fd, "x", 1, MSG_FASTOPEN, NULL, 0));
	say_dual(&dual);
	say_result("with one", sendto(fd, "yy", 2, MSG_FASTOPEN, (struct sockaddr *)&dual.addr,
				      sizeof(dual.addr)));
	say_dual(&dual);
	dual_close(&dual, fd);
}

const struct scenario scenarios[] = {
	{ "receive", receive, RECEIVES },
	{ "control", control, RECEIVES },
	{ "send-control", send_control, SENDS },
	{ "unconnected", unconnected, SENDS },
	{ "ask", ask, SENDS },
	{ "zerocopy", zerocopy, SENDS },
	{ "privileged", privileged, SENDS | NEEDS_ROOT },
	{ "fast", fast, SENDS },
	{ "bound", bound, MUST_SWAP | UNDER_SEND | UNDER_NAT64 },
	{ 0 },
};

const struct scenario helpers[] = { { 0 } };
