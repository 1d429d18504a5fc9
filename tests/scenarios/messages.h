/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Saying all of what recvmsg(2) tells, and a datagram server that can be reached over IPv4 and IPv6 alike. */
#pragma once

#include "scenario.h"

/* The policies under which messages are received, and sent, for a program. */
#define RECEIVES (MUST_SWAP | UNDER_NETNS | UNDER_RECVMSG | UNDER_NAT64)
#define SENDS (MUST_SWAP | UNDER_SEND | UNDER_NETNS_SEND | UNDER_NAT64)

/* Says: its result, data, address, flags and control messages. */
void say_message(const char *what, long result, const struct msghdr *message);

/* recvmsg(2) with room for everything, and say_message(). Return: its result. */
long say_recvmsg(const char *what, int fd, int flags);

/* A socket of both families, for the same port of every address of this host. */
struct dual {
	int fd;
	struct sockaddr_in addr; /* as a program of IPv4 knows it; printed as "server" */
	struct sockaddr_in6 client;
	struct in6_addr own;	 /* where the client's last datagram arrived */
};

struct dual dual_open(const char *address);
/* A socket connected to it, that has sent it a datagram, so that it can reply. @flags: of socket(2). */
int dual_connected(struct dual *dual, int flags);
/* With the client's socket. */
void dual_close(struct dual *dual, int fd);
/* The next datagram: "server: 5 hello", with the type of service and the time to live of its packet where
 * they are not the usual ones. */
void say_dual(struct dual *dual);
/* A datagram to who sent the last one, from where that went to. @tos: of its packet. */
void dual_reply(struct dual *dual, const char *text, int tos);
