/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What a socket is and where it stands, read through a duplicate without changing it.
 */
#pragma once

#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "socket/address.h"

/* What connect(2) natively makes of a socket. */
enum snapshot_state {
	SNAPSHOT_FRESH,	    /* never connected, or disconnected since: connect starts an attempt. A
			     * datagram socket always: it can be connected again and again */
	SNAPSHOT_ENGAGED,   /* connecting, connected, refused and not yet told, listening, in error:
			     * connect answers from what is there, whatever address it is given */
	SNAPSHOT_OTHER,	    /* an Internet socket of another protocol */
	SNAPSHOT_NOT_INET,  /* another family, or no socket at all */
};

struct snapshot {
	enum snapshot_state state;
	int family;   /* AF_INET or AF_INET6 */
	int type;     /* SOCK_STREAM or SOCK_DGRAM */
	int protocol; /* IPPROTO_TCP, IPPROTO_MPTCP, IPPROTO_UDP or IPPROTO_UDPLITE */
	bool queued;  /* of a datagram socket: something waits to be read */
	bool error;   /* of a datagram socket: an error is pending */
	int status_flags; /* F_GETFL */
	bool blocking;
	uint64_t netns_cookie;
	uint64_t inode;
	struct f_owner_ex owner; /* F_SETOWN_EX: who gets SIGIO; pid 0: nobody */
	int signal;		 /* F_SETSIG; 0: SIGIO */
	uid_t uid; /* the socket's owner */
	gid_t gid;
	bool v6only;
	bool shut_read;	     /* shutdown(2) with SHUT_RD works on a fresh socket, though it fails */
	bool shut_write;     /* the same with SHUT_RDWR, of a datagram socket; SHUT_WR alone, and a stream
			      * socket's, nothing tells */
	union address local; /* where it is bound; port 0 and any address where it is not */
	bool bound;	     /* to an address or a port */
	bool reuse;	     /* SO_REUSEADDR; read where the socket is bound */
};

/**
 * snapshot_read() - look at a socket.
 * @fd: a duplicate; O_PATH and what is no socket give SNAPSHOT_NOT_INET
 *
 * "Fresh" is told by TCP_INFO: state CLOSE and no segment sent since the last disconnect. A refused
 * socket is in CLOSE as well, but has sent its SYN (tcp_disconnect() resets tcpi_segs_out, tcp_reset()
 * does not), and connect(2) on it still has the refusal to report. An error that is pending on a
 * disconnected socket (ECONNRESET, from tcp_disconnect()) makes no difference: the next connect clears
 * it (tcp_connect_init()). SO_ERROR is never read, for that would clear it, too. For SNAPSHOT_OTHER and
 * SNAPSHOT_NOT_INET the other fields are not filled.
 *
 * Return: 0, or a negative errno of a call that cannot fail for the socket's sake.
 */
int snapshot_read(int fd, struct snapshot *ret);

/**
 * snapshot_netns_cookie() - the network namespace that a socket lives in (SO_NETNS_COOKIE, Linux 5.14).
 * Return: 0 or a negative errno.
 */
int snapshot_netns_cookie(int fd, uint64_t *ret);
