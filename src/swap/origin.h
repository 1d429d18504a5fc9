/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Where a program meant to go, for rules that cannot be read backwards.
 *
 * A rule that sends a whole prefix or a range of ports to one address does not tell from the peer what
 * was asked for. For those the destination is kept by socket cookie, in a table of fixed size: cookies
 * are given out in sequence, so a slot is reused only after that many newer sockets.
 */
#pragma once

#include <netinet/in.h>
#include <stdbool.h>

struct origins;

/**
 * origins_new() - an empty table. Memory is used once something is put. Return: 0 or -ENOMEM.
 */
int origins_new(struct origins **ret);
void origins_free(struct origins *origins);

/**
 * origin_put() - remember what a socket's program asked for.
 */
void origin_put(struct origins *origins, int fd, const struct sockaddr_in *dest);

/**
 * origin_get() - what it asked for. Return: false where that is not known (any more).
 */
bool origin_get(const struct origins *origins, int fd, struct sockaddr_in *ret);
