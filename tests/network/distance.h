/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The network of delay.py, as a scenario sees it. A connect is in flight for 80 ms, or until it is
 * released.
 */
#pragma once

#include "server.h"

#define AWAY "192.0.2.2"
#define LOSSY "192.0.2.3"
#define BLACK_HOLE "192.0.2.4"
#define UNREACHABLE "192.0.2.5"
#define HELD "192.0.2.6"
/* From a SYN to what comes back for it, in milliseconds. */
#define ROUND_TRIP 80

/* Nothing is held, nothing has been counted. Every scenario begins with it. */
void network_begin(void);
/* Packets to HELD wait; then they go, and take as long as others. */
void network_hold(void);
void network_release(void);
/* "asked for: 1": how many connections the network has been asked for, however often. */
void say_asked(void);
/* Until it has been asked for so many. */
void wait_asked(int count);
/* Until a thread, of whichever process, waits in the kernel's connect(2): the supervisor is done with it. */
void wait_connecting(pid_t tid);

/* Listens on both families, so that it is reached whatever the policy makes of @address, which is
 * where to connect to. */
struct server server_away(const char *address);
/* A port of this network that refuses. */
struct server server_away_refusing(const char *address);
