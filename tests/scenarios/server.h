/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Servers of a scenario, in its own process: reseat touches connect(2) only, so listening and
 * accepting are native in both runs.
 */
#pragma once

#include "scenario.h"

/* Addresses that the runner's network namespace has (tests/twin/netns.py). */
#define LOOPBACK "127.0.0.1"
#define SITE "198.51.100.1"    /* 198.51.100.0/24 is local as a whole */
#define SITE2 "198.51.100.2"
#define NOWHERE "203.0.113.1"  /* no route: ENETUNREACH */

struct server {
	int fd;
	struct sockaddr_in addr;
	int filler; /* server_silent(): holds the queue full */
};

/* Listens on an IPv4 address; its port is printed as "server". */
struct server server_open(const char *address);
/* A port that nobody listens on and nobody can take: connect is refused. */
struct server server_refusing(const char *address);
/* Listens, with a full queue: a connect stays pending. The queue is filled over IPv6, which reseat
 * passes. server_drain() makes room: the next retransmission (1 s) connects. */
struct server server_silent(const char *address);
void server_drain(struct server *server);

/* The next connection; fails at the deadline. */
int server_accept(const struct server *server);
/* "another connection: no" */
void say_no_more_connections(const struct server *server);
/* Accept, then reset. */
void server_reset(const struct server *server);
void server_close(struct server *server);

/* A server on LOOPBACK and a connection to it, both ends. */
struct connection {
	struct server server;
	int fd, peer;
};

/* Connects, which is said. */
struct connection connection_open(void);
void connection_close(struct connection *pair);
