/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * The options that a program can have set before connect, as one table.
 *
 * Every option of SOL_SOCKET, IPPROTO_TCP, IPPROTO_IP, IPPROTO_IPV6, IPPROTO_UDP and IPPROTO_UDPLITE that
 * a kernel from 6.1 to 6.18 knows is in it, also what cannot be taken along, with the reason.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "base/image.h"

/* The longest value that is compared with that of a fresh socket. */
#define OPTION_SIZE 16

struct option_set;

/* What becomes of an option. */
enum option_handling {
	OPTION_COPIED,	  /* taken along */
	OPTION_SAME_AS,	  /* another name for what is taken along; @why says under which */
	OPTION_READ_ONLY, /* a program cannot set it */
	OPTION_NOTHING,	  /* leaves nothing behind on a socket that is not connected; @why */
	OPTION_LOST,	  /* is kept by the socket and cannot be read back, or not set; @why */
	OPTION_RESERVED,  /* reseat's own marks (present.h) */
};

/* One option: how to read it from the old socket and what to do with it on the new one. */
struct option {
	const char *text; /* "SO_KEEPALIVE" */
	int level, name;
	enum option_handling handling;
	const char *why;  /* a reason, or a remark on what is copied; or NULL */
	const char *lost; /* to say of a socket that was given it, where that is known */
	socklen_t size; /* of the value, at most OPTION_SIZE; 0: an int */
	/* Set besides on an AF_INET6 replacement of an AF_INET socket: the IPv6 side of it. */
	const char *text6;
	int level6, name6;
	bool datagram;	 /* a stream socket has the value and cannot be given another */
	bool datagram6;	 /* only datagram sockets have use for the IPv6 side */
	bool place_only; /* means something in its network namespace alone */
	bool inet6_only; /* exists on AF_INET6 sockets alone */
	bool moved;	 /* other options change it too: compared with the replacement, not a fresh socket */
	bool moves;	 /* one of those that change others */
	/* Where reading and writing are not symmetric; NULL: getsockopt, compare, setsockopt. */
	int (*copy)(const struct option *option, int from, int to);
};

/**
 * option_at() - the table, what is taken along first; NULL past the end. For tests and for `reseat check`.
 */
const struct option *option_at(size_t index);

/**
 * option_find() - the entry of an option that is taken along. NULL: there is none.
 */
const struct option *option_find(int level, int name);

/**
 * option_lost() - the entry of an option that is lost, without anything in the socket telling that it was
 * set. NULL: it is none.
 */
const struct option *option_lost(int level, int name);

/**
 * option_level_text() - "SOL_SOCKET", "IPPROTO_TCP", ...; "?" for a level that the table does not have.
 */
const char *option_level_text(int level);

/**
 * option_set_new() - the values of fresh sockets, to tell what a program changed.
 *
 * Reads every option from a fresh socket of each family and protocol that works here: TCP, MPTCP, UDP,
 * UDP-Lite. Return: 0, -ENOMEM, or the errno of socket(2) for TCP over IPv4.
 */
int option_set_new(struct option_set **ret);
void option_set_free(struct option_set *set);

/**
 * option_set_images() - from now on images say which options are to be read.
 * @reader: of images; its context stays the caller's
 * @patience: so many sockets of a kind are copied before it is learned where that kind keeps its options, which takes
 *	some milliseconds
 */
void option_set_images(struct option_set *set, const struct image_reader *reader, unsigned int patience);

/**
 * option_prepare() - a socket's image is about to be read, and its options copied: see that there is something to
 * compare it with. It reads images itself.
 * @family, @protocol: of the socket
 */
void option_prepare(struct option_set *set, int family, int protocol);

/**
 * option_learn() - what option_prepare() found wanting and put off: call it when nobody waits.
 */
void option_learn(struct option_set *set);

#define OPTION_ELSEWHERE (1U << 0)

/**
 * option_copy() - give a fresh socket the options of another.
 * @from: read only; -EBADF where option_reads() says that it is not
 * @from_family, @protocol: what @from is; IPPROTO_TCP, IPPROTO_MPTCP, IPPROTO_UDP or IPPROTO_UDPLITE
 * @to: the replacement, of the same protocol
 * @to_family: its family; going from AF_INET to AF_INET6, the IPv6 side of an option is set as well
 * @how: OPTION_ELSEWHERE: it is in another network namespace
 * @image: of @from, read after option_prepare(); or NULL: every option is read
 * @ret_refused: receives the first option that could not be set (text from the table), or NULL
 *
 * What cannot be set is no error: the caller reports it. Return: how many options were looked at.
 */
size_t option_copy(const struct option_set *set, int from, int from_family, int protocol, int to,
		   int to_family, unsigned int how, const struct image *image, const char **ret_refused);

/**
 * option_reads() - whether option_copy() would have to read anything from the old socket. The arguments are the same.
 */
bool option_reads(const struct option_set *set, int from_family, int protocol, int to_family, unsigned int how,
		  const struct image *image);

/**
 * option_set_inet6() - give a socket that stands for an AF_INET one the IPv6 side of an option, which has
 * just been set on its IPv4 side.
 * @fd: an AF_INET6 socket
 *
 * Return: 0, also where the option has no IPv6 side; or a negative errno of the IPv6 side.
 */
int option_set_inet6(const struct option *option, int fd);
