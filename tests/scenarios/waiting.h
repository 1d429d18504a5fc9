/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A thread that waits on a socket in one of many ways, and the datagrams that wake it. */
#pragma once

#include <pthread.h>

#include "scenario.h"

enum way {
	WAY_POLL,
	WAY_PPOLL,
	WAY_SELECT,
	WAY_PSELECT,
	WAY_PSELECT_READ_ONLY, /* its timeout lies in memory that cannot be written */
	WAY_READ,
	WAY_READV,
	WAY_RECV,
	WAY_RECVFROM,
	WAY_RECVMSG,
	WAY_RECVMMSG,
	WAY_RECV_RCVTIMEO, /* with SO_RCVTIMEO */
	WAYS,
	WAY_SELECT_EXCEPTIONAL = WAYS,
	WAY_EPOLL,
	WAY_RECVMMSG_TWO, /* two datagrams */
};

struct waiting {
	enum way way;
	int fd;
	int other;     /* of poll and select: one more; or -1 */
	long timeout;  /* milliseconds, -1: none */
	bool quiet;    /* says nothing */
	bool sandboxed; /* under a filter that forbids restart_syscall(2) */
	bool signalled; /* takes SIGALRM, which the starting thread has blocked */
	bool unsettled; /* is not waited for until it waits */
	long delay;    /* nanoseconds until it calls, spent running */

	pthread_t thread;
	pid_t tid;
	long since; /* now_ms() when it began */
	long until; /* and when its call had returned */
	long result;
	int error;
	char data[32];
};

const char *way_name(enum way way);
/* Whether the call takes a timeout of its own, or SO_RCVTIMEO. */
bool way_has_timeout(enum way way);

/* Start the thread, and wait until it is blocked. */
void waiting_start(struct waiting *waiting);
/* Until it sleeps in a call that waits on descriptors: no call that it makes before does. */
void waiting_until_blocked(const struct waiting *waiting);
/* Wait for its end, and say what its call returned and what it then read. */
void waiting_join(struct waiting *waiting);

int waiting_socket(void);
/* A datagram socket that is bound to a port of the loopback address. */
int waiting_server(void);
/* connect(2) to it; said where it fails. */
void waiting_connect(int fd, int server);
/* Send a datagram from the connected socket to the server, which answers with the text. */
void waiting_answer(int fd, int server, const char *text);
