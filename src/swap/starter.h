/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Starting a connect on a blocking socket without waiting for it, and without touching its flags,
 * which other threads of the target see: io_uring attempts a connect as if the socket were
 * non-blocking (io_uring/net.c, io_connect()) whatever its flags say.
 */
#pragma once

#include "socket/address.h"

struct starter;

/**
 * starter_new() - a ring for the calling thread.
 *
 * Return: 0; -ENOSYS, -EPERM: no io_uring here; -ENOMEM, -EMFILE.
 */
int starter_new(struct starter **ret);
void starter_free(struct starter *starter);

/**
 * starter_connect() - start a connect.
 * @fd: a blocking TCP socket, borrowed
 *
 * Return: 0: connected, and connect(2) would say EISCONN now; -EINPROGRESS: under way, connect(2) would
 * wait for it; another negative errno as connect(2) has it, with the socket as a failed blocking
 * connect(2) leaves it.
 */
int starter_connect(struct starter *starter, int fd, const union address *peer);
