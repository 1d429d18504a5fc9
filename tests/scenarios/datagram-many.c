// SPDX-License-Identifier: GPL-2.0-or-later
/* recvmmsg(2) and sendmmsg(2): several datagrams at once, and more than are dealt with in one go. */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "messages.h"
#include "udp-server.h"

struct many {
	struct mmsghdr messages[4];
	struct iovec iov[4];
	struct sockaddr_in names[4];
	char data[4][16];
};

static void prepare(struct many *many)
{
	memset(many, 0, sizeof(*many));
	for (int i = 0; i < 4; i++) {
		many->iov[i] = (struct iovec){ many->data[i], sizeof(many->data[i]) - 1 };
		many->messages[i].msg_hdr = (struct msghdr){
			.msg_name = &many->names[i],
			.msg_namelen = sizeof(many->names[i]),
			.msg_iov = &many->iov[i],
			.msg_iovlen = 1,
		};
	}
}

static void say_many(const char *what, int result, const struct many *many)
{
	say_result(what, result);
	for (int i = 0; i < 4; i++) {
		say("%u %s", many->messages[i].msg_len, many->data[i]);
		if (many->messages[i].msg_len)
			say_address("from", &many->names[i], many->messages[i].msg_hdr.msg_namelen, PEER);
	}
}

static void receive_many(void)
{
	struct dual dual = dual_open(SITE);
	int fd = dual_connected(&dual, 0);
	struct timespec time = { 0 };
	struct many many;

	prepare(&many);
	say_result("nothing", recvmmsg(fd, many.messages, 4, MSG_DONTWAIT, NULL));
	dual_reply(&dual, "one", 0);
	dual_reply(&dual, "two", 0);
	dual_reply(&dual, "three", 0);
	wait_poll(fd, POLLIN);
	say_many("a timeout of 0", recvmmsg(fd, many.messages, 4, 0, &time), &many);
	say_many("MSG_WAITFORONE", recvmmsg(fd, many.messages, 4, MSG_WAITFORONE, NULL), &many);
	dual_reply(&dual, "four", 0);
	dual_reply(&dual, "five", 0);
	wait_poll(fd, POLLIN);
	time.tv_sec = 100;
	prepare(&many);
	say_many("as many as there are", recvmmsg(fd, many.messages, 2, 0, &time), &many);
	say("time is left: %s", time.tv_sec == 99 && time.tv_nsec ? "yes" : "no");
	time.tv_nsec = -1;
	say_result("bad time", recvmmsg(fd, many.messages, 2, MSG_DONTWAIT, &time));
	say_result("no messages", recvmmsg(fd, many.messages, 0, 0, NULL));
	dual_close(&dual, fd);
}

/* What the C library makes of recvmmsg(3). */
#ifdef SYS_recvmmsg_time64
#define CALL SYS_recvmmsg_time64
#else
#define CALL SYS_recvmmsg
#endif

struct waiter {
	_Atomic pid_t tid;
	int fd, result;
	struct many many;
};

static void *wait_there(void *argument)
{
	struct waiter *waiter = argument;

	waiter->tid = gettid();
	waiter->result = recvmmsg(waiter->fd, waiter->many.messages, 3, 0, NULL);
	return NULL;
}

/* Until all have come. */
static void wait_many(void)
{
	struct dual dual = dual_open(SITE);
	static struct waiter waiter;
	pthread_t thread;
	int fd = dual_connected(&dual, 0);

	waiter.fd = fd;
	prepare(&waiter.many);
	must(-pthread_create(&thread, NULL, wait_there, &waiter));
	while (!waiter.tid)
		sched_yield();
	for (int i = 0; i < 3; i++) {
		wait_blocked(waiter.tid, CALL);
		dual_reply(&dual, "hello", 0);
	}
	must(-pthread_join(thread, NULL));
	say_many("recvmmsg", waiter.result, &waiter.many);
	dual_close(&dual, fd);
}

/* To three addresses at once, the last of which is none. */
static void send_many(void)
{
	struct dual dual = dual_open(SITE), other = dual_open(SITE2);
	struct sockaddr_in6 six = inet6("::1", 1);
	struct many many;
	int fd = udp(0);

	name_port(other.addr.sin_port, "other");
	prepare(&many);
	strcpy(many.data[0], "one");
	strcpy(many.data[1], "two");
	many.iov[0].iov_len = many.iov[1].iov_len = 3;
	many.names[0] = dual.addr;
	many.names[1] = other.addr;
	many.messages[2].msg_hdr.msg_name = &six;
	many.messages[2].msg_hdr.msg_namelen = sizeof(six);
	say_result("sendmmsg", sendmmsg(fd, many.messages, 3, 0));
	say("lengths %u %u %u", many.messages[0].msg_len, many.messages[1].msg_len,
	    many.messages[2].msg_len);
	say_dual(&dual);
	say_dual(&other);
	say_result("the last", sendmmsg(fd, many.messages + 2, 1, 0));
	close(other.fd);
	dual_close(&dual, fd);
}

/* More at once than are dealt with in one go; the last of all comes when they have. */
#define LONG_COUNT 200

