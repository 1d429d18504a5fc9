/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Handing a bound port over from one socket to another, while the first still holds it.
 */
#pragma once

#include "socket/address.h"
#include "socket/snapshot.h"

/**
 * handover_bind() - bind a fresh socket to an address whose port another one holds.
 * @old: the socket that holds the port; it keeps it, and is as it was afterwards
 * @seen: what it is
 * @fd: the fresh one, with the options of the old
 * @local: where to bind to
 *
 * Nobody gets in between, and none that came later shares the port where it could not natively: see
 * handover.c. Return: 0, or the errno of bind(2), negative; -EADDRINUSE: a third socket holds it.
 */
int handover_bind(int old, const struct snapshot *seen, int fd, const union address *local);
