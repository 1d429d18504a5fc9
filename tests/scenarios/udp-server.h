/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Datagram sockets of a scenario; the servers never connect, so they are native in both runs. */
#pragma once

#include "server.h"

/* socket(AF_INET, SOCK_DGRAM | @flags). */
int udp(int flags);
/* A bound socket; its port is printed by the name. */
struct server udp_open(const char *address, const char *name);
/* A port that nobody has. */
struct sockaddr_in udp_refusing(const char *address);
/* A socket connected to the server, which says so. */
int udp_connected(const struct server *server, int flags);
/* The address that the server can reach a connected socket at. */
struct sockaddr_in udp_address(const struct server *server, int fd);
/* A datagram from the server to a connected socket. */
void udp_send(const struct server *server, const struct sockaddr_in *to, const char *text);
/* What arrives at the server next: "server: 5 hello"; fails at the deadline. */
void say_arrived(const struct server *server);
/* recvfrom(2) with an address: "WHAT: 5 hello", "AF_INET 198.51.100.1 port server". */
void say_recvfrom(const char *what, int fd, int flags);