static void long_vectors(void)
{
	static struct mmsghdr messages[LONG_COUNT];
	static char data[LONG_COUNT][8];
	static struct iovec iov[LONG_COUNT];
	struct dual dual = dual_open(SITE);
	int fd = dual_connected(&dual, 0);
	unsigned int right = 0;

	for (int i = 0; i < LONG_COUNT; i++) {
		iov[i] = (struct iovec){ data[i], sizeof(data[i]) };
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &iov[i], .msg_iovlen = 1 };
		dual_reply(&dual, i & 1 ? "odd" : "even", 0);
	}
	say_result("some", recvmmsg(fd, messages, 100, 0, NULL));
	say_result("the rest", recvmmsg(fd, messages + 100, LONG_COUNT, MSG_DONTWAIT, NULL));
	for (int i = 0; i < LONG_COUNT; i++)
		right += messages[i].msg_len == (i & 1 ? 3 : 4) &&
			 memcmp(data[i], i & 1 ? "odd" : "even", messages[i].msg_len) == 0;
	say("as sent: %u", right);
	for (int i = 0; i < LONG_COUNT; i++) {
		messages[i].msg_hdr.msg_name = &dual.addr;
		messages[i].msg_hdr.msg_namelen = sizeof(dual.addr);
		messages[i].msg_len = 0;
		iov[i].iov_len = 1 + i % 5;
	}
	say_result("sendmmsg", sendmmsg(fd, messages, LONG_COUNT, 0));
	right = 0;
	for (int i = 0; i < LONG_COUNT; i++) {
		wait_poll(dual.fd, POLLIN);
		right += recv(dual.fd, data[i], sizeof(data[i]), 0) == 1 + i % 5 &&
			 messages[i].msg_len == 1U + i % 5;
	}
	say("arrived: %u", right);
	dual_close(&dual, fd);
}

#define FLOOD_COUNT 60000
#define FLOOD_SENDERS 2
#define FLOOD_LIMIT 300
#define FLOOD_ROUNDS 4

struct flood {
	struct server server;
	int fd;
	atomic_int sent;
	atomic_bool received;
};

static void *send_flood(void *argument)
{
	struct flood *flood = argument;

	while (!flood->received) {
		send(flood->server.fd, "x", 1, MSG_DONTWAIT);
		flood->sent++;
	}
	return NULL;
}

static void *receive_flood(void *argument)
{
	static struct mmsghdr messages[FLOOD_COUNT];
	static char byte;
	static struct iovec iov = { &byte, 1 };
	struct flood *flood = argument;
	int count = 0, n;

	for (int i = 0; i < FLOOD_COUNT; i++)
		messages[i].msg_hdr = (struct msghdr){ .msg_iov = &iov, .msg_iovlen = 1 };
	while (count < FLOOD_COUNT) {
		wait_poll(flood->fd, POLLIN);
		n = recvmmsg(flood->fd, messages + count, FLOOD_COUNT - count, MSG_DONTWAIT, NULL);
		count += n > 0 ? n : 0;
	}
	flood->received = true;
	return NULL;
}

/* How long a call on another socket takes at most, meanwhile. */
static long flood_once(struct flood *flood, int other)
{
	pthread_t senders[FLOOD_SENDERS], receiver;
	long worst = 0;

	flood->sent = 0;
	flood->received = false;
	for (int i = 0; i < FLOOD_SENDERS; i++)
		must(-pthread_create(&senders[i], NULL, send_flood, flood));
	/* The queue is full. */
	while (flood->sent < FLOOD_COUNT)
		sched_yield();
	must(-pthread_create(&receiver, NULL, receive_flood, flood));
	while (!flood->received) {
		struct sockaddr_in name;
		socklen_t length = sizeof(name);
		long start = now_ms();

		must(getpeername(other, (struct sockaddr *)&name, &length));
		if (now_ms() - start > worst)
			worst = now_ms() - start;
	}
	must(-pthread_join(receiver, NULL));
	for (int i = 0; i < FLOOD_SENDERS; i++)
		must(-pthread_join(senders[i], NULL));
	return worst;
}

/*
 * A call that goes on and on, since there always is one more: others wait no longer for it. On a busy machine
 * a call can take long natively; one that waits for the flood does so each time.
 */
static void flooded(void)
{
	struct flood flood = { .server = udp_open(SITE, "server") };
	int other = udp_connected(&flood.server, 0);
	struct sockaddr_in client;
	long best = FLOOD_LIMIT;

	flood.fd = udp_connected(&flood.server, 0);
	client = udp_address(&flood.server, flood.fd);
	/* By send(2), which is the kernel's and fast. */
	must(do_connect(flood.server.fd, &client, sizeof(client)));
	for (int i = 0; i < FLOOD_ROUNDS && best >= FLOOD_LIMIT; i++)
		best = flood_once(&flood, other);
	note("the longest getpeername: %ld ms", best);
	say("all below %d ms: %s", FLOOD_LIMIT, best < FLOOD_LIMIT ? "yes" : "no");
	close(other);
	close(flood.fd);
	server_close(&flood.server);
}
const struct scenario scenarios[] = {
	{ "receive", receive_many, RECEIVES },
	{ "wait", wait_many, RECEIVES },
	{ "send", send_many, SENDS },
	{ "long-vectors", long_vectors, SENDS },
	{ "flooded", flooded, MUST_SWAP | UNDER_RECVMSG },
	{ 0 },
};

const struct scenario helpers[] = { { 0 } };
