/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where a program meant to go, for rules that cannot be read backwards, and how a socket presents
 * itself, where it cannot carry that itself: MPTCP sockets do not have the options of present.h.
 *
 * A rule that sends a whole prefix or a range of ports to one address does not tell from the peer what
 * was asked for. For those both are kept by socket cookie, in a table of fixed size: cookies
 * are given out in sequence, so a slot is reused only after that many newer sockets.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>

#include "socket/present.h"

struct origins;

/**
 * origins_new() - an empty table. Memory is used once something is put. Return: 0 or -ENOMEM.
 */
int origins_new(struct origins **ret);
void origins_free(struct origins *origins);

/**
 * origin_put() - remember what a socket's program asked for, and how the socket presents itself.
 */
void origin_put(struct origins *origins, int fd, const struct sockaddr_in *dest,
		enum present_form form);

/**
 * origin_form() - how a socket presents itself, as far as it is remembered; else PRESENT_ITSELF.
 */
enum present_form origin_form(const struct origins *origins, int fd);

/**
 * origin_get() - what it asked for. Return: false where that is not known (any more).
 */
bool origin_get(const struct origins *origins, int fd, struct sockaddr_in *ret);
