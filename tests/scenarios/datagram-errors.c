// SPDX-License-Identifier: GPL-2.0-or-later
/* Errors of datagrams: what the next call says, and what the error queue tells (ip(7), IP_RECVERR). */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <linux/errqueue.h> /* wants time.h */
#include <linux/net_tstamp.h>

#include "messages.h"
#include "udp-server.h"

/* A datagram to nobody, which has been told of. */
static int refused_socket(bool queue)
{
	struct sockaddr_in refusing = udp_refusing(SITE);
	int fd = udp(0);

	if (queue)
		must(set(fd, IPPROTO_IP, IP_RECVERR, 1));
	say_connect(fd, &refusing);
	say_result("send", send(fd, "hello", 5, 0));
	wait_poll(fd, POLLERR);
	return fd;
}

static void refused(void)
{
	int fd = refused_socket(false);

	say_poll(fd, POLLIN | POLLOUT);
	say_result("send", send(fd, "again", 5, 0));
	say_result("send", send(fd, "again", 5, 0));
	wait_poll(fd, POLLERR);
	say_recvfrom("recvfrom", fd, 0);
	say_result("send", send(fd, "again", 5, 0));
	wait_poll(fd, POLLERR);
	say_error(fd);
	say_recvfrom("recvfrom", fd, MSG_DONTWAIT);
	close(fd);
}

static void queue(void)
{
	int fd = refused_socket(true);

	say_poll(fd, POLLIN | POLLOUT);
	say_recvmsg("error queue", fd, MSG_ERRQUEUE);
	say_recvmsg("error queue", fd, MSG_ERRQUEUE);
	say_result("send", send(fd, "again", 5, 0));
	wait_poll(fd, POLLERR);
	say_recvfrom("recvfrom", fd, MSG_DONTWAIT);
	say_poll(fd, POLLIN | POLLOUT);
	say_recvfrom("recvfrom of the queue", fd, MSG_ERRQUEUE);
	say_poll(fd, POLLIN | POLLOUT);
	close(fd);
}

/* Buffers that are too small for what is told. */
static void short_buffers(void)
{
	static const size_t rooms[] = { 0, 8, 16, 20, 40, 47, 48, 49 };
	struct sockaddr_in refusing = udp_refusing(SITE);
	int fd = udp(0);

	must(set(fd, IPPROTO_IP, IP_RECVERR, 1));
	say_connect(fd, &refusing);
	for (size_t i = 0; i < ARRAY_SIZE(rooms); i++) {
		_Alignas(struct cmsghdr) char control[64];
		struct sockaddr_in from = { 0 };
		char data[4] = "";
		struct iovec iov = { .iov_base = data, .iov_len = 3 };
		struct msghdr message = {
			.msg_name = &from,
			.msg_namelen = sizeof(from) - 2,
			.msg_iov = &iov,
			.msg_iovlen = 1,
			.msg_control = rooms[i] ? control : NULL,
			.msg_controllen = rooms[i],
		};

		/* The second is answered by the first one's error. */
		if (send(fd, "hello", 5, 0) < 0)
			must(send(fd, "hello", 5, 0));
		wait_poll(fd, POLLERR);
		must(recvmsg(fd, &message, MSG_ERRQUEUE));
		say("room %zu: data %s flags %x address of %u control of %zu", rooms[i], data,
		    message.msg_flags, message.msg_namelen, message.msg_controllen);
	}
	close(fd);
}

/* The queue of sockets that have nothing in it. */
static void nothing(void)
{
	struct server server = udp_open(SITE, "server");
	int fd = udp_connected(&server, 0);

	say_recvmsg("connected", fd, MSG_ERRQUEUE);
	say_recvmsg("server", server.fd, MSG_ERRQUEUE);
	close(fd);
	server_close(&server);
}

/* Completions of MSG_ZEROCOPY come by way of a stream socket's error queue. */
static void zerocopy(void)
{
	struct server server = server_open(SITE);
	int fd = tcp(0), peer;
	char buffer[100];

	say_connect(fd, &server.addr);
	peer = server_accept(&server);
	say_result("SO_ZEROCOPY", set(fd, SOL_SOCKET, SO_ZEROCOPY, 1));
	say_result("send", send(fd, "hello", 5, MSG_ZEROCOPY));
	wait_poll(peer, POLLIN);
	must(recv(peer, buffer, sizeof(buffer), 0));
	wait_poll(fd, POLLERR);
	say_recvmsg("error queue", fd, MSG_ERRQUEUE);
	say_recvmsg("error queue", fd, MSG_ERRQUEUE);
	close(peer);
	close(fd);
	server_close(&server);
}

/* When a datagram left. */
static void timestamps(void)
{
	struct server server = udp_open(SITE, "server");
	int fd = udp_connected(&server, 0);

	say_result("SO_TIMESTAMPING",
		   set(fd, SOL_SOCKET, SO_TIMESTAMPING,
		       SOF_TIMESTAMPING_TX_SOFTWARE | SOF_TIMESTAMPING_SOFTWARE |
			       SOF_TIMESTAMPING_OPT_ID | SOF_TIMESTAMPING_OPT_TSONLY));
	say_result("send", send(fd, "hello", 5, 0));
	say_arrived(&server);
	wait_poll(fd, POLLERR);
	say_recvmsg("error queue", fd, MSG_ERRQUEUE);
	close(fd);
	server_close(&server);
}

#define QUEUES (MUST_SWAP | UNDER_NETNS | UNDER_RECVMSG | UNDER_NAT64)

/* Without recvmsg: translate the error queue is seen all the same, but not through i386's socketcall(2),
 * which hides the flags of recvmsg(2). */
#ifdef __i386__
#define ALWAYS (MUST_SWAP | UNDER_NETNS | UNDER_RECVMSG)
#else
#define ALWAYS MUST_SWAP
#endif

const struct scenario scenarios[] = {
	{ "refused", refused, QUEUES },
	{ "queue", queue, QUEUES },
	{ "queue-over-ipv4", queue, ALWAYS },
	{ "short-buffers", short_buffers, QUEUES },
	{ "nothing", nothing, ALWAYS },
	{ "zerocopy", zerocopy, ALWAYS },
	{ "timestamps", timestamps, ALWAYS },
	{ 0 },
};

const struct scenario helpers[] = { { 0 } };
